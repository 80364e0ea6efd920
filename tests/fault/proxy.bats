#!/usr/bin/env bats
# limit: 60
# SPDX-License-Identifier: GPL-3.0-or-later
#
# shellcheck disable=SC2154  # proxy_port, of proxy.bash
#
# The proxy that other tests break connections with: it relays faithfully, and each fault is one.

setup() {
	load ../lib/proxy.bash
	B=${B:-build}
	stream=$B/tests/bench/stream
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	dir=$(mktemp -d "${TMPDIR:-/tmp}/proxy-test.XXXXXX")
	mkdir "$dir/served"
	"$B/tests/bench/probe" file "$dir/source" 20000003 1
	cp "$dir/source" "$dir/served/source"
	"$stream" serve "$dir/served" >"$dir/port" 3>&- &
	server=$!
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		[[ -s $dir/port ]] && break
		sleep 0.01
	done
}

teardown() {
	proxy_stop
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	rm -rf "$dir"
}

put() { "$stream" put "$proxy_port" "$dir/source" "$1"; }
get() { "$stream" get "$proxy_port" source "$dir/$1"; }
milliseconds_of() { # COMMAND...
	local start=$EPOCHREALTIME end
	"$@" || return 1
	end=$EPOCHREALTIME
	echo $(((${end/./} - ${start/./}) / 1000))
}

stats_become() { # REGEX: within 5 s
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		[[ $(proxy_tell stats) =~ $1 ]] && return 0
		sleep 0.01
	done
	return 1
}

@test "bytes pass unchanged both ways, several connections at once" {
	proxy_start "$(<"$dir/port")"
	put one &
	local first=$!
	put two &
	local second=$!
	get back
	wait "$first"
	wait "$second"
	cmp "$dir/source" "$dir/served/one"
	cmp "$dir/source" "$dir/served/two"
	cmp "$dir/source" "$dir/back"
}

@test "a delay shows as round trips, and bytes still pass unchanged" {
	proxy_start "$(<"$dir/port")" --delay 50
	# Handshakes of TCP and TLS, then request and answer: three round trips of 100 ms.
	local took
	took=$(milliseconds_of get back)
	((took >= 300 && took < 3000))
	cmp "$dir/source" "$dir/back"
}

@test "a rate cap shows" {
	proxy_start "$(<"$dir/port")" --rate 400
	local took # 20 MB at 50 MB/s
	took=$(milliseconds_of get back)
	((took >= 390 && took < 3000))
	cmp "$dir/source" "$dir/back"
}

@test "cut-up resets the connection after so many bytes, and cuts counts them" {
	proxy_start "$(<"$dir/port")" --cut-up 5000000 --cuts 1
	run put cut
	[[ $status -ne 0 ]]
	(($(stat -c %s "$dir/served/cut") < 5000000))
	put whole
	cmp "$dir/source" "$dir/served/whole"
}

@test "cut-down resets the connection after so many bytes, until healed" {
	proxy_start "$(<"$dir/port")"
	proxy_tell cut-down 5000000
	run get cut
	[[ $status -ne 0 ]]
	(($(stat -c %s "$dir/cut") < 5000000))
	run get cut
	[[ $status -ne 0 ]]
	proxy_tell heal
	get whole
	cmp "$dir/source" "$dir/whole"
}

@test "drop holds everything back and ends nothing; heal lets it pass" {
	proxy_start "$(<"$dir/port")"
	proxy_tell drop
	get back 3>&- &
	local client=$!
	stats_become '^accepted 1 open 1 '
	kill -0 "$client"
	[[ $(proxy_tell stats) == *'up 0 down 0 held 0' ]]
	proxy_tell heal
	wait "$client"
	cmp "$dir/source" "$dir/back"
}

@test "cut resets what is open, and refuse what is new" {
	proxy_start "$(<"$dir/port")"
	proxy_tell drop
	get back 3>&- 2>/dev/null &
	local client=$!
	stats_become '^accepted 1 open 1 '
	proxy_tell cut
	run wait "$client"
	[[ $status -ne 0 ]]
	proxy_tell heal
	proxy_tell refuse
	run get back
	[[ $status -ne 0 ]]
	proxy_tell heal
	get back
}

@test "half up ends what the client says; the answer still comes" {
	proxy_start "$(<"$dir/port")" --rate 200
	get back 3>&- &
	local client=$!
	stats_become 'down [0-9]{6}'
	proxy_tell half up
	wait "$client"
	cmp "$dir/source" "$dir/back"
}

@test "an unknown command is refused" {
	proxy_start "$(<"$dir/port")"
	run proxy_tell no-such-command
	[[ $status -eq 1 ]]
	[[ $output == error:* ]]
}
