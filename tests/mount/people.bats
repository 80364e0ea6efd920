#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The mount with two users: whose files they are, and who may change them.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	new_user bob
}

# What was told once is not told again, so it is kept.
alice_is_told() {
	as alice cfs notify >>"$T/told"
	grep -q "$1" "$T/told"
}

@test "the root shows one directory a user; another's can be read and not changed" {
	echo hers >"$T/x"
	as alice cfs put "$T/x" x
	mount_as bob "$T/b"
	[ "$(ls "$T/b")" = $'alice\nbob' ]
	[ "$(cat "$T/b/alice/x")" = hers ]
	cd "$T/b/alice"
	for change in 'touch new' 'rm -f x' 'mkdir d' 'mv x y' 'truncate -s 0 x' 'chmod 600 x' 'ln x z'; do
		run ! sh -c "$change"
		[[ $output == *"ermission denied"* || $output == *"not permitted"* ]]
	done
	[ "$(cat "$T/b/alice/x")" = hers ]
	cd "$T"
	echo his >"$T/b/bob/x"
	[ "$(as alice cfs cat /bob/x)" = his ]
}

@test "a change through one mount is seen through another" {
	mount_as alice "$T/a"
	mount_as bob "$T/b"
	echo one >"$T/a/alice/f"
	wait_until 5 grep -q one "$T/b/alice/f"
	echo two >"$T/a/alice/f"
	wait_until 5 grep -q two "$T/b/alice/f"
	rm "$T/a/alice/f"
	wait_until 5 test ! -e "$T/b/alice/f"
}

@test "a download through the mount is told to the owner" {
	head -c 200000 /dev/urandom >"$T/x"
	as alice cfs put "$T/x" x
	mount_as bob "$T/b"
	cmp "$T/x" "$T/b/alice/x"
	wait_until 5 alice_is_told "bob downloaded /alice/x"
}

@test "private trees are not there for others" {
	restart_server '[access]' 'default = private'
	mount_as bob "$T/b"
	[ "$(ls "$T/b")" = bob ]
	run ! ls "$T/b/alice"
	[[ $output == *"No such file"* ]]
}
