#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The mount, one call after the other: what a program can do to files in it, and what the other ways in see of that.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice
	M=$T/m
}

@test "a file that is written is what put and get see" {
	head -c 300000 /dev/urandom >"$T/src"
	cp "$T/src" "$M/a"
	cmp "$T/src" "$M/a"
	as alice cfs get a "$T/got"
	cmp "$T/src" "$T/got"
	as alice cfs put "$T/init.out" b
	wait_until 5 test -e "$M/b"
	cmp "$T/init.out" "$M/b"
}

@test "writes at any offset, holes read as zeros, truncation cuts and grows" {
	printf 'hello' | dd of="$M/f" bs=1 seek=100000 conv=notrunc status=none
	[ "$(stat -c %s "$M/f")" -eq 100005 ]
	[ "$(head -c 100000 "$M/f" | tr -d '\0' | wc -c)" -eq 0 ]
	[ "$(tail -c 5 "$M/f")" = hello ]
	printf 'XY' | dd of="$M/f" bs=1 seek=100002 conv=notrunc status=none
	[ "$(tail -c 5 "$M/f")" = heXYo ]
	truncate -s 100003 "$M/f"
	[ "$(tail -c 3 "$M/f")" = heX ]
	truncate -s 200000 "$M/f"
	[ "$(stat -c %s "$M/f")" -eq 200000 ]
	[ "$(tail -c 99997 "$M/f" | tr -d '\0' | wc -c)" -eq 0 ]
	truncate -s 0 "$M/f"
	[ ! -s "$M/f" ]
}

@test "small writes in any order are what is read, before and after close" {
	python3 - "$M/r" "$T/r" <<'END'
import os, random, sys
rnd = random.Random(7)
remote, local = (os.open(p, os.O_RDWR | os.O_CREAT) for p in sys.argv[1:])
for i in range(600):
    off, n = rnd.randrange(3000000), rnd.choice((1, 100, 4096, 70000))
    if rnd.random() < .6:
        data = rnd.randbytes(n)
        for fd in (remote, local):
            assert os.pwrite(fd, data, off) == n
    else:
        assert os.pread(remote, n, off) == os.pread(local, n, off), (i, off, n)
    if rnd.random() < .03:
        size = rnd.randrange(3000000)
        for fd in (remote, local):
            os.ftruncate(fd, size)
    if rnd.random() < .05:
        os.fsync(remote)
    assert os.fstat(remote).st_size == os.fstat(local).st_size, i
END
	cmp "$M/r" "$T/r"
	as alice cfs cat r | cmp - "$T/r"
}

@test "appends of several programs all arrive" {
	: >"$M/log"
	for i in 1 2 3; do
		for j in $(seq 50); do
			echo "line $i $j" >>"$M/log"
		done
	done
	[ "$(wc -l <"$M/log")" -eq 150 ]
	[ "$(sort -u "$M/log" | wc -l)" -eq 150 ]
}

@test "directories: made, listed, not removed while full, removed" {
	mkdir -p "$M/d/e/f"
	touch "$M/d/e/f/x"
	[ "$(ls "$M/d/e")" = f ]
	run -1 rmdir "$M/d/e"
	[[ $output == *"not empty"* ]]
	[ "$(stat -c %h "$M/d")" -eq 3 ]
	rm -r "$M/d"
	[ -z "$(ls -A "$M")" ]
}

@test "rename replaces at once, and moves directories" {
	echo one >"$M/a"
	echo two >"$M/b"
	mv "$M/a" "$M/b"
	[ "$(cat "$M/b")" = one ]
	[ ! -e "$M/a" ]
	mkdir "$M/d" "$M/e"
	mv "$M/b" "$M/d/b"
	mv "$M/d" "$M/e/"
	[ "$(cat "$M/e/d/b")" = one ]
	echo three >"$M/c"
	mv -n "$M/e/d/b" "$M/c"
	[ "$(cat "$M/c")" = three ]
	[ "$(cat "$M/e/d/b")" = one ]
	run -1 mv -T "$M/e" "$M/c"
	[[ $output == *"non-directory"* ]]
}

@test "links: symbolic and hard" {
	echo text >"$M/a"
	ln -s a "$M/s"
	[ "$(readlink "$M/s")" = a ]
	[ "$(cat "$M/s")" = text ]
	ln "$M/a" "$M/h"
	[ "$(stat -c %h "$M/a")" -eq 2 ]
	[ "$(stat -c %i "$M/a")" = "$(stat -c %i "$M/h")" ]
	echo more >>"$M/h"
	[ "$(cat "$M/a")" = $'text\nmore' ]
	rm "$M/a"
	[ "$(cat "$M/h")" = $'text\nmore' ]
}

@test "a removed file that is open can still be read and written" {
	echo kept >"$M/a"
	exec 5<>"$M/a"
	rm "$M/a"
	[ ! -e "$M/a" ]
	[ "$(cat <&5)" = kept ]
	exec 5>&-
}

@test "modes, times and statfs" {
	echo x >"$M/a"
	chmod 640 "$M/a"
	[ "$(stat -c %a "$M/a")" = 640 ]
	touch -d '2001-02-03 04:05:06.789' "$M/a"
	[ "$(stat -c %Y "$M/a")" = "$(date -d '2001-02-03 04:05:06' +%s)" ]
	[ "$(stat -f -c %S "$M")" -gt 0 ]
	df "$M" >/dev/null
}

@test "names of 255 bytes, with newlines, quotes and bytes that are no UTF-8" {
	long=$(printf '%0255d' 0)
	for name in "$long" $'new\nline' "quo\"te'" $'\xff\xfe' ' blank '; do
		echo "$name" >"$M/$name"
		[ "$(cat "$M/$name")" = "$name" ]
	done
	[ "$(find "$M" -type f -print0 | tr -dc '\0' | wc -c)" -eq 5 ]
	run -1 touch "$M/${long}0"
	[[ $output == *"too long"* ]]
	rm -r "${M:?}"/*
	[ -z "$(ls -A "$M")" ]
}

@test "10,000 entries are listed once each, also while others are removed" {
	mkdir "$M/many"
	(cd "$T" && mkdir many && cd many && seq 10000 | xargs touch)
	as alice cfs put -r "$T/many" /alice/
	[ "$(find "$M/many" -mindepth 1 | sort -u | wc -l)" -eq 10000 ]
	rm -rf "$M/many"
	[ ! -e "$M/many" ]
}
