# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The pieces of work that go through a mount: as in work.bash, one peer after the other, with what came out compared.
# shellcheck disable=SC2154,SC2034  # set by bench, lib.bash and peers.bash

mount_pid=''

mounts() { # the peers that can mount over this line
	local p
	for p in cfs sshfs tuned pass; do
		if [[ $p == cfs && ! -x $build/bin/cfs-mount ]]; then continue; fi
		if [[ $p == pass && $rtt != 0 ]]; then continue; fi
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

# ---- one big file ---------------------------------------------------------------------------

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

# ---- a tree ---------------------------------------------------------------------------------

work_mtree() { for_each_mount mtree_one 'the tree' "$1"; }

# shellcheck disable=SC2016  # for the shell that is started
mtree_one() { # PEER ROUND
	local at=$mnt/$1 t=${title[$1]} s='tree through the mount'
	quiet
	mount_fresh "$1" || return 1
	metered -- sh -c 'cp -r "$1" "$2/tree" && sync "$2"' - "$in/tree" "$at" || return 1
	record "$s" 'cp -r, then fsync of the root' s "$t" "$2" "$(seconds "$wall_us")"
	mount_fresh "$1" || return 1
	metered -- find "$at/tree" -printf '%s\n' || return 1
	record "$s" 'find with sizes, cold' s "$t" "$2" "$(seconds "$wall_us")"
	mount_fresh "$1" || return 1
	metered -- tar -cf "$trees/tree.tar" -C "$at" tree || return 1
	record "$s" 'tar, cold' s "$t" "$2" "$(seconds "$wall_us")"
	metered -- rm -rf "$at/tree" || return 1
	record "$s" 'rm -rf' s "$t" "$2" "$(seconds "$wall_us")"
	tar -xf "$trees/tree.tar" -C "$trees" && diff -r "$in/tree" "$trees/tree" >&2 || return 1
	rm -rf "$trees/tree" "$trees/tree.tar"
}

# ---- blocks of 4 KiB in a random order; a near server alone -----------------------------------

work_random() { ((rtt == 0)) && for_each_mount random_one 'random blocks' "$1"; }

random_row() { # PEER ROUND ROW PROBE-ARGUMENT...
	local per_s p=$1 r=$2 row=$3
	shift 3
	per_s=$("$probe" "$@" 2>>"$log/work.err") || return 1
	record '4 KiB at a time' "$row" 1/s "${title[$p]}" "$r" "$per_s"
}

random_one() { # PEER ROUND
	local file=$mnt/$1/random
	quiet
	mount_fresh "$1" || return 1
	dd if="$in/random" of="$file" bs=1M conv=fsync status=none || return 1
	mount_fresh "$1" && random_row "$1" "$2" 'random read, cold, 1 job' random-read "$file" 1 "$random_s" &&
		mount_fresh "$1" && random_row "$1" "$2" 'random read, cold, 16 jobs' random-read "$file" 16 "$random_s" &&
		cmp "$in/random" "$file" >&2 &&
		random_row "$1" "$2" 'random read, warm' random-again "$file" "$random_s" &&
		random_row "$1" "$2" 'random write, fsync every 32' random-write "$file" 32 "$random_s"
}

# ---- git ------------------------------------------------------------------------------------

git_here() { git -c 'safe.directory=*' -c gc.auto=0 -c core.fsmonitor=false "$@"; }

git_input() { # a repository of 600 files and six commits
	local i name='-c user.name=bench -c user.email=bench@localhost'
	have git || return 0
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	"$probe" tree "$in/repo" $((tree_files < 600 ? tree_files : 600)) $((tree_files < 600 ? tree_files / 10 : 60)) 5 || exit 1
	# shellcheck disable=SC2086  # words
	{
		git_here -c init.defaultBranch=main init -q "$in/repo" && git_here -C "$in/repo" add -A &&
			git_here $name -C "$in/repo" commit -q -m all
		for i in 1 2 3 4 5; do
			find "$in/repo" -name "*$i.c" -exec sh -c 'for f; do echo changed >>"$f"; done' - {} +
			git_here $name -C "$in/repo" commit -q -a -m "change $i"
		done
	} || exit 1
}

work_git() { ((rtt == 0)) && have git && for_each_mount git_one git "$1"; }

git_one() { # PEER ROUND
	local at=$mnt/$1/repo t=${title[$1]}
	local -a g=(git -c 'safe.directory=*' -c gc.auto=0 -c core.fsmonitor=false)
	quiet
	mount_fresh "$1" || return 1
	metered -- "${g[@]}" clone -q --no-hardlinks "$in/repo" "$at" || return 1
	record git 'clone in the mount' s "$t" "$2" "$(seconds "$wall_us")"
	mount_fresh "$1" || return 1
	: >"$log/work.out"
	metered -- "${g[@]}" -C "$at" status --porcelain || return 1
	record git 'status, cold' s "$t" "$2" "$(seconds "$wall_us")"
	[[ ! -s $log/work.out ]] && "${g[@]}" -C "$at" fsck --full >>"$log/work.err" 2>&1
}

# ---- latencies ------------------------------------------------------------------------------

work_lat() {
	for_each_mount lat_one latency "$1"
	if ((rtt == 0)) && can tls put; then ping_row "$1" || failed 'a bare round trip'; fi
}

ping_row() { # ROUND
	local p50 p99
	read -r p50 p99 < <("$stream" ping "${port[tls]}" $((lat_files * 10)) 2>>"$log/work.err") || return 1
	record 'latency through the mount' 'one bare TLS round trip: p50' µs "${title[tls]}" "$1" "$p50"
	record 'latency through the mount' 'one bare TLS round trip: p99' µs "${title[tls]}" "$1" "$p99"
}

lat_one() { # PEER ROUND
	local at=$mnt/$1
	quiet
	mount_fresh "$1" || return 1
	mkdir "$at/plain" "$at/flushed" "$at/apart" && "$probe" spread "$at/apart" "$apart_files" || return 1
	lat_row "$1" "$2" create plain 'create, write 4 KiB, close' &&
		lat_row "$1" "$2" create-fsync flushed 'the same with fsync' &&
		mount_fresh "$1" && lat_row "$1" "$2" stat plain 'stat, cold' &&
		mount_fresh "$1" && lat_row "$1" "$2" open plain 'open, read 4 KiB, close, cold' &&
		mount_fresh "$1" && lat_row "$1" "$2" stat-apart apart 'stat, of a directory nothing else' &&
		mount_fresh "$1" && lat_row "$1" "$2" open-apart apart 'open, read, close, of a directory nothing else'
}

lat_row() { # PEER ROUND PROBE FOLDER TITLE
	local p50 p99 n=$lat_files s='latency through the mount'
	if [[ $4 == apart ]]; then n=$apart_files; fi
	read -r p50 p99 < <("$probe" "$3" "$mnt/$1/$4" "$n" 2>>"$log/work.err") || return 1
	record "$s" "$5: p50" µs "${title[$1]}" "$2" "$p50"
	record "$s" "$5: p99" µs "${title[$1]}" "$2" "$p99"
}

# ---- memory and processor time --------------------------------------------------------------

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
