#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The audit log: every event once, one JSON object a line, whatever happens to the server and to the file.

load ../lib/cfs

start_with_audit() {
	start_server '[audit]' "file = $T/audit.log"
	new_user alice
	new_user bob
}

# Every line is an object, and the numbers of all files together are those of the server's events, each once and in order.
check_audit() {
	cat "$@" >"$T/all"
	jq -es '[.[].id] as $ids | ($ids | sort | unique) == $ids' "$T/all"
	admin events --since 0 --no-follow --json | jq .id >"$T/want"
	jq .id "$T/all" >"$T/got"
	diff "$T/want" "$T/got"
}

written() { # PATTERN
	grep -q "$1" "$T/audit.log"
}

@test "what happens stands in the file, one object a line, readable by its owner alone" {
	start_with_audit
	as alice cfs mkdir docs
	head -c 5000 /dev/urandom >"$T/f"
	as alice cfs put "$T/f" docs/
	as bob cfs get /alice/docs/f "$T/copy"
	as alice cfs mv docs/f docs/g
	as alice cfs put "$T/f" $'docs/a\nb\x01\xff'
	run -4 as bob cfs rm /alice/docs/g
	run -4 as bob cfs login "cfs://mallory@$SERVER_ADDRESS" --password-file <(echo wrong)
	wait_until 10 written '"event":"refused"'
	[ "$(stat -c %a "$T/audit.log")" = 600 ]
	check_audit "$T/audit.log"
	jq -es '.[] | select(.event == "download") | .user == "bob" and .path == "/alice/docs/f" and .complete == null and .op == "download" and (.peer | startswith("127.0.0.1:"))' "$T/audit.log"
	jq -es '.[] | select(.op == "rename") | .path == "/alice/docs/f" and .target == "/alice/docs/g" and .result == "done"' "$T/audit.log"
	jq -es '[.[] | select(.event == "admin")] | length == 2' "$T/audit.log"
	# No byte of a name can end a line or reach a terminal; the exact bytes are there all the same.
	run ! grep -qaP '[\x00-\x09\x0b-\x1f\x7f]' "$T/audit.log"
	jq -r 'select(.path_b64 != null) | .path_b64' "$T/audit.log" | base64 -d | grep -qa $'^b\x01\xff$'
}

@test "nothing is lost or doubled when everything is killed, and half a line is cut off" {
	start_with_audit
	for i in 1 2 3; do
		for n in {1..20}; do
			as alice cfs mkdir "d$i-$n"
			[ "$n" -ne 10 ] || { kill_server -9; printf '{"id":99999999,"ti' >>"$T/audit.log"; start_server; }
		done
	done
	wait_until 10 written '"/alice/d3-20"'
	check_audit "$T/audit.log"
}

@test "after a restore from a backup, whose numbers are lower, nothing is left out" {
	start_with_audit
	as alice cfs mkdir before
	admin backup "$T/saved"
	for n in {1..9}; do as alice cfs mkdir "lost-$n"; done
	wait_until 10 written '"/alice/lost-9"'
	stop_server
	mv store lost
	admin restore "$T/saved"
	start_server
	as alice cfs mkdir after
	wait_until 10 written '"/alice/after"'
	[ "$(grep -c '"event":"renumbered"' audit.log)" -eq 1 ]
	[ "$(grep -c '"/alice/after"' audit.log)" -eq 1 ]
	# Once.
	restart_server
	as alice cfs mkdir later
	wait_until 10 written '"/alice/later"'
	[ "$(grep -c '"event":"renumbered"' audit.log)" -eq 1 ]
	[ "$(grep -c '"/alice/after"' audit.log)" -eq 1 ]
}

@test "a file that is moved away is begun anew, on HUP and while no server runs" {
	start_with_audit
	as alice cfs mkdir one
	wait_until 10 written '"/alice/one"'
	mv "$T/audit.log" "$T/audit.1"
	kill -HUP "$SERVER_PID"
	as alice cfs mkdir two
	wait_until 10 test -e "$T/audit.log"
	wait_until 10 written '"/alice/two"'
	as alice cfs mkdir three
	stop_server
	mv "$T/audit.log" "$T/audit.2"
	start_server
	as alice cfs mkdir four
	wait_until 10 written '"/alice/four"'
	check_audit "$T/audit.1" "$T/audit.2" "$T/audit.log"
}

@test "a file that cannot be written is tried again, and serves nobody the worse" {
	# A directory is in its place.
	mkdir "$T/audit.log"
	start_server '[audit]' "file = $T/audit.log"
	new_user alice
	as alice cfs mkdir one
	logged() { grep -q 'audit: .*audit.log' "$T/server.log"; }
	wait_until 10 logged
	rmdir "$T/audit.log"
	wait_until 10 grep -q '"/alice/one"' "$T/audit.log"
	check_audit "$T/audit.log"
}
