# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The ground that the measurements stand on: the folder, processes and mounts that always go away,
# the emulated line, timing, and the record of values.
# shellcheck disable=SC2154,SC2034  # shared with bench: build, here, keep, no_cfs, cfs_only, quick

say() { printf '# %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

failures=0
daemons=() # process ids of what still runs, in the order of their start
tmp='' trees='' raw=''

setup() {
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/cfs-bench.XXXXXX") || exit 1
	trap cleanup EXIT
	trap 'exit 130' INT TERM HUP
	raw=$tmp/values.tsv
	# Trees that clients fetch go into memory where there is some: ext4 passes over inodes that were deleted in the last
	# minutes, and whoever comes after a deletion would pay for that with seconds.
	trees=$(mktemp -d /dev/shm/cfs-bench.XXXXXX 2>/dev/null) || { trees=$tmp/trees && mkdir "$trees"; }
	in=$tmp/in out=$tmp/out srv=$tmp/srv mnt=$tmp/mnt log=$tmp/log
	mkdir "$in" "$out" "$srv" "$mnt" "$log" "$tmp/empty" "$tmp/home"
	printf 'rtt\tsection\trow\tunit\tpeer\tround\tvalue\n' >"$raw"
	probe=$build/tests/bench/probe meter=$build/tests/bench/meter
	stream=$build/tests/bench/stream proxy=$build/tests/proxy
	local f
	for f in "$probe" "$meter" "$stream" "$proxy"; do
		[[ -x $f ]] || { say "$f is missing: make bench builds it"; exit 1; }
	done
	if [[ -z $quick ]]; then "$probe" warm "$(warm_mib)"; fi
	peers_start
}

warm_mib() { # enough for every copy of the largest input, and at most half of what is free
	awk '/^MemAvailable/ { half = $2 / 2048; printf "%d", half < 8192 ? half : 8192 }' /proc/meminfo
}

inputs_make() {
	rm -rf "${in:?}"/*
	"$probe" file "$in/big" $((big_mib << 20)) 1 || exit 1
	"$probe" tree "$in/tree" "$tree_files" $((tree_files / 10)) 2 || exit 1
	if ((rtt == 0)); then
		"$probe" file "$in/random" $((random_mib << 20)) 3 || exit 1
		git_input
	fi
	sync -f "$in"
}

# ---- processes ------------------------------------------------------------------------------

daemon() { # NAME COMMAND...: starts it with its output in $log/NAME.out, .err; its id in $pid
	local name=$1
	shift
	"$@" >"$log/$name.out" 2>"$log/$name.err" </dev/null &
	pid=$!
	daemons+=("$pid")
}

await() { # COMMAND...: until it succeeds, for 10 s at most
	local end=$((SECONDS + 10))
	until "$@" 2>/dev/null; do
		((SECONDS < end)) || return 1
		sleep 0.02
	done
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
gone() { ! kill -0 "$1" 2>/dev/null; }

end_process() { # PID: of a child; afterwards its number may belong to somebody else
	local p still=()
	for p in "${daemons[@]}"; do if [[ $p != "$1" ]]; then still+=("$p"); fi; done
	daemons=("${still[@]}")
	kill "$1" 2>/dev/null && { await gone "$1" || kill -9 "$1" 2>/dev/null; }
	wait "$1" 2>/dev/null
	return 0
}

# Asks the kernel's list, not the mount, which may hang.
is_mounted() { awk -v at="$1" '$2 == at { found = 1 } END { exit !found }' /proc/mounts; }

unmount() { # DIR
	is_mounted "$1" || return 0
	fusermount3 -u "$1" 2>/dev/null || fusermount3 -uz "$1" 2>/dev/null || umount -l "$1"
}

cleanup() {
	local dir
	trap '' INT TERM HUP
	while read -r dir; do unmount "$dir"; done < <(
		awk -v under="$tmp/" 'index($2, under) == 1 { print $2 }' /proc/mounts
	)
	while ((${#daemons[@]} > 0)); do end_process "${daemons[-1]}"; done
	if [[ -n ${made_run_sshd:-} ]]; then rmdir /run/sshd 2>/dev/null; fi
	if [[ -n $keep ]]; then say "kept: $tmp $trees"; else rm -rf --one-file-system "${tmp:?}" "$trees"; fi
}

# ---- the line: each server's port, or that of a proxy before it -----------------------------

declare -A server_port=() # by server: ssh rsyncd tls cfs
declare -A port=()        # what a client dials now
lines=()

line_start() { # RTT
	local s half
	lines=()
	half=$(awk -v r="$1" 'BEGIN { print r / 2 }')
	for s in "${!server_port[@]}"; do
		port[$s]=${server_port[$s]}
		[[ $1 == 0 ]] && continue
		daemon "line-$s" "$proxy" --to "127.0.0.1:${server_port[$s]}" --delay "$half"
		lines+=("$pid")
		await test -s "$log/line-$s.out" || { say "no proxy for $s"; exit 1; }
		port[$s]=$(<"$log/line-$s.out")
	done
	ssh_client_config
}

line_stop() {
	local p
	for p in "${lines[@]}"; do end_process "$p"; done
}

# ---- measuring ------------------------------------------------------------------------------

record() { # SECTION ROW UNIT PEER ROUND VALUE
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$rtt" "$1" "$2" "$3" "$4" "$5" "$6" >>"$raw"
}

failed() { # WHAT...
	say "FAILED: $*"
	failures=$((failures + 1))
}

# Runs a command under the meter. Afterwards $wall_us and, with -p, the other costs are set.
metered() { # [METER OPTION...] -- COMMAND...
	rm -f "$tmp/meter"
	"$meter" "$tmp/meter" "$@" >>"$log/work.out" 2>>"$log/work.err"
	local rc=$?
	read -r wall_us cpu_us server_cpu_us rss_kib pss_kib server_rss_kib server_pss_kib <"$tmp/meter"
	return $rc
}

rate() { awk -v mib="$1" -v us="$2" 'BEGIN { printf "%.2f", (us > 0 ? mib * 1e6 / us : 0) }'; }
seconds() { awk -v us="$1" 'BEGIN { printf "%.4f", us / 1e6 }'; }
