#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# limit: 120
# serial
#
# Events in bulk and in a hurry: the figures that make bench prints, at a smaller scale.

load ../lib/cfs

program() {
	local bin=${B:-build}/tests/bench/$1
	[ "${bin#/}" != "$bin" ] || bin=$CFS_TOP/$bin
	echo "$bin"
}

@test "10,000 events a second reach 100 watchers: none missing, none doubled, no overflow" {
	require_slow
	run -0 "$(program events)" --quick
	echo "# $output" >&3
	[[ $output = *'missing 0, doubled or out of order 0, overflows 0'* ]]
}

@test "a notice reaches an owner who is online at once" {
	require_slow
	run -0 "$(program notices)"
	echo "# $output" >&3
	awk '/median/ { for (i = 1; i <= NF; i++) if ($i == "median") exit !($(i + 1) < 100) }' <<<"$output"
}
