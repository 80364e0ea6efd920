#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What the manual pages say of calls on files: tests/mount/posix, on a local directory (so that it is known to be right), and on mounts.
# limit: 300

load ../lib/cfs

setup() {
	test_begin
	suite=$CFS_TOP/build/tests/posix
	[ -z "${B:-}" ] || suite=$B/tests/posix
	mkdir -m 755 "$T/top"
	chmod 711 "$T"
}

# try [OPTION…] DIRECTORY: runs the suite; what failed is told.
try() {
	"$suite" "$@" >"$T/said" && return
	grep -B 5 '^not ok' "$T/said"
	return 1
}

begin() {
	require_fuse
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice "$@"
}

@test "a local directory" {
	try "$T/top"
}

@test "a mount with ids=stored, as root" {
	[ "$(id -u)" -eq 0 ] || skip "only root mounts for others"
	begin -o ids=stored,allow_other
	try --cfs "$T/m"
	run -0 admin fsck
}

@test "a mount with ids=stored that remembers nothing, as root" {
	[ "$(id -u)" -eq 0 ] || skip "only root mounts for others"
	begin -o ids=stored,allow_other,attr_timeout=0,entry_timeout=0
	try --cfs "$T/m"
}

@test "a mount as it is by default" {
	begin
	try --cfs --one-owner "$T/m"
	run -0 admin fsck
}
