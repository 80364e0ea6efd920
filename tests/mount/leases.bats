#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# limit: 180
# shellcheck disable=SC2154  # proxy_port, of proxy.bash
# Names removed one after the other: no call waits for its answer, and nobody else sees a name that is removed.

load ../lib/cfs
load ../lib/proxy

# alice's mounts: $a through a proxy that holds back what is said to the server, and $b. The directory d has many files.
setup() {
	test_begin
	require_fuse
	require_caches
	start_server
	new_user alice
	proxy_start "${SERVER_ADDRESS##*:}"
	cp -r "$T/home/alice" "$T/home/far"
	sed -i "s/${SERVER_ADDRESS##*:}/$proxy_port/" "$T/home/far/.config/cfs/profiles.conf"
	mkdir -p "$T/d/sub" && touch "$T/d/"f{1..60} "$T/d/sub/"g{1..20}
	as alice cfs put -r "$T/d" .
	mount_as far "$T/m1" -o subdir=alice
	a=$T/m1
}

teardown() {
	proxy_stop
	test_end
}

mount_b() {
	mount_as alice "$T/m2" -o subdir=alice
	b=$T/m2
}

# From here on nothing that $a says arrives; it has begun to remove, and goes on with the rest of the files.
remove_unheard() {
	[ "$(find "$a/d" | wc -l)" -eq 82 ]
	rm "$a/d/"f{1..20}
	sync "$a/d"
	proxy_tell hold up 0
	timeout 10 rm "$a/d/"f{21..60}
}

@test "what is removed and not told yet nobody sees any more" {
	mount_b
	remove_unheard
	# Whoever looks waits, by whatever way.
	run -124 as alice timeout 1 cfs ls d
	run -124 timeout 1 ls "$b/d"
	run -124 timeout 1 rmdir "$b/d"
	proxy_tell heal
	[ "$(ls "$b/d")" = sub ]
	[ "$(as alice cfs ls d | wc -l)" -eq 1 ]
	[ "$(ls "$a/d")" = sub ]
}

@test "its own looks wait for what it removed itself" {
	remove_unheard
	run -124 timeout 1 stat "$a/d/f60"
	proxy_tell heal
	run ! stat "$a/d/f60"
	echo again >"$a/d/f60"
	[ "$(as alice cfs cat d/f60)" = again ]
}

@test "a line that is cut in between loses nothing of it, and shows nothing of it" {
	mount_b
	remove_unheard
	proxy_tell cut
	proxy_tell heal
	[ "$(ls "$b/d")" = sub ]
	[ "$(ls "$a/d")" = sub ]
}

@test "a mount that is killed is waited for once, and what it did not tell is there" {
	mount_b
	remove_unheard
	kill -9 "$(pgrep -f "cfs-mount $a ")"
	run -0 timeout 40 ls "$b/d"
	[ "${#lines[@]}" -eq 41 ] || { echo "$output" >&2 && false; }
	timeout 2 ls "$b/d" >"$T/listed"
	timeout 20 rm -r "$b/d"
	admin fsck
}

@test "unmounting waits for it" {
	remove_unheard
	proxy_tell delay 300
	proxy_tell heal
	fusermount3 -u "$a"
	[ "$(as alice cfs ls d | wc -l)" -eq 1 ]
}

@test "whole trees go, and others may look in between" {
	proxy_tell delay 5
	cp -r "$T/d" "$a/e"
	mount_b
	rm -r "$a/d" &
	while [ -e "$b/d/f60" ]; do :; done
	wait $!
	[ "$(ls "$b")" = e ]
	rm -r "$a/e"
	[ -z "$(ls "$b")" ] && [ -z "$(ls "$a")" ]
	[ "$(as alice cfs ls | wc -l)" -eq 0 ]
	admin fsck
}

@test "a file that is open keeps its content, one with another name keeps that" {
	ln "$a/d/f30" "$a/d/sub/other"
	echo content >"$a/d/f31"
	exec 5<"$a/d/f31"
	rm "$a/d/"f{1..60}
	[ "$(cat <&5)" = content ]
	[ "$(stat -c %h "$a/d/sub/other")" -eq 1 ]
	exec 5<&-
	[ "$(ls "$a/d")" = sub ]
}

@test "names that were other files' before go, too" {
	ls -l "$a/d" >/dev/null
	# Each has the place of one that the kernel still knows: moved away, exchanged, removed while it was open.
	mv "$a/d/f41" "$a/d/g41" && mv "$a/d/f42" "$a/d/f41"
	exec 5<"$a/d/f43"
	mv "$a/d/f44" "$a/d/f43"
	exec 6<"$a/d/f45"
	rm "$a/d/f45" && ln "$a/d/f46" "$a/d/f45" && rm "$a/d/f46" && mv "$a/d/f47" "$a/d/f46"
	rm "$a/d/"f{1..40} "$a/d/"f41 "$a/d/"f43 "$a/d/"f45 "$a/d/"f46 "$a/d/"f{48..60} "$a/d/g41"
	[ "$(as alice cfs ls d)" = sub ] || { as alice cfs ls d >&2 && false; }
	exec 5<&- 6<&-
	rmdir "$a/d" 2>/dev/null && false
	rm -r "$a/d"
	[ -z "$(as alice cfs ls)" ]
}
