#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Directories with very many entries: each is listed once, the mount does not grow with them, and sees what becomes of them.
# limit: 900

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
}

# mount_kib [FIELD]: the resident memory of cfs-mount, in KiB; with VmHWM the most that it ever was.
mount_kib() {
	local pid
	for pid in $(test_processes); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cfs-mount ] ||
			awk -v field="${1:-VmRSS}:" '$1 == field { print $2 }' "/proc/$pid/status"
	done | sort -n | tail -n 1
}

# list_many COUNT: puts so many empty files into one directory and lists it three times.
list_many() {
	local before listed
	mkdir "$T/many"
	(cd "$T/many" && seq -f entry-%07g "$1" | xargs touch)
	as alice cfs put -r "$T/many" /alice/
	mount_as alice "$T/m" -o subdir=alice
	before=$(mount_kib)
	for _ in 1 2 3; do
		[ "$(find "$T/m/many" -mindepth 1 | sort -u | wc -l)" -eq "$1" ]
	done
	listed=$(mount_kib)
	[ "$(find "$T/m/many" -type f -empty -printf x | wc -c)" -eq "$1" ]
	echo "$before KiB; $listed KiB after listing, $(mount_kib) KiB when each file was looked at"
	# What a sanitizer keeps of memory is not ours.
	[ -n "${SAN:-}${TSAN:-}" ] || [ "$(mount_kib)" -lt 65536 ]
	touch "$T/m/many/entry-0000000"
	[ "$(find "$T/m/many" -mindepth 1 | wc -l)" -eq $(($1 + 1)) ]
}

@test "20,000 entries" {
	list_many 20000
}

@test "1,000,000 entries" {
	require_slow
	list_many 1000000
}

# Of d in the mount $1: content, attributes, and what is there and not.
look() {
	cat "$1"/d/{grows,mode,gone,moved,replaced,other,new} 2>&1 | sed "s#$1/##"
	stat -c '%n %s %a %h' "$1"/d/{grows,mode,gone,moved,replaced,other,new} 2>&1 | sed "s#$1/##"
	ls "$1/d"
}

# The kernel goes by its own memory for up to ten seconds, so it has to be told of changes when the mount remembers nothing of what is changed.
@test "what the mount has dropped is seen to change" {
	mkdir "$T/many"
	(cd "$T/many" && seq -f file-%g 400 | xargs touch && seq -f dir-%g 200 | xargs mkdir)
	as alice cfs put -rq "$T/many" /alice/
	mount_as alice "$T/m" -o subdir=alice,max_inodes=64
	mount_as alice "$T/b" -o subdir=alice
	mkdir "$T/b/d"
	tee "$T"/b/d/{grows,mode,gone,moved,replaced} <<<one >"$T/b/d/open"
	look "$T/m" >"$T/before"
	exec 8<"$T/m/d/open"
	# Several times what it remembers, of directories too.
	[ "$(find "$T/m/many" -maxdepth 1 -printf '%s\n' | wc -l)" -eq 601 ]
	echo two >>"$T/b/d/grows"
	chmod 600 "$T/b/d/mode"
	rm "$T/b/d/gone"
	mv "$T/b/d/moved" "$T/b/d/other"
	echo new >"$T/b/d/.new"
	mv "$T/b/d/.new" "$T/b/d/replaced"
	echo new >"$T/b/d/new"
	echo two >>"$T/b/d/open"
	look "$T/m" >"$T/after"
	[ "$(cat <&8)" = $'one\ntwo' ]
	exec 8<&-
	diff <(look "$T/b") "$T/after"
	! diff -q "$T/before" "$T/after"
}

@test "24 programs that write at once: what they wrote is there, and the mount stays small" {
	local pids=() i most
	head -c 12M /dev/urandom >"$T/want"
	mount_as alice "$T/m" -o subdir=alice
	for i in {1..24}; do
		dd if="$T/want" of="$T/m/f$i" bs=1M status=none 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	most=$(mount_kib VmHWM)
	echo "$most KiB at most"
	[ -n "${SAN:-}${TSAN:-}" ] || [ "$most" -lt 65536 ]
	for i in {1..24}; do
		cmp "$T/want" "$T/m/f$i"
	done
}
