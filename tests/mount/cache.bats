#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The cache on this machine's disk: it saves the way to the server, is never old, never wrong, never too large, and may be lost at
# any time.
# limit: 300
# shellcheck disable=SC2030,SC2031

load ../lib/cfs
load ../lib/proxy

setup() {
	test_begin
	require_fuse
	require_caches
	start_server '[metrics]' 'listen = 127.0.0.1:0'
	METRICS=$(sed -n 's,^cfsd: metrics on http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$T/server.log" | tail -n 1)
	new_user alice
	C=$T/cache
}

teardown() {
	local status=0
	umount_all || status=1
	! mountpoint -q "$T/small" || umount "$T/small" || umount -l "$T/small"
	proxy_stop
	test_end || status=1
	return "$status"
}

# How often the server was asked for content.
reads() {
	exec 9<>"/dev/tcp/127.0.0.1/$METRICS"
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&9
	awk '$1 == "cfs_operation_seconds_count{op=\"READ\"}" { n = $2 } END { print n + 0 }' <&9
	exec 9>&-
}

# make NAME KIB: random bytes in $T/NAME, and in alice's tree.
make() {
	head -c "$(($2 * 1024))" /dev/urandom >"$T/$1"
	as alice cfs put -q "$T/$1" "$1"
}

mount_cached() { mount_as "${2:-alice}" "$T/m" -o "subdir=alice,cache_dir=$C,cache_size=${1:-64M}"; }

no_mount_lives() { ! pgrep -x cfs-mount -s 0 && ! test_processes | xargs -r -I{} cat /proc/{}/comm | grep -qx cfs-mount; }

unmount() {
	as alice cfs-mount -u "$T/m"
	wait_until 10 no_mount_lives
}

# The kernel has no page of these files any more.
drop_pages() {
	local file
	for file in "$@"; do
		dd if="$file" iflag=nocache count=0 status=none
	done
}

# Reads it anew, and compares.
same() {
	drop_pages "$T/m/$1"
	cmp "$T/$1" "$T/m/$1"
}

kept_kib() { du -sk "$C" | cut -f1; }
kept() { [ "$(kept_kib)" -ge "$1" ]; }

# Reads a file of so many KiB until all of it is in the cache: what the thread that writes has no room for is not kept.
fill() {
	same "$1"
	wait_until 20 eval "kept $2 || { same $1 && false; }"
}

@test "a second mount reads from the cache what the first has read" {
	make f 6000
	make g 100
	mount_cached
	before=$(reads)
	fill f 6000
	fill g 6100
	[ "$(reads)" -gt "$before" ]
	[ "$(stat -c %a "$C" "$C/index" "$C/parts" | xargs)" = '700 600 600' ]
	# This one, too, when the kernel has dropped the pages.
	before=$(reads)
	same f
	[ "$(reads)" -eq "$before" ]
	unmount
	mount_cached
	cmp "$T/f" "$T/m/f"
	cmp "$T/g" "$T/m/g"
	cmp <(tail -c +1000000 "$T/f" | head -c 300) <(tail -c +1000000 "$T/m/f" | head -c 300)
	[ "$(reads)" -eq "$before" ]
}

@test "without cache_dir nothing is kept; what cannot be a cache is refused" {
	run -2 as alice cfs-mount "$T/m" -o cache_size=1G
	[[ $output == *"cache_size"*"cache_dir"* ]]
	run -2 as alice cfs-mount "$T/m" -o "cache_dir=$C,cache_size=1000"
	[[ $output == *"cache_size=1000"*"1M"* ]]
	run -2 as alice cfs-mount "$T/m" -o "cache_dir=$C,attr_timeout=0"
	[[ $output == *"attr_timeout"* ]]
	mkdir "$T/m" "$C"
	chmod 777 "$C"
	run -4 as alice cfs-mount "$T/m" -o "cache_dir=$C"
	[[ $output == *"cache_dir: $C: others may write to it"* ]]
	rmdir "$C"
	: >"$C"
	run ! as alice cfs-mount "$T/m" -o "cache_dir=$C"
	[[ $output == *"cache_dir: $C: not a directory"* ]]
	run ! mountpoint -q "$T/m"
	if [ "$(id -u)" -eq 0 ]; then
		rm "$C"
		mkdir "$C"
		chown 65534 "$C"
		run -4 as alice cfs-mount "$T/m" -o "cache_dir=$C"
		[[ $output == *"another user"* ]]
	fi
}

# Notes the largest size that it sees until the file `stop` is there.
watch_size() {
	local size largest=0
	until [ -e "$T/stop" ] || [ ! -d "$C" ]; do
		size=$(du -sB1 "$C" | cut -f1)
		[ "$size" -le "$largest" ] || largest=$size
	done
	echo "$largest" >"$T/largest"
}

@test "it never takes more than its size, whatever is read" {
	for i in 1 2 3 4 5; do make "f$i" 3000; done
	mount_cached 4M
	watch_size 3>&- &
	watcher=$!
	for i in 1 2 3 4 5 1 2 5 4; do same "f$i"; done
	wait_until 10 kept 3500
	: >"$T/stop"
	wait "$watcher"
	echo "largest: $(<"$T/largest")"
	[ "$(<"$T/largest")" -le $((4 << 20)) ]
	[ "$(<"$T/largest")" -gt $((3 << 20)) ]
	# What was read last is still there: the file before it had to go.
	before=$(reads)
	fill f4 3500
	before=$(reads)
	same f4
	[ "$(reads)" -eq "$before" ]
	unmount
	mount_cached 1M
	[ "$(du -sB1 "$C" | cut -f1)" -le $((1 << 20)) ]
	for i in 1 2; do same "f$i"; done
}

# Other bytes at so many places of the cache.
damage() {
	local i
	for ((i = 0; i < 40; i++)); do
		printf 'damaged' | dd of="$C/parts" bs=1 seek=$((i * 150000 + 77)) conv=notrunc status=none
	done
}

@test "bytes that were damaged on the disk are noticed, and had from the server" {
	make f 6000
	mount_cached
	fill f 6000
	damage
	before=$(reads)
	same f
	[ "$(reads)" -gt "$before" ]
	fill f 6000
	unmount
	damage
	mount_cached
	same f
	# A file that is cut, and one of noise.
	truncate -s 1000000 "$C/parts"
	same f
	unmount
	head -c 100000 /dev/urandom >"$C/index"
	mount_cached
	same f
	fill f 6000
}

read_on() {
	local i
	for ((i = 0; i < 30; i++)); do
		same f || return 1
	done
}

@test "it may be removed while it is read, as often as one likes" {
	make f 6000
	mount_cached
	fill f 6000
	read_on 3>&- &
	reader=$!
	while kill -0 "$reader" 2>/dev/null; do
		rm -rf "$C"
		rm -f "$C/index"
		sleep 0.2
	done
	wait "$reader"
	rm -rf "$C"
	fill f 6000
	before=$(reads)
	same f
	[ "$(reads)" -eq "$before" ]
	# And where it cannot be made again.
	rm -rf "$C"
	: >"$C"
	sleep 1.1
	same f
	same f
	[ -f "$C" ] && [ ! -s "$C" ]
}

@test "what somebody else writes is seen at once" {
	make f 6000
	mount_cached
	mount_as alice "$T/other" -o subdir=alice
	fill f 6000
	for ((i = 0; i < 20; i++)); do
		head -c 100000 /dev/urandom >"$T/new"
		dd if="$T/new" of="$T/f" bs=100000 seek=$((i * 3)) conv=notrunc status=none
		dd if="$T/new" of="$T/other/f" bs=100000 seek=$((i * 3)) conv=notrunc status=none
		same f
	done
	truncate -s 3000000 "$T/f" "$T/other/f"
	same f
	truncate -s 5000000 "$T/f" "$T/other/f"
	same f
	make f 5000
	same f
	# And by programs on this very mount.
	dd if="$T/new" of="$T/f" bs=100000 seek=7 conv=notrunc status=none
	dd if="$T/new" of="$T/m/f" bs=100000 seek=7 conv=notrunc status=none
	same f
	fallocate -p -o 1000000 -l 500000 "$T/f"
	fallocate -p -o 1000000 -l 500000 "$T/m/f"
	same f
}

mount_pids() {
	local pid
	for pid in $(test_processes); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cfs-mount ] || echo "$pid"
	done
}

@test "a mount that is killed leaves a cache that the next one can use" {
	make f 6000
	make g 6000
	for i in 1 2 3; do
		mount_cached
		fill f "6000"
		cat "$T/m/g" >"$T/out" 2>/dev/null 3>&- &
		reader=$!
		wait_until 10 kept $((6000 + i * 100))
		# shellcheck disable=SC2046
		kill -9 $(mount_pids)
		wait "$reader" || true
		fusermount3 -u "$T/m" || fusermount3 -uz "$T/m"
		wait_until 10 no_mount_lives
		mount_cached
		before=$(reads)
		cmp "$T/f" "$T/m/f"
		[ "$(reads)" -eq "$before" ]
		cmp "$T/g" "$T/m/g"
		unmount
	done
}

@test "on a full disk reading goes on, and what is there is used" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount a small disk"
	mkdir "$T/small"
	mount -t tmpfs -o size=2M tmpfs "$T/small" || skip "needs root, to mount a small disk"
	C=$T/small/cache
	make f 1000
	make g 6000
	mount_cached 64M
	fill f 1000
	same g
	same g
	wait_until 10 kept 1900
	before=$(reads)
	same f
	[ "$(reads)" -eq "$before" ]
	unmount
	# Not even its files can be made.
	rm -r "$C"
	head -c 3000000 /dev/zero >"$T/small/all" || true
	: >"$T/small/more" || true
	mount_cached 64M
	same f
}

receipts_are() {
	[ "$(as alice cfs receipts --json | grep -c '"complete":true')" -eq "$1" ]
}

@test "others' files are read from the server each time, and the owner is told" {
	make f 3000
	new_user bob
	mount_cached 64M bob
	mount_as bob "$T/again" -o "subdir=alice"
	for i in 1 2; do
		before=$(reads)
		same f
		[ "$(reads)" -gt "$before" ]
	done
	[ "$(kept_kib)" -lt 200 ]
	wait_until 10 receipts_are 1
}

@test "two mounts that name the same directory: one has it, the other goes without until that has ended" {
	make f 3000
	mount_cached
	mount_as alice "$T/other" -o "subdir=alice,cache_dir=$C,cache_size=64M"
	grep -q 'another mount uses it' "$T/mount.log"
	fill f 3000
	before=$(reads)
	cmp "$T/f" "$T/other/f"
	[ "$(reads)" -gt "$before" ]
	as alice cfs-mount -u "$T/m"
	used_by_other() {
		drop_pages "$T/other/f"
		before=$(reads)
		cmp "$T/f" "$T/other/f"
		[ "$(reads)" -eq "$before" ]
	}
	wait_until 20 used_by_other
}

# A program that reads 4 KiB at 60 places of one open file prints the milliseconds that took.
scattered_ms() {
	drop_pages "$T/m/f"
	python3 - "$T/m/f" "$T/f" <<'END'
import os, sys, time
fd, right = os.open(sys.argv[1], os.O_RDONLY), open(sys.argv[2], "rb").read()
began = time.monotonic()
for i in range(60):
    at = i * 787 % 1400 * 4096
    assert os.pread(fd, 4096, at) == right[at:at + 4096]
print(int((time.monotonic() - began) * 1000))
END
}

@test "with a long way to the server what is kept is read without going there" {
	require_tool python3
	make f 6000
	proxy_start "${SERVER_ADDRESS##*:}" --delay 20
	# shellcheck disable=SC2154
	sed -i "s/^port = .*/port = $proxy_port/" "$T/home/alice/.config/cfs/profiles.conf"
	mount_as alice "$T/m" -o subdir=alice
	without=$(scattered_ms)
	unmount
	mount_cached
	fill f 6000
	unmount
	mount_cached
	with=$(scattered_ms)
	echo "60 pieces: $without ms without, $with ms with the cache"
	[ $((with * 2)) -lt "$without" ]
}
