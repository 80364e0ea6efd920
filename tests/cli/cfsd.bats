# SPDX-License-Identifier: GPL-3.0-or-later
# The daemon: settings, signals, limits, its end, and cfsadm with and without it.

load ../lib/cfs

setup() {
	test_begin
	require_tool cfsd cfsadm cfs
}

sessions() {
	pgrep -c -P "$SERVER_PID"
}

# A connection that stays, as NAME: its shell reads from fd 9.
stay() {
	mkfifo "$T/stay-$1"
	as "$1" cfs shell <"$T/stay-$1" >"$T/stay-$1.out" 2>&1 3>&- 9>&- &
	exec 9>"$T/stay-$1"
	echo ls >&9
	wait_until 10 has_session "$1"
}

has_session() {
	admin status --json | grep -q "\"user\":\"$1\""
}

@test "settings with errors name file and line, and all of them" {
	printf '%s\n' '[store]' "path = $T/store" '[server]' 'lisen = x' '[limits]' 'connections = many' >bad.conf
	run -2 cfsd -c bad.conf --check-config
	[[ $output == *bad.conf:4:*lisen* ]]
	[[ $output == *bad.conf:6:*connections* ]]
	run -2 cfsadm -c bad.conf status
	run -3 cfsd -c missing.conf
	printf '%s\n' '[store]' "path = $T/store" >good.conf
	run -0 cfsd -c good.conf --check-config
	run -3 cfsd -c good.conf
	run -2 cfsd --no-such-option
}

@test "a second server on the store refuses, and the first goes on" {
	start_server
	run -1 cfsd -c cfsd.conf
	[[ $output == *'in use by another process'* ]]
	admin status --json
	stop_server
}

@test "cfsadm waits a moment for a store that a daemon has which does not answer yet" {
	local waiter

	printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/store" >cfsd.conf
	admin init
	exec 8>>store/lock
	flock 8
	echo secret >pw
	cfsadm -c cfsd.conf user add alice --password-file pw 2>err 3>&- 8<&- &
	waiter=$!
	wait_until 20 grep -q 'waiting for' err
	flock -u 8
	exec 8<&-
	wait "$waiter"
	admin user list | grep -q alice
	# Who never lets go is told of.
	exec 8>>store/lock
	flock 8
	run -1 admin user add bob --password-file pw 8<&-
	[[ $output == *'no daemon answers'*'in use by another process'* ]]
	exec 8<&-
}

@test "init makes a store once; its fingerprint is the server's" {
	printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/store" >cfsd.conf
	run -0 --separate-stderr admin init
	[ "${#lines[@]}" -eq 1 ]
	fingerprint=$output
	run -6 admin init
	run -0 admin status --json
	[[ $output == *"\"fingerprint\":\"$fingerprint\""* ]]
	[[ $output == *'"running":false'* ]]
	start_server
	run -0 admin status --json
	[[ $output == *"\"fingerprint\":\"$fingerprint\""* ]]
	[[ $output == *'"running":true'* ]]
	[[ $output == *"\"port\":${SERVER_ADDRESS##*:}"* ]]
}

@test "users and invites, with a daemon and without" {
	start_server
	stop_server
	echo 'a password' >pw
	admin user add bob --password-file pw
	run -6 admin user add bob
	start_server
	run -0 admin user list --json
	[[ $output == *'"name":"bob"'* ]]
	run -0 --separate-stderr admin invite alice
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == cfs://alice@$SERVER_ADDRESS/#* ]]
	run -3 admin invite --device carol
	run -3 admin user disable carol
	run -2 admin user dance bob
	run -2 --separate-stderr admin --json user dance bob
	# shellcheck disable=SC2154
	[[ $stderr == *'"error":"USAGE"'* ]]
	run -0 admin fsck
}

@test "HUP takes good settings, and keeps the old ones when the file is bad" {
	start_server
	echo 'log_level = nonsense' >>cfsd.conf
	kill -HUP "$SERVER_PID"
	wait_until 10 grep -q 'settings stay as they were' server.log
	grep -q 'cfsd.conf:.*log_level' server.log
	server_is_alive
	sed -i '$d' cfsd.conf
	new_user alice
	stay alice
	printf '%s\n' '[limits]' 'connections = 1' >>cfsd.conf
	kill -HUP "$SERVER_PID"
	wait_until 10 grep -q 'settings read again' server.log
	run -5 as alice cfs --timeout 2 ls
	grep -q 'too many connections' server.log
}

# Of all processes of the server, the sandboxed ones too.
is_closed() {
	local pid
	for pid in "$SERVER_PID" $(pgrep -P "$SERVER_PID"); do
		[ -z "$(find "/proc/$pid/fd" -lname "$1" 2>/dev/null)" ] || return 1
	done
}

@test "HUP opens the log anew for those who are connected too, with other settings" {
	start_server
	printf '%s\n' '[server]' "log = $T/log" 'log_level = debug' >>cfsd.conf
	stop_server
	start_server
	new_user alice
	stay alice
	grep -q "'alice' signed in" log
	mv log log.1
	kill -HUP "$SERVER_PID"
	wait_until 10 grep -q 'settings read again' log
	wait_until 10 is_closed "$T/log.1"
	# What the session does is in the new one.
	as alice cfs mkdir other
	echo 'stat other' >&9
	session=$(admin sessions --json | jq .pid)
	wait_until 10 grep -q "debug \\[$session\\].*: WALK.*other" log
	run ! grep -q 'WALK.*other' log.1
	# As fields, and of who came while the settings changed.
	sed -i "s,^log = .*,log = $T/fields," cfsd.conf
	printf '%s\n' 'log_format = fields' >>cfsd.conf
	kill -HUP "$SERVER_PID"
	wait_until 10 grep -q 'role=hub msg="settings read again' fields
	echo 'stat nothing' >&9
	wait_until 10 grep -qE 'level=debug pid=[0-9]+ role=session peer=127\.0\.0\.1:[0-9]+ user=alice device="?[^ ]+"? msg=".*WALK.*nothing' fields
	wait_until 10 is_closed "$T/log"
	exec 9>&-
}

@test "TERM says goodbye, finishes, and leaves nothing behind" {
	start_server
	new_user alice
	stay alice
	[ "$(sessions)" -ge 2 ]
	pids=$(pgrep -P "$SERVER_PID")
	stop_server
	for pid in $pids; do
		run ! kill -0 "$pid"
	done
	[ ! -e store/admin.sock ]
	exec 9>&-
}

@test "sessions and keeper die with the hub, and the next server starts at once" {
	start_server
	new_user alice
	stay alice
	pids=$(pgrep -P "$SERVER_PID")
	kill_server -9
	for pid in $pids; do
		wait_until 5 eval "! kill -0 $pid"
	done
	start_server
	run -0 as alice cfs ls
	exec 9>&-
}

@test "a session that dies takes nobody along" {
	start_server
	new_user alice
	new_user bob
	stay alice
	victim=$(admin status --json | grep -o '"pid":[0-9]*,"user":"alice"' | grep -o '[0-9]*' | head -n 1)
	kill -KILL "$victim"
	wait_until 10 grep -q "process $victim died of signal 9" server.log
	run -0 as bob cfs ls
	exec 9>&-
}

@test "a disabled user is signed out, and does not come back until enabled" {
	start_server
	new_user alice
	stay alice
	admin user disable alice
	wait_until 10 eval '! has_session alice'
	run -4 as alice cfs ls
	admin user enable alice
	run -0 as alice cfs ls
	exec 9>&-
}

@test "a device that is revoked is cut off at once" {
	start_server
	new_user alice
	stay alice
	print=$(as alice cfs devices --json | grep -o '"fingerprint":"[^"]*"' | cut -d'"' -f4)
	as alice cfs devices --revoke "$print"
	wait_until 10 eval '! has_session alice'
	run -4 as alice cfs ls
	exec 9>&-
}

@test "who is connected when a next key is made is told of it" {
	start_server
	new_user alice
	stay alice
	admin rotate-key --begin
	wait_until 20 grep -q '^next_pin = ' "$(find home/alice -name profiles.conf)"
	admin rotate-key --finish
	as alice cfs ls
	run ! grep -q next_pin "$(find home/alice -name profiles.conf)"
	exec 9>&-
}

# The signer has the server's key and the door says who may come in: nobody can do without them, and they come back.
@test "the signer, the door, the keeper and the maker may die" {
	require_tool pgrep
	start_server
	new_user alice
	as alice cfs ls
	mapfile -t children < <(pgrep -P "$SERVER_PID")
	kill -KILL "${children[@]}"
	for who in signer door keeper maker; do
		wait_until 10 grep -q "($who): process .* died of signal 9" server.log
	done
	wait_until 10 as alice cfs ls
}

makers() {
	sed -n 's/.*(maker): process \([0-9]*\) begins$/\1/p' server.log
}

are_makers() {
	[ "$(makers | wc -l)" -eq "$1" ]
}

@test "whoever is connected outlives the maker, and the next one has the new settings" {
	start_server '[server]' 'log_level = info'
	are_makers 1
	new_user alice
	stay alice
	kill -KILL "$(makers)"
	wait_until 10 grep -q '(maker): process .* died of signal 9' server.log
	# At once by the hub itself, then by the next maker.
	as alice cfs mkdir by-whom-it-may
	echo 'mkdir still-here' >&9
	wait_until 10 as alice cfs stat still-here
	wait_until 10 are_makers 2
	sed -i 's/^log_level = info/log_level = debug/' cfsd.conf
	kill -HUP "$SERVER_PID"
	wait_until 10 grep -q 'settings read again' server.log
	as alice cfs mkdir new-settings
	grep -q 'debug .*new-settings' server.log
	wait_until 10 are_makers 3
	as alice cfs mkdir newer
	grep -q 'debug .*newer' server.log
	echo 'mkdir and-still' >&9
	wait_until 10 as alice cfs stat and-still
	exec 9>&-
}

@test "a server that is full says so, goes on serving whom it has, and has room again when one goes" {
	start_server
	new_user alice
	new_user bob
	stay alice
	printf '%s\n' '[limits]' 'connections = 1' >>cfsd.conf
	kill -HUP "$SERVER_PID"
	wait_until 10 grep -q 'settings read again' server.log
	run -5 as bob cfs ls
	[[ $output == 'cfs ls: '*'too many connections now'*'try again later' ]]
	grep -q ': too many connections$' server.log
	echo 'mkdir still-served' >&9
	echo ls >&9
	wait_until 10 grep -q '^still-served' stay-alice.out
	exec 9>&-
	wait_until 10 as bob cfs stat /alice/still-served
	# The same of one address.
	sed -i 's/^connections = 1$/per_address = 1/' cfsd.conf
	kill -HUP "$SERVER_PID"
	wait_until 10 eval '[ "$(grep -c "settings read again" server.log)" -eq 2 ]'
	stay bob
	refused() { ! as alice cfs ls 2>said && grep -q 'too many connections' said && grep -q 'too many connections from this address$' server.log; }
	# The log tells of it once a second at most.
	wait_until 10 refused
	exec 9>&-
	wait_until 10 as alice cfs ls
}

@test "what never signs in is closed, and is limited in number" {
	start_server '[timeouts]' 'signin = 1s' '[limits]' 'unauthenticated = 2'
	port=${SERVER_ADDRESS##*:}
	for fd in 5 6 7; do
		eval "exec $fd<>/dev/tcp/127.0.0.1/$port"
	done
	# The third is closed at once, the others when their time is over.
	run timeout 5 cat <&7
	[ "$status" -ne 124 ]
	run timeout 5 cat <&5
	[ "$status" -ne 124 ]
	run timeout 5 cat <&6
	[ "$status" -ne 124 ]
	exec 5>&- 6>&- 7>&-
	new_user alice
}

@test "one address cannot keep all others from signing in" {
	start_server '[limits]' 'unauthenticated = 8'
	port=${SERVER_ADDRESS##*:}
	for fd in 20 21 22 23 24 25 26; do
		eval "exec $fd<>/dev/tcp/127.0.0.1/$port"
	done
	# Six are let in, the seventh is closed at once.
	run timeout 5 cat <&26
	[ "$status" -ne 124 ]
	run timeout 1 cat <&25
	[ "$status" -eq 124 ]
	for fd in 20 21 22 23 24 25 26; do
		eval "exec $fd>&-"
	done
}

@test "without descriptors left connections are refused, and the server does nothing else" {
	require_tool prlimit
	start_server
	new_user alice
	port=${SERVER_ADDRESS##*:}
	prlimit --pid "$SERVER_PID" --nofile=48:48
	for fd in {20..69}; do
		eval "exec $fd<>/dev/tcp/127.0.0.1/$port"
	done
	run timeout 5 cat <&69
	[ "$status" -ne 124 ]
	before=$(cut -d' ' -f14,15 "/proc/$SERVER_PID/stat" | tr ' ' +)
	sleep 1 # not for anything to happen: the processor time that a second costs is what is measured
	after=$(cut -d' ' -f14,15 "/proc/$SERVER_PID/stat" | tr ' ' +)
	[ $((after - (before))) -lt 20 ]
	[ "$(wc -l <"$T/server.log")" -lt 60 ]
	for fd in {20..69}; do
		eval "exec $fd>&-"
	done
	as alice cfs ls
}

has_children_more_than() {
	[ "$(pgrep -c -P "$SERVER_PID")" -gt "$1" ]
}

# maps PID PATTERN: whether a file or memory of that name is mapped.
maps() {
	grep -q "$2" "/proc/$1/maps"
}

# has_open PID PATH
has_open() {
	[ -n "$(find "/proc/$1/fd" -lname "$2" 2>/dev/null)" ]
}

@test "before sign-in a session has neither the store nor any memory that others have" {
	require_tool pgrep
	# What this shell has open is nobody's business.
	exec 20>"$T/of the starter"
	start_server
	exec 20>&-
	new_user alice
	before=$(pgrep -P "$SERVER_PID" | sort)
	exec 5<>"/dev/tcp/127.0.0.1/${SERVER_ADDRESS##*:}"
	printf '\x16\x03\x01\x02\x00\x01' >&5
	wait_until 5 has_children_more_than "$(wc -l <<<"$before")"
	stranger=$(comm -13 <(echo "$before") <(pgrep -P "$SERVER_PID" | sort) | head -n 1)
	# It has closed and dropped what it inherited when it reads.
	wait_until 5 eval "! maps $stranger cfs-store"
	run ! maps "$stranger" promises
	run ! maps "$stranger" cfs-promised
	run ! maps "$stranger" cfs-counters
	run ! maps "$stranger" cfs-log
	run ! maps "$stranger" ' [r-][w-][x-]s '
	run ! has_open "$stranger" "$T/store/*"
	is_closed "$T/of the starter"
	stay alice
	session=$(admin sessions --json | grep -o '"pid":[0-9]*,"user":"alice"' | grep -o '[0-9]*' | head -n 1)
	maps "$session" promises
	maps "$session" cfs-promised
	maps "$session" cfs-counters
	maps "$session" cfs-log
	maps "$session" cfs-store
	has_open "$session" "$T/store/lock"
	exec 5>&- 9>&-
}

# A process costs a thousand times what a connection does.
@test "who does not speak TLS gets no process" {
	require_tool pgrep
	start_server '[timeouts]' 'signin = 2s'
	port=${SERVER_ADDRESS##*:}
	before=$(pgrep -c -P "$SERVER_PID")
	# Silent, slow, and something else: that is closed at once.
	exec 5<>"/dev/tcp/127.0.0.1/$port" 6<>"/dev/tcp/127.0.0.1/$port" 7<>"/dev/tcp/127.0.0.1/$port"
	printf '\x16\x03' >&6
	printf 'GET / HTTP/1.0\r\n' >&7
	run timeout 1 cat <&7
	[ "$status" -ne 124 ]
	printf '\x01' >&6
	[ "$(pgrep -c -P "$SERVER_PID")" -eq "$before" ]
	# A record that begins as a client's does gets one, as soon as the sixth byte is there; the others end when their time is over.
	printf '\x02\x00\x01' >&6
	wait_until 2 has_children_more_than "$before"
	run timeout 5 cat <&5
	[ "$status" -ne 124 ]
	exec 5>&- 6>&- 7>&-
	new_user alice
}

@test "garbage on the port harms nobody" {
	start_server
	port=${SERVER_ADDRESS##*:}
	for _ in 1 2 3; do
		head -c 100000 /dev/urandom 2>/dev/null >"/dev/tcp/127.0.0.1/$port" || true
	done
	printf 'GET / HTTP/1.0\r\n\r\n' >"/dev/tcp/127.0.0.1/$port" || true
	new_user alice
	server_is_alive
}
