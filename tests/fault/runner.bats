# SPDX-License-Identifier: GPL-3.0-or-later
# The runner of the tests finds what is wrong, however it shows.

load ../lib/cfs

setup() {
	test_begin
	runner=$CFS_LIB/run-all
	# It stands for itself here, not for the run that it is part of.
	unset CI CFS_TEST_SLOW SAN TSAN
}

# sum_is TEXT: the last line of what run-all said.
sum_is() {
	[ "${lines[-1]}" = "$1" ] || {
		echo "$output"
		return 1
	}
}

write_bats() {
	printf '%s\n' "${@:2}" >"$T/$1.bats"
}

@test "the sum counts what passed, failed and was skipped" {
	write_bats a '@test "good" { true; }' '@test "bad" { echo here is why; false; }' '@test "no" { skip "needs a moon"; }'
	write_bats b '@test "good" { true; }'
	run -1 "$runner" "$T/a.bats" "$T/b.bats"
	sum_is '2 passed, 1 failed, 1 skipped'
	[[ $output == *'here is why'* ]]
	[[ $output == *'a.bats: no: needs a moon'* ]]
	run -0 "$runner" "$T/b.bats"
	sum_is '1 passed, 0 failed'
}

@test "a skip for want of a tool is a failure in CI" {
	write_bats a '@test "good" { true; }' '@test "no" { skip "needs a moon"; }' '@test "long" { skip "slow: all night"; }'
	run -0 "$runner" "$T/a.bats"
	sum_is '1 passed, 0 failed, 2 skipped'
	CI=true run -1 "$runner" "$T/a.bats"
	sum_is '1 passed, 1 failed, 1 skipped'
}

@test "no test at all is a failure" {
	run -1 "$runner"
	sum_is '0 passed, 0 failed'
	write_bats a '# nothing'
	run -1 "$runner" "$T/a.bats"
	sum_is '0 passed, 1 failed'
}

@test "a program that dies between two tests has failed the rest" {
	printf '%s\n' '#!/bin/sh' 'echo 1..3; echo "ok 1 - a"; kill -SEGV $$' >"$T/prog"
	chmod +x "$T/prog"
	run -1 "$runner" "$T/prog"
	sum_is '1 passed, 2 failed'
	printf '%s\n' '#!/bin/sh' 'echo 1..1; echo "ok 1 - a"; exit 3' >"$T/prog"
	run -1 "$runner" "$T/prog"
	sum_is '1 passed, 1 failed'
}

@test "a file that hangs is ended, with what it started" {
	write_bats a '# limit: 1' "@test \"hang\" { setsid sleep 3456.$BASHPID >/dev/null 2>&1; }"
	run -1 "$runner" "$T/a.bats"
	sum_is '0 passed, 1 failed'
	[[ $output == *'time limit of 1 s'* ]]
	run ! grep -lsaF "3456.$BASHPID" /proc/[0-9]*/cmdline
}

@test "a process or a mount that is left behind is a failure" {
	write_bats a '@test "leaves" { setsid sleep 300 >/dev/null 2>&1 3>&- & disown; }'
	run -1 "$runner" "$T/a.bats"
	sum_is '1 passed, 1 failed'
	[[ $output == *'left running: '*'sleep 300'* ]]
	if [ "$(id -u)" -eq 0 ] && mkdir m && mount -t tmpfs none m 2>/dev/null; then
		umount m
		# shellcheck disable=SC2016
		write_bats a '@test "leaves" { mkdir "$TMPDIR/a b"; mount -t tmpfs none "$TMPDIR/a b"; }'
		run -1 "$runner" "$T/a.bats"
		sum_is '1 passed, 1 failed'
		[[ $output == *'left mounted: '*'/a b'* ]]
	fi
}
