#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfs watch, notify -f, receipts, who-has: what happened, told once to everybody who may know.
#
# What a shell must not see stands in single quotes on purpose.
# shellcheck disable=SC2016

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

# Waits until file $1 has at least $2 lines.
have_lines() {
	wait_until 10 eval "[ \"\$(wc -l <'$1')\" -ge $2 ]"
}

# follow NAME FILE COMMAND…: runs it in the background; $FOLLOWER is its process.
follow() {
	local name=$1 file=$2
	shift 2
	as "$name" "$@" >"$file" 3>&- &
	wait_until 5 pgrep -P $!
	FOLLOWER=$(pgrep -P $!)
}

@test "what happened so far, and what happens" {
	as alice cfs mkdir docs
	echo text | as alice cfs put - docs/a
	as alice cfs mv docs/a docs/b
	as alice cfs rm docs/b
	run -0 as alice cfs watch --since 0 --no-follow docs
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} == 20??-??-??\ ??:??:??\ \ *'  alice  create  /alice/docs' ]]
	[[ ${lines[1]} == *'alice  put  /alice/docs/a (5)' ]]
	[[ ${lines[2]} == *'alice  rename  /alice/docs/a -> /alice/docs/b' ]]
	[[ ${lines[3]} == *'alice  unlink  /alice/docs/b' ]]
	# Only this path, and only from then on.
	n=$(as alice cfs --json watch --since 0 --no-follow docs/a | jq -s '.[0].id')
	run -0 --separate-stderr as alice cfs --json watch --since "$n" --no-follow docs/a
	[ "$(jq -r '.op + " " + .path + " " + (.target // "")' <<<"$output")" = 'rename /alice/docs/a /alice/docs/b' ]
	# Pushed.
	follow alice seen cfs watch --since 0 --count 6 docs
	have_lines seen 4
	as alice cfs touch docs/c
	as alice cfs rm docs/c
	wait_until 10 eval "! kill -0 $FOLLOWER"
	[[ $(tail -n 2 seen) == *'create  /alice/docs/c'*'unlink  /alice/docs/c' ]]
}

@test "what is not there, and a number that is none yet, are said; what is made there is told" {
	follow alice seen cfs watch --count 1 docs/new 2>said
	wait_until 10 grep -q . said
	[ "$(cat said)" = 'cfs watch: /alice/docs/new: no such file or directory at present' ]
	as alice cfs mkdir -p docs/new
	wait_until 10 eval "! kill -0 $FOLLOWER"
	[[ $(cat seen) == *'create  /alice/docs/new' ]]
	# What was there has its past, and is looked at once more.
	as alice cfs rmdir docs/new
	run -0 --separate-stderr as alice cfs watch --since 0 --no-follow docs/new
	[ "${#lines[@]}" -eq 2 ]
	[ -n "$stderr" ]
	run -0 --separate-stderr as alice cfs -q watch --since 0 --no-follow docs
	[ -z "$stderr" ]
	n=$(admin --json events --since 0 --no-follow | tail -n 1 | jq .id)
	run -0 --separate-stderr as alice cfs watch --since "$((n + 1000))" --no-follow
	[ -z "$output" ]
	[[ $stderr == "cfs watch: there is no event $((n + 1000)) in this store, "*": told is what comes behind the newest, "* ]]
	run -0 --separate-stderr admin events --since "$((n + 1000))" --no-follow
	[ -z "$output" ]
	[[ $stderr == "cfsadm: there is no event $((n + 1000)) in this store, "*": told is what comes behind the newest, "* ]]
	run -0 admin --json events --since "$((n + 1000))" --no-follow
	[ "$(jq -c '[.event, .since]' <<<"$output")" = "[\"renumbered\",$((n + 1000))]" ]
}

@test "--exec has the facts in its environment, runs no shell, and is waited for" {
	cat >hook <<-'END'
		#!/bin/sh
		[ -e busy ] && echo "two at once" >>log
		: >busy
		echo "$CFS_EVENT_KIND $CFS_EVENT_OP $CFS_EVENT_USER $CFS_EVENT_BYTES $CFS_EVENT_PATH $*" >>log
		rm busy
	END
	chmod +x hook
	echo 123 | as alice cfs put - '$(touch broken)'
	echo 1 | as alice cfs put - plain
	as alice cfs watch --since 0 --no-follow --exec "./hook 'one arg' two" '$(touch broken)' plain
	[ "$(cat log)" = $'change put alice 4 /alice/$(touch broken) one arg two\nchange put alice 2 /alice/plain one arg two' ]
	[ ! -e broken ]
	run -1 as alice cfs watch --since 0 --no-follow --exec false plain
	[[ $output == *'ended with 1'* ]]
	run -3 as alice cfs watch --since 0 --no-follow --exec ./nothing plain
}

@test "--exec -j: as many at once as are allowed, and no more" {
	cat >hook <<-'END'
		#!/bin/sh
		: >"running/$$"
		ls running | wc -l >>counts
		until [ -e go ]; do sleep 0.01; done
		rm "running/$$"
	END
	chmod +x hook
	mkdir running
	as alice cfs mkdir d d/{1..7}
	follow alice out cfs watch --since 0 --count 8 --exec ./hook -j 3 d
	wait_until 10 eval '[ "$(ls running | wc -l)" -ge 3 ]'
	: >go
	wait_until 10 eval "! kill -0 $FOLLOWER"
	[ "$(wc -l <counts)" -eq 8 ]
	[ "$(sort -n counts | tail -n 1 | tr -d ' ')" -eq 3 ]
}

@test "killed, started again with --since, across a restart of the server: every event exactly once" {
	cat >hook <<-'END'
		#!/bin/sh
		echo "$CFS_EVENT_ID $CFS_EVENT_PATH" >>log
	END
	chmod +x hook
	: >log
	watch() {
		follow alice out cfs watch --since "$(tail -n 1 log | grep -o '^[0-9]*' || echo 0)" --exec ./hook f
	}
	as alice cfs mkdir f
	watch
	for i in 1 2 3 4 5; do echo "$i" | as alice cfs put - "f/$i"; done
	have_lines log 6
	# Killed between two events, while nothing watches more happens.
	kill -9 "$FOLLOWER"
	for i in 6 7 8; do echo "$i" | as alice cfs put - "f/$i"; done
	watch
	have_lines log 9
	restart_server
	for i in 9 10; do echo "$i" | as alice cfs put - "f/$i"; done
	have_lines log 11
	restart_server
	echo 11 | as alice cfs put - f/11
	have_lines log 12
	kill "$FOLLOWER"
	[ "$(cut -d' ' -f2 log)" = "$(printf '/alice/f\n'; printf '/alice/f/%d\n' 1 2 3 4 5 6 7 8 9 10 11)" ]
}

# The numbers of what was lost are given again, to other events.
@test "a store that was restored: whoever watches is told that some is missed, and goes on" {
	as alice cfs mkdir before
	admin backup "$T/saved" >/dev/null
	follow alice seen cfs --json watch --since 0
	follower=$FOLLOWER
	admin --json events --since 0 >all 3>&- &
	for n in {1..9}; do as alice cfs mkdir "lost-$n"; done
	wait_until 10 grep -q lost-9 seen
	wait_until 10 grep -q lost-9 all
	last=$(jq -s 'last.id' seen)
	stop_server
	mv store lost
	admin restore "$T/saved" >/dev/null
	start_server
	wait_until 10 grep -q renumbered seen
	[ "$(jq -s 'last | .since' seen)" -ge "$last" ]
	[ "$(jq -s 'last | .id' seen)" -lt "$last" ]
	as alice cfs mkdir after
	wait_until 10 grep -q after seen
	wait_until 10 grep -q after all
	kill "$follower"
	for file in seen all; do
		[ "$(grep -c renumbered "$file")" -eq 1 ]
		[ "$(grep -c /alice/after "$file")" -eq 1 ]
	done
	# Who was away and comes back with its number.
	run -0 as alice cfs --json watch --since "$last" --no-follow
	[ "$(jq -r .event <<<"$output")" = renumbered ]
}

@test "receipts: kept until seen, on whatever device; who has what" {
	new_user bob
	echo one | as alice cfs put - f
	as bob cfs get /alice/f got
	run -0 as alice cfs receipts
	[[ $output == '* '*'bob downloaded /alice/f'* ]]
	run -0 as alice cfs --json receipts --unread
	[ "$(jq -r '.path + " " + (.complete | tostring)' <<<"$output")" = '/alice/f true' ]
	# Looking marks nothing, unless it is told to.
	as alice cfs receipts --unread --mark-seen >/dev/null
	[ -z "$(as alice cfs receipts --unread)" ]
	[ -z "$(as alice cfs notify)" ]
	[[ $(as alice cfs receipts) == '  '*'bob downloaded /alice/f'* ]]
	run -0 as alice cfs who-has f
	[[ $output == *'  bob on '*': has version 1, the newest' ]]
	echo two | as alice cfs put - f
	run -0 as alice cfs --json who-has f
	[ "$(jq -c '[.user, .version, .current]' <<<"$output")" = '["bob",1,false]' ]
	run -4 as bob cfs who-has /alice/f
}

@test "two devices: what one has seen is seen on the other" {
	new_user bob
	as phone cfs login "$(admin invite alice)"
	for name in f g; do echo "$name" | as alice cfs put - "$name"; done
	as bob cfs cat /alice/f >/dev/null
	[[ $(as alice cfs receipts --unread) == *'bob downloaded /alice/f'* ]]
	[[ $(as phone cfs receipts --unread) == *'bob downloaded /alice/f'* ]]
	[[ $(as phone cfs notify) == *'bob downloaded /alice/f'* ]]
	[ -z "$(as alice cfs receipts --unread)" ]
	[ -z "$(as alice cfs notify)" ]
	# Who follows there marks it for both.
	follow phone seen cfs notify -f
	as bob cfs cat /alice/g >/dev/null
	have_lines seen 1
	wait_until 10 eval '[ -z "$(as alice cfs receipts --unread)" ]'
	[[ $(as alice cfs receipts) == *'/alice/g'* ]]
}

@test "two devices that follow are each told once, whichever is faster to mark it" {
	new_user bob
	as phone cfs login "$(admin invite alice)"
	as alice cfs mkdir d
	echo text | as alice cfs put - d/0
	for i in 1 2 3 4 5 6 7; do as alice cfs cp d/0 "d/$i"; done
	follow alice here cfs notify -f
	follow phone there cfs notify -f
	for i in 0 1 2 3 4 5 6 7; do as bob cfs cat "/alice/d/$i" >/dev/null; done
	have_lines here 8
	have_lines there 8
	[ "$(grep -o '/alice/d/[0-9]' here | sort | uniq -c)" = "$(printf '      1 /alice/d/%d\n' 0 1 2 3 4 5 6 7)" ]
	[ "$(grep -o '/alice/d/[0-9]' there | sort | uniq -c)" = "$(printf '      1 /alice/d/%d\n' 0 1 2 3 4 5 6 7)" ]
}

@test "notify -f: pushed when it happens" {
	new_user bob
	echo one | as alice cfs put - f
	echo two | as alice cfs put - g
	as bob cfs cat /alice/f >/dev/null
	follow alice seen cfs notify -f
	have_lines seen 1
	as bob cfs cat /alice/g >/dev/null
	have_lines seen 2
	[[ $(tail -n 1 seen) == *'bob downloaded /alice/g'* ]]
	wait_until 10 eval '[ -z "$(as alice cfs receipts --unread)" ]'
}

@test "private trees are not watched by others" {
	restart_server '[access]' 'default = private'
	new_user bob
	as alice cfs mkdir secret
	as bob cfs mkdir mine
	run -0 as bob cfs watch --since 0 --no-follow
	[[ $output == */bob/mine* ]]
	[[ $output != *secret* ]]
}
