#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# serial
#
# The Debian packages: built twice, and installed, used, removed and purged in a copy of this machine that is thrown away.

load ../lib/cfs

setup() {
	test_begin
	require_tool dpkg-deb dpkg-shlibdeps
	[ -z "${SAN:-}${TSAN:-}" ] || skip "a build with sanitizers is nothing to install"
}

# The build folder as make names it: by another name everything would be linked anew.
make_deb() {
	make -s -C "$CFS_TOP" B="${B#"$CFS_TOP"/}" deb 3>&- >"$T/deb.log" 2>&1 || {
		cat "$T/deb.log" >&2
		return 1
	}
}

@test "the same files give the same packages, whoever builds them and where" {
	make_deb
	version=$(dpkg-deb -f "$B"/deb/cfs_*.deb Version)
	cp -r "$B/deb/stage" stage
	chmod -R go-rx stage
	(
		export TZ=Asia/Kolkata LANG=C SOURCE_DATE_EPOCH
		SOURCE_DATE_EPOCH=$(git -C "$CFS_TOP" log -1 --format=%ct)
		"$CFS_TOP/conf/deb/build" stage "$version" out
	)
	for file in out/*.deb; do
		cmp "$file" "$B/deb/${file##*/}"
	done
	[ "$(find out -name '*.deb' | wc -l)" -eq 2 ]
}

# Runs the script on stdin in a root of its own: this machine's files, with whatever changes on a tmpfs. It sees the
# packages in /debs; what it left of changes is in /changed of its parent, as `left` sees it.
in_a_copy() {
	cat >"$T/inside"
	cat >"$T/outside" <<-'END'
		set -eu
		mount --make-rprivate /
		mount -t tmpfs tmpfs "$T/copy"
		cd "$T/copy"
		mkdir upper work root
		mount -t overlay -o "lowerdir=/,upperdir=upper,workdir=work" overlay root
		mount -t proc proc root/proc
		mount --rbind /dev root/dev
		mount -t tmpfs tmpfs root/tmp
		mount -t tmpfs tmpfs root/run
		mkdir -p root/tmp/debs
		cp "$B"/deb/*.deb "$T/inside" root/tmp/debs
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "CFS_TEST_RUN=${CFS_TEST_RUN:-}" \
			chroot root bash -eux /tmp/debs/inside
		find upper -name '*cfs*' -prune -printf '/%P\n'
	END
	mkdir -p "$T/copy"
	unshare --mount --pid --fork --kill-child bash "$T/outside" 3>&- >"$T/out" 2>"$T/err" || {
		cat "$T/out" "$T/err" >&2
		return 1
	}
}

@test "the packages install, serve, are removed and purged, and leave the users' files" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, for a root directory of its own"
	have_fuse || skip "needs FUSE: /dev/fuse and fusermount3"
	[ -n "$(ls "$B"/deb/*.deb)" ] || make_deb
	in_a_copy <<-'END'
		export DEBIAN_FRONTEND=noninteractive
		# Without a store nothing is left.
		dpkg -i /tmp/debs/cfs-server_*.deb
		dpkg -P cfs-server
		test ! -e /var/lib/cfs
		test ! -e /etc/cfs
		test ! -e /etc/systemd/system/multi-user.target.wants/cfsd.service

		dpkg -i /tmp/debs/*.deb
		test "$(stat -c '%U:%G %a' /var/lib/cfs)" = 'cfs:cfs 700'
		sed -i 's/^#listen = .*/listen = 127.0.0.1:0/' /etc/cfs/cfsd.conf

		# As root, as an administrator does; the store is for the user of the unit nonetheless.
		cfsadm init
		test -z "$(find /var/lib/cfs ! -user cfs)"

		# As the unit says.
		unit=/usr/lib/systemd/system/cfsd.service
		start=$(sed -n 's/^ExecStart=//p' $unit) user=$(sed -n 's/^User=//p' $unit)
		start_cfsd() {
			(umask 077; exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
				--bounding-set=-all --inh-caps=-all $start) >/tmp/cfsd.log 2>&1 &
			daemon=$!
			for i in $(seq 200); do
				! grep -q '^cfsd: ready' /tmp/cfsd.log || return 0
				sleep 0.05
			done
			cat /tmp/cfsd.log >&2
			return 1
		}
		start_cfsd
		test "$(stat -c %U /proc/$daemon)" = cfs
		cfs login "$(cfsadm invite alice)"
		echo hello >/tmp/greeting
		cfs put /tmp/greeting
		test "$(cfs cat greeting)" = hello
		# By the profile that is in root's home, as fstab would: mount(8) hands HOME on to no helper.
		mkdir /tmp/mnt
		mount -t cfs -o subdir=alice none /tmp/mnt
		test "$(cat /tmp/mnt/greeting)" = hello
		umount /tmp/mnt
		man -w cfs cfsd cfsadm >/tmp/manuals 2>/dev/null || ! command -v man
		kill -TERM $daemon
		wait $daemon

		rm -r ~/.config/cfs

		dpkg -r cfs-server cfs
		! command -v cfs cfsd cfsadm
		test -f /etc/cfs/cfsd.conf
		test -d /var/lib/cfs/store

		# Installed again it goes on where it was.
		dpkg -i /tmp/debs/*.deb
		grep -x 'listen = 127.0.0.1:0' /etc/cfs/cfsd.conf
		start_cfsd
		cfsadm status --json | grep '"users":'
		kill -TERM $daemon
		wait $daemon

		dpkg -P cfs-server cfs 2>&1 | tee /tmp/purge.log
		grep '/var/lib/cfs' /tmp/purge.log
		test ! -e /etc/cfs
		test -d /var/lib/cfs/store
		! dpkg -s cfs-server
	END
	# Of all that changed, this alone is called after us.
	run -0 cat out
	[ "${lines[-1]}" = /var/lib/cfs ]
	[ "$(grep -c '^/.*cfs' <(tail -n 3 out))" -eq 1 ]
}
