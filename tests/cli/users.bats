#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Two users: others read, only the owner changes, and is told of downloads.

load ../lib/cfs

setup() {
	test_begin
}

two_users() {
	start_server "$@"
	new_user alice
	new_user bob
	as alice cfs mkdir docs
	echo hers | as alice cfs put - docs/letter
}

@test "others read" {
	two_users
	[ "$(as bob cfs ls /)" = $'alice\nbob' ]
	[ "$(as bob cfs ls -R /alice)" = $'/alice:\ndocs\n\n/alice/docs:\nletter' ]
	[ "$(as bob cfs cat /alice/docs/letter)" = hers ]
	as bob cfs get -r /alice/docs got
	[ "$(cat got/letter)" = hers ]
	as bob cfs sum /alice/docs/letter
	[ "$(as bob cfs find /alice -t f)" = /alice/docs/letter ]
	as bob cfs cp /alice/docs/letter mine
	[ "$(as bob cfs cat mine)" = hers ]
	[[ $(as bob cfs --json stat mine) == *'"owner":"bob"'* ]]
}

@test "only the owner changes: everything else is denied, exit 4, and nothing happened" {
	two_users
	as alice cfs --json find . >before
	echo his >his
	as bob cfs put his
	denied() {
		run -4 as bob cfs "$@"
		[[ $output == "cfs $1: "*'permission denied: only the owner of a tree changes it' ]] || { echo "$* said: $output" && false; }
	}
	denied put his /alice/new
	denied put his /alice/docs/letter
	denied put his /alice/docs
	denied rm /alice/docs/letter
	denied rm -r /alice/docs
	denied mv /alice/docs/letter /alice/docs/moved
	denied mv his /alice/docs/
	denied cp his /alice/docs/letter
	denied mkdir /alice/new
	denied rmdir /alice/docs
	denied chmod 600 /alice/docs/letter
	denied touch /alice/docs/letter
	denied touch /alice/docs/new
	denied ln -s x /alice/docs/link
	run -4 as bob cfs rm -r /alice
	run -4 as bob cfs mkdir /carol
	# Not even by a name of his own, and not across trees.
	run as bob cfs ln /alice/docs/letter mine
	[ "$status" -ne 0 ]
	run as bob cfs mv /alice/docs/letter mine
	[ "$status" -ne 0 ]
	mkdir tree && echo x >tree/x
	run -4 as bob cfs put -r tree /alice
	as alice cfs --json find . >after
	diff before after
	[ "$(as bob cfs ls)" = his ]
}

@test "private: nobody sees another's tree" {
	two_users '[access]' 'default = private'
	for command in 'ls /alice' 'ls -R /alice/docs' 'cat /alice/docs/letter' 'get -r /alice/docs got' \
		'stat /alice/docs' 'sum /alice/docs/letter' 'cp /alice/docs/letter mine' 'find /alice/docs'; do
		# shellcheck disable=SC2086
		run as bob cfs $command
		echo "$command: $status: $output"
		[ "$status" -eq 4 ] || [ "$status" -eq 3 ]
		[[ $output != *letter:*hers* ]]
	done
	[ ! -e got/letter ]
	[ "$(as alice cfs cat docs/letter)" = hers ]
}

@test "notify: downloads by others, until seen" {
	two_users
	as alice cfs cat docs/letter
	[ -z "$(as alice cfs notify)" ]
	as bob cfs get /alice/docs/letter got
	run -0 as alice cfs notify
	[[ $output == *' bob downloaded /alice/docs/letter (from 127.0.0.1'* ]]
	[ "${#lines[@]}" -eq 1 ]
	[ -z "$(as alice cfs notify)" ]
	# The same within a minute is told once.
	as bob cfs cat /alice/docs/letter
	echo more | as alice cfs put - docs/more
	as bob cfs get -r /alice/docs got2
	run -0 as alice cfs --json notify
	[[ ${lines[0]} == *'"event":"download","user":"bob"'*'"path":"/alice/docs/more"'*'"complete":true'* ]]
	[ -z "$(as bob cfs notify)" ]
}

@test "a download that was cut off is no download" {
	two_users
	head -c 40000000 /dev/zero >big && as alice cfs put big
	run -130 as bob timeout --preserve-status -s INT 1 cfs --bwlimit 1M get /alice/big got
	[ ! -e got ]
	run -0 as alice cfs notify
	[[ $output != *'downloaded /alice/big'* ]]
}
