#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# log, ls --deleted, PATH@N, restore, undo, prune: the past.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

# put TEXT NAME
put() {
	echo "$1" | as alice cfs put - "$2"
}

# Makes all that is there ten minutes older: what is removed within a minute is not kept.
age_store() {
	sqlite3 -cmd '.timeout 5000' store/meta/meta.db 'UPDATE inode SET btime = btime - 600000000000'
}

# What was removed young is not kept: a file replaced first has a past whatever its age.
versions() {
	as alice cfs --json log "$1" | jq -r '"\(.version) \(.state)"'
}

@test "log shows the versions, and PATH@N reads them" {
	put one f && put two f && put three f
	[ "$(versions f)" = $'3 now\n2 replaced\n1 replaced' ]
	run -0 as alice cfs log f
	[[ ${lines[0]} == *' 3  '*alice*now ]]
	[[ ${lines[1]} == *' 2  '*' 4  alice '*'replaced '*' by alice' ]]
	[ "$(as alice cfs log -n 1 f | wc -l)" = 1 ]
	[ "$(as alice cfs cat f@1 f@2 f)" = $'one\ntwo\nthree' ]
	[ "$(as alice cfs cat --version-of 1 f)" = one ]
	as alice cfs get f@2
	[ "$(cat f@2)" = two ]
	as alice cfs get --version-of 1 f copy
	[ "$(cat copy)" = one ]
	run -3 as alice cfs cat f@9
	[ "$output" = 'cfs cat: f@9: no version 9 is kept' ]
	# A file of that whole name wins, --version-of never means it.
	put whole f@1
	[ "$(as alice cfs cat f@1)" = whole ]
	[ "$(as alice cfs cat --version-of 1 f)" = one ]
	[ "$(as alice cfs stat f@2 | sed -n 's/^version *//p')" = 2 ]
	[ "$(as alice cfs sum f@2 | cut -d' ' -f1)" = "$(echo two | sha256sum | cut -d' ' -f1)" ]
	as alice cfs cp f@2 g
	[ "$(as alice cfs cat g)" = two ]
	run -3 as alice cfs rm f@2
	run -3 as alice cfs log nothing
}

@test "an old link stands for what it points to now" {
	as alice cfs mkdir d && put one d/a && put two d/b
	as alice cfs ln -s a d/link
	put three d/new && as alice cfs mv d/new d/link
	[ "$(versions d/link)" = $'2 now\n1 replaced' ]
	[ "$(as alice cfs cat d/link@1)" = one ]
	put four d/a
	as alice cfs get d/link@1 here
	[ ! -L here ]
	[ "$(cat here)" = four ]
	as alice cfs rm d/a
	run -3 as alice cfs get d/link@1 here
}

@test "versions follow a rename, and what is saved by renaming over" {
	put one a && put two a
	as alice cfs mv a b
	[ "$(versions b)" = $'2 now\n1 replaced' ]
	[[ $(as alice cfs log b) == *'was /alice/a'* ]]
	put three tmp && as alice cfs mv tmp b
	[ "$(versions b)" = $'3 now\n2 replaced\n1 replaced' ]
	[ "$(as alice cfs cat b@1 b@2 b@3)" = $'one\ntwo\nthree' ]
}

@test "undo goes back, one further each time; restore goes anywhere and loses nothing" {
	put one f && put two f && put three f
	as alice cfs undo f
	[ "$(as alice cfs cat f)" = two ]
	as alice cfs undo f
	[ "$(as alice cfs cat f)" = one ]
	run -3 as alice cfs undo f
	[ "$output" = 'cfs undo: f: nothing earlier is kept' ]
	[ "$(versions f | head -1)" = '5 now' ]
	[ "$(as alice cfs --json log -n 1 f | jq .restored_from)" = 1 ]
	as alice cfs restore f@3
	[ "$(as alice cfs cat f)" = three ]
	[ "$(as alice cfs cat f@5)" = one ]
	run -6 as alice cfs restore f
	[[ $output == *'is there; say which version'* ]]
	run -6 as alice cfs restore f@6
	run -3 as alice cfs restore f@77
	run -0 as alice cfs undo -n f
	[ "$output" = 'would undo /alice/f' ]
	[ "$(as alice cfs cat f)" = three ]
}

@test "what was removed is listed and comes back, directories too" {
	as alice cfs mkdir -p d/e
	put one d/e/f && put two d/e/f && put x d/g && put y d/g
	put young d/young
	as alice cfs rm -r d
	run -3 as alice cfs ls d
	[ "$(versions d/e/f)" = $'2 removed\n1 replaced' ]
	as alice cfs restore d/e/f
	[ "$(as alice cfs cat d/e/f)" = two ]
	# What nobody had for a minute is not kept.
	[ "$(as alice cfs ls --deleted d)" = g ]
}

@test "what lived for a minute comes back as it was" {
	as alice cfs mkdir -p d/e
	put one d/e/f && put x d/g && put z h
	age_store
	as alice cfs rm d/g h
	as alice cfs rm -r d
	[ "$(as alice cfs ls --deleted)" = $'d\nh' ]
	[ "$(as alice cfs ls --deleted d)" = $'e\ng' ]
	[[ $(as alice cfs ls -l --deleted) == *drwxr-xr-x*d* ]]
	run -1 as alice cfs restore d
	[ "$output" = 'cfs restore: d: is a directory; use -r' ]
	run -0 as alice cfs restore -rn d
	[ "$output" = $'would restore /alice/d\nwould restore /alice/d/e\nwould restore /alice/d/e/f\nwould restore /alice/d/g' ]
	as alice cfs restore -r d
	[ "$(as alice cfs find d | sort)" = $'d\nd/e\nd/e/f\nd/g' ]
	[ "$(as alice cfs cat d/e/f d/g)" = $'one\nx' ]
	[ "$(as alice cfs ls --deleted)" = h ]
	as alice cfs undo h
	[ "$(as alice cfs cat h)" = z ]
	[ -z "$(as alice cfs ls --deleted)" ]
}

@test "prune gives old versions up, never what is there" {
	for i in 1 2 3 4 5; do put "$i" f && put "$i" g; done
	run -2 as alice cfs prune
	run -0 as alice cfs -q prune -n --keep 3
	[ "$(sort <<<"$output")" = $'would prune /alice/f@1\nwould prune /alice/g@1' ]
	as alice cfs prune --keep 1 f
	[ "$(versions f)" = $'5 now\n4 replaced' ]
	[ "$(versions g | wc -l)" = 5 ]
	as alice cfs prune --older 1h
	[ "$(versions g | wc -l)" = 5 ]
	as alice cfs prune g
	[ "$(versions g)" = '5 now' ]
	[ "$(as alice cfs cat f g)" = $'5\n5' ]
	run -3 as alice cfs cat g@4
	cfsadm -c cfsd.conf fsck
}

@test "prune of more than fits one page, and one change" {
	mkdir many
	for i in {1..1300}; do echo "$i" >"many/a-name-that-takes-some-room-in-a-page-$i"; done
	for _ in 1 2 3; do as alice cfs put -r many; done
	run -0 as alice cfs prune --keep 1 many
	[[ $output == '1300 old versions, '* ]]
	run -0 as alice cfs prune many
	[[ $output == '1300 old versions, '* ]]
	[ "$(as alice cfs ls many | wc -l)" = 1300 ]
	run -0 as alice cfs prune many
	[[ $output == '0 old versions, '* ]]
}

@test "nobody but the owner sees what was" {
	new_user bob
	put one f && put two f
	run -4 as bob cfs log /alice/f
	run -4 as bob cfs ls --deleted /alice
	run -4 as bob cfs cat /alice/f@1
	[ "$(as bob cfs cat /alice/f)" = two ]
}
