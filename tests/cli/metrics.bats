#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Metrics: over HTTP and in a file, for Prometheus.

load ../lib/cfs

start_with_metrics() {
	start_server '[metrics]' 'listen = 127.0.0.1:0' "file = $T/cfs.prom" 'interval = 1s'
	METRICS=$(sed -n 's,^cfsd: metrics on http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$T/server.log" | tail -n 1)
	[ -n "$METRICS" ]
}

# http REQUEST: sends the bytes and prints the answer.
http() {
	exec 5<>"/dev/tcp/127.0.0.1/$METRICS"
	# shellcheck disable=SC2059
	printf "$1" >&5
	timeout 15 cat <&5
	exec 5>&-
}

page() {
	http 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n' >"$T/answer"
	head -n 1 "$T/answer" | grep -q '^HTTP/1.1 200 OK'
	sed '1,/^\r$/d' "$T/answer" >"$T/page"
}

value() { # SAMPLE: its value in the page
	awk -v name="$1" 'index($0, name " ") == 1 { print $NF }' "$T/page"
}

check_page() {
	awk -f "$CFS_LIB/exposition.awk" "$1"
	if command -v promtool >/dev/null; then promtool check metrics <"$1"; fi
}

@test "the page is what Prometheus reads, and says what happened" {
	start_with_metrics
	new_user alice
	head -c 100000 /dev/urandom >"$T/file"
	as alice cfs put "$T/file"
	as alice cfs get file "$T/copy"
	run -3 as alice cfs cat nothing
	page
	check_page "$T/page"
	grep -qi '^content-type: text/plain; version=0.0.4' "$T/answer"
	[ "$(value 'cfs_operation_seconds_count{op="PUT"}')" -eq 1 ]
	[ "$(value 'cfs_operation_seconds_bucket{op="PUT",le="+Inf"}')" -eq 1 ]
	[ "$(value 'cfs_operation_seconds_count{op="BLOB_PUT"}')" -ge 1 ]
	[ "$(value 'cfs_flush_wait_seconds_count')" -ge 1 ]
	[ "$(value 'cfs_failures_total{code="NOENT"}')" -ge 1 ]
	[ "$(value 'cfs_bytes_total{direction="in"}')" -gt 100000 ]
	[ "$(value 'cfs_bytes_total{direction="out"}')" -gt 100000 ]
	[ "$(value cfs_signins_total)" -ge 3 ]
	[ "$(value cfs_commits_total)" -ge 2 ]
	[ "$(value cfs_event_number)" -ge 2 ]
	counted() { page && [ "$(value cfs_store_users)" -eq 1 ]; }
	wait_until 10 counted
	[ "$(value cfs_store_free_bytes)" -gt 0 ]
}

@test "sessions and subscriptions are counted while they last" {
	start_with_metrics
	new_user alice
	as alice cfs watch --count 1 >"$T/watch.out" 2>&1 3>&- &
	subscribed() { page && [ "$(value cfs_event_subscriptions)" -eq 1 ] && [ "$(value 'cfs_sessions{kind="user"}')" -eq 1 ]; }
	wait_until 10 subscribed
	[ "$(value cfs_event_backlog)" -eq 0 ]
	as alice cfs mkdir something
	gone() { page && [ "$(value cfs_event_subscriptions)" -eq 0 ]; }
	wait_until 10 gone
}

@test "nothing but GET of that one page is answered" {
	start_with_metrics
	http 'POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n' | grep -q '^HTTP/1.1 405 .*'
	http 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' | grep -q '^HTTP/1.1 404'
	http 'GET /metrics\r\n\r\n' | grep -q '^HTTP/1.1 400'
	http 'GET /metrics HTTP/2.0\r\n\r\n' | grep -q '^HTTP/1.1 400'
	http 'GET /metrics HTTP/1.1\r\n\0\r\n\r\n' | grep -q '^HTTP/1.1 400'
	http "GET /metrics HTTP/1.1\r\nX: $(printf 'x%.0s' {1..5000})\r\n\r\n" | grep -q '^HTTP/1.1 431'
	page
}

@test "scrapers that say nothing hold up nobody" {
	start_with_metrics
	for fd in {10..29}; do
		eval "exec $fd<>/dev/tcp/127.0.0.1/$METRICS"
	done
	page
	for fd in {10..29}; do
		eval "exec $fd>&-"
	done
}

@test "the file is written whole, again and again, and the process comes back" {
	start_with_metrics
	wait_until 10 test -s "$T/cfs.prom"
	check_page "$T/cfs.prom"
	inode=$(stat -c %i "$T/cfs.prom")
	replaced() { [ "$(stat -c %i "$T/cfs.prom")" != "$inode" ]; }
	wait_until 10 replaced
	# The one child of the daemon that listens: killed, it is there again.
	pid=$(ss -Hltnp "sport = :$METRICS" | grep -o 'pid=[0-9]*' | cut -d= -f2 | grep -vx "$SERVER_PID" | head -n 1)
	kill -9 "$pid"
	wait_until 10 page
	[ "$(value cfs_crashes_total)" -eq 1 ]
}

@test "an address that others can reach is refused unless it is said" {
	start_server
	printf '%s\n' '[metrics]' 'listen = 0.0.0.0:0' >>"$T/cfsd.conf"
	run -2 cfsd -c "$T/cfsd.conf" --check-config
	[[ $output = *'remote = yes'* ]]
	printf '%s\n' 'remote = yes' >>"$T/cfsd.conf"
	cfsd -c "$T/cfsd.conf" --check-config
}
