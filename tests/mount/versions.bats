#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# .versions in the mount: old versions as files that can be read.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
	mkdir m
	as alice cfs-mount -o subdir=alice "$T/m"
}

newest_in() {
	find "$1" -mindepth 1 -printf '%f\n' | sort -n | tail -1
}

@test "old versions are files in .versions, which is not listed" {
	echo one >m/f
	echo two | as alice cfs put - f
	echo three | as alice cfs put - f
	[ "$(ls -A m)" = f ]
	[ "$(ls m/.versions)" = f ]
	[ "$(find m/.versions/f -mindepth 1 | wc -l)" -ge 2 ]
	newest=$(newest_in m/.versions/f)
	[[ $newest =~ ^[0-9]+-20[0-9-]*T[0-9:]*Z$ ]]
	[ "$(cat "m/.versions/f/$newest")" = two ]
	[ "$(stat -c %A "m/.versions/f/$newest")" = -r--r--r-- ]
	run ! ls m/.versions/nothing
	run ! ls "m/.versions/f/999-2026-01-01T00:00:00Z"
	cp "m/.versions/f/$newest" m/back
	[ "$(cat m/back)" = two ]
}

@test "what was removed is in there too; nothing in there can be changed" {
	mkdir m/d && echo gone >m/d/g && echo really | as alice cfs put - d/g
	rm m/d/g
	[ "$(ls m/d)" = '' ]
	[ "$(ls m/d/.versions)" = g ]
	file=m/d/.versions/g/$(newest_in m/d/.versions/g)
	[ "$(cat "$file")" = really ]
	run ! sh -c "echo x >>'$file'"
	run ! rm "$file"
	run ! mkdir m/d/.versions/x
	run ! touch m/d/.versions/g/new
	run ! mkdir m/.versions
	run ! mv m/d/.versions/g m/h
	[ "$(cat "$file")" = really ]
	rmdir m/d
	find m -name g | wc -l
}
