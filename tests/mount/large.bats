#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Directories with very many entries: each is listed once, and the mount does not grow with them.
# limit: 900

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
}

# The resident memory of cfs-mount, in KiB.
mount_kib() {
	local pid
	for pid in $(test_processes); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cfs-mount ] || awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
	done | sort -n | tail -n 1
}

# list_many COUNT: puts so many empty files into one directory and lists it three times.
list_many() {
	local before listed
	mkdir "$T/many"
	(cd "$T/many" && seq -f entry-%07g "$1" | xargs touch)
	as alice cfs put -r "$T/many" /alice/
	mount_as alice "$T/m" -o subdir=alice
	before=$(mount_kib)
	for _ in 1 2 3; do
		[ "$(find "$T/m/many" -mindepth 1 | sort -u | wc -l)" -eq "$1" ]
	done
	listed=$(mount_kib)
	[ "$(find "$T/m/many" -type f -empty -printf x | wc -c)" -eq "$1" ]
	echo "$before KiB; $listed KiB after listing, $(mount_kib) KiB when each file was looked at"
	# What the address sanitizer keeps of freed memory is not ours. What the kernel remembers the mount must know: half a KiB for each.
	[ -n "${SAN:-}" ] || [ "$listed" -lt $((before + 65536)) ]
	[ -n "${SAN:-}" ] || [ "$(mount_kib)" -lt $((before + 65536 + $1 / 2)) ]
	touch "$T/m/many/entry-0000000"
	[ "$(find "$T/m/many" -mindepth 1 | wc -l)" -eq $(($1 + 1)) ]
}

@test "20,000 entries" {
	list_many 20000
}

@test "1,000,000 entries" {
	require_slow
	list_many 1000000
}
