# SPDX-License-Identifier: GPL-3.0-or-later
# The first minutes of somebody new, with the very commands of the README.

load ../lib/cfs

@test "init, invite, login, put, ls, get, mount, unmount" {
	require_tool cfs cfsd cfsadm cfs-mount
	require_fuse
	start_server
	grep -q . init.out
	invite=$(admin invite alice)
	[ "$(wc -l <<<"$invite")" -eq 1 ]
	as alice cfs login "$invite"
	head -c 300000 /dev/urandom >photo.jpg
	as alice cfs put photo.jpg
	run -0 as alice cfs ls -l
	[[ $output == *photo.jpg* ]]
	as alice cfs get photo.jpg copy.jpg
	cmp photo.jpg copy.jpg
	mount_as alice "$T/cloud"
	cmp photo.jpg cloud/alice/photo.jpg
	mount_as alice "$T/mine" -o subdir=alice
	cmp photo.jpg mine/photo.jpg
	as alice cfs-mount -u "$T/cloud"
	run ! mountpoint -q "$T/cloud"
	as alice cfs-mount -u "$T/mine"
	run ! mountpoint -q "$T/mine"
	stop_server
}

@test "make try without a terminal says that all of it worked" {
	require_tool cfs cfsd cfsadm cfs-mount
	require_fuse
	run -0 "$CFS_LIB/try.sh" "${B:-$CFS_TOP/build}/bin" </dev/null
	[[ $output == *'All of it worked.'* ]]
	place=$(sed -n 's/.* is in \(\/.*\)\.$/\1/p' <<<"$output")
	[ -n "$place" ]
	[ ! -e "$place" ]
}
