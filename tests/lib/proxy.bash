# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For tests that need a line which is long or breaks: a proxy before a server's port.
#
#   proxy_start PORT [OPTION...]   starts one before 127.0.0.1:PORT; the port to dial is in $proxy_port
#   proxy_tell COMMAND...          drop, heal, cut, close, half up|down, cut-up N, cut-down N, refuse, ...;
#                                  in force when it returns (build/tests/proxy without options lists them)
#   proxy_stop                     ends it; belongs into teardown
#
# One proxy at a time. It needs B (the build folder) and TMPDIR.

proxy_start() {
	local to=$1 tries
	shift
	proxy_control=$(mktemp -u "${TMPDIR:-/tmp}/proxy.XXXXXX")
	: >"$proxy_control.port"
	"$B/tests/proxy" --to "127.0.0.1:$to" --control "$proxy_control" "$@" >"$proxy_control.port" 3>&- &
	proxy_pid=$!
	for ((tries = 0; tries < 500; tries++)); do
		proxy_port=$(<"$proxy_control.port")
		[[ -n $proxy_port ]] && return 0
		kill -0 "$proxy_pid" 2>/dev/null || return 1
		sleep 0.01
	done
	return 1
}

proxy_tell() { "$B/tests/proxy" --tell "$proxy_control" "$@"; }

proxy_stop() {
	[[ -n ${proxy_pid:-} ]] || return 0
	kill "$proxy_pid" 2>/dev/null
	wait "$proxy_pid" 2>/dev/null
	rm -f "$proxy_control" "$proxy_control.port"
	proxy_pid=''
}
