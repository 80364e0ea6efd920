#!/usr/bin/env bats
# limit: 300
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A server whose disk fails, and one whose processes are killed, while clients work: nothing that was promised is lost,
# nothing is half done, what fails says so, and a restart needs no repair. First single faults, then random ones
# (tests/fault/storm/storm.h); LOG.md says how to run those for long.

load ../lib/cfs

setup() {
	test_begin
	tests=$(dirname "$(dirname "$(type -P cfsd)")")/tests
}

# The daemon of start_server, with the library that makes its calls fail (tests/fault/inject/inject.h).
cfsd() {
	exec env LD_PRELOAD="$tests/inject.so" CFS_INJECT="$T/inject" ASAN_OPTIONS=verify_asan_link_order=0 \
		"$(type -P cfsd)" "$@"
}

# order CALL CLASS HOW ERRNO N [lasting]: as in storm's usage. N 0: nothing fails any more.
order() {
	"$tests/storm" order "$T/inject" "$@"
}
EIO=5 ENOSPC=28

start_with_old() {
	order write blob error 0 0
	start_server
	new_user alice
	head -c 60000 /dev/zero | tr '\0' o >old
	head -c 60000 /dev/zero | tr '\0' n >new
	as alice cfs put old f
}

holds() { # FILE
	as alice cfs cat f | cmp - "$1"
}

fsck_and_restart() {
	stop_server
	admin fsck
	start_server
}

@test "a blob that cannot be flushed: the put fails, the old file is there, the next put works" {
	start_with_old
	order flush blob error $EIO 1
	run -7 as alice cfs put new f
	[[ $output == *'input/output error'* ]]
	holds old
	as alice cfs put new f
	fsck_and_restart
	holds new
}

@test "a blob that cannot be written: the same" {
	start_with_old
	order write blob error $EIO 1
	run -7 as alice cfs put new f
	holds old
	order write blob error $ENOSPC 1
	run -8 as alice cfs put new f
	holds old
	order write blob short 0 1
	# Content is refused until the keeper has seen that there is room.
	wait_until 20 as alice cfs put new f
	holds new
	fsck_and_restart
	holds new
}

@test "after a commit that cannot be flushed nothing is promised until a restart" {
	start_with_old
	order flush log error $EIO 1
	run ! as alice cfs put new f
	order flush log error 0 0
	# The put's own flush failed, or one in the background just before it (the keeper's): then the store was read-only already.
	[[ $status -eq 7 && $output == *'input/output error'* ]] || [[ $status -eq 1 && $output == *read-only* ]]
	# The next flush would work; what it covers is not known any more.
	run ! as alice cfs put new g
	[[ $output == *read-only* ]]
	run ! as alice cfs rm f
	as alice cfs ls
	fsck_and_restart
	as alice cfs put new g
}

@test "a commit that cannot be written leaves the old file, and on a full disk room is made" {
	start_with_old
	order write log error $ENOSPC 1
	run as alice cfs put new f
	[ "$status" -eq 0 ] || { [ "$status" -eq 8 ] && holds old; }
	wait_until 20 as alice cfs put new f
	holds new
	fsck_and_restart
	holds new
}

@test "a commit that is torn when the machine dies is no commit" {
	start_with_old
	order write log tear 0 1
	run ! as alice cfs --timeout 2s put new f
	kill_server -9
	order write blob error 0 0
	rm -f inject
	order write blob error 0 0
	admin fsck
	start_server
	holds old
	as alice cfs put new f
}

# storm MODE OPTION…
storm() {
	"$tests/storm" "$1" --programs "$(dirname "$(type -P cfsd)")" --preload "$tests/inject.so" "${@:2}"
}

@test "random faults of the disk: what was promised is there, the rest is whole" {
	storm faults --seed 1 --seeds 2
}

@test "flushes that are promised and not made are noticed" {
	run -1 storm faults --lie --seed 1
	[[ $output == *'should be'* ]]
}

@test "kill -9 of sessions, services and the hub hurts nobody else and loses nothing" {
	storm kills --seed 1
}

@test "the log of runs says where the next one goes on" {
	storm faults --seed 41 --log "$T/log.md"
	storm faults --log "$T/log.md"
	grep -q '| storm faults | 42-42 | [0-9]* | [0-9]* | 0 |' "$T/log.md"
}
