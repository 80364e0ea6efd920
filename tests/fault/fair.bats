#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# serial
#
# One server, two users, everything with real processes: what one takes of disk, processors and memory.

load ../lib/cfs

# program NAME USER ARGS...
program() {
	"$(dirname "$(command -v cfsd)")/../tests/fault/$1" 127.0.0.1 "${SERVER_ADDRESS##*:}" \
		"$(find "home/$2" -name '*.key')" "${@:3}"
}

# begin KIND LINES: bob does this from now on, until fd 8 is closed.
begin() {
	program busy bob "$1" "$2" <hold >"busy-$1" 2>&1 3>&- 8>&- &
}

is_busy() {
	grep -qx busy "busy-$1"
}

# what FILE ROW COLUMN
what() {
	awk -v row="$2" -v column="$3" '$1 == row { print $column }' "$1"
}

# kept ROW LIMIT_US: quiet and pressed medians, of which the second may be 20 times the first and LIMIT_US more.
kept() {
	local quiet pressed
	quiet=$(what quiet "$1" 2) pressed=$(what pressed "$1" 2)
	echo "# $1: median $quiet us quiet, $pressed us beside the busy user (longest $(what pressed "$1" 3) us)" >&3
	[ "$pressed" -lt $((20 * quiet + $2)) ]
}

bobs_sessions() {
	admin sessions --json | jq 'select(.user == "bob") | .pid'
}

# The memory of each of bob's sessions that is no file's, in KiB, and its open files: the most of all.
most_of_all() {
	local pid kib files most_kib=0 most_files=0
	for pid in $(bobs_sessions); do
		kib=$(awk '/^RssAnon:/ { print $2 }' "/proc/$pid/status")
		files=$(find "/proc/$pid/fd" -mindepth 1 | wc -l)
		# What they may have at the very most, the kernel sees to.
		[ "$(awk '/^Max open files/ { print $5 }' "/proc/$pid/limits")" -le 256 ]
		[ "$kib" -le "$most_kib" ] || most_kib=$kib
		[ "$files" -le "$most_files" ] || most_files=$files
	done
	echo "$most_kib $most_files"
}

@test "a busy user with several connections starves nobody, and takes a bounded share of memory and files" {
	require_tool jq
	start_server '[store]' 'attic_keep = 0'
	new_user alice
	new_user bob
	program calm alice 40 >quiet
	mkfifo hold
	exec 8<>hold
	begin reads 3
	begin changes 3
	begin blobs 1
	begin unread 1
	for kind in reads changes blobs unread; do wait_until 60 is_busy "$kind"; done
	program calm alice 40 >pressed
	read -r kib files < <(most_of_all)
	echo "# bob's largest session: $kib KiB, $files open files" >&3
	[ "$(bobs_sessions | wc -l)" -eq 8 ]
	# A sanitizer keeps what was freed.
	[ -n "${SAN:-}${TSAN:-}" ] || [ "$kib" -lt $((64 * 1024)) ]
	[ "$files" -lt 100 ]
	exec 8>&-
	for kind in reads changes blobs unread; do wait_until 10 eval '[ "$(wc -l <busy-'"$kind"')" -eq 2 ]'; done
	echo "# requests: $(tail -qn 1 busy-* | tr '\n' ' ')" >&3
	# It was busy all the time; where it reads no answers, being busy means that no more was taken from it.
	[ "$(tail -n 1 busy-reads)" -gt 20 ]
	[ "$(tail -n 1 busy-changes)" -gt 200 ]
	kept look 100000
	kept put 400000
	as alice cfs ls
	[ "$(grep -c 'died of signal' server.log)" -eq 0 ]
}
