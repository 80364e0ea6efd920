#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The daemon below a service manager: sd_notify(3), the watchdog, sd_listen_fds(3); the unit, and whose files cfsadm makes.

load ../lib/cfs

setup() {
	test_begin
	printf '%s\n' '[server]' 'listen = 127.0.0.1:0' '[store]' "path = $T/store" >cfsd.conf
}

teardown() {
	[ -z "${owned:-}" ] || rm -rf "$owned"
	test_end
}

# with_socket COMMAND…: becomes it, with a listening socket of 127.0.0.1 as a service manager passes it.
with_socket() {
	# shellcheck disable=SC2016
	exec perl -MSocket -MPOSIX -e '
		$^F = 99; # nothing is close-on-exec
		socket(S, PF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in(0, INADDR_LOOPBACK)) && listen(S, 16) or die $!;
		dup2(fileno(S), 3) or die $!;
		$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; $ENV{LISTEN_FDNAMES} = "cfsd.socket";
		exec @ARGV' "$@"
}

# installed: the files of `make install` below $T/usr and $T/etc.
installed() {
	make -s -C "$CFS_TOP" B="$B" PREFIX="$T/usr" SYSCONFDIR="$T/etc" LOCALSTATEDIR="$T/var" MOUNTHELPERDIR="$T/sbin" \
		install 3>&- >"$T/install.log" 2>&1 || {
		cat "$T/install.log" >&2
		return 1
	}
}

@test "a socket of the service manager is served instead of one of its own" {
	printf '%s\n' '[server]' 'listen = 127.0.0.1:1' '[store]' "path = $T/store" >cfsd.conf
	admin init
	with_socket cfsd -c cfsd.conf </dev/null >>server.log 2>&1 3>&- &
	SERVER_PID=$!
	wait_until 15 server_is_settled
	new_user alice
	echo hello | as alice cfs put - greeting
	[ "$(as alice cfs cat greeting)" = hello ]
	stop_server
}

@test "sockets meant for another process are left alone, and a file is refused" {
	admin init
	LISTEN_PID=1 LISTEN_FDS=1 cfsd -c cfsd.conf </dev/null >>server.log 2>&1 3>&- &
	SERVER_PID=$!
	wait_until 15 server_is_settled
	stop_server
	# shellcheck disable=SC2016
	run -2 bash -c 'LISTEN_PID=$BASHPID LISTEN_FDS=1 exec cfsd -c cfsd.conf 3</dev/null'
	[[ $output == *'descriptor 3'*'no listening stream socket'* ]]
}

@test "the service manager hears of the start, the watchdog and the end" {
	admin init
	# shellcheck disable=SC2016
	perl -MIO::Socket::UNIX -e '
		$s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "notify") or die $!;
		$| = 1;
		while (defined($s->recv($m, 256))) { print "$m\n" if !$seen{$m}++; last if $m =~ /STOPPING/ }' >heard 2>&1 3>&- &
	wait_until 5 test -S notify
	NOTIFY_SOCKET=$T/notify WATCHDOG_USEC=200000 cfsd -c cfsd.conf </dev/null >>server.log 2>&1 3>&- &
	SERVER_PID=$!
	wait_until 15 grep -qx 'WATCHDOG=1' heard
	wait_until 15 grep -qx 'READY=1' heard
	stop_server
	wait_until 5 grep -qx 'STOPPING=1' heard
}

@test "the unit is hardened: systemd-analyze security says 1.5 at most" {
	require_tool systemd-analyze
	run -0 systemd-analyze security --offline=true --threshold=15 --no-pager "$CFS_TOP/conf/cfsd.service"
	[[ ${lines[-1]} == *'exposure level'* ]]
}

@test "make install: the units are valid and name what was installed" {
	require_tool systemd-analyze
	installed
	grep -x "ExecStart=$T/usr/sbin/cfsd -c $T/etc/cfs/cfsd.conf" usr/lib/systemd/system/cfsd.service
	run -0 systemd-analyze verify --man=no --recursive-errors=no "$T/usr/lib/systemd/system/cfsd.service" \
		"$T/usr/lib/systemd/system/cfsd.socket"
	[[ $output != *cfsd* ]]
	"$T/usr/sbin/cfsd" -c etc/cfs/cfsd.conf --check-config
	grep -x "path = $T/var/lib/cfs/store" etc/cfs/cfsd.conf
	grep "^u cfs .* $T/var/lib/cfs" usr/lib/sysusers.d/cfs.conf
	grep "^d $T/var/lib/cfs 0700 cfs cfs" usr/lib/tmpfiles.d/cfs.conf
	[ "$(readlink sbin/mount.cfs)" = "$T/usr/bin/cfs-mount" ]
	# A configuration that is there stays.
	echo '# mine' >>etc/cfs/cfsd.conf
	installed
	grep -x '# mine' etc/cfs/cfsd.conf
}

# allowed_calls: the unit's SystemCallFilter, one call a line.
allowed_calls() {
	local line word
	sed -n 's/^SystemCallFilter=//p' "$CFS_TOP/conf/cfsd.service" | while read -r line; do
		for word in ${line#\~}; do
			[[ $line == \~* ]] && printf -- '- ' || printf -- '+ '
			echo "$word"
		done
	done >words
	expand() {
		if [[ $1 == @* ]]; then
			systemd-analyze syscall-filter --no-pager "$1" | sed -n 's/^  *\([@a-z0-9_-]*\)$/\1/p' |
				while read -r word; do expand "$word"; done
		else
			echo "$1"
		fi
	}
	: >allowed
	while read -r sign word; do
		expand "$word" | sort -u >some
		if [ "$sign" = + ]; then
			sort -u -o allowed allowed some
		else
			comm -23 allowed some >rest && mv rest allowed
		fi
	done <words
}

@test "what the server calls is what the unit allows" {
	require_tool systemd-analyze strace
	[ -z "${SAN:-}${TSAN:-}" ] || skip "sanitizers make calls of their own"
	admin init
	allowed_calls
	grep -qx openat allowed
	run -1 grep -x mount allowed
	strace -f -qq -o calls -e signal=none cfsd -c cfsd.conf </dev/null >>server.log 2>&1 3>&- &
	SERVER_PID=$!
	wait_until 30 server_is_settled
	new_user alice
	head -c 3000000 /dev/zero | as alice cfs put - zeros
	as alice cfs sum zeros
	as alice cfs cp zeros more
	as alice cfs cat more >back
	as alice cfs rm zeros more
	admin user list
	kill -HUP "$(admin status --json | jq .pid)"
	kill -TERM "$(admin status --json | jq .pid)"
	wait "$SERVER_PID"
	SERVER_PID=''
	# execve is the service manager's; SQLite calls fchown only as root, and cfsd.service says why sessions keep their root.
	sed -n 's/^[0-9]*  *\([a-z0-9_]*\)(.*/\1/p' calls | sort -u | grep -vxE 'execve|fchown|chroot|capset' >used
	[ "$(wc -l <used)" -gt 30 ]
	run -0 comm -23 used allowed
	echo "not allowed: $output"
	[ -z "$output" ]
}

@test "cfsadm run by root makes the store for the owner of its directory" {
	[ "$(id -u)" -eq 0 ] || skip "only root can act as another user"
	# In a place that others can pass to.
	owned=$(mktemp -d /tmp/cfs-owned.XXXXXX)
	chown nobody: "$owned"
	printf '%s\n' '[store]' "path = $owned/store" >cfsd.conf
	admin init
	admin user add alice
	admin fsck
	run find "$owned" ! -user nobody
	[ -z "$output" ]
}
