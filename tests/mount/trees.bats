#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Real programs on real trees through the mount.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice
	M=$T/m
}

@test "cp -r /usr/include, diff -r, ls -R, rm -r" {
	cp -r /usr/include "$M/"
	diff -r --no-dereference /usr/include "$M/include"
	[ "$(cd /usr/include && find . | LC_ALL=C sort)" = "$(cd "$M/include" && find . | LC_ALL=C sort)" ]
	as alice cfs get -r include "$T/"
	diff -r --no-dereference /usr/include "$T/include"
	rm -r "$M/include"
	[ -z "$(ls -A "$M")" ]
}

@test "tar in and out keeps modes, times and links" {
	mkdir "$T/src" && cd "$T/src"
	mkdir -p a/b
	echo one >a/b/f
	chmod 750 a/b/f
	ln -s b/f a/s
	ln a/b/f a/h
	touch -d '2010-01-01 00:00:01' a/b/f
	tar -cf - . | tar -xpf - -C "$M"
	mkdir "$T/back"
	tar -cf - -C "$M" . | tar -xpf - -C "$T/back"
	diff -r "$T/src" "$T/back"
	[ "$(stat -c '%a %Y %h' "$T/back/a/b/f")" = "$(stat -c '%a %Y %h' a/b/f)" ]
	[ "$(readlink "$T/back/a/s")" = b/f ]
}

@test "rsync: the second run transfers nothing" {
	require_tool rsync
	rsync -a /usr/include/linux "$M/"
	diff -r /usr/include/linux "$M/linux"
	rsync -ai /usr/include/linux "$M/" >"$T/again"
	run ! grep '^[<>]f' "$T/again"
}

@test "git clone, commit, fsck" {
	require_tool git
	export HOME=$T GIT_CONFIG_NOSYSTEM=1
	git config --global user.name t
	git config --global user.email t@example.org
	git config --global init.defaultBranch main
	git init -q "$T/origin"
	cp -r /usr/include/linux "$T/origin/"
	git -C "$T/origin" add -A
	git -C "$T/origin" commit -qm one
	git clone -q "$T/origin" "$M/clone"
	git -C "$M/clone" fsck --strict
	diff -r "$T/origin/linux" "$M/clone/linux"
	[ -z "$(git -C "$M/clone" status --porcelain)" ]
	echo change >>"$M/clone/linux/fs.h"
	git -C "$M/clone" commit -qam two
	git -C "$M/clone" gc -q
	git -C "$M/clone" fsck --strict
}

@test "a 1 GiB random file through put, get and the mount" {
	dd if=/dev/urandom of="$T/big" bs=1M count=1024 status=none
	as alice cfs put "$T/big" big
	cmp "$T/big" "$M/big"
	dd if="$T/big" of="$M/copy" bs=1M conv=fsync status=none
	as alice cfs get copy - | cmp - "$T/big"
	[ "$(as alice cfs sum copy | cut -d' ' -f1)" = "$(sha256sum <"$T/big" | cut -d' ' -f1)" ]
}
