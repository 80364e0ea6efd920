#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What another user's tree, or a server, tries with the machine that fetches from it.

bats_require_minimum_version 1.5.0
load ../lib/cfs

# A tree is fetched, changed by its owner, and fetched again: the link that came first must not lead the file that comes
# second out of the folder.
@test "a link that came with a tree is never written through" {
	start_server
	new_user alice
	new_user bob
	as bob cfs mkdir tree
	as bob cfs ln -s "$T/precious" tree/x
	echo mine >"$T/precious"
	as alice cfs get -r /bob/tree
	[ "$(readlink tree/x)" = "$T/precious" ]
	as bob cfs rm tree/x
	echo stolen >"$T/new"
	as bob cfs put "$T/new" tree/x
	as alice cfs get -r /bob/tree
	[ "$(cat "$T/precious")" = mine ]
	[ ! -L tree/x ]
	[ "$(cat tree/x)" = stolen ]
}

@test "a link to a directory that came with a tree is never entered" {
	start_server
	new_user alice
	new_user bob
	mkdir "$T/inside"
	as bob cfs mkdir tree
	as bob cfs ln -s "$T/inside" tree/d
	as alice cfs get -r /bob/tree
	as bob cfs rm tree/d
	as bob cfs mkdir tree/d
	echo stolen >"$T/new"
	as bob cfs put "$T/new" tree/d/.profile
	run ! as alice cfs get -r /bob/tree
	[ ! -e "$T/inside/.profile" ]
}

# Whoever names a local link means what it points to, as with cp(1).
@test "a link that was named is written through" {
	start_server
	new_user alice
	echo new >"$T/new"
	as alice cfs put "$T/new" f
	echo old >"$T/real"
	ln -s real "$T/link"
	as alice cfs get f "$T/link"
	[ -L "$T/link" ]
	[ "$(cat "$T/real")" = new ]
}
