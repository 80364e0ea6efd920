#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What single calls promise: close, fsync, append, open files that are removed or replaced, and what is not supported.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	require_tool python3
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice,timeout=3
	M=$T/m
}

# py ARGUMENT… <<'END': a program on stdin.
py() {
	python3 - "$@"
}

@test "close says that what was written did not arrive" {
	mkfifo "$T/go"
	py "$M/f" "$T/go" <<'END' >"$T/said" 3>&- &
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.write(fd, b"lost")
print("written", flush=True)
open(sys.argv[2]).read()
try:
    os.close(fd)
    print("closed")
except OSError as e:
    print("failed", e.errno)
END
	pid=$!
	wait_until 10 grep -q written "$T/said"
	kill_server -9
	echo >"$T/go"
	wait "$pid"
	grep -q failed "$T/said"
}

@test "what fsync answered survives a killed server" {
	mkdir "$M/d"
	py "$M/d" <<'END'
import os, sys
fd = os.open(sys.argv[1] + "/f", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"x" * 3000000)
os.fsync(fd)
dir = os.open(sys.argv[1], os.O_RDONLY)
os.mkdir("e", dir_fd=dir)
os.fsync(dir)
END
	kill_server -9
	start_server
	[ "$(as alice cfs cat d/f | tr -d x | wc -c)" -eq 0 ]
	[ "$(as alice cfs cat d/f | wc -c)" -eq 3000000 ]
	as alice cfs stat d/e
}

@test "stat of a file that is being written is right, and stays what it is after close" {
	py "$M/f" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for i in range(1, 20):
    os.write(fd, b"y" * 10000)
    assert os.fstat(fd).st_size == os.stat(sys.argv[1]).st_size == i * 10000
before = os.fstat(fd)
os.close(fd)
after = os.stat(sys.argv[1])
assert before.st_mtime_ns == after.st_mtime_ns and after.st_size == 190000
END
}

@test "O_TRUNC, O_APPEND and O_EXCL" {
	py "$M/f" <<'END'
import os, sys
path = sys.argv[1]
open(path, "w").write("first")
open(path, "w").write("2nd")
assert open(path).read() == "2nd"
a = os.open(path, os.O_WRONLY | os.O_APPEND)
b = os.open(path, os.O_WRONLY | os.O_APPEND)
for fd, text in ((a, b"a"), (b, b"b"), (a, b"c"), (b, b"d")):
    os.write(fd, text)
assert open(path).read() == "2ndabcd", open(path).read()
try:
    os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    assert False
except FileExistsError:
    pass
os.close(a), os.close(b)
assert open(path).read() == "2ndabcd"
END
}

@test "an open file that is removed or replaced keeps its content" {
	py "$M" <<'END'
import os, sys
os.chdir(sys.argv[1])
open("old", "w").write("old content")
open("new", "w").write("new content")
fd = os.open("old", os.O_RDWR)
os.rename("new", "old")
assert os.pread(fd, 100, 0) == b"old content"
assert open("old").read() == "new content"
assert os.fstat(fd).st_nlink == 0
os.pwrite(fd, b"OLD", 0)
os.ftruncate(fd, 5)
assert os.pread(fd, 100, 0) == b"OLD c"
os.close(fd)
assert open("old").read() == "new content"
fd = os.open("old", os.O_RDONLY)
os.unlink("old")
assert os.fstat(fd).st_nlink == 0
assert os.pread(fd, 100, 4) == b"content"
END
}

@test "ftruncate and utime through an open file" {
	py "$M/f" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(fd, b"0123456789" * 10000)
os.ftruncate(fd, 15)
os.utime(fd, ns=(10**18 + 1, 10**18 + 2))
assert os.fstat(fd).st_size == 15 and os.fstat(fd).st_mtime_ns == 10**18 + 2
os.close(fd)
st = os.stat(sys.argv[1])
assert st.st_size == 15 and st.st_mtime_ns == 10**18 + 2, st
assert open(sys.argv[1]).read() == "012345678901234"
END
}

@test "fifos, sockets, symbolic links to anywhere" {
	mkfifo "$M/fifo"
	[ -p "$M/fifo" ]
	echo through >"$M/fifo" &
	[ "$(cat "$M/fifo")" = through ]
	ln -s /etc/hostname "$M/abs"
	[ "$(readlink "$M/abs")" = /etc/hostname ]
	ln -s nowhere "$M/dangling"
	run ! cat "$M/dangling"
	[ -L "$M/dangling" ]
	py "$M/sock" <<'END'
import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])
END
	[ -S "$M/sock" ]
}

@test "shared mappings write and read" {
	py "$M/f" <<'END'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 100000)
with mmap.mmap(fd, 100000) as m:
    m[50000:50005] = b"hello"
    m.flush()
os.close(fd)
END
	[ "$(as alice cfs cat f | tr -d '\0')" = hello ]
}

@test "copies within the mount are the server's, and right" {
	head -c 5000000 /dev/urandom >"$M/a"
	cp "$M/a" "$M/b"
	cmp "$M/a" "$M/b"
	echo tail >>"$M/b"
	[ "$(stat -c %s "$M/a")" -eq 5000000 ]
	[ "$(tail -c 5 "$M/b")" = tail ]
}

@test "what is not supported says so" {
	py "$M/f" <<'END'
import ctypes, errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
libc = ctypes.CDLL(None, use_errno=True)
for mode in (8, 32): # FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE
    assert libc.fallocate(fd, mode, ctypes.c_long(0), ctypes.c_long(4096)) == -1
    assert ctypes.get_errno() == errno.EOPNOTSUPP
for call in (lambda: os.setxattr(sys.argv[1], "trusted.x", b"y"), lambda: os.getxattr(sys.argv[1], "trusted.x")):
    try:
        call()
        assert False
    except OSError as e:
        assert e.errno in (errno.ENOTSUP, errno.ENODATA), e
END
}

@test "a change made elsewhere is seen while the file is open, within two seconds" {
	echo "the first" >"$M/f"
	exec 5<"$M/f"
	[ "$(cat <&5)" = "the first" ]
	mount_as alice "$T/n" -o subdir=alice
	echo "the second one" >"$T/n/f"
	changed() { [ "$(cat /dev/fd/5)" = "the second one" ] && [ "$(stat -c %s "$M/f")" -eq 15 ]; }
	wait_until 2 changed
	exec 5<&-
}

@test "100,000 files in one directory" {
	require_slow
	mkdir "$M/many"
	(cd "$M/many" && seq -f %06g 100000 | xargs touch)
	[ "$(find "$M/many" -type f | sort -u | wc -l)" -eq 100000 ]
	[ "$(as alice cfs find many | wc -l)" -ge 100000 ]
	rm -r "$M/many"
	[ -z "$(ls -A "$M")" ]
}
