# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What every bats file uses: `load ../lib/cfs`. setup and teardown below give each test a folder of its own, $T, and end
# whatever the test started or mounted. A file that needs more writes its own setup, beginning with test_begin, and its
# own teardown, ending with test_end.
#
#	@test "a file comes back as it went" {
#		start_server
#		new_user alice
#		as alice cfs put /etc/services
#		as alice cfs get services "$T/copy"
#		cmp /etc/services "$T/copy"
#		run -3 as alice cfs cat nothing
#	}
#
# The server's log is $T/server.log, its configuration $T/cfsd.conf, its store $T/store, its address $SERVER_ADDRESS.

if declare -F bats_require_minimum_version >/dev/null; then
	bats_require_minimum_version 1.5.0
fi

CFS_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CFS_TOP=$(cd "$CFS_LIB/../.." && pwd)

setup() {
	test_begin
}

teardown() {
	test_end
}

# ---- a test's own folder, and its end

test_begin() {
	local bin=${B:-build}/bin

	[ "${bin#/}" != "$bin" ] || bin=$CFS_TOP/$bin
	T=$(mktemp -d "${TMPDIR:-/tmp}/t.XXXXXX")
	# The mark by which test_end finds every process of this test, whoever its parent is by then.
	export T CFS_TEST_DIR="$T;" PATH="$bin:$PATH"
	SERVER_PID='' SERVER_ADDRESS=''
	cd "$T" || return 1
}

# Fails when the server or a program under a sanitizer complained, so that a teardown can fail a test that passed.
test_end() {
	local pid pids status=0

	cd "$CFS_TOP" || return 1
	umount_all || status=1
	if [ -n "$SERVER_PID" ]; then
		kill_server -TERM || status=1
	fi
	for _ in 1 2; do
		pids=$(test_processes)
		for pid in $pids; do
			kill -9 "$pid" 2>/dev/null || true
		done
		[ -z "$pids" ] || sleep 0.1
	done
	if grep -aEs 'ERROR: [A-Za-z]+Sanitizer|runtime error:|WARNING: ThreadSanitizer' "$T"/*.log; then
		status=1
	fi
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$T"
	return "$status"
}

# The ids of the living processes that carry this test's mark; a program started by exec alone can.
test_processes() {
	grep -lsaF "CFS_TEST_DIR=$CFS_TEST_DIR" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r pid; do
		[ ! -e "/proc/$pid/exe" ] || [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = grep ] || echo "$pid"
	done
}

# wait_until SECONDS COMMAND…: repeats the command until it succeeds; fails when that takes too long.
wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "gave up waiting for: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# ---- what the machine must have; a reason that begins with "needs" is a failure in CI

require_tool() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
}

have_fuse() {
	[ -r /dev/fuse ] && [ -w /dev/fuse ] && command -v fusermount3 >/dev/null
}

require_fuse() {
	have_fuse || skip "needs FUSE: /dev/fuse and fusermount3"
}

# For a test of what is remembered.
require_caches() {
	[[ ${CFS_TEST_MOUNT:-} != *_timeout=0* ]] || skip "CFS_TEST_MOUNT lets mounts remember nothing"
}

require_pty() {
	command -v expect >/dev/null || skip "needs expect, to work a terminal"
}

# For a test that takes more than some seconds.
require_slow() {
	[ -n "${CFS_TEST_SLOW:-}" ] || skip "slow: runs in make check-all"
}

# ---- the server

# start_server [LINE…]: writes the configuration (once), makes the store (once), starts the daemon and waits until it
# answers. The lines are put at the end of the configuration. A server that is started again keeps its port.
# shellcheck disable=SC2120
start_server() {
	if [ ! -e "$T/cfsd.conf" ]; then
		printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/store" >"$T/cfsd.conf"
	fi
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$T/cfsd.conf"
	if [ ! -e "$T/store" ]; then
		admin init >"$T/init.out" || return 1
	fi
	SERVER_STARTS=$(server_starts)
	# 3 is the descriptor of bats: who keeps it open keeps bats waiting.
	cfsd -c "$T/cfsd.conf" --foreground 2>>"$T/server.log" >>"$T/server.log" </dev/null 3>&- &
	SERVER_PID=$!
	if ! wait_until 15 server_is_settled || ! server_is_alive || ! server_address; then
		echo "the server did not start:" >&2
		tail -n 20 "$T/server.log" >&2
		return 1
	fi
	sed -i "s/^listen = 127\.0\.0\.1:0\$/listen = $SERVER_ADDRESS/" "$T/cfsd.conf"
}

server_is_alive() {
	kill -0 "$SERVER_PID" 2>/dev/null
}

# How often a daemon of this test has said that it is ready.
server_starts() {
	grep -sc '^cfsd: ready' "$T/server.log" || true
}

# cfsadm alone does not tell: it answers from the store where no daemon runs yet.
server_is_settled() {
	! server_is_alive || { [ "$(server_starts)" -gt "${SERVER_STARTS:-0}" ] && server_address; }
}

# Asks the daemon itself: it knows the port that the kernel chose.
server_address() {
	SERVER_ADDRESS=$(admin status --json 2>/dev/null | grep -o '127\.0\.0\.1:[1-9][0-9]*' | head -n 1)
	[ -n "$SERVER_ADDRESS" ]
}

# stop_server: asks it to drain and end; fails when it does not, or not with success.
stop_server() {
	kill_server -TERM
}

# kill_server [-SIGNAL]: the signal (-9), then waits for the end. Fails only for a TERM that does not end well.
kill_server() {
	local signal=${1:--9} pid=$SERVER_PID status=0 ended=0

	[ -n "$pid" ] || return 0
	SERVER_PID=''
	kill "$signal" "$pid" 2>/dev/null || true
	wait_until 15 eval "! kill -0 $pid 2>/dev/null" || ended=1
	[ "$ended" -eq 0 ] || kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || status=$?
	[ "$signal" = -9 ] && return 0
	if [ "$ended" -ne 0 ] || { [ "$signal" = -TERM ] && [ "$status" -ne 0 ]; }; then
		echo "the server did not end well on $signal (status $status):" >&2
		tail -n 20 "$T/server.log" >&2
		return 1
	fi
}

restart_server() {
	stop_server && start_server "$@"
}

# admin COMMAND…: cfsadm on this test's server.
admin() {
	cfsadm -c "$T/cfsd.conf" "$@"
}

# ---- users and mounts

# as NAME COMMAND…: runs the command with a home of that name, which decides whose client it is.
as() {
	local home=$T/home/$1
	shift
	mkdir -p "$home/run"
	chmod 700 "$home/run"
	env -u CFS_PROFILE HOME="$home" XDG_CONFIG_HOME="$home/.config" XDG_DATA_HOME="$home/.local/share" \
		XDG_STATE_HOME="$home/.local/state" XDG_CACHE_HOME="$home/.cache" XDG_RUNTIME_DIR="$home/run" "$@"
}

# new_user NAME: invites and signs in.
new_user() {
	local invite
	invite=$(admin invite "$1") || return 1
	as "$1" cfs login "$invite" >"$T/login-$1.out" 2>&1 || {
		cat "$T/login-$1.out" >&2
		return 1
	}
}

# mount_as NAME DIR [OPTION…]: returns when mounted; test_end unmounts. CFS_TEST_MOUNT holds -o options for every mount, as in
# CFS_TEST_MOUNT=attr_timeout=0,entry_timeout=0,negative_timeout=0 make bats (nothing is remembered); those of a test come later, and count.
mount_as() {
	local name=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	as "$name" cfs-mount "$dir" ${CFS_TEST_MOUNT:+-o "$CFS_TEST_MOUNT"} "$@" 2>>"$T/mount.log" >>"$T/mount.log" </dev/null 3>&- || {
		tail -n 20 "$T/mount.log" >&2
		return 1
	}
	mountpoint -q "$dir" || {
		echo "cfs-mount returned, and $dir is not mounted" >&2
		return 1
	}
}

# The mounts below $T, the deepest first.
mounts() {
	awk -v dir="$T/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | tac | while read -r dir; do
		printf '%b\n' "$dir"
	done
}

# Ends every mount of this test; a busy or dead one is detached.
umount_all() {
	local dir
	while read -r dir; do
		timeout 10 fusermount3 -u "$dir" 2>/dev/null || timeout 10 fusermount3 -uz "$dir" || umount -l "$dir"
	done < <(mounts)
	[ -z "$(mounts)" ]
}

# ---- a terminal

# pty NAME <<'END': an expect script on stdin, run as that user, with two words more: `want RE` waits for output and
# fails the test when it does not come; `type TEXT` types a line. Begin with `spawn cfs shell`.
pty() {
	local name=$1
	{
		cat <<'END'
log_user 1
set timeout 20
set stty_init "rows 24 columns 100"
proc want {re} {
	expect {
		-re $re {}
		timeout { puts stderr "\ntimed out waiting for: $re"; exit 97 }
		eof { puts stderr "\nended before: $re"; exit 98 }
	}
}
proc type {text} { send -- "$text\r" }
# Waits for the end of the program and gives its exit code.
proc ended {} {
	expect {
		eof {}
		timeout { puts stderr "\ndid not end"; exit 97 }
	}
	return [lindex [wait] 3]
}
END
		cat
	} >"$T/pty.exp"
	as "$name" env TERM=xterm NO_COLOR="${NO_COLOR-1}" expect -f "$T/pty.exp" 3>&-
}
