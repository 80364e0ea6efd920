#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ls, find, du, df, stat, sum: what looks and changes nothing.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
	mkdir -p tree/sub/deep tree/empty
	printf 12345 >tree/five
	printf 1234567890 >tree/sub/ten
	: >tree/sub/deep/none
	: >tree/.hidden
	ln -s five tree/link
	as alice cfs put -r tree
}

@test "ls: names, hidden ones, order, directories themselves" {
	[ "$(as alice cfs ls tree)" = $'empty\nfive\nlink\nsub' ]
	[ "$(as alice cfs ls -a tree)" = $'.hidden\nempty\nfive\nlink\nsub' ]
	[ "$(as alice cfs ls -r tree)" = $'sub\nlink\nfive\nempty' ]
	[ "$(as alice cfs ls -d tree)" = tree ]
	[ "$(as alice cfs ls tree/five)" = tree/five ]
	[ "$(as alice cfs ls -S tree/five tree/sub/ten)" = $'tree/five\ntree/sub/ten' ]
	[ "$(as alice cfs ls tree/ tree/sub)" = $'tree/:\nempty\nfive\nlink\nsub\n\ntree/sub:\ndeep\nten' ]
	[ "$(as alice cfs ls /)" = alice ]
	run -3 as alice cfs ls nothing
	[ "$output" = 'cfs ls: nothing: no such file or directory' ]
	run -1 as alice cfs ls tree/five/
	[ "$output" = 'cfs ls: tree/five/: not a directory' ]
	run -9 as alice cfs ls nothing tree/five
	run -2 as alice cfs ls ../..
}

@test "ls -l: type, mode, owner, size, target" {
	run -0 as alice cfs ls -l tree
	[[ ${lines[0]} =~ ^drwx.*\ alice\ .*\ empty$ ]]
	[[ ${lines[1]} =~ ^-rw.*\ 1\ alice\ +5\ [0-9-]+\ [0-9:]+\ five$ ]]
	[[ ${lines[2]} =~ ^lrwx.*\ link\ -\>\ five$ ]]
	head -c 1536 /dev/zero | as alice cfs put - big
	[[ $(as alice cfs ls -lh big) == *' 1.5K '* ]]
}

@test "ls -R is as the local one" {
	(cd tree && LC_ALL=C ls -aR1 --ignore=. .) | grep -vx -e '\.' -e '\.\.' >expected
	printf 'cd tree\nls -aR\n' | as alice cfs shell >got
	diff expected got
}

@test "ls on a terminal: columns, and -1 none" {
	require_pty
	pty alice <<-'END'
		spawn cfs ls tree
		want {empty\S*  five   link   \S*sub}
		ended
		spawn cfs ls -1 tree
		want {empty\S*\r\nfive\r\n}
		ended
	END
}

@test "globs are expanded here, and a name that exists wins" {
	[ "$(as alice cfs ls -d 'tree/*e' 'tree/s??')" = $'tree/five\ntree/sub' ]
	[ "$(as alice cfs ls -d 't*/*/t[a-f]n')" = tree/sub/ten ]
	[ "$(as alice cfs ls -d '/a*/tree/five')" = /alice/tree/five ]
	[ "$(as alice cfs ls -d 'tree/*/')" = $'tree/empty\ntree/sub' ]
	[ "$(as alice cfs ls -d 'tree/.h*')" = tree/.hidden ]
	run -3 as alice cfs ls 'tree/x*'
	[ "$output" = 'cfs ls: tree/x*: no match' ]
	echo x | as alice cfs put - 'tree/f*'
	[ "$(as alice cfs ls 'tree/f*')" = 'tree/f*' ]
}

@test "find: names, paths, types, sizes, ages, depth" {
	[ "$(as alice cfs find tree | sort)" = "$(find tree | LC_ALL=C sort)" ]
	[ "$(as alice cfs find --name '*e' tree)" = $'tree\ntree/five\ntree/sub/deep/none' ]
	[ "$(as alice cfs find --path 'tree/**/ten' tree)" = tree/sub/ten ]
	[ "$(as alice cfs find -t d tree)" = $'tree\ntree/empty\ntree/sub\ntree/sub/deep' ]
	[ "$(as alice cfs find -t l tree)" = tree/link ]
	[ "$(as alice cfs find -t f --size +5 tree)" = tree/sub/ten ]
	[ "$(as alice cfs find -t f --size 5 tree)" = tree/five ]
	[ "$(as alice cfs find -t f --size -1 --name '[!.]*' tree)" = tree/sub/deep/none ]
	[ "$(as alice cfs find --max-depth 1 -t d tree)" = $'tree\ntree/empty\ntree/sub' ]
	as alice cfs touch -d 2020-02-02T02:02:02Z tree/five
	[ "$(as alice cfs find --older-than 30d tree)" = tree/five ]
	[ -z "$(as alice cfs find --newer-than 30d --name five tree)" ]
	[ "$(as alice cfs find -0 -t l tree | tr '\0' '|')" = 'tree/link|' ]
	run -2 as alice cfs find --size big tree
	run -2 as alice cfs find -t x tree
	run -3 as alice cfs find nothing
}

@test "du and df" {
	as alice cfs rm tree/link
	[ "$(as alice cfs du tree)" = $'0\ttree/empty\n0\ttree/sub/deep\n10\ttree/sub\n15\ttree' ]
	[ "$(as alice cfs du -s tree)" = $'15\ttree' ]
	[ "$(as alice cfs du tree/five)" = $'5\ttree/five' ]
	[ "$(as alice cfs --json du -s tree)" = '{"path":"/alice/tree","bytes":15,"files":4}' ]
	run -0 as alice cfs --json df
	[[ $output =~ \"used\":15, ]]
	run -0 as alice cfs df -h
	[[ ${lines[0]} == *Size*Yours*Free*Files ]]
}

@test "stat and sum" {
	run -0 as alice cfs stat tree/five
	[[ $output == *'type      file'*'size      5'*'owner     alice'* ]]
	run -0 as alice cfs stat tree/link
	[[ $output == *'type      symlink'*'target    five' ]]
	run -0 as alice cfs --json stat tree/five
	[[ $output == *'"size":5'*'"owner":"alice"'* ]]
	[ "$(as alice cfs sum tree/five tree/sub/ten)" = "$(sha256sum tree/five tree/sub/ten)" ]
	[ "$(as alice cfs sum tree/link | cut -c 1-64)" = "$(sha256sum <tree/five | cut -c 1-64)" ]
	head -c 9000000 /dev/urandom >big
	as alice cfs put big
	[ "$(as alice cfs sum big)" = "$(sha256sum big)" ]
	run -1 as alice cfs sum tree
	[ "$output" = 'cfs sum: tree: is a directory' ]
}
