#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# limit: 300
# shellcheck disable=SC2154  # proxy_port, of proxy.bash
# Locks between programs on two mounts, and what becomes of them when one of the parts ends.

load ../lib/cfs
load ../lib/proxy.bash

setup() {
	test_begin
	require_fuse
	require_tool python3
	start_server '[timeouts]' 'lock_keep = 5s'
	new_user alice
	mount_as alice "$T/m" -o subdir=alice
	mount_as alice "$T/n" -o subdir=alice
	echo 0 >"$T/m/f"
	wait_until 5 test -e "$T/n/f"
}

teardown() {
	proxy_stop
	test_end
}

# counter FILE flock|fcntl: adds one to the number in it, 500 times.
counter() {
	python3 - "$@" <<'END'
import fcntl, os, sys
lock = fcntl.flock if sys.argv[2] == "flock" else fcntl.lockf
for i in range(500):
    fd = os.open(sys.argv[1], os.O_RDWR)
    lock(fd, fcntl.LOCK_EX)
    n = int(os.pread(fd, 20, 0))
    os.pwrite(fd, b"%d\n" % (n + 1), 0)
    lock(fd, fcntl.LOCK_UN)
    os.close(fd)
END
}

# holds FILE: a process that locks it and says so in $T/held, until it is killed; its id in $holder.
holds() {
	python3 - "$1" "$T/held" <<'END' 3>&- &
import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.flock(f, fcntl.LOCK_EX)
fcntl.lockf(f, fcntl.LOCK_EX, 10, 5)
open(sys.argv[2], "w").close()
time.sleep(100)
END
	holder=$!
	wait_until 10 test -e "$T/held"
}

@test "a counter that two mounts count up by turns misses nothing" {
	for kind in flock fcntl; do
		echo 0 >"$T/m/$kind"
		wait_until 5 test -e "$T/n/$kind"
		counter "$T/m/$kind" $kind 3>&- &
		counter "$T/n/$kind" $kind
		wait $!
		[ "$(cat "$T/m/$kind")" = 1000 ]
	done
}

@test "who is in the way is told, and waiting ends when he is killed, or on Ctrl-C" {
	holds "$T/m/f"
	run -1 flock -n "$T/n/f" true
	python3 - "$T/n/f" <<'END'
import fcntl, os, struct, sys
f = open(sys.argv[1], "r+")
want = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
kind, _, start, length, pid = struct.unpack("hhqqi", fcntl.fcntl(f, fcntl.F_GETLK, want))
assert (kind, start, length) == (fcntl.F_WRLCK, 5, 10), (kind, start, length)
try:
    fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 14)
    raise SystemExit("got it")
except BlockingIOError:
    pass
fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 15)
END
	run -124 timeout -s INT 1 flock "$T/n/f" true
	flock "$T/n/f" true 3>&- &
	waits=$!
	kill -KILL "$holder"
	timeout 10 tail --pid=$waits -f /dev/null
	wait $waits
}

@test "two users share a lock through their mounts, and the owner alone has it to himself" {
	new_user bob
	mount_as bob "$T/b"
	python3 - "$T/m/f" "$T/b/alice/f" <<'END'
import errno, faulthandler, fcntl, sys
faulthandler.dump_traceback_later(15, exit=True)
own, other = open(sys.argv[1], "r+"), open(sys.argv[2])
fcntl.flock(own, fcntl.LOCK_SH)
fcntl.flock(other, fcntl.LOCK_SH)
def refused(*args):
    try:
        fcntl.flock(*args)
    except OSError as e:
        return e.errno
assert refused(own, fcntl.LOCK_EX | fcntl.LOCK_NB) == errno.EWOULDBLOCK
assert refused(other, fcntl.LOCK_EX | fcntl.LOCK_NB) in (errno.EACCES, errno.EBADF, errno.EPERM)
fcntl.flock(other, fcntl.LOCK_UN)
fcntl.flock(own, fcntl.LOCK_EX)
assert refused(other, fcntl.LOCK_SH | fcntl.LOCK_NB) == errno.EWOULDBLOCK
END
}

@test "a mount that is killed gives its locks back" {
	holds "$T/n/f"
	run -1 flock -n "$T/m/f" true
	kill -9 "$(pgrep -f "cfs-mount $T/n ")"
	timeout 30 flock "$T/m/f" true
	kill -KILL "$holder"
}

# A line that is away for longer than locks are kept loses the lock of one handle; another of the same file goes on.
@test "a lost lock fails the handle that had it, and no other" {
	proxy_start "${SERVER_ADDRESS##*:}"
	cp -r "$T/home/alice" "$T/home/cut"
	sed -i "s/${SERVER_ADDRESS##*:}/$proxy_port/" "$T/home/cut/.config/cfs/profiles.conf"
	mount_as cut "$T/c" -o subdir=alice,timeout=60
	python3 - "$T/c/f" "$T/held" "$T/go" 3>&- <<'END' &
import errno, fcntl, os, sys, time
locked, free = (os.open(sys.argv[1], os.O_RDWR) for _ in range(2))
fcntl.flock(locked, fcntl.LOCK_EX)
os.pwrite(locked, b"under the lock\n", 0)
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[3]):
    time.sleep(.05)
def fails():
    try:
        os.pwrite(locked, b"too late", 0)
    except OSError as e:
        assert e.errno == errno.EIO, e
        return True
until = time.monotonic() + 30
while not fails():
    assert time.monotonic() < until
    time.sleep(.1)
assert os.pread(free, 100, 0) == b"other's\n", os.pread(free, 100, 0)
os.pwrite(free, b"O", 0)
os.fsync(free)
try:
    os.close(locked)
    raise SystemExit("nobody was told")
except OSError as e:
    assert e.errno == errno.EIO, e
os.close(free)
END
	program=$!
	wait_until 20 test -e "$T/held"
	proxy_tell refuse
	proxy_tell cut
	# Past lock_keep whoever waits has it.
	timeout 40 flock "$T/m/f" sh -c "echo \"other's\" >'$T/m/f'"
	proxy_tell heal
	touch "$T/go"
	wait "$program"
	[ "$(cat "$T/m/f")" = "Other's" ]
}

@test "local_lock=all: the other mount does not see it" {
	mount_as alice "$T/l" -o subdir=alice,local_lock=all
	holds "$T/l/f"
	run -1 flock -n "$T/l/f" true
	flock -n "$T/n/f" true
	kill -KILL "$holder"
}

@test "a restart of the server costs no lock" {
	holds "$T/m/f"
	restart_server
	run -1 timeout 60 flock -n "$T/n/f" true
	kill -0 "$holder"
	kill -KILL "$holder"
	timeout 30 flock "$T/n/f" true
}

@test "sqlite3 on both mounts at once" {
	require_tool sqlite3
	sqlite3 "$T/m/db" 'pragma journal_mode=delete; create table t(who, n);' >/dev/null
	wait_until 5 test -s "$T/n/db"
	add() {
		for i in $(seq 20); do
			sqlite3 -cmd '.timeout 30000' "$1/db" "insert into t values('$1', $i);" || return 1
		done
	}
	add "$T/m" 3>&- &
	add "$T/n"
	wait $!
	[ "$(sqlite3 "$T/m/db" 'select count(*) from t; pragma integrity_check;')" = "40
ok" ]
}
