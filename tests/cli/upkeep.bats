#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfsadm quota, gc, scrub, backup, verify-backup, restore: what keeps a store in order.
# limit: 240

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

# A blob's file: the only one, or the newest.
newest_blob() {
	find store/blobs -type f -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2
}

# damage FILE OFFSET: turns one byte over.
damage() {
	local byte
	byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
	printf %b "\\x$(printf %x $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "quota: growth is refused, what replaces makes room, old versions give way" {
	head -c 600000 /dev/urandom >a && head -c 500000 /dev/urandom >b
	as alice cfs put a
	admin quota alice 1M
	run -8 as alice cfs put b
	as alice cfs --json df | jq -e '.quota == 1048576 and .total == 1048576 and .used == 600000'
	as alice cfs put b a
	as alice cfs put a a
	run -8 as alice cfs put b c
	[[ $output == *'quota exceeded'* ]]
	[ "$(admin --json quota alice | jq '.used')" = 600000 ]
	attic_fits() {
		[ "$(admin --json quota alice | jq '.used + .attic <= .quota')" = true ]
	}
	wait_until 20 attic_fits
	admin quota alice none
	as alice cfs put b c
	[[ $(admin quota alice) == *none* ]]
	run -3 admin quota nobody 1G
	run -2 admin quota alice much
}

@test "a default quota in the settings" {
	stop_server
	sed -i 's/^\[store\]/[store]\nquota = 100k/' cfsd.conf
	start_server
	head -c 200000 /dev/zero >big
	run -8 as alice cfs put big
	admin quota alice 1M
	as alice cfs put big
	admin quota alice default
	[[ $(admin quota alice) == *'100 KiB (of the settings)'* ]]
}

@test "scrub finds one wrong byte, names the file, and get gives no wrong bytes" {
	head -c 3000000 /dev/urandom >f
	as alice cfs put f
	run -0 admin scrub
	[[ $output == *' 0 damaged, 0 healed' ]]
	as alice cfs put f other >/dev/null
	damage "$(newest_blob)" 200000
	run -7 admin scrub
	[[ $output == *'of version '*' are damaged (owner alice)'* ]]
	[[ $output == *'/alice/f: bytes '* ]]
	run -7 as alice cfs get f copy
	[ ! -e copy ]
	run -7 admin --json scrub
	[ "$(sed -n 's/^{"blob.*"path".*/&/p' <<<"$output" | jq -s '.[0] | .to - .from')" = 65536 ]
}

@test "whose file scrub found damaged is told, with a daemon and without" {
	new_user bob
	head -c 300000 /dev/urandom >f
	as alice cfs put f
	damage "$(newest_blob)" 5000
	run -7 admin scrub
	told=$(as alice cfs watch --since 0 --no-follow --json | jq -c 'select(.op == "damage")')
	[ "$(jq -r '[.event, .path, .version, .bytes, .result] | map(tostring) | join(" ")' <<<"$told")" = \
		'admin /alice/f 1 65536 CORRUPT' ]
	as bob cfs watch --since 0 --no-follow --json >bobs
	run ! grep damage bobs
	stop_server
	run -7 admin scrub
	start_server
	[ "$(as alice cfs watch --since 0 --no-follow | grep -c 'damage  /alice/f')" = 2 ]
}

@test "scrub names an old version that is whole" {
	head -c 300000 /dev/urandom >f && as alice cfs put f
	head -c 300000 /dev/urandom >g && as alice cfs put g f
	damage "$(newest_blob)" 5000
	run -7 admin scrub
	[[ $output == *'version 1 of '*' is whole'* ]]
	as alice cfs restore f@1
	as alice cfs cat f | cmp - f
}

@test "scrub heals from another user's copy" {
	new_user bob
	head -c 1000000 /dev/urandom >f
	as alice cfs put f && as bob cfs put f
	damage "$(newest_blob)" 70000
	run -0 admin scrub
	[[ $output == *'healed from another copy'* ]]
	run -0 admin scrub
	[[ $output == *' 0 damaged, 0 healed' ]]
	as alice cfs cat f | cmp - f
	as bob cfs cat f | cmp - f
}

@test "scrub in parts: ten times a tenth is all" {
	mkdir many && for i in {1..30}; do head -c 40000 /dev/urandom >"many/$i"; done
	as alice cfs put -r many
	total=0
	for i in {1..10}; do
		n=$(admin --json scrub --subset 10% | jq .blobs)
		total=$((total + n))
	done
	[ "$total" -ge 29 ]
	[ "$total" -le 30 ]
	run -2 admin scrub --subset 200%
}

@test "gc removes what is due, and fsck --repair what is miscounted" {
	head -c 300000 /dev/urandom >f && as alice cfs put f && as alice cfs rm f
	run -0 admin --json gc -n
	[ "$(jq .blobs <<<"$output")" = 0 ]
	[ "$(jq .nameless <<<"$output")" = 0 ]
	sqlite3 -cmd '.timeout 5000' store/meta/meta.db 'UPDATE orphan SET since = 1; UPDATE inode SET ctime = 1 WHERE nlink = 0'
	admin gc
	[ "$(admin --json gc -n | jq '.nameless + .blobs')" = 0 ]
	sqlite3 -cmd '.timeout 5000' store/meta/meta.db 'UPDATE usage SET files = 77; UPDATE blob SET refs = refs + 1'
	run -7 admin fsck
	run -0 admin fsck --repair
	[[ $output == *'repaired: 1 users have other sums now'* ]]
	[[ $output == *'no faults' ]]
	run -0 admin fsck
}

@test "a backup is made while the store changes, only what is new is copied, and a restore serves" {
	mkdir -p tree/a/b && seq 1000 >tree/seq && head -c 5000000 /dev/urandom >tree/a/big && echo x >tree/a/b/x
	as alice cfs put -r tree
	(for i in {1..4}; do head -c 100000 /dev/urandom | as alice cfs put - "moving$i"; done) &
	pid=$!
	run -0 admin backup saved
	wait "$pid"
	run -0 admin verify-backup saved
	[[ $output == 'no faults, '* ]]
	run -0 admin --json backup saved
	[ "$(jq '.copied_bytes < 2500000 and .bytes >= 5000000' <<<"$output")" = true ]
	# What is not needed any more goes from the backup, too.
	as alice cfs rm -r tree/a && as alice cfs prune tree
	printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/again" >again.conf
	cfsadm -c again.conf restore saved
	run -6 cfsadm -c again.conf restore saved
	cfsadm -c again.conf fsck
	stop_server
	sed -i "s|^path = .*|path = $T/again|" cfsd.conf
	start_server
	as alice cfs get -r tree back
	diff -r tree back
	echo new | as alice cfs put - new
	[ "$(as alice cfs cat new)" = new ]
	admin fsck
}

@test "a backup that was ended early leaves the one before" {
	head -c 200000 /dev/urandom >f && as alice cfs put f
	admin backup saved
	head -c 30000000 /dev/urandom >g && as alice cfs put g
	timeout -s KILL 0.05 cfsadm -c cfsd.conf backup saved || true
	admin verify-backup saved
	admin backup saved
	admin verify-backup saved
	# A folder that holds something else is left alone, and so is the backup of another store.
	mkdir mine && echo x >mine/x
	run -6 admin backup mine
	damage "$(find saved/blobs -type f | head -1)" 3000
	run -7 admin verify-backup saved
}

@test "a blob that was damaged in the backup is copied again" {
	head -c 200000 /dev/urandom >f && as alice cfs put f
	admin backup saved
	damage "$(find saved/blobs -type f | head -1)" 3000
	# What is there is not read again unless one wants it.
	admin backup saved
	run -7 admin verify-backup saved
	run -0 admin backup --check saved
	[[ $output == *'1 were damaged there'* ]]
	admin verify-backup saved
	run -0 admin --json backup --check saved
	[ "$(jq '.damaged == 0 and .copied_blobs == 0' <<<"$output")" = true ]
	# And one that is damaged in the store too is no backup of it.
	damage "$(find saved/blobs -type f | head -1)" 3000
	damage "$(find store/blobs -type f | head -1)" 3000
	run -7 admin backup --check saved
	[[ $output == *'damaged in the store too'* ]]
}

@test "a backup as an archive that tar unpacks" {
	head -c 3000000 /dev/urandom >f && as alice cfs put f && echo small | as alice cfs put - s
	admin backup - >all.tar
	mkdir unpacked && tar xf all.tar -C unpacked
	admin verify-backup unpacked
	printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/again" >again.conf
	cfsadm -c again.conf restore unpacked
	cfsadm -c again.conf fsck
	# One that was cut short is none.
	head -c 1000000 all.tar >part.tar
	mkdir part && tar xf part.tar -C part 2>/dev/null || true
	run -3 admin verify-backup part
}

@test "keys that are gone are not in the backup, and come back with no restore" {
	admin rotate-key --begin
	admin backup saved
	[ -e saved/keys/next.key ]
	admin rotate-key --cancel
	admin backup saved
	diff -r store/keys saved/keys
	admin verify-backup saved
}

@test "two archives are not made at once: each would have the other's database" {
	echo x | as alice cfs put - f
	# The first waits for the pipe, which is full.
	admin backup - | {
		wait_until 10 test -e store/meta/meta.db.new
		cfsadm -c cfsd.conf backup - >second.tar 2>why && echo made >second
		cat
	} >first.tar
	[ ! -e second ]
	[[ $(<why) == *'another archive is being made'* ]]
	mkdir unpacked && tar xf first.tar -C unpacked
	admin verify-backup unpacked
}
