# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The pieces of work. Each runs on every peer that can do it, one peer after the other, checks what
# came out, records its values, and leaves nothing behind. README.md says what the rows mean.
# shellcheck disable=SC2154,SC2034  # set by bench, lib.bash and peers.bash

meter_opts=() # what the memory section adds to the meter's options
mount_pid=''

quiet() { sync -f "$srv"; } # what earlier work left unwritten is not for the next to wait for

# ---- one big file ---------------------------------------------------------------------------

work_big() { # ROUND
	local p
	for p in cfs scp sftp rsync tls; do
		if can "$p" put; then big_one "$p" "$1" || failed "${title[$p]}: the big file"; fi
		if can "$p" forget; then "${p}_forget" big; fi
		rm -f "$out/big"
	done
}

big_one() { # PEER ROUND
	local t=${title[$1]} put_us
	quiet
	"$1_put" "$in/big" big || return 1
	put_us=$wall_us
	metered -- sync -f "$srv"
	record 'one file' put MiB/s "$t" "$2" "$(rate "$big_mib" "$put_us")"
	record 'one file' 'put and on disk' MiB/s "$t" "$2" "$(rate "$big_mib" $((put_us + wall_us)))"
	"$1_get" big "$out/big" || return 1
	record 'one file' get MiB/s "$t" "$2" "$(rate "$big_mib" "$wall_us")"
	cmp "$in/big" "$out/big" >&2
}

# ---- a tree of small files, by commands -----------------------------------------------------

work_tree() { # ROUND
	local p
	for p in cfs scp sftp rsync rsyncd ssh; do
		if can "$p" forget; then
			tree_one "$p" "$1" || failed "${title[$p]}: the tree"
			"${p}_forget" tree
		fi
		rm -rf "${trees:?}/tree"
	done
}

tree_one() { # PEER ROUND
	local t=${title[$1]} s='tree by commands'
	quiet
	if can "$1" puttree; then
		"$1_puttree" "$in/tree" tree || return 1
		record "$s" 'put -r' s "$t" "$2" "$(seconds "$wall_us")"
		quiet
		"$1_gettree" tree "$trees/tree" || return 1
		record "$s" 'get -r' s "$t" "$2" "$(seconds "$wall_us")"
		diff -r "$in/tree" "$trees/tree" >&2 || return 1
	fi
	can "$1" lstree || return 0
	"$1_lstree" tree || return 1
	record "$s" 'ls -lR' s "$t" "$2" "$(seconds "$wall_us")"
	"$1_rmtree" tree || return 1
	record "$s" 'rm -r' s "$t" "$2" "$(seconds "$wall_us")"
}

# ---- through a mount ------------------------------------------------------------------------

mounts() { # the peers that can mount
	local p
	for p in cfs sshfs; do
		if [[ $p == cfs && ! -x $build/bin/cfs-mount ]]; then continue; fi
		if can "$p" mount; then echo "$p"; fi
	done
}

# Mounts it anew, so that the client knows nothing. sshfs mounts first and connects then, so the mount
# is asked for its free space, which is no knowledge that any of the work uses.
mount_fresh() { # PEER
	unmount_now "$1"
	mkdir -p "$mnt/$1"
	"$1_mount"
	mount_pid=$pid
	await is_mounted "$mnt/$1" || { say "$1 does not mount"; cat "$log/mount-$1.err" >&2; return 1; }
	timeout 20 stat -f "$mnt/$1" >>"$log/work.out"
}

unmount_now() { # PEER
	is_mounted "$mnt/$1" || return 0
	"$1_unmount" || unmount "$mnt/$1"
	await gone "$mount_pid"
	end_process "$mount_pid"
	return 0
}

for_each_mount() { # FUNCTION WHAT ROUND
	local p
	for p in $(mounts); do
		"$1" "$p" "$3" || failed "${title[$p]}: $2 through the mount"
		if is_mounted "$mnt/$p"; then timeout 120 rm -rf "${mnt:?}/$p/"* 2>>"$log/work.err"; fi
		unmount_now "$p"
	done
}

work_mount() { for_each_mount mount_one 'the big file' "$1"; }

mount_one() { # PEER ROUND
	local at=$mnt/$1 t=${title[$1]} s='one file through the mount'
	quiet
	mount_fresh "$1" || return 1
	metered "${meter_opts[@]}" -- dd if="$in/big" of="$at/big" bs=1M conv=fsync status=none || return 1
	record "$s" 'write and fsync' MiB/s "$t" "$2" "$(rate "$big_mib" "$wall_us")"
	mount_fresh "$1" || return 1
	metered -- dd if="$at/big" of=/dev/null bs=1M status=none || return 1
	record "$s" 'read, cold' MiB/s "$t" "$2" "$(rate "$big_mib" "$wall_us")"
	metered -- dd if="$at/big" of=/dev/null bs=1M status=none || return 1
	record "$s" 'read, again' MiB/s "$t" "$2" "$(rate "$big_mib" "$wall_us")"
	cmp "$in/big" "$at/big" >&2
}

work_mtree() { for_each_mount mtree_one 'the tree' "$1"; }

mtree_one() { # PEER ROUND
	local at=$mnt/$1 t=${title[$1]} s='tree through the mount'
	quiet
	mount_fresh "$1" || return 1
	metered -- cp -r "$in/tree" "$at/tree" || return 1
	record "$s" 'cp -r' s "$t" "$2" "$(seconds "$wall_us")"
	mount_fresh "$1" || return 1
	metered -- find "$at/tree" -printf '%s\n' || return 1
	record "$s" 'find with sizes, cold' s "$t" "$2" "$(seconds "$wall_us")"
	mount_fresh "$1" || return 1
	metered -- tar -cf "$trees/tree.tar" -C "$at" tree || return 1
	record "$s" 'tar, cold' s "$t" "$2" "$(seconds "$wall_us")"
	mount_fresh "$1" || return 1
	metered -- rm -rf "$at/tree" || return 1
	record "$s" 'rm -rf, cold' s "$t" "$2" "$(seconds "$wall_us")"
	tar -xf "$trees/tree.tar" -C "$trees" && diff -r "$in/tree" "$trees/tree" >&2 || return 1
	rm -rf "$trees/tree" "$trees/tree.tar"
}

work_lat() { for_each_mount lat_one latency "$1"; }

lat_one() { # PEER ROUND
	local at=$mnt/$1
	quiet
	mount_fresh "$1" || return 1
	mkdir "$at/plain" "$at/flushed" || return 1
	lat_row "$1" "$2" create plain 'create, write 4 KiB, close' &&
		lat_row "$1" "$2" create-fsync flushed 'the same with fsync' &&
		mount_fresh "$1" && lat_row "$1" "$2" stat plain 'stat, cold' &&
		mount_fresh "$1" && lat_row "$1" "$2" open plain 'open, read 4 KiB, close, cold'
}

lat_row() { # PEER ROUND PROBE FOLDER TITLE
	local p50 p99 s='latency through the mount'
	read -r p50 p99 < <("$probe" "$3" "$mnt/$1/$4" "$lat_files" 2>>"$log/work.err") || return 1
	record "$s" "$5: p50" µs "${title[$1]}" "$2" "$p50"
	record "$s" "$5: p99" µs "${title[$1]}" "$2" "$p99"
}

# ---- memory and processor time --------------------------------------------------------------

idle_sessions=8

work_mem() { # ROUND: once is enough, sizes hardly vary; and only where no proxy adds to it
	((rtt == 0 && $1 == 1)) || return 0
	local p
	local idle=()
	for p in cfs sftp; do
		if can "$p" put; then idle+=("$p"); fi
	done
	idle_work "${idle[@]}"
	for p in cfs scp sftp rsync tls; do
		if can "$p" put; then costs_one "$p" || failed "${title[$p]}: costs of the big file"; fi
		if can "$p" forget; then "${p}_forget" big; fi
		rm -f "$out/big"
	done
	for_each_mount mount_costs_one costs 1
	meter_opts=()
}

server_of() { if [[ $1 == cfs || $1 == tls ]]; then echo "$1"; else echo ssh; fi; }

descendants() { # PID
	local kid
	while read -r kid; do
		echo "$kid"
		descendants "$kid"
	done < <(cat /proc/"$1"/task/*/children 2>/dev/null | tr -s ' ' '\n')
}

pss_kib() { # PID...
	local p
	for p; do cat "/proc/$p/smaps_rollup" 2>/dev/null; done | awk '/^Pss:/ { n += $2 } END { print n + 0 }'
}

# What the server holds for one client that has asked something and now keeps quiet: eight clients of
# each peer are opened, left alone together, and the memory of the sessions they caused is shared out.
idle_work() {
	local p fd i fds=() clients=()
	local -A before=()
	for p in "$@"; do
		before[$p]=$(descendants "${server_pid[$(server_of "$p")]}" | sort)
		for ((i = 0; i < idle_sessions; i++)); do idle_open "$p" "$i"; done
	done
	sleep 7 # not for anything to happen: more than five idle seconds are what is measured
	for p in "$@"; do idle_record "$p" "${before[$p]}" || failed "${title[$p]}: idle sessions"; done
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	for i in "${clients[@]}"; do end_process "$i"; done
}

idle_open() { # PEER NUMBER: one client with a pipe for its orders, kept open in $fds
	local -a shell=(cfs shell)
	if [[ $1 == sftp ]]; then shell=(sftp -q -F "$tmp/ssh_config" peer); fi
	mkfifo "$tmp/orders"
	exec {fd}<>"$tmp/orders"
	"${shell[@]}" <"$tmp/orders" >"$log/idle.$1.$2" 2>&1 &
	clients+=("$!")
	daemons+=("$!")
	fds+=("$fd")
	printf 'pwd\nls\npwd\n' >&"$fd"
	await test -s "$log/idle.$1.$2" || say "$1: idle session $2 says nothing"
	rm "$tmp/orders"
}

idle_record() { # PEER BEFORE
	local new
	mapfile -t new < <(comm -13 <(echo "$2") <(descendants "${server_pid[$(server_of "$1")]}" | sort))
	record 'memory and processor time' "an idle session's own memory on the server" MiB "${title[$1]}" 1 \
		"$(awk -v kib="$(pss_kib "${new[@]}")" -v n="$idle_sessions" 'BEGIN { printf "%.3f", kib / 1024 / n }')"
	((${#new[@]} >= idle_sessions))
}

costs_one() { # PEER
	meter_opts=(-p -s "${server_pid[$(server_of "$1")]}")
	quiet
	"$1_put" "$in/big" big || return 1
	costs_record "$1" put
	"$1_get" big "$out/big" || return 1
	costs_record "$1" get
}

costs_record() { # PEER WHAT
	local s='memory and processor time' t=${title[$1]}
	record "$s" "$2: client's peak, resident" MiB "$t" 1 "$(mib "$rss_kib")"
	record "$s" "$2: client's peak, own" MiB "$t" 1 "$(mib "$pss_kib")"
	record "$s" "$2: session's peak, resident" MiB "$t" 1 "$(mib "$server_rss_kib")"
	record "$s" "$2: session's peak, own" MiB "$t" 1 "$(mib "$server_pss_kib")"
	record "$s" "$2: processor time of both" s/GiB "$t" 1 \
		"$(awk -v us=$((cpu_us + server_cpu_us)) -v mib="$big_mib" 'BEGIN { printf "%.3f", us / 1e6 / mib * 1024 }')"
}

mib() { awk -v kib="$1" 'BEGIN { printf "%.2f", kib / 1024 }'; }

mount_costs_one() { # PEER
	quiet
	mount_costs_ready "$1" || return 1
	metered "${meter_opts[@]}" -- dd if="$in/big" of="$mnt/$1/big" bs=1M conv=fsync status=none || return 1
	costs_record "$1" 'mount, write'
	mount_costs_ready "$1" || return 1
	metered "${meter_opts[@]}" -- dd if="$mnt/$1/big" of=/dev/null bs=1M status=none || return 1
	costs_record "$1" 'mount, read'
}

mount_costs_ready() { # PEER: mounted anew, with the meter on its daemon and its session
	local server=${server_pid[$(server_of "$1")]} before p
	unmount_now "$1"
	before=$(descendants "$server" | sort)
	mount_fresh "$1" || return 1
	meter_opts=(-p -a -c "$mount_pid")
	for p in $(comm -13 <(echo "$before") <(descendants "$server" | sort)); do meter_opts+=(-s "$p"); done
}

# ---- events: figures of their own, no peer has anything like them ------------------------------

events_figures() {
	local b=$build/tests/bench other=$build-noevents
	printf '\n### Events\n'
	"$b/events" ${quick:+--quick} || failed 'events in bulk'
	"$b/notices" || failed 'notices'
	if [[ -x $other/bin/cfsd ]]; then
		"$here/events_cost" "$build" "$other" "$((quick ? 1 : runs * 3))" "$((quick ? 100 : 3000))" || failed 'what events cost'
	else
		say "$other is missing (make EVENTS=0 B=$other): what events cost is not measured"
	fi
}
