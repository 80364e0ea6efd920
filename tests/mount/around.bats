#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Reads here and there: what is fetched around them saves requests, is not fetched for a few, and is never old. CFS_RANDOM_SEED chooses
# another seed.
# limit: 240

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	require_tool python3
	start_server '[metrics]' 'listen = 127.0.0.1:0'
	METRICS=$(sed -n 's,^cfsd: metrics on http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$T/server.log" | tail -n 1)
	new_user alice
	seed=${CFS_RANDOM_SEED:-$((SRANDOM % 1000000))}
	echo "seed $seed"
}

# What the server counts under this name.
counted() {
	exec 9<>"/dev/tcp/127.0.0.1/$METRICS"
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&9
	awk -v name="$1" '$1 == name { n = $2 } END { printf "%d\n", n }' <&9
	exec 9>&-
}

has_read() { [ $(($(reads) - before)) -gt "$1" ]; }
reads() { counted 'cfs_operation_seconds_count{op="READ"}'; }
sent() { counted 'cfs_bytes_total{direction="out"}'; }

# search FILE MODEL BLOCKS: says how many requests that took.
search() {
	local before
	before=$(reads)
	python3 "$BATS_TEST_DIRNAME/around/search.py" "$1" "$2" "$3" "$seed"
	asked=$(($(reads) - before))
	echo "$3 blocks, $asked requests"
}

# mount_late DIR [MS]: its stores into the kernel's pages come late.
mount_late() {
	local late=${B:-build}/tests/late.so
	[ "${late#/}" != "$late" ] || late=$CFS_TOP/$late
	LD_PRELOAD=$late CFS_LATE_MS=${2:-20} ASAN_OPTIONS=verify_asan_link_order=0 mount_as alice "$1" -o subdir=alice
}

told() { as alice cfs receipts --json >"$T/told" && grep '"path"' "$T/told"; }

stale() { python3 "$BATS_TEST_DIRNAME/around/stale.py" "$1" "$2" "${CFS_STALE_SECONDS:-8}" "$seed"; }

@test "a file that is read in a random order takes few requests" {
	require_caches
	head -c 33556000 /dev/urandom >"$T/f"
	as alice cfs put -q "$T/f" f
	mount_as alice "$T/m" -o subdir=alice
	search "$T/m/f" "$T/f" 8193
	[ "$asked" -lt 4000 ]
	cmp "$T/f" "$T/m/f"
}

@test "a few blocks of a large file are all that is fetched" {
	truncate -s 4G "$T/f"
	for ((i = 1; i < 40; i++)); do
		head -c 65536 /dev/urandom | dd of="$T/f" bs=64K seek=$((i * 1600)) conv=notrunc status=none
	done
	as alice cfs put -q "$T/f" f
	mount_as alice "$T/m" -o subdir=alice
	before=$(sent)
	search "$T/m/f" "$T/f" 600
	[ "$asked" -le 610 ]
	[ $(($(sent) - before)) -lt 4000000 ]
}

@test "nothing is fetched where nothing is remembered" {
	head -c 32M /dev/urandom >"$T/f"
	as alice cfs put -q "$T/f" f
	mount_as alice "$T/m" -o subdir=alice,attr_timeout=0,entry_timeout=0
	search "$T/m/f" "$T/f" 3000
	[ "$asked" -ge 1500 ]
}

@test "another's file is read block by block, and is no complete download before it is one" {
	head -c 32M /dev/urandom >"$T/f"
	as alice cfs put -q "$T/f" f
	new_user bob
	mount_as bob "$T/m" -o subdir=alice
	search "$T/m/f" "$T/f" 3000
	[ "$asked" -ge 1500 ]
	umount_all
	wait_until 20 told
	grep -q '"complete": *false' "$T/told" && run -1 grep '"complete": *true' "$T/told"
}

@test "a mount that is told to end while it fetches ends" {
	local pid i readers=()
	head -c 16M /dev/urandom >"$T/f"
	as alice cfs put -q "$T/f" f
	mount_late "$T/m" 100
	# Each of them is left with a page that nobody reads any more, and a store may wait for it.
	for i in {1..16}; do
		python3 "$BATS_TEST_DIRNAME/around/endless.py" "$T/m/f" "$i" 2>>"$T/readers" 3>&- &
		readers+=($!)
	done
	before=$(reads)
	wait_until 20 has_read 2000
	for pid in $(test_processes); do
		! grep -qx cfs-mount "/proc/$pid/comm" || break
	done
	kill -TERM "$pid"
	wait_until 20 eval "! kill -0 $pid 2>/dev/null"
	wait "${readers[@]}" || true
	run ! mountpoint -q "$T/m"
}

@test "what another mount writes is never read as it was before" {
	mount_late "$T/m"
	mount_as alice "$T/m2" -o subdir=alice
	stale "$T/m/f" "$T/m2/f"
}

@test "what is written in this mount is never read as it was before" {
	mount_late "$T/m" 80
	stale "$T/m/f" "$T/m/f"
}
