#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rm, mv, cp, mkdir, rmdir, ln, chmod, touch: what changes the tree.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

@test "mkdir and rmdir" {
	as alice cfs mkdir a b
	as alice cfs mkdir -p a/b/c/d a/b
	run -6 as alice cfs mkdir a
	[ "$output" = 'cfs mkdir: a: already exists' ]
	run -3 as alice cfs mkdir x/y
	run -9 as alice cfs mkdir a new
	run -6 as alice cfs rmdir a
	[ "$output" = 'cfs rmdir: a: directory not empty' ]
	as alice cfs rmdir a/b/c/d a/b/c b new
	[ "$(as alice cfs find)" = $'.\n./a\n./a/b' ]
	run -0 as alice cfs --json mkdir json
	[ "$output" = '{"action":"mkdir","path":"/alice/json"}' ]
	for name in . .. / /alice; do
		run as alice cfs rmdir "$name"
		[ "$status" -ne 0 ]
	done
}

@test "rm: files, trees, what is not there" {
	echo 1 | tee f g h >/dev/null
	as alice cfs put f g h ''
	as alice cfs mkdir -p d/e/f && as alice cfs put f d/e/f
	run -1 as alice cfs rm d
	[ "$output" = 'cfs rm: d: is a directory; use -r' ]
	run -3 as alice cfs rm nothing
	as alice cfs rm -f nothing
	run -9 as alice cfs rm nothing f
	[ "$(as alice cfs ls)" = $'d\ng\nh' ]
	run -0 as alice cfs rm -rn d
	[ "$output" = $'would rm d/e/f/f\nwould rm d/e/f\nwould rm d/e\nwould rm d' ]
	run -9 as alice cfs rm '?'
	[ "$(as alice cfs ls)" = d ]
	as alice cfs rm -r '?'
	[ -z "$(as alice cfs ls)" ]
	# A whole tree is never meant: an empty variable, a stray blank. Nothing of it goes before that is said.
	as alice cfs mkdir stays
	for tree in . '' / .. /alice '/*'; do
		run -4 as alice cfs rm -rf "$tree"
		[[ $output == 'cfs rm: '* && $output != *$'\n'* ]]
		run -4 as alice cfs rm -rn "$tree"
		[ "$(as alice cfs ls)" = stays ]
	done
	run -4 as alice cfs rm -r ''
	[ "$output" = "cfs rm: .: is a user's whole tree; 'cfs rm -r \"*\"' removes what is in it" ]
	as alice cfs rm -r stays
	echo x | as alice cfs put - ./-r
	as alice cfs rm -- -r
	[ -z "$(as alice cfs ls)" ]
}

@test "mv: names, directories, below, over" {
	echo 1 | as alice cfs put - one
	echo 2 | as alice cfs put - two
	as alice cfs mkdir d e
	as alice cfs mv one uno
	as alice cfs mv uno two d
	[ "$(as alice cfs ls d)" = $'two\nuno' ]
	as alice cfs mv d/uno d/two
	[ "$(as alice cfs cat d/two)" = 1 ]
	as alice cfs mv d e
	[ "$(as alice cfs find e)" = $'e\ne/d\ne/d/two' ]
	run -2 as alice cfs mv e e/d/f
	[ "$output" = 'cfs mv: e: a directory cannot go into itself' ]
	run -3 as alice cfs mv nothing x
	[ "$output" = 'cfs mv: nothing: no such file or directory' ]
	echo 3 | as alice cfs put - three
	run -6 as alice cfs mv --no-clobber three e/d/two
	[ "$(as alice cfs cat e/d/two)" = 1 ]
	run -3 as alice cfs mv three nodir/
	run -0 as alice cfs mv -n three four
	[ "$output" = 'would mv three' ]
	as alice cfs mv 'e/*' 'thr*' e/
	[ "$(as alice cfs ls e)" = $'d\nthree' ]
}

@test "cp: on the server, sharing content" {
	head -c 8000000 /dev/urandom >big && as alice cfs put big
	before=$(du -s --apparent-size -B1 store/blobs | cut -f1)
	as alice cfs cp big copy
	as alice cfs cat copy | cmp - big
	[ $(($(du -s --apparent-size -B1 store/blobs | cut -f1) - before)) -lt 100000 ]
	# A copy is a file of its own.
	echo other | as alice cfs put - big
	as alice cfs cat copy | cmp - big
	mkdir -p tree/a/b tree/empty && echo 1 >tree/a/b/1 && ln -s a tree/link && seq 100 >tree/seq
	for i in {1..70}; do echo "$i" >"tree/a/$i"; done
	as alice cfs put -r tree
	run -1 as alice cfs cp tree t2
	[ "$output" = 'cfs cp: tree: is a directory; use -r' ]
	as alice cfs cp -r tree t2
	as alice cfs get -r t2
	diff -r --no-dereference tree t2
	# Into one that is there; over the files in it.
	as alice cfs cp -r tree t2
	as alice cfs get -r t2/tree t3
	diff -r --no-dereference tree t3
	run -9 as alice cfs cp --no-clobber copy nothing t2/tree/seq t2/tree/a
	[ "$output" = 'cfs cp: nothing: no such file or directory' ]
	run -6 as alice cfs cp --no-clobber copy t2/tree/seq
	run -2 as alice cfs cp -r tree tree/a
	as alice cfs cp tree/seq s && as alice cfs cp t2/link/b/1 one
	[ "$(as alice cfs cat one)" = 1 ]
}

@test "ln: hard and symbolic" {
	echo 1 | as alice cfs put - f
	as alice cfs ln f g
	[[ $(as alice cfs --json stat g) == *'"nlink":2'* ]]
	as alice cfs ln -s f s
	[ "$(as alice cfs cat s)" = 1 ]
	run -6 as alice cfs ln -s f g
	[ "$output" = 'cfs ln: /alice/g: already exists' ]
	as alice cfs ln -sf g s
	[[ $(as alice cfs ls -l s) == *'s -> g' ]]
	as alice cfs mkdir d && as alice cfs ln -s ../f d && [ "$(as alice cfs cat d/f)" = 1 ]
	as alice cfs ln -s nowhere dangling
	run -3 as alice cfs cat dangling
	run -3 as alice cfs ln nothing x
	[ "$output" = 'cfs ln: nothing: no such file or directory' ]
	# mv replaces a link and leaves what it points to alone.
	echo 3 | as alice cfs put - h
	as alice cfs ln -s f l
	as alice cfs mv h l
	[ "$(as alice cfs cat f l)" = $'1\n3' ]
	# Links of links end somewhere.
	as alice cfs ln -s loop loop
	run -1 as alice cfs cat loop
	[[ $output == *'too many symbolic links' ]]
	# A put through a name with several links breaks them, as rename does.
	echo 2 | as alice cfs put - g
	[ "$(as alice cfs cat f)" = 1 ]
}

@test "chmod: octal, clauses, trees" {
	echo 1 | as alice cfs put - f
	as alice cfs mkdir -p d/e && echo 2 | as alice cfs put - d/e/f
	mode() { as alice cfs --json stat "$1" | grep -o '"mode":"[0-7]*"' | tr -dc 0-7; }
	as alice cfs chmod 640 f && [ "$(mode f)" = 0640 ]
	as alice cfs chmod u+x,g-r,o=rw f && [ "$(mode f)" = 0706 ]
	as alice cfs chmod -R go-rwx,a+X d && [ "$(mode d/e)" = 0711 ] && [ "$(mode d/e/f)" = 0600 ]
	as alice cfs ln -s f link && as alice cfs chmod 600 link && [ "$(mode f)" = 0600 ]
	run -2 as alice cfs chmod 888 f
	[[ $output == "cfs chmod: '888' is not a mode like 644 or u+x; try 'cfs chmod --help'" ]]
	run -3 as alice cfs chmod 600 nothing
	run -9 as alice cfs chmod 600 nothing f
}

@test "touch: new files, times" {
	as alice cfs touch a b
	[ "$(as alice cfs ls)" = $'a\nb' ]
	as alice cfs touch -c c
	run -3 as alice cfs stat c
	mtime() { as alice cfs --json stat "$1" | grep -o '"mtime":"[^"]*"'; }
	as alice cfs touch -d 1970-01-01T00:00:00Z a z
	[ "$(mtime a)" = '"mtime":"1970-01-01T00:00:00.000000000Z"' ]
	[ "$(mtime z)" = "$(mtime a)" ]
	as alice cfs touch a
	[ "$(mtime a)" != "$(mtime z)" ]
	run -2 as alice cfs touch -d yesterday a
	run -3 as alice cfs touch no/dir
}
