#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfs top, cfsadm top, sessions, kick and events: watching the server.

load ../lib/cfs

start_with_users() {
	start_server
	new_user alice
	new_user bob
	head -c 1000000 /dev/urandom >"$T/big"
}

# A subscription of that user that stays until the test ends.
stay() {
	as "$1" cfs watch >"$T/stay.$1" 2>&1 3>&- &
	connected() { admin sessions --json | jq -es --arg u "$1" 'any(.[]; .user == $u)' >/dev/null; }
	wait_until 10 connected "$1"
}

process_of() { admin sessions --json | jq --arg u "$1" 'select(.user == $u) | .pid'; }

# screen NAME COLUMNS LINES COMMAND…: a terminal with the command in it.
screen() {
	local name=$1 columns=$2 lines=$3
	shift 3
	# shellcheck disable=SC2024
	LC_ALL=C.UTF-8 tmux -S "$T/tmux" -f /dev/null new-session -d -s "$name" -x "$columns" -y "$lines" "trap : INT; $*; echo ended with \$?; cat" 3>&-
}

picture() { LC_ALL=C.UTF-8 tmux -u -S "$T/tmux" capture-pane -p -t "$1:"; }
shows() { picture "$1" | grep -q -- "$2"; }
keys() {
	local name=$1
	shift
	tmux -S "$T/tmux" send-keys -t "$name:" "$@"
}

@test "an admin sees everything, a user his own" {
	start_with_users
	stay alice
	stay bob
	admin top --once >"$T/admin"
	grep -q '^ cfsadm top  cfsd ' "$T/admin"
	grep -q ' alice  .*127.0.0.1' "$T/admin"
	grep -q ' bob  .*127.0.0.1' "$T/admin"
	grep -q 'bob sign-in$' "$T/admin"
	as alice cfs top --once >"$T/user"
	grep -q '^ cfs top  cfsd ' "$T/user"
	grep -q ' alice  .*127.0.0.1' "$T/user"
	run ! grep -q bob "$T/user"
	run -2 as alice cfs top --sort=size
	[[ $output == *"'size' is none of traffic, ops, failures, user or idle" ]]
	run -2 admin top --sort=size
	[[ $output == *"'size' is none of traffic, ops, failures, user or idle" ]]
	# Nothing is wider than was asked for, and without UTF-8 nothing but ASCII.
	LC_ALL=C admin top --once >"$T/ascii"
	[ "$(awk 'length > 120' "$T/ascii" | wc -l)" -eq 0 ]
	LC_ALL=C run ! grep -q '[^ -~]' "$T/ascii"
}

@test "as JSON: one object, or one a line" {
	start_with_users
	stay bob
	as bob cfs put "$T/big"
	admin top --json >"$T/json"
	[ "$(wc -l <"$T/json")" -eq 1 ]
	jq -e '.bytes_in > 1000000 and .users == 2 and .by_operation.put.count == 1 and .refused == 0' "$T/json"
	jq -e '[.sessions[] | select(.user == "bob")] | length == 1' "$T/json"
	as alice cfs top --json | jq -e '(.sessions | length) == 1 and .sessions[0].user == "alice" and (has("log") | not)'
	admin top --json -i 100ms -c 3 >"$T/lines"
	[ "$(jq -s length "$T/lines")" -eq 3 ]
	[ "$(jq -s '.[2].clock_us - .[0].clock_us > 150000' "$T/lines")" = true ]
}

@test "transfers are seen while they move, by both ends and the owner" {
	start_with_users
	# More than is under way at a time.
	head -c 50000000 /dev/urandom >"$T/big"
	as alice cfs put "$T/big"
	as bob cfs get --bwlimit 3M /alice/big "$T/copy" 3>&- &
	local get=$!
	as bob cfs put --bwlimit 3M "$T/big" mine 3>&- &
	local put=$!
	both() {
		admin top --json >"$T/json"
		jq -e '[.transfers[] | select(.user == "bob" and .done > 0 and .done < .total and .total == 50000000)] | length == 2' "$T/json"
	}
	wait_until 10 both
	jq -e '[.transfers[] | .direction + .path] | sort == ["in/bob/mine", "out/alice/big"]' "$T/json"
	as alice cfs top --json | jq -e '[.transfers[].path] == ["/alice/big"]'
	as alice cfs top --once | grep -Eq '^ (↓|v) bob +/alice/big +\['
	as bob cfs top --json | jq -e '.transfers | length == 2'
	pkill -P "$get"
	pkill -P "$put"
	over() { admin top --json | jq -e '.transfers | length == 0'; }
	wait_until 20 over
}

@test "the screen at 80x24: keys, filter, help, a new size, and the terminal is given back" {
	require_tool tmux
	start_with_users
	stay alice
	stay bob
	screen a 80 24 "cfsadm -c $T/cfsd.conf top -i 200ms"
	wait_until 10 shows a '^ cfsadm top  cfsd '
	wait_until 10 shows a ' bob '
	[ "$(picture a | wc -l)" -eq 24 ]
	picture a | tail -n 1 | grep -q '^ q quit  s sort: traffic'
	wait_until 5 shows a '▁'
	keys a s
	wait_until 5 shows a 'sort: ops'
	keys a / a l i
	wait_until 5 shows a 'show only: ali_'
	keys a Enter
	# shellcheck disable=SC2317
	gone() { picture a >"$T/picture" && [ "$(grep -c ' bob ' "$T/picture")" -eq 0 ]; }
	wait_until 5 gone
	shows a ' alice '
	keys a Escape
	wait_until 5 shows a ' bob '
	keys a h
	wait_until 5 shows a 'quit$'
	keys a h p
	wait_until 5 shows a PAUSED
	keys a p
	tmux -S "$T/tmux" resize-window -t a: -x 200 -y 40
	wait_until 5 shows a ' PID USER '
	tmux -S "$T/tmux" resize-window -t a: -x 40 -y 10
	small() { [ "$(picture a | tail -n 1 | cut -c 1-7)" = ' q quit' ] && [ "$(picture a | wc -l)" -eq 10 ]; }
	wait_until 5 small
	keys a q
	wait_until 5 shows a 'ended with 0'
}

@test "the screen for a user; Ctrl-C gives the terminal back; a server that comes back is seen again" {
	require_tool tmux
	start_with_users
	screen u 100 30 "HOME=$T/home/alice XDG_RUNTIME_DIR=$T/home/alice/run NO_COLOR=1 cfs top -i 200ms"
	wait_until 10 shows u '^ cfs top  cfsd '
	wait_until 5 shows u 'alice sign-in'
	run ! shows u 'kick'
	# No colour at all, though there is bold and reverse.
	[ "$(tmux -S "$T/tmux" capture-pane -e -p -t u: | grep -c $'\e\\[[0-9;]*3[0-7]m')" -eq 0 ]
	restart_server
	as bob cfs put "$T/big"
	as alice cfs mkdir after
	wait_until 20 shows u 'create /alice/after'
	keys u C-c
	wait_until 5 shows u 'ended with 130'
}

@test "sessions and kick" {
	start_with_users
	stay alice
	stay bob
	admin sessions | grep -q '^[0-9]* *alice .*127.0.0.1'
	[ "$(admin sessions --json | jq -s 'length')" -eq 2 ]
	alice=$(process_of alice)
	admin kick alice 2>"$T/kick"
	grep -q '1 connection was told to end' "$T/kick"
	# They do not come back.
	left() { [ "$(admin sessions --json | jq --argjson pid "$1" 'select(.pid == $pid)')" = '' ]; }
	wait_until 10 left "$alice"
	wait_until 10 grep -q "^cfs watch: signed out by the server's administrator\$" "$T/stay.alice"
	bob=$(process_of bob)
	admin kick -p "$bob"
	wait_until 10 left "$bob"
	run -3 admin kick nobody
	run -3 admin kick -p 1
	run -2 admin kick
	[ "$(admin events --since 0 --no-follow --json | jq -s '[.[] | select(.op == "admin_kick")] | length')" -eq 2 ]
}

@test "kick from the screen asks first" {
	require_tool tmux
	start_with_users
	stay bob
	screen k 80 24 "cfsadm -c $T/cfsd.conf top -i 200ms --filter bob"
	wait_until 10 shows k '^ bob '
	keys k Down k
	wait_until 5 shows k 'end the connection of bob from 127.0.0.1:[0-9]*? (y/n)'
	keys k n
	wait_until 5 shows k 'k kick'
	admin sessions | grep -q bob
	bob=$(process_of bob)
	keys k k y
	gone() { [ "$(process_of bob)" != "$bob" ]; }
	wait_until 10 gone
	keys k q
}

@test "events are told to an admin each once, across a restart" {
	start_with_users
	admin events --since 0 --json >"$T/events" 2>"$T/events.err" 3>&- &
	as alice cfs mkdir one
	restart_server
	as bob cfs mkdir two
	run -4 as bob cfs rm -r /alice/one
	has_two() { grep -q '"/bob/two"' "$T/events"; }
	wait_until 20 has_two
	jq -es '[.[].id] as $ids | ($ids | unique) == $ids' "$T/events"
	[ "$(jq -r '.path' "$T/events" | grep -c '^/alice/one$\|^/bob/two$')" -eq 2 ]
	admin watch --since 0 --count 2 | grep -c . | grep -qx 2
	stop_server
	run -5 admin events
}
