#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What is asked for ahead of who walks through a tree: it saves the questions, is never old, and is bounded.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	require_caches
	start_server '[metrics]' 'listen = 127.0.0.1:0'
	METRICS=$(sed -n 's,^cfsd: metrics on http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$T/server.log" | tail -n 1)
	new_user alice
}

# make_tree DIRS FILES BYTES: the same text in each file of a directory, other in other ones.
make_tree() {
	local d f
	for ((d = 0; d < $1; d++)); do
		mkdir -p "$T/tree/d$d"
		for ((f = 0; f < $2; f++)); do
			head -c "$3" < <(yes "$d $f") >"$T/tree/d$d/f$f"
		done
	done
	as alice cfs put -rq "$T/tree" tree
}

# In the order of the listing, which is the order of a walk.
files_of() { find "$1" -type f -printf '%p\n'; }

stop_sessions() {
	mapfile -t sessions < <(pgrep -P "$SERVER_PID")
	kill -STOP "${sessions[@]}"
}

go_on() { kill -CONT "${sessions[@]}"; }

# asked OPERATION COUNT: whether the server was asked so often.
asked() {
	[ "$(http_metrics | sed -n "s/^cfs_operation_seconds_count{op=\"$1\"} //p")" -ge "$2" ]
}

http_metrics() {
	exec 9<>"/dev/tcp/127.0.0.1/$METRICS"
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&9
	cat <&9
	exec 9>&-
}

@test "who reads a directory's files one after the other finds the next ones there" {
	make_tree 1 20 3000
	mount_as alice "$T/m" -o subdir=alice
	mapfile -t files < <(files_of "$T/m/tree")
	[ "${#files[@]}" -eq 20 ]
	cat "${files[@]:0:3}" >"$T/read"
	stop_sessions
	cat "${files[10]}" >"$T/read"
	go_on
	cmp "$T/read" "$T/tree/${files[10]#"$T/m/tree/"}"
}

@test "who walks through directories finds the next one's listing and files there" {
	make_tree 4 6 3000
	mount_as alice "$T/m" -o subdir=alice
	mapfile -t dirs < <(ls -U "$T/m/tree")
	for d in "${dirs[@]:0:2}"; do
		ls "$T/m/tree/$d" >"$T/listed"
		cat "$T/m/tree/$d"/f* >"$T/read"
	done
	next=${dirs[2]}
	# A thread asks for them: all directories but the top one were listed, and their files read, once it has done so.
	wait_until 10 asked READDIR 5
	wait_until 10 asked READ 24
	stop_sessions
	ls "$T/m/tree/$next" >"$T/listed"
	cat "$T/m/tree/$next/f1" >"$T/read"
	go_on
	[ "$(wc -l <"$T/listed")" -eq 6 ]
	cmp "$T/read" "$T/tree/$next/f1"
}

@test "what is changed elsewhere after it was asked for is read as it is now" {
	make_tree 1 24 3000
	mount_as alice "$T/m" -o subdir=alice
	mount_as alice "$T/m2" -o subdir=alice
	mapfile -t files < <(files_of "$T/m/tree")
	cat "${files[@]:0:3}" >"$T/read"
	for ((i = 3; i < 24; i++)); do
		name=${files[i]#"$T/m/"}
		case $((i % 5)) in
		0) echo "now $i" >"$T/m2/$name" ;;
		1) printf 'now %s' "$i" | dd of="$T/m2/$name" conv=notrunc status=none ;;
		2) echo "now $i" >"$T/new" && as alice cfs put "$T/new" "$name" ;;
		3) rm "$T/m2/$name" && echo "now $i" >"$T/m2/$name" ;;
		4) echo "now $i" >"$T/m2/other" && mv "$T/m2/other" "$T/m2/$name" ;;
		esac
		cmp "$T/m/$name" "$T/m2/$name"
		grep -q "^now $i" "$T/m/$name"
	done
}

@test "what this mount changed after it was asked for is read as it is now" {
	make_tree 1 24 3000
	mount_as alice "$T/m" -o subdir=alice
	mapfile -t files < <(files_of "$T/m/tree")
	cat "${files[@]:0:3}" >"$T/read"
	for ((i = 3; i < 24; i++)); do
		case $((i % 4)) in
		0) echo "now $i" >"${files[i]}" ;;
		1) printf 'now %s' "$i" | dd of="${files[i]}" conv=notrunc status=none ;;
		2) echo "now $i" >>"${files[i]}" ;;
		3) truncate -s 5 "${files[i]}" ;;
		esac
		case $((i % 4)) in
		2) [ "$(tail -n 1 "${files[i]}")" = "now $i" ] || [ "$(tail -c 7 "${files[i]}")" = "now $i" ] ;;
		3) [ "$(wc -c <"${files[i]}")" -eq 5 ] ;;
		*) grep -q "^now $i" "${files[i]}" ;;
		esac
	done
}

@test "a tree that others change all the time is walked through without an old file" {
	make_tree 6 20 2000
	mount_as alice "$T/m" -o subdir=alice
	mount_as alice "$T/m2" -o subdir=alice
	for ((i = 1; i <= 12; i++)); do
		for f in "$T/m2/tree"/d*/f$((i % 20)); do
			echo "round $i" >"$f"
		done
		tar -C "$T/m" -cf "$T/tar" tree
		rm -rf "$T/out" && mkdir "$T/out" && tar -C "$T/out" -xf "$T/tar"
		[ "$(cat "$T/out/tree"/d*/f$((i % 20)) | sort -u)" = "round $i" ]
	done
}

@test "a walk through much takes little memory" {
	[ -z "${SAN:-}${TSAN:-}" ] || skip 'a sanitizer takes more memory'
	make_tree 20 40 120000
	mount_as alice "$T/m" -o subdir=alice
	tar -C "$T/m" -cf - tree | wc -c >"$T/size"
	[ "$(<"$T/size")" -gt 96000000 ]
	for pid in $(test_processes); do
		if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = cfs-mount ]; then
			awk '/^VmHWM/ { print $2 }' "/proc/$pid/status"
		fi
	done | sort -n | tail -n 1 >"$T/peak"
	echo "peak $(<"$T/peak") KiB"
	[ "$(<"$T/peak")" -lt 65536 ]
}

@test "another's files are read when they are read: one download each" {
	make_tree 1 20 3000
	new_user bob
	mount_as bob "$T/m" -o subdir=alice
	mapfile -t files < <(files_of "$T/m/tree")
	cat "${files[@]:0:5}" >"$T/read"
	umount_all
	wait_until 20 told
	[ "$(as alice cfs receipts --json | grep -c '"path"')" -eq 5 ]
}

told() { [ "$(as alice cfs receipts --json | grep -c '"path"')" -ge 5 ]; }
