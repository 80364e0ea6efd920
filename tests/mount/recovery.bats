#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Writes while the server is away: delivered when it comes back, and kept where a person finds them when it does not.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice,timeout=1
	kept=$T/home/alice/.local/state/cfs/recovery
}

mount_has_ended() {
	local pid
	for pid in $(test_processes); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cfs-mount ] || return 1
	done
}

# Writes with the server away: 4 KiB in a file that is there, nine megabytes in a new one that was opened before, three
# appended lines. Nothing of it arrives, and each program is told.
write_offline() {
	head -c 9000000 /dev/urandom >"$T/big"
	head -c 4096 /dev/urandom >"$T/small"
	printf 'one\ntwo\nthree\n' >"$T/lines"
	head -c 10000 /dev/zero >"$T/m/old"
	exec 5<>"$T/m/old" 6>"$T/m/new" 7>>"$T/m/log"
	"$@"
	! dd if="$T/small" bs=4096 seek=1 conv=notrunc,fsync status=none >&5 || return 1
	! dd if="$T/big" bs=1M conv=fsync status=none >&6 || return 1
	! dd if="$T/lines" conv=fsync status=none >&7 || return 1
	# Each by itself: bash stops at the first that fails.
	exec 5>&- || true
	exec 6>&- || true
	exec 7>&- || true
}

@test "what was written while the server was away is delivered when it is back, later than any timeout" {
	write_offline kill_server
	start_server
	wait_until 20 cmp "$T/big" "$T/m/new"
	wait_until 20 cmp "$T/lines" "$T/m/log"
	cmp <(tail -c +4097 "$T/m/old" | head -c 4096) "$T/small"
	[ "$(stat -c %s "$T/m/old")" -eq 10000 ]
	as alice cfs-mount -u "$T/m"
	[ ! -e "$kept" ]
}

@test "what was not delivered before the mount ended is in the recovery folder, and the next mount says so" {
	write_offline kill_server
	as alice cfs-mount -u "$T/m"
	wait_until 30 mount_has_ended
	local folder=("$kept"/*) file
	[ ${#folder[@]} -eq 1 ]
	[ "$(stat -c %a "$folder")" = 700 ]
	for file in big lines; do
		sha256sum <"$T/$file" | cut -c1-64
	done | sort >"$T/want"
	sha256sum "$folder"/inode-* | cut -c1-64 | sort >"$T/got"
	[ "$(comm -12 "$T/want" "$T/got" | wc -l)" -eq 2 ]
	file=$(sed -n 's/^WRITE .* offset=4096 length=4096 file=//p' "$folder/CHANGES")
	cmp <(tail -c +4097 "$folder/$file") "$T/small"

	start_server
	mount_as alice "$T/m" -o subdir=alice
	grep -q "an earlier mount could not deliver are kept in $kept" "$T/mount.log"
}
