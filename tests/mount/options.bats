#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Options of the mount, as the command line, mount(8) and fstab give them.

load ../lib/cfs

setup() {
	test_begin
	require_fuse
	start_server
	new_user alice
	mkdir "$T/m"
}

@test "ro: everything can be read, nothing changed" {
	echo x >"$T/x"
	as alice cfs put "$T/x" x
	mount_as alice "$T/m" -o ro,subdir=alice
	[ "$(cat "$T/m/x")" = x ]
	for change in 'touch new' 'rm -f x' 'echo y >x'; do
		run ! sh -c "cd '$T/m' && $change"
		[[ $output == *"Read-only"* ]]
	done
}

@test "options of mount and sshfs users, several at once and several times" {
	mount_as alice "$T/m" -o rw,nosuid,nodev,noexec,noatime,_netdev,nofail -o timeout=5,reconnect,x-systemd.automount \
		-o uid=1234,gid=4321,attr_timeout=0.5
	grep " $T/m " /proc/self/mounts | grep nosuid | grep noexec | grep noatime
	[ "$(stat -c %u:%g "$T/m/alice")" = 1234:4321 ]
	printf '#!/bin/sh\necho ran\n' >"$T/m/alice/run"
	chmod +x "$T/m/alice/run"
	run ! "$T/m/alice/run"
}

@test "an option that is not known is named, with the one that was meant" {
	run -2 as alice cfs-mount "$T/m" -o ro,alow_other
	[[ $output == *"alow_other"*"allow_other"* ]]
	run -2 as alice cfs-mount "$T/m" -o timeout
	[[ $output == *"timeout"*"value"* ]]
	run -2 as alice cfs-mount "$T/m" -o timeout=soon
	[[ $output == *"timeout=soon"* ]]
	run -2 as alice cfs-mount "$T/m" -o ids=yours
	[[ $output == *"mine or stored"* ]]
	run ! mountpoint -q "$T/m"
}

@test "mount.cfs takes what mount(8) gives it" {
	ln -s "$(command -v cfs-mount)" "$T/mount.cfs"
	as alice "$T/mount.cfs" none "$T/m" -o rw,noauto,user=alice,subdir=alice </dev/null 3>&-
	echo x >"$T/m/x"
	[ "$(as alice cfs cat x)" = x ]
	as alice cfs-mount -u "$T/m"
	run -2 as alice "$T/mount.cfs" none "$T/m" -o nonsense
	as alice "$T/mount.cfs" none "$T/m" -s -o nonsense </dev/null 3>&-
	mountpoint "$T/m"
	as alice cfs-mount -u "$T/m"
	as alice "$T/mount.cfs" none "$T/m" -f -n -v -t cfs -o rw
	run ! mountpoint -q "$T/m"
}

@test "a remote directory, a profile, and a URL can be mounted" {
	echo x >"$T/x"
	as alice cfs mkdir d
	as alice cfs put "$T/x" d/x
	for remote in d /alice/d default:d; do
		as alice cfs-mount "$remote" "$T/m" </dev/null 3>&-
		[ "$(cat "$T/m/x")" = x ]
		as alice cfs-mount -u "$T/m"
	done
}

@test "ids=stored keeps owners and enforces modes" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, who may give files away"
	mount_as alice "$T/m" -o ids=stored,subdir=alice,allow_other
	echo x >"$T/m/x"
	chown 1234:4321 "$T/m/x"
	chmod 600 "$T/m/x"
	[ "$(stat -c '%u %g %a' "$T/m/x")" = '1234 4321 600' ]
	# From inside: the folders above are closed to others.
	cd "$T/m"
	run ! setpriv --reuid 4444 --regid 4444 --clear-groups cat x
	[[ $output == *"ermission denied"* ]]
	[ "$(setpriv --reuid 1234 --regid 4321 --clear-groups cat x)" = x ]
	cd "$T"
}

@test "umask takes bits from what is shown, not from what is kept" {
	mount_as alice "$T/m" -o subdir=alice,umask=077
	mkdir "$T/m/d"
	(umask 022 && touch "$T/m/d/f")
	[ "$(stat -c %a "$T/m/d")" = 700 ]
	[ "$(stat -c %a "$T/m/d/f")" = 600 ]
	[ "$(as alice cfs stat --json d/f | jq -r .mode)" = "$(as alice cfs stat --json d/f | jq -r .mode)" ]
	as alice cfs ls -l d | grep -q -- '-rw-r--r--'
	run -2 as alice cfs-mount "$T/n" -o umask=9
	[[ $output == *"umask=9"* ]]
}

@test "options of sshfs are taken or explained" {
	as alice cfs-mount "$T/m" -o idmap=user,cache=yes,ServerAliveInterval=15,reconnect,big_writes 2>"$T/said" </dev/null 3>&-
	mountpoint "$T/m"
	grep -q 'idmap=user.*ids=' "$T/said"
	grep -q 'ServerAliveInterval=15.*timeout=' "$T/said"
	as alice cfs-mount -u "$T/m"
	for option in IdentityFile=/x port=22 follow_symlinks; do
		run -2 as alice cfs-mount "$T/m" -o "$option"
		[[ $output == *"$option: "* ]]
	done
	run ! mountpoint -q "$T/m"
}

@test "a directory with something in it is not hidden unless one says so" {
	touch "$T/m/mine"
	run -6 as alice cfs-mount "$T/m"
	[[ $output == *"not empty"*"nonempty"* ]]
	run ! mountpoint -q "$T/m"
	mount_as alice "$T/m" -o nonempty,subdir=alice
	[ ! -e "$T/m/mine" ]
}

@test "--help and --version" {
	run -0 cfs-mount --help
	[[ $output == *"usage: cfs-mount"* ]]
	run -0 cfs-mount --version
	[[ $output == "cfs-mount "* ]]
	run -2 cfs-mount
}
