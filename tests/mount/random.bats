#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Random operations on a mount and on a local directory at once: tests/mount/random. A failure prints the shortest sequence that
# it finds; CFS_RANDOM_SEED chooses another seed. Long runs go into tests/fault/LOG.md (its head says how).
# limit: 300

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	mkdir "$T/model"
	checker=${B:-build}/tests/random
	[ "${checker#/}" != "$checker" ] || checker=$CFS_TOP/$checker
	seed=${CFS_RANDOM_SEED:-$((SRANDOM % 1000000))}
	echo "seed $seed"
}

@test "3,000 random operations, with caches" {
	mount_as alice "$T/m" -o subdir=alice
	"$checker" -s "$seed" -n 3000 "$T/model" "$T/m"
	run -0 admin fsck
}

@test "3,000 random operations, without" {
	mount_as alice "$T/m" -o subdir=alice,attr_timeout=0,entry_timeout=0
	"$checker" -s "$seed" -n 3000 "$T/model" "$T/m"
	run -0 admin fsck
}

@test "two mounts take turns, and each sees at once what the other did" {
	mount_as alice "$T/m" -o subdir=alice
	mount_as alice "$T/m2" -o subdir=alice
	"$checker" -s "$seed" -n 400 "$T/model" "$T/m" "$T/m2"
	run -0 admin fsck
}

@test "two mounts take turns, one without caches" {
	mount_as alice "$T/m" -o subdir=alice
	mount_as alice "$T/m2" -o subdir=alice,attr_timeout=0,entry_timeout=0
	"$checker" -s "$seed" -n 200 "$T/model" "$T/m" "$T/m2"
	run -0 admin fsck
}
