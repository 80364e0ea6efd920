#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# make try: a server on loopback with a throw-away store, a user, her mount and a shell to play in. Without a terminal
# it copies real files in and out through both faces, compares them and says what it did. Everything is in one folder,
# which is gone at the end, as are the server and the mount.
set -euo pipefail

# shellcheck source=tests/lib/cfs.bash
. "$(dirname "$0")/cfs.bash"
# Of the helpers for tests only these differ here: nothing can be skipped.
bin=${1:?usage: try.sh FOLDER_OF_PROGRAMS}
B=$(cd "$bin/.." && pwd)
export B

say() {
	printf '\033[1m%s\033[0m\n' "$*"
}
[ -t 1 ] || say() {
	printf '%s\n' "$*"
}

test_begin
finish() {
	local status=$?
	trap - EXIT
	test_end || status=1
	[ -e "$T" ] || say "Cleaned up: the server has ended, nothing is mounted, $T is gone."
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_server
say "A server is at $SERVER_ADDRESS; its store and everything else is in $T."
new_user alice
say "alice is signed in (cfsadm invite alice; cfs login 'THE LINE')."
mount=$T/cloud
mkdir "$mount"
if have_fuse; then
	mount_as alice "$mount"
	say "Her tree is mounted at $mount/alice (cfs-mount $mount)."
else
	mount=''
	say "No mount: /dev/fuse or fusermount3 is missing or closed to $(id -un)."
	[ "${CI:-}" != true ] || exit 1
fi

# Copies a real tree in by one face and out by the other.
play_script() {
	local source=$CFS_TOP out=$T/out
	mkdir "$out"
	say "Put: src/ of this project through cfs put -r, a file of random bytes too."
	head -c 20000000 /dev/urandom >"$T/random"
	as alice cfs put -r "$source/src" src
	as alice cfs put "$T/random" random
	as alice cfs ls -l
	say "Get: the same through cfs get -r."
	as alice cfs get -r src "$out/src"
	as alice cfs get random "$out/random"
	diff -r "$source/src" "$out/src"
	cmp "$T/random" "$out/random"
	say "Identical: $(find "$out/src" -type f | wc -l) files of src, and 20,000,000 random bytes."
	[ -n "$mount" ] || return 0
	diff -r "$source/src" "$mount/alice/src"
	cmp "$T/random" "$mount/alice/random"
	say "Identical: the same files read through the mount."
	cp -r "$source/tests" "$mount/alice/tests"
	cp "$T/random" "$mount/alice/random2"
	as alice cfs get -r tests "$out/tests"
	as alice cfs get random2 "$out/random2"
	diff -r "$source/tests" "$out/tests"
	cmp "$T/random" "$out/random2"
	say "Identical: tests/ and the random file, copied in through the mount and out through cfs get."
}

if [ -t 0 ] && [ -t 1 ]; then
	say "The shell of cfs follows; \`help\` lists its commands, exit or Ctrl-D ends it and everything else."
	as alice cfs shell || true
else
	play_script
	say "All of it worked."
fi
