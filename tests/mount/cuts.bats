#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Every kind of call meets a line that is cut (tests/mount/cuts): done exactly once when the line comes back, an error in time when
# it does not, and Ctrl-C ends what waits.
# limit: 300
#
# shellcheck disable=SC2154  # proxy_port and proxy_control, of proxy.bash

load ../lib/cfs
load ../lib/proxy

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	proxy_start "${SERVER_ADDRESS##*:}"
	sed -i "s/^port = .*/port = $proxy_port/" "$T/home/alice/.config/cfs/profiles.conf"
}

teardown() {
	proxy_stop
	test_end
}

# mount_it TIMEOUT [OPTION…]
mount_it() {
	local timeout=$1
	shift
	mount_as alice "$T/m" -o "subdir=alice,timeout=$timeout${1:+,$1}"
	mkdir "$T/m/d"
}

# cuts DIRECTORY MODE…: what failed is told.
cuts() {
	local dir=$1
	shift
	timeout 280 "$B/tests/cuts" "$proxy_control" "$dir" "$@" >"$T/said" && return
	grep -v '^ok' "$T/said"
	return 1
}

# each_way [WAY…]: all kinds at once, requests held and answers held.
each_way() {
	local way direction
	for way in "$@"; do
		for direction in up down; do
			mkdir "$T/m/$way-$direction"
			echo "$way $direction:"
			cuts "$T/m/$way-$direction" all "$way" "$direction"
		done
	done
}

@test "the answer to each call is lost at each round trip, and it is done once" {
	mount_it 20 attr_timeout=0,entry_timeout=0
	cuts "$T/m/d" each cut down
	run -0 admin fsck
}

@test "the request of each call is lost at each round trip, and it is done once" {
	require_slow
	mount_it 20 attr_timeout=0,entry_timeout=0
	cuts "$T/m/d" each cut up
}

@test "all kinds at once, with nothing remembered, and each way a line can end" {
	mount_it 20 attr_timeout=0,entry_timeout=0
	each_way cut close half-down half-up
	run -0 admin fsck
}

@test "all kinds at once, on a mount that remembers" {
	mount_it 20
	each_way cut half-down
	run -0 admin fsck
}

@test "a line falls silent, and is cut when the client asks whether anybody is there" {
	mount_it 6
	each_way silent
}

@test "one call after the other, each way a line can end" {
	require_slow
	mount_it 6 attr_timeout=0,entry_timeout=0
	local way direction
	for way in close half-down half-up silent; do
		for direction in up down; do
			mkdir "$T/m/$way-$direction"
			echo "$way $direction:"
			cuts "$T/m/$way-$direction" each "$way" "$direction"
		done
	done
	run -0 admin fsck
}

# A name that the kernel asks for anew, and is not told, it looks up once more: such a call takes two times the timeout.
@test "with a line that does not come back each call fails in time" {
	mount_it 3
	cuts "$T/m/d" never drop 8000
}

@test "with a server that refuses to be called each call fails in time" {
	mount_it 3
	cuts "$T/m/d" never refuse 8000
}

@test "Ctrl-C ends what waits for a line" {
	mount_it 60
	cuts "$T/m/d" signal
}
