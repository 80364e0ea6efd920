#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# limit: 240
# Two mounts, and cfs: what one was answered, the other sees with its next call, without waiting for anything.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
}

# Two mounts of alice's tree; their directories are $a and $b.
two_mounts() {
	mount_as alice "$T/m1" -o subdir=alice
	mount_as alice "$T/m2" -o subdir=alice
	a=$T/m1 b=$T/m2
}

@test "each kind of change is seen by the next call on the other mount" {
	two_mounts
	[ ! -e "$b/f" ] && [ -z "$(ls "$b")" ]
	echo one >"$a/f"
	[ "$(cat "$b/f")" = one ] && [ "$(ls "$b")" = f ]
	echo twice >"$a/f"
	[ "$(cat "$b/f")" = twice ] && [ "$(stat -c %s "$b/f")" -eq 6 ]
	echo more >>"$b/f"
	[ "$(cat "$a/f")" = $'twice\nmore' ]
	chmod 600 "$a/f"
	[ "$(stat -c %a "$b/f")" = 600 ]
	touch -d 2001-02-03 "$b/f"
	[ "$(date -r "$a/f" +%F)" = 2001-02-03 ]
	ln "$a/f" "$a/g"
	[ "$(stat -c %h "$b/f")" -eq 2 ] && [ -e "$b/g" ]
	mv "$b/g" "$b/h"
	[ ! -e "$a/g" ] && [ -e "$a/h" ]
	rm "$a/h"
	[ ! -e "$b/h" ] && [ "$(stat -c %h "$b/f")" -eq 1 ]
	mkdir "$b/d"
	[ -d "$a/d" ] && [ -z "$(ls "$a/d")" ]
	echo x >"$b/d/x"
	[ "$(cat "$a/d/x")" = x ]
	mv "$a/d" "$a/e"
	[ ! -e "$b/d" ] && [ "$(cat "$b/e/x")" = x ]
	echo new >"$T/new"
	as alice cfs put "$T/new" e/x
	[ "$(cat "$a/e/x")" = new ] && [ "$(cat "$b/e/x")" = new ]
	as alice cfs rm e/x
	[ ! -e "$a/e/x" ] && [ ! -e "$b/e/x" ]
	rmdir "$b/e"
	[ ! -e "$a/e" ]
	truncate -s 3 "$a/f"
	[ "$(cat "$b/f")" = twi ]
	ln -s f "$b/l"
	[ "$(readlink "$a/l")" = f ]
}

@test "two programs take turns at a counter" {
	two_mounts
	echo 0 >"$a/counter"
	for ((i = 0; i < 200; i++)); do
		[ $((i % 2)) -eq 0 ] && d=$a || d=$b
		n=$(<"$d/counter")
		echo $((n + 1)) >"$d/counter"
	done
	[ "$(<"$a/counter")" -eq 200 ] && [ "$(<"$b/counter")" -eq 200 ]
}

@test "a file is replaced by rename, again and again, under the other's eyes" {
	two_mounts
	for ((i = 0; i < 150; i++)); do
		[ $((i % 2)) -eq 0 ] && d=$a o=$b || d=$b o=$a
		echo "$i" >"$d/new"
		mv "$d/new" "$d/file"
		[ "$(<"$o/file")" = "$i" ] && [ ! -e "$o/new" ]
	done
}

@test "both change the same directory at the same time" {
	two_mounts
	ls "$a" "$b"
	for d in "$a" "$b"; do
		(for ((i = 0; i < 60; i++)); do echo "$i" >"$d/${d##*/}.$i" && [ -e "$d/${d##*/}.$i" ] || exit 1; done) 3>&- &
		pids+=("$!")
	done
	# Waiting for each other's promises to end would take ten seconds each time.
	SECONDS=0
	wait "${pids[0]}"
	wait "${pids[1]}"
	[ "$SECONDS" -lt 10 ]
	[ "$(find "$a" -mindepth 1 | wc -l)" -eq 120 ] && [ "$(find "$b" -mindepth 1 | wc -l)" -eq 120 ]
}

@test "what was looked at is answered without asking the server" {
	require_caches
	mkdir "$T/tree"
	for i in 1 2 3 4 5 6 7 8; do
		mkdir "$T/tree/$i" && touch "$T/tree/$i"/{1..40}
	done
	as alice cfs put -rq "$T/tree" tree
	mount_as alice "$T/m1" -o subdir=alice
	ls -lR "$T/m1/tree" >"$T/first"
	# Processes that are stopped answer nothing.
	mapfile -t sessions < <(pgrep -P "$SERVER_PID")
	kill -STOP "${sessions[@]}"
	timeout 8 ls -lR "$T/m1/tree" >"$T/second" || true
	kill -CONT "${sessions[@]}"
	cmp "$T/first" "$T/second"
}

@test "a mount that does not answer delays a change once, and sees it afterwards" {
	two_mounts
	echo one >"$a/f"
	echo one >"$a/g"
	[ "$(cat "$b/f" "$b/g")" = $'one\none' ]
	pid=$(pgrep -f "cfs-mount.*$b")
	kill -STOP "$pid"
	timeout 14 sh -c "echo two >'$a/f'"
	timeout 2 sh -c "echo two >'$a/g'"
	kill -CONT "$pid"
	[ "$(cat "$b/f" "$b/g")" = $'two\ntwo' ]
}

@test "a mount that is killed delays a change once" {
	two_mounts
	echo one >"$a/f"
	[ "$(cat "$b/f")" = one ]
	pkill -9 -f "cfs-mount.*$b"
	timeout 14 sh -c "echo two >'$a/f'"
	timeout 2 sh -c "echo three >'$a/f'"
}

@test "after a restart of the server both see what the other changes" {
	two_mounts
	echo one >"$a/f"
	[ "$(cat "$b/f")" = one ]
	kill_server -9
	start_server
	timeout 16 sh -c "echo two >'$a/f'"
	[ "$(cat "$b/f")" = two ]
	echo three >"$b/f"
	[ "$(cat "$a/f")" = three ]
}

@test "another user reads what its owner is changing" {
	new_user bob
	mount_as alice "$T/a"
	mount_as bob "$T/b"
	for ((i = 0; i < 50; i++)); do
		echo "$i" >"$T/a/alice/f"
		[ "$(<"$T/b/alice/f")" = "$i" ]
	done
	rm "$T/a/alice/f"
	[ ! -e "$T/b/alice/f" ]
}

@test "without caches, too: who has written to a file sees what others did to it since" {
	mount_as alice "$T/m1" -o subdir=alice
	mount_as alice "$T/m2" -o subdir=alice,attr_timeout=0,entry_timeout=0
	python3 - "$T/m1/f" "$T/m2/f" <<'END'
import os, sys
other, mine = sys.argv[1:]
fd = os.open(mine, os.O_RDWR | os.O_CREAT)
os.write(fd, b"some bytes")
os.fsync(fd)
os.chmod(other, 0o600)
assert os.fstat(fd).st_mode & 0o777 == 0o600
os.unlink(other)
assert os.fstat(fd).st_nlink == 0, os.fstat(fd)
assert os.pread(fd, 100, 0) == b"some bytes"
END
}
