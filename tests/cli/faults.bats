#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What goes wrong between the command and the store, and what is left of it: the old content or the new, a clear message, the
# right exit code.

load ../lib/cfs
load ../lib/proxy

setup() {
	test_begin
	# shellcheck disable=SC2034
	B=$(dirname "$(dirname "$(command -v cfs)")")
}

teardown() {
	local status=0
	proxy_stop
	test_end_disks || status=1
	test_end || status=1
	return "$status"
}

# Small disks of a test, and their end before the folder's.
disk() { # DIR SIZE
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount a small disk"
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2" tmpfs "$1" || skip "needs root, to mount a small disk"
}

test_end_disks() {
	local dir
	[ -z "$SERVER_PID" ] || kill_server -9
	for dir in "$T"/*/; do
		! mountpoint -q "$dir" || umount "$dir" || umount -l "$dir"
	done
}

alice_with_old() {
	start_server "$@"
	new_user alice
	echo old >old
	as alice cfs put old f
}

# alice puts big over f, and another file under a new name; both are under way.
two_puts() {
	head -c 20000000 /dev/urandom >big
	head -c 20000000 /dev/urandom >other
	as alice cfs --timeout 3s --bwlimit 8M put big f 2>said 3>&- &
	put=$!
	as alice cfs --timeout 3s --bwlimit 8M put other new 2>said-other 3>&- &
	put_other=$!
	wait_until 20 some_has_arrived
}

# More than the blobs of one of two puts that are under way can be, or one would be over.
some_has_arrived() {
	[ "$(du -sk "$T/store/blobs" | cut -f1)" -gt 12000 ]
}

two_puts_failed() {
	for pid in "$put" "$put_other"; do
		status=0 && wait "$pid" || status=$?
		[ "$status" -eq 5 ]
	done
	grep -q '^cfs put: ' said
	grep -q '^cfs put: ' said-other
}

# Bytes of a get that is under way: millions.
some_has_come_down() {
	[[ $(proxy_tell stats) =~ down\ [0-9]{7,} ]]
}

# alice's profile goes through the proxy from now on.
through_proxy() {
	proxy_start "${SERVER_ADDRESS##*:}" "$@"
	# shellcheck disable=SC2154
	sed -i "s/^port = .*/port = $proxy_port/" home/alice/.config/cfs/profiles.conf
}

@test "the line is cut in mid-put: exit 5, the old file stays, of a new one nothing is seen" {
	alice_with_old
	through_proxy
	two_puts
	proxy_tell refuse
	proxy_tell cut
	two_puts_failed
	proxy_tell heal
	[ "$(as alice cfs cat f)" = old ]
	[ "$(as alice cfs ls)" = f ]
}

@test "the line is cut in mid-get: exit 5, nothing under the final name" {
	alice_with_old
	head -c 20000000 /dev/urandom >big && as alice cfs put big
	through_proxy
	echo mine >copy
	as alice cfs --timeout 3s --bwlimit 8M get big copy 2>said 3>&- &
	get=$!
	wait_until 10 some_has_come_down
	proxy_tell refuse
	proxy_tell cut
	status=0 && wait "$get" || status=$?
	[ "$status" -eq 5 ]
	grep -q '^cfs get: ' said
	[ "$(cat copy)" = mine ]
	[ "$(find . -maxdepth 1 -name '*copy*')" = ./copy ]
}

@test "a line that is cut again and again is taken up again" {
	alice_with_old
	head -c 20000000 /dev/urandom >big
	through_proxy --cut-up 6000000 --cuts 3
	as alice cfs put big f
	proxy_tell heal
	as alice cfs --timeout 5s get f copy
	cmp big copy
	proxy_tell cut-down 6000000
	as alice cfs get f copy
	proxy_tell heal
	cmp big copy
	as alice cfs cat f | cmp - big
}

@test "a silent line: gives up after --timeout, exit 5" {
	alice_with_old
	through_proxy
	proxy_tell drop
	SECONDS=0
	run -5 as alice cfs --timeout 1s ls
	[ "$SECONDS" -le 6 ]
	[[ $output == 'cfs ls: '* ]]
}

@test "kill -9 of the server in mid-put: the old file is intact, the restart needs nothing" {
	alice_with_old
	two_puts
	kill_server -9
	two_puts_failed
	start_server
	[ "$(as alice cfs ls)" = f ]
	[ "$(as alice cfs cat f)" = old ]
	as alice cfs put big f
	as alice cfs cat f | cmp - big
	stop_server
	admin fsck
}

@test "the server's disk is full: exit 8, the old file is intact, deleting works" {
	disk store-disk 28M
	printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/store-disk/store" 'attic_keep = 0' 'min_free = 0' >cfsd.conf
	admin init
	mkdir store
	start_server
	new_user alice
	head -c 5000000 /dev/urandom >five
	as alice cfs put five f
	as alice cfs put cfsd.conf one
	head -c 40000000 /dev/urandom >big
	run -8 as alice cfs put big f
	[[ $output == 'cfs put: '*space* ]]
	run -8 as alice cfs put big g
	as alice cfs cat f | cmp - five
	[ "$(as alice cfs ls)" = $'f\none' ]
	# What failed is soon removed again, so that this alone says little: now others take all there is, the last byte too.
	head -c 40000000 /dev/zero >store-disk/others 2>/dev/null || true
	echo small >small
	run -8 as alice cfs put small
	as alice cfs cat f | cmp - five
	as alice cfs rm one
	# Each sign-in would be noted; where the log of the database ends there is no room for that, and still it can be read.
	for _ in {1..10}; do
		head -c 40000000 /dev/zero >>store-disk/others 2>/dev/null || true
		as alice cfs cat f | cmp - five
	done
	truncate -s -1M store-disk/others
	as alice cfs rm f
	[ -z "$(as alice cfs ls)" ]
	rm store-disk/others
	# The space comes back soon.
	wait_until 30 as alice cfs put small
	[ "$(as alice cfs cat small)" = small ]
}

@test "the local disk is full: exit 8, no half file under the final name, and what was there stays" {
	alice_with_old
	head -c 20000000 /dev/urandom >big && as alice cfs put big
	disk local 4M
	run -8 as alice cfs get big local/copy
	[[ $output == 'cfs get: '*[Ss]pace* ]]
	[ -z "$(find local -mindepth 1)" ]
	echo mine >local/copy
	run -8 as alice cfs get big local/copy
	[ "$(cat local/copy)" = mine ]
	[ "$(find local -mindepth 1)" = local/copy ]
	rm local/copy
	mkdir tree && cp big tree/big && echo small >tree/small && as alice cfs put -r tree
	run -9 as alice cfs get -r tree local
	[ "$(find local/tree -type f)" = local/tree/small ]
	[ "$(cat local/tree/small)" = small ]
}

@test "stored content that rots is refused, exit 7, and never written under the final name" {
	alice_with_old
	head -c 3000000 /dev/urandom >big && as alice cfs put big
	stop_server
	blob=$(find store/blobs -type f -size +1000k | head -n 1)
	printf x | dd of="$blob" bs=1 seek=1000000 conv=notrunc status=none
	start_server
	run -7 as alice cfs get big copy
	[[ $output == 'cfs get: big: '* ]]
	[ ! -e copy ]
	echo mine >copy
	run -7 as alice cfs get big copy
	[ "$(cat copy)" = mine ]
	[ "$(as alice cfs cat f)" = old ]
}

@test "100,000 files in one directory" {
	alice_with_old
	mkdir many && (cd many && seq -f %06.0f 100000 | xargs touch)
	as alice cfs put -r many
	[ "$(as alice cfs ls many | wc -l)" -eq 100000 ]
	[ "$(as alice cfs ls many | sha256sum)" = "$(find many -mindepth 1 -printf "%f\n" | LC_ALL=C sort | sha256sum)" ]
	[ "$(as alice cfs ls -d 'many/09999?' | wc -l)" -eq 10 ]
	as alice cfs rm -r many
	[ "$(as alice cfs ls)" = f ]
}

@test "garbage, a huge length, and nothing at all: the server goes on" {
	alice_with_old '[timeouts]' 'signin = 5s' '[server]' 'log_level = info'
	host=${SERVER_ADDRESS%:*} port=${SERVER_ADDRESS##*:}
	for _ in 1 2 3; do
		head -c 100000 /dev/urandom 2>/dev/null >"/dev/tcp/$host/$port" || true
	done 2>/dev/null
	require_tool openssl
	# Through TLS: a frame that claims four gigabytes.
	printf '\377\377\377\377\001\000\000\000\001\000\000\000\000\000\000\000' |
		timeout 10 openssl s_client -connect "$SERVER_ADDRESS" -alpn cfs/1 -quiet >/dev/null 2>&1 || true
	wait_until 3 grep -q 'a message of 4294967295 bytes is too large (65536 allowed)' server.log
	# Nothing: ended by the server's sign-in time.
	exec 9<>"/dev/tcp/$host/$port"
	SECONDS=0
	timeout 10 cat <&9 >/dev/null || true
	[ "$SECONDS" -le 8 ]
	exec 9<&-
	# Nothing behind the handshake.
	mkfifo silent && exec 9<>silent
	SECONDS=0
	timeout 12 openssl s_client -connect "$SERVER_ADDRESS" -alpn cfs/1 -quiet <silent >/dev/null 2>&1 || true
	exec 9<&-
	[ "$SECONDS" -le 9 ]
	grep -q 'no sign-in in time' server.log
	[ "$(as alice cfs cat f)" = old ]
	server_is_alive
}

@test "settings with errors, a newer store, a store that is in use" {
	alice_with_old
	run -1 timeout 20 cfsd -c cfsd.conf
	[[ $output == *'in use'* ]]
	[ "$(as alice cfs cat f)" = old ]
	stop_server
	sed 's/^path/pth/' cfsd.conf >bad.conf
	run timeout 20 cfsd -c bad.conf
	[ "$status" -ne 0 ]
	[[ $output == *'bad.conf:4: '*'did you mean path?'* ]]
	grep -q '[0-9]' store/format
	sed -i 's/[0-9]\+/99/' store/format
	run timeout 20 cfsd -c cfsd.conf
	[ "$status" -ne 0 ]
	[[ $output == *'format 99'* ]]
}
