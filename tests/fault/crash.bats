#!/usr/bin/env bats
# limit: 240
# SPDX-License-Identifier: GPL-3.0-or-later
#
# After a power cut the store holds every change that it promised, and of the others all or nothing. A workload is recorded,
# states that a crash may have left are made from the log, and each is checked (crash/disk.h says what a crash may do,
# crash/check.h what is looked at). The disk is also made to break promises, to see that this would be noticed.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	B=${B:-build}
	[ "${B#/}" != "$B" ] || B=$PWD/$B
}

crash() { # OPTIONS...
	run "$B/tests/crash" --recorder "$B/tests/record.so" "$@"
	echo "$output"
}

# A run in which states are found bad, and nothing else went wrong.
noticed() { # LIE STATES TEXT
	crash --lie "$1" --count "$2"
	[ "$status" -eq 1 ]
	[[ $output =~ $3 ]]
}

@test "a thousand crash states of put, overwrite, truncate, rename and delete are in order" {
	crash --count 1000
	[ "$status" -eq 0 ]
	[[ $output == *"1000 states, 0 bad"* ]]
}

@test "a blob flushed only after the commit that names it is noticed" {
	noticed swap 600 "blob|checksum|reading"
}

@test "a blob that is not flushed is noticed" {
	noticed no-blobs 60 "blob"
}

@test "a blob's name that is not flushed is noticed" {
	noticed no-names 60 "No such file"
}

@test "a commit that is not flushed is noticed" {
	noticed no-commit 60 "changes are there, promised were|store_check|user"
}

@test "a kept log gives the same states again" {
	dir=$(mktemp -d "${TMPDIR:-/tmp}/crash-test.XXXXXX")
	TMPDIR=$dir crash --seed 7 --steps 40 --count 20 --lie no-blobs --keep
	[ "$status" -eq 1 ]
	first=$(grep '^state' <<<"$output" | sort)
	crash --replay "$dir"/crash.*/log --seed 7 --count 20 --lie no-blobs
	rm -rf "$dir"
	[ -n "$first" ]
	[ "$first" = "$(grep '^state' <<<"$output" | sort)" ]
}
