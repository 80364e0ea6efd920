#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# limit: 300
# Watchers are told of what is changed elsewhere: by cfs, and in another mount. $m is where it happens, $n where it is watched.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	require_tool inotifywait python3
	start_server
	new_user alice
	m=$T/m n=$T/n
	mount_as alice "$m" -o subdir=alice
	mount_as alice "$n" -o subdir=alice
	echo content >"$T/src"
}

# watch NAME [OPTION…] PATH…: writes its events to $T/NAME.ev, "PATH|EVENTS|NAME" each, until the test ends.
watch() {
	local name=$1
	shift
	inotifywait -m --format '%w|%e|%f' -o "$T/$name.ev" "$@" 2>"$T/$name.err" 3>&- &
	wait_until 10 grep -q established "$T/$name.err"
}

# saw LINE…: the lines come in this order, others perhaps between them.
saw() {
	local name=$1
	shift
	printf '%s\n' "$@" >"$T/wanted"
	wait_until 10 in_order "$T/wanted" "$T/$name.ev" || {
		diff "$T/wanted" "$T/$name.ev" >&2
		return 1
	}
}

in_order() {
	python3 - "$@" <<'END'
import sys
lines = iter(open(sys.argv[2]).read().splitlines())
sys.exit(not all(any(want == line for line in lines) for want in open(sys.argv[1]).read().splitlines()))
END
}

@test "what cfs does is seen" {
	mkdir "$m/d"
	ls "$n/d"
	watch ev "$n" "$n/d"
	as alice cfs put "$T/src" d/x
	saw ev "$n/d/|CREATE|x" "$n/d/|OPEN|x" "$n/d/|MODIFY|x" "$n/d/|CLOSE_WRITE,CLOSE|x"
	as alice cfs put "$T/src" d/x
	saw ev "$n/d/|MOVED_TO|x" "$n/d/|MODIFY|x" "$n/d/|CLOSE_WRITE,CLOSE|x"
	as alice cfs mv d/x y
	saw ev "$n/d/|MOVED_FROM|x" "$n/|MOVED_TO|y"
	as alice cfs rm y
	saw ev "$n/|DELETE|y"
	as alice cfs mkdir d/sub
	saw ev "$n/d/|CREATE,ISDIR|sub"
	[ ! -e "$n/y" ] && [ -d "$n/d/sub" ]
}

@test "what another mount does is seen, and nothing else" {
	mkdir "$m/d" "$m/hidden" "$T/local" "$T/local/d" "$T/local/hidden"
	ls "$n/d"
	watch local -r "$T/local" --exclude hidden
	watch ev -r "$n" --exclude hidden
	for top in "$T/local" "$m"; do
		echo one >"$top/d/f"
		chmod 600 "$top/d/f"
		mv "$top/d/f" "$top/g"
		ln "$top/g" "$top/h"
		rm "$top/g"
		ln -s h "$top/d/link"
		mkfifo "$top/d/fifo"
		mv "$top/h" "$top/hidden/h"
		mv "$top/hidden/h" "$top/d/back"
		rm "$top/d/back"
		mkdir "$top/new"
		# What a directory is that is gone when it is told of, only who saw it before can know.
		case $top in
		"$m") wait_until 10 grep -q "|CREATE,ISDIR|new" "$T/ev.ev" ;;
		*) wait_until 10 grep -q "|CREATE,ISDIR|new" "$T/local.ev" ;;
		esac
		mv "$top/new" "$top/d/dir"
		rmdir "$top/d/dir"
		echo end >"$top/end"
	done
	saw local "$T/local/|CLOSE_WRITE,CLOSE|end"
	saw ev "$n/|CLOSE_WRITE,CLOSE|end"
	# By name: what is seen of the new directory itself depends on when its watch begins; a number of links is nobody's event.
	filter() { sed -n "s#^$2/##; /|\(CREATE\|DELETE\|MOVED\|MODIFY\|CLOSE_WRITE\)[^|]*|./p" "$1"; }
	diff <(filter "$T/local.ev" "$T/local") <(filter "$T/ev.ev" "$n")
}

@test "one's own changes are seen once" {
	mkdir "$T/local"
	watch local "$T/local"
	watch ev "$n"
	for top in "$T/local" "$n"; do
		for i in 1 2 3 4 5; do
			echo "$i" >"$top/f$i"
			echo more >>"$top/f$i"
			chmod 600 "$top/f$i"
			mv "$top/f$i" "$top/g$i"
			rm "$top/g$i"
		done
	done
	as alice cfs put "$T/src" marker
	saw ev "$n/|CLOSE_WRITE,CLOSE|marker"
	# Anything more of the own ones would have come before the marker.
	diff <(cut -d'|' -f2- "$T/local.ev") <(cut -d'|' -f2- "$T/ev.ev" | grep -v marker)
}

@test "who watches one file is told that it is changed, replaced and removed" {
	echo one >"$m/f"
	echo one >"$m/g"
	cat "$n/f" "$n/g"
	watch f "$n/f"
	watch g "$n/g"
	echo two >>"$m/f"
	saw f "$n/f|MODIFY|"
	[ "$(cat "$n/f")" = $'one\ntwo' ]
	echo three >"$m/new"
	mv "$m/new" "$m/f"
	saw f "$n/f|DELETE_SELF|"
	[ "$(cat "$n/f")" = three ]
	mv "$m/g" "$m/h"
	saw g "$n/g|MOVE_SELF|"
	rm "$m/h"
	saw g "$n/g|DELETE_SELF|"
}

@test "a file is new for who reads it when he is told" {
	python3 - "$m/f" "$n" <<'END'
import os, subprocess, sys
path, top = sys.argv[1:3]
name = os.path.join(top, "f")
open(path, "w").write("0000")
assert open(name).read() == "0000"
w = subprocess.Popen(["timeout", "60", "inotifywait", "-m", "-e", "modify", "--format", "%f", top],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
while "established" not in w.stderr.readline():
    pass
for i in range(1, 200):
    with open(path, "r+") as f:
        f.write("%04d" % i)
    assert w.stdout.readline() == "f\n"
    got = open(name).read()
    assert int(got) == i, (got, i)
w.kill()
w.wait()
END
}

@test "tail -f follows a file that another mount appends to" {
	echo line 0 >"$m/log"
	tail -n +1 -f "$n/log" >"$T/out" 3>&- &
	for i in 1 2 3 4 5 6 7 8; do
		echo "line $i" >>"$m/log"
		wait_until 10 grep -qx "line $i" "$T/out"
	done
	[ "$(cat "$T/out")" = "$(seq -f 'line %g' 0 8)" ]
}

@test "an editor's save elsewhere is seen, with what was saved" {
	require_tool vim
	echo old >"$m/text"
	cat "$n/text"
	watch ev -e moved_to,close_write,create "$n"
	TERM=dumb vim -u NONE -es -c 'set backupcopy=no' -c '%s/old/new/' -c wq "$m/text" </dev/null
	wait_until 10 grep -q '|text$' "$T/ev.ev"
	[ "$(cat "$n/text")" = new ]
}

@test "-o noinotify: nobody is told" {
	mount_as alice "$T/l" -o subdir=alice,noinotify
	watch quiet "$T/l"
	watch ev "$n"
	as alice cfs put "$T/src" x
	saw ev "$n/|CLOSE_WRITE,CLOSE|x"
	cat "$T/l/x"
	run ! grep -E 'CREATE|MODIFY' "$T/quiet.ev"
}

@test "another user's watcher is told of what its owner does" {
	new_user bob
	mount_as bob "$T/b"
	ls "$T/b/alice"
	watch ev "$T/b/alice"
	echo x >"$m/x"
	saw ev "$T/b/alice/|CREATE|x" "$T/b/alice/|CLOSE_WRITE,CLOSE|x"
}

@test "after a restart of the server watchers are told again" {
	watch ev "$n"
	kill_server -9
	as alice timeout 2 cfs put "$T/src" lost || true
	start_server
	wait_until 20 eval "as alice cfs put '$T/src' x && grep -q 'CLOSE_WRITE,CLOSE|x' '$T/ev.ev'"
}

@test "thousands of changes elsewhere: the mount goes on, and is unmounted in the middle of it" {
	mkdir "$m/d" "$T/many"
	ls "$n/d"
	seq -f "$T/many/%g" 6000 | xargs touch
	watch ev -e create "$n/d"
	as alice cfs put -rq "$T/many" d 3>&- &
	put=$!
	for i in 1 2 3 4 5 6 7 8 9 10; do
		timeout 5 sh -c "echo $i >'$n/d/own$i' && cat '$n/d/own$i' && mv '$n/d/own$i' '$n/own$i' && ls '$n' && rm '$n/own$i'"
	done
	wait_until 20 test -s "$T/ev.ev"
	pid=$(pgrep -f "cfs-mount $n ")
	timeout 10 cfs-mount -u "$n"
	kill -9 "$(pgrep -f "inotifywait.*$n/d")"
	timeout 20 tail --pid="$pid" -f /dev/null
	wait "$put"
	[ "$(find "$m/d" -type f | wc -l)" -eq 6000 ]
}

@test "a directory that a waiting call has locked holds up nobody for good" {
	mkdir "$m/d"
	ls "$n/d"
	watch ev "$n/d"
	pid=$(pgrep -f "cfs-mount $n ")
	session=$(ss -tnpH state established dst "$SERVER_ADDRESS" | sed -n "s/.*:\([0-9]*\) *$SERVER_ADDRESS .*pid=$pid,.*/\1/p" | head -n 1)
	session=$(ss -tnpH state established src "$SERVER_ADDRESS" | sed -n "s/.*:$session .*pid=\([0-9]*\),.*/\1/p" | head -n 1)
	kill -STOP "$session"
	mkdir "$n/d/waits" 3>&- &
	waits=$!
	(touch "$T/begun" && for i in 1 2 3 4 5 6; do echo "$i" >"$m/d/f$i"; done) 3>&- &
	others=$!
	wait_until 10 grep -q request_wait_answer "/proc/$waits/wchan"
	wait_until 10 test -e "$T/begun"
	kill -CONT "$session"
	wait "$waits"
	timeout 20 tail --pid="$others" -f /dev/null
	saw ev "$n/d/|CREATE,ISDIR|waits"
	saw ev "$n/d/|CLOSE_WRITE,CLOSE|f6"
}
