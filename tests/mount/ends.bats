#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# How a mount ends, and what it says when it cannot begin.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
}

not() { ! "$@"; }

mount_pid() {
	test_processes | while read -r pid; do
		[ "$(cat "/proc/$pid/comm")" != cfs-mount ] || echo "$pid"
	done | head -n 1
}

@test "cfs-mount -u unmounts, also while a file is open" {
	mount_as alice "$T/m" -o subdir=alice
	echo x >"$T/m/a"
	exec 5<"$T/m/a"
	as alice cfs-mount -u "$T/m"
	run ! mountpoint -q "$T/m"
	exec 5<&-
}

@test "a directory is mounted once, and what is no mount cannot be unmounted: one line each" {
	mount_as alice "$T/m"
	run -6 as alice cfs-mount "$T/m/../m"
	[ "$output" = "cfs-mount: $T/m/../m: CFS is mounted there; 'cfs-mount -u $T/m/../m' ends it" ]
	as alice cfs-mount -u "$T/m"
	run -1 as alice cfs-mount -u "$T/m"
	[ "$output" = "cfs-mount: $T/m: cannot be unmounted; is it a mount of yours?" ]
}

@test "TERM unmounts and what was written is there" {
	mount_as alice "$T/m" -o subdir=alice
	echo kept >"$T/m/a"
	pid=$(mount_pid)
	kill -TERM "$pid"
	wait_until 10 not mountpoint -q "$T/m"
	[ "$(as alice cfs cat a)" = kept ]
}

@test "a killed cfs-mount leaves a mount point that the next one cleans up" {
	mount_as alice "$T/m" -o subdir=alice
	echo kept >"$T/m/a"
	kill -9 "$(mount_pid)"
	wait_until 5 not ls "$T/m"
	as alice cfs-mount -o subdir=alice "$T/m"
	[ "$(cat "$T/m/a")" = kept ]
	kill -9 "$(mount_pid)"
	as alice cfs-mount -u "$T/m"
	run ! mountpoint -q "$T/m"
}

@test "with the server gone calls fail in bounded time, and unmounting works" {
	mount_as alice "$T/m" -o subdir=alice,timeout=2
	echo x >"$T/m/a"
	space=$(stat -f -c %b "$T/m")
	kill_server -9
	[ "$(timeout 10 stat -f -c %b "$T/m")" = "$space" ]
	run ! timeout 20 cat "$T/m/b"
	[ "$status" -ne 124 ]
	run ! timeout 20 sh -c "echo y >'$T/m/c'"
	[ "$status" -ne 124 ]
	timeout 10 cfs-mount -u "$T/m"
	run ! mountpoint -q "$T/m"
}

@test "after a restart of the server the mount goes on" {
	mount_as alice "$T/m" -o subdir=alice
	echo before >"$T/m/a"
	kill_server -9
	start_server
	wait_until 20 grep -qx before "$T/m/a"
	echo after >"$T/m/b"
	[ "$(as alice cfs cat b)" = after ]
}

@test "every way to fail has its message" {
	run -3 as nobody cfs-mount "$T/absent"
	[[ $output == *absent*"No such file"* ]]
	mkdir "$T/m"
	run -4 as nobody cfs-mount "$T/m"
	[[ $output == *"cfs login"* ]]
	run -2 as alice cfs-mount "$T/m" -o nonsense
	[[ $output == *nonsense* ]]
	run -3 as alice cfs-mount "$T/m" -o subdir=alice/nothing
	[[ $output == *"alice/nothing"* ]]
	sed 's/127\.0\.0\.1/no-such-host.invalid/' "$T/home/alice/.config/cfs/profiles.conf" >"$T/elsewhere"
	cp "$T/home/alice/.config/cfs/profiles.conf" "$T/right"
	cp "$T/elsewhere" "$T/home/alice/.config/cfs/profiles.conf"
	run -5 as alice cfs-mount "$T/m"
	[[ $output == *"no-such-host.invalid"* ]]
	cp "$T/right" "$T/home/alice/.config/cfs/profiles.conf"
	kill_server -9
	run -5 as alice cfs-mount "$T/m"
	[[ $output == *"$SERVER_ADDRESS"*refused* || $output == *"onnection refused"* ]]
	rm -r "$T/store"
	start_server
	run -4 as alice cfs-mount "$T/m"
	[[ $output == *key* ]]
	run ! mountpoint -q "$T/m"
}
