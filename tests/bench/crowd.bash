# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A crowd: thousands of clients that are held, and strangers who press at the door. A server of its own, whose limits let so many in.
# shellcheck disable=SC2154  # set by bench and lib.bash

work_crowd() { # ROUND: once
	((rtt == 0 && $1 == 1)) || return 0
	[[ -z $no_cfs ]] || return 0
	crowd_one || failed 'the crowd'
	end_process "$crowd_pid"
}

crowd_count() { # as many as this shell may have descriptors for, with room for the server's
	local most=${1:-10000} may
	may=$(ulimit -Hn)
	[[ $may == unlimited ]] || ((may > most + 1000)) || most=$((may - 1000))
	ulimit -Sn "$(ulimit -Hn)"
	echo "$most"
}

crowd_one() {
	local conf=$tmp/crowd.conf port count value invite
	local home=$tmp/home/crowd
	local strangers
	crowd_pid='' count=$(crowd_count "$([[ -n $quick ]] && echo 200)")
	strangers=$(crowd_count "$([[ -n $quick ]] && echo 500 || echo 5000)")
	ulimit -Sn "$(ulimit -Hn)"
	port=$("$probe" port)
	mkdir -p "$home"
	printf '%s\n' '[server]' "listen = 127.0.0.1:$port" '[store]' "path = $srv/crowd" '[limits]' \
		'connections = 20000' 'per_address = 20000' 'unauthenticated = 64' >"$conf"
	cfsadm -c "$conf" init >>"$log/crowd.out" 2>&1 || return 1
	daemon crowd cfsd -c "$conf" --foreground
	crowd_pid=$pid
	await port_answers "$port" || return 1
	invite=$(cfsadm -c "$conf" invite crowd 2>>"$log/work.err" | head -n 1) || return 1
	HOME=$home cfs login "$invite" >>"$log/work.out" 2>&1 || return 1
	"$build/tests/bench/crowd" 127.0.0.1 "$port" "$home/.config/cfs/default.key" "$crowd_pid" "$count" \
		2>>"$log/work.err" >"$tmp/crowd.tsv" || return 1
	# Strangers are to be let in now, and to stay.
	sed -i 's/^unauthenticated = .*/unauthenticated = 20000/' "$conf"
	kill -HUP "$crowd_pid"
	await grep -q 'settings read again' "$log/crowd.err" || return 1
	"$build/tests/bench/strangers" 127.0.0.1 "$port" "$home/.config/cfs/default.key" "$strangers" \
		2>>"$log/work.err" >>"$tmp/crowd.tsv" || return 1
	while IFS=$'\t' read -r row unit value; do
		record 'a crowd' "$row" "$unit" cfs 1 "$value"
	done <"$tmp/crowd.tsv"
}
