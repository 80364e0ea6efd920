#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What the server keeps for a mount beside bytes and names: appended lines of several mounts, attributes, holes, what is open.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	require_tool python3
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice
	M=$T/m
}

# appender FILE WORD: appends 300 lines, each with its own write.
appender() {
	python3 - "$@" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for i in range(300):
    line = b"%s %d %s\n" % (sys.argv[2].encode(), i, b"." * (i % 90))
    assert os.write(fd, line) == len(line)
    if i % 50 == 0:
        os.fsync(fd)
os.close(fd)
END
}

@test "two mounts that append to one file lose no byte and mix no line" {
	mount_as alice "$T/n" -o subdir=alice
	: >"$M/log"
	pids=()
	for where in "$M one" "$T/n two" "$T/n three"; do
		appender "${where% *}/log" "${where#* }" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	as alice cfs cat log >"$T/log"
	[ "$(wc -l <"$T/log")" -eq 900 ]
	for word in one two three; do
		[ "$(grep "^$word " "$T/log" | cut -d' ' -f2)" = "$(seq 0 299)" ]
	done
	[ "$(grep -cE '^(one|two|three) [0-9]+ \.*$' "$T/log")" -eq 900 ]
	wait_until 5 cmp "$T/log" "$M/log"
	wait_until 5 cmp "$T/log" "$T/n/log"
}

@test "attributes: kept by the server, by a put over the name, and copied by cp when asked" {
	echo one >"$M/f"
	python3 - "$M/f" <<'END'
import os, sys
os.setxattr(sys.argv[1], "user.colour", b"blue")
END
	restart_server
	echo two | as alice cfs put - f
	cp --preserve=xattr "$M/f" "$M/g"
	cp "$M/f" "$M/plain"
	wait_until 5 grep -q two "$M/f"
	python3 - "$M" <<'END'
import os, sys
os.chdir(sys.argv[1])
assert os.getxattr("f", "user.colour") == b"blue"
assert os.getxattr("g", "user.colour") == b"blue"
assert os.listxattr("g") == ["user.colour"]
assert os.listxattr("plain") == []
END
}

@test "attributes: user.cfs.… tell owner, version and sum" {
	head -c 100000 /dev/urandom >"$T/src"
	as alice cfs put "$T/src" f
	python3 - "$M/f" "$(sha256sum <"$T/src" | cut -d' ' -f1)" <<'END'
import errno, os, sys
f, sum = sys.argv[1], sys.argv[2].encode()
assert os.getxattr(f, "user.cfs.owner") == b"alice"
assert os.getxattr(f, "user.cfs.sha256") == sum
version = int(os.getxattr(f, "user.cfs.version"))
fd = os.open(f, os.O_WRONLY)
os.write(fd, b"x")
try:
    os.getxattr(f, "user.cfs.sha256")
    assert False
except OSError as e:
    assert e.errno == errno.ENODATA
assert int(os.getxattr(f, "user.cfs.version")) == version + 1
END
	[ "$(as alice cfs sum f | cut -d' ' -f1)" = "$(sha256sum <"$M/f" | cut -d' ' -f1)" ]
	python3 - "$M/f" <<'END'
import hashlib, os, sys
assert os.getxattr(sys.argv[1], "user.cfs.sha256").decode() == hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()
END
}

@test "holes stay holes through cp --sparse, and no byte of them is kept" {
	truncate -s 100M "$M/f"
	printf end | dd of="$M/f" bs=1 seek=50M conv=notrunc status=none
	[ "$(du -k "$M/f" | cut -f1)" -lt 100 ]
	cp --sparse=auto "$M/f" "$T/f"
	[ "$(du -k "$T/f" | cut -f1)" -lt 1000 ]
	cmp "$M/f" "$T/f"
	fallocate -p -o 50M -l 1M "$M/f"
	[ "$(du -k "$M/f" | cut -f1)" -eq 0 ]
}

@test "what is open is held before its name goes" {
	require_tool sqlite3
	db=$(find "$T/store/meta" -name '*.db' -o -name '*.sqlite*' | head -n 1)
	held() { sqlite3 "$db" 'select count(*) from hold'; }
	echo one >"$M/f"
	echo two >"$M/g"
	exec 4<"$M/f" 5<"$M/g"
	[ "$(held)" -eq 0 ]
	rm "$M/f"
	[ "$(held)" -eq 1 ]
	echo new >"$M/new"
	mv "$M/new" "$M/g"
	[ "$(held)" -eq 2 ]
	[ "$(cat <&4)$(cat <&5)" = onetwo ]
	exec 4<&- 5<&-
	# What nobody has open is nobody's to hold.
	rm "$M/g"
	[ "$(held)" -eq 2 ]
}

@test "an open file without a name is there after the server was killed" {
	python3 - "$M/f" "$T/go" "$T/ready" <<'END' 3>&- &
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(fd, b"before ")
os.unlink(sys.argv[1])
open(sys.argv[3], "w").close()
while not os.path.exists(sys.argv[2]):
    time.sleep(.05)
assert os.pread(fd, 100, 0) == b"before "
os.write(fd, b"after")
os.fsync(fd)
assert os.pread(fd, 100, 0) == b"before after"
assert os.fstat(fd).st_nlink == 0
assert not os.path.exists(sys.argv[1])
END
	pid=$!
	wait_until 10 test -e "$T/ready"
	kill_server -9
	start_server
	touch "$T/go"
	wait "$pid"
	run -0 admin fsck
}
