# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The pieces of work. Each runs on every peer that can do it, one peer after the other, checks what
# came out, records its values, and leaves nothing behind. README.md says what the rows mean.
# shellcheck disable=SC2154,SC2034  # set by bench, lib.bash and peers.bash

meter_opts=() # what the memory section adds to the meter's options

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
