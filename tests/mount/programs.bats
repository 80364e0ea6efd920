#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Programs that people run on files all day: builds, databases, editors, searches. git, tar and rsync are in trees.bats.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	mount_as alice "$T/m" -o subdir=alice
	M=$T/m
}

@test "make builds once, and again only what changed" {
	require_tool make gcc
	cd "$M"
	printf 'int f(void);\nint main(void) { return f(); }\n' >main.c
	printf 'int f(void) { return 7; }\n' >f.c
	printf 'prog: main.o f.o\n\tcc -o $@ $^\n%%.o: %%.c\n\tcc -c -o $@ $<\n' >Makefile
	make >"$T/first"
	run -7 ./prog
	make -q
	printf 'int f(void) { return 9; }\n' >f.c
	make >"$T/second"
	grep -q 'f\.o f\.c' "$T/second"
	run ! grep -q 'main\.o main\.c' "$T/second"
	run -9 ./prog
	cd "$T"
}

@test "sqlite3: both kinds of journal, checked by itself, and readable from the server" {
	require_tool sqlite3
	for mode in delete wal; do
		sqlite3 "$M/$mode.db" "PRAGMA journal_mode=$mode; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);" >/dev/null
		for i in 1 2 3 4 5; do
			sqlite3 "$M/$mode.db" "BEGIN; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
				INSERT INTO t (b) SELECT 'row ' || i FROM n; COMMIT; DELETE FROM t WHERE a % 7 = $i;"
		done
		[ "$(sqlite3 "$M/$mode.db" 'PRAGMA integrity_check')" = ok ]
		sqlite3 "$M/$mode.db" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=delete; VACUUM' >/dev/null
		as alice cfs get "$mode.db" "$T/$mode.db"
		[ "$(sqlite3 "$T/$mode.db" 'PRAGMA integrity_check')" = ok ]
		[ "$(sqlite3 "$T/$mode.db" 'SELECT count(*), sum(a) FROM t')" = "$(sqlite3 "$M/$mode.db" 'SELECT count(*), sum(a) FROM t')" ]
	done
}

@test "sqlite3: two writers at once lose no row" {
	require_tool sqlite3
	sqlite3 "$M/t.db" 'CREATE TABLE t (w, i)'
	pids=()
	for w in 1 2; do
		for i in $(seq 20); do
			echo "INSERT INTO t VALUES ($w, $i);"
		done | sqlite3 -cmd '.timeout 20000' "$M/t.db" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ "$(sqlite3 "$M/t.db" 'SELECT count(*) FROM t; PRAGMA integrity_check')" = $'40\nok' ]
}

# The way that editors save, step by step, with everything that they look at.
@test "saves as vim does them: backup, new file under the old name, mode and links kept" {
	python3 - "$M" <<'END'
import os, stat, sys
os.chdir(sys.argv[1])
open("f", "w").write("old\n")
os.chmod("f", 0o640)
os.link("f", "hard")
before = os.stat("f")
# backupcopy=no: the old one becomes the backup; where there are hard links vim copies instead and writes in place
open("4913", "x").close(); os.unlink("4913")
backup = os.open("f~", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
os.write(backup, open("f", "rb").read()); os.close(backup)
fd = os.open("f", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"new\n"); os.fsync(fd); os.close(fd)
os.unlink("f~")
assert open("hard").read() == "new\n" and os.stat("f").st_ino == before.st_ino
os.unlink("hard")
os.rename("f", "f~")
fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
os.write(fd, b"newer\n"); os.fsync(fd); os.fchmod(fd, 0o640); os.close(fd)
os.unlink("f~")
assert open("f").read() == "newer\n" and stat.S_IMODE(os.stat("f").st_mode) == 0o640
assert os.listdir(".") == ["f"]
END
	[ "$(as alice cfs cat f)" = newer ]
}

@test "vim itself saves, again and again, and its backup and swap are as they should be" {
	require_tool vim
	cd "$M"
	for i in 1 2 3; do
		HOME=$T vim -N -es -u NONE -i NONE -c "set backup backupskip= backupext=.bak backupdir=. directory=." -c "normal oline $i" -c wq f </dev/null
	done
	grep -q 'line 3' f
	[ "$(grep -c line f)" -eq 3 ]
	[ "$(grep -c line f.bak)" -eq 2 ]
	[ -z "$(find . -name '*.sw?')" ]
	cd "$T"
}

@test "saves as emacs does them: lock link, auto-save file, backup by rename" {
	python3 - "$M" <<'END'
import os, sys
os.chdir(sys.argv[1])
open("f", "w").write("old\n")
os.symlink("alice@host.4711:1700000000", ".#f")
assert os.readlink(".#f").startswith("alice@")
try:
    os.symlink("bob@host.1", ".#f")
    assert False
except FileExistsError:
    pass
open("#f#", "w").write("half typed")
os.rename("f", "f~")
fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
os.write(fd, b"new\n"); os.fsync(fd); os.close(fd)
os.unlink("#f#"); os.unlink(".#f")
assert sorted(os.listdir(".")) == ["f", "f~"]
assert open("f").read() == "new\n" and open("f~").read() == "old\n"
END
}

@test "find, grep -r and du see what is there" {
	cp -r /usr/include/linux "$M/"
	[ "$(find "$M/linux" -name '*.h' | wc -l)" -eq "$(find /usr/include/linux -name '*.h' | wc -l)" ]
	[ "$(cd "$M/linux" && find . -type f -size +8k -printf '%P %s\n' | LC_ALL=C sort)" = \
		"$(cd /usr/include/linux && find . -type f -size +8k -printf '%P %s\n' | LC_ALL=C sort)" ]
	[ "$(cd "$M/linux" && grep -rl IOCTL . | LC_ALL=C sort)" = "$(cd /usr/include/linux && grep -rl IOCTL . | LC_ALL=C sort)" ]
	[ "$(du -sb --apparent-size "$M/linux" | cut -f1)" -gt 1000000 ]
	find "$M/linux" -type f -delete
	[ -z "$(find "$M/linux" -type f)" ]
}

@test "df tells who and how much" {
	run -0 df -PT "$M"
	[[ ${lines[1]} == cfs:alice*fuse.cfs* ]]
	read -r _ _ total used free _ <<<"${lines[1]}"
	[ "$total" -gt 0 ] && [ "$free" -gt 0 ] && [ "$used" -ge 0 ]
}
