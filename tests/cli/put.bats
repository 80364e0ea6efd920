#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# put, get, cat: content there and back.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

@test "files of every size come back as they went" {
	mkdir in
	for size in 0 1 32767 32768 32769 4194303 4194304 4194305 9999999; do
		head -c "$size" /dev/urandom >"in/$size"
	done
	as alice cfs put in/* ''
	mkdir out
	as alice cfs get '*' out
	diff -r in out
	as alice cfs cat 0 1 9999999 | cmp - <(cat in/0 in/1 in/9999999)
	as alice cfs get 32769 - | cmp - in/32769
}

@test "standard input and output; a pipe of unknown length" {
	head -c 5000000 /dev/urandom >f
	as alice cfs put - piped <f
	as alice cfs cat piped | cmp - f
	printf x | as alice cfs put - piped
	[ "$(as alice cfs cat piped)" = x ]
	run -2 as alice cfs put - </dev/null
	as alice cfs mkdir d
	run -2 as alice cfs put - d </dev/null
}

@test "modes and times come along; set-id bits stay away" {
	echo x >f && chmod 750 f && touch -d '2021-03-04 05:06:07.123456789 UTC' f
	as alice cfs put f
	[[ $(as alice cfs --json stat f) == *'"mode":"0750"'*'"mtime":"2021-03-04T05:06:07.123456789Z"'* ]]
	as alice cfs chmod 4757 f
	(umask 022 && as alice cfs get f g)
	[ "$(stat -c '%a %Y' g)" = "755 $(stat -c %Y f)" ]
}

@test "what is private is so before it is complete" {
	head -c 9000000 /dev/urandom >secret && chmod 600 secret
	as alice cfs put secret
	as alice timeout 60 cfs --bwlimit 500K get secret copy 3>&- &
	wait_until 15 eval 'ls .cfs-*.part'
	[ "$(stat -c %a .cfs-*.part)" = 600 ]
	kill $!
	wait $! || true
}

@test "a pipe that is named gets the content, be it little or much" {
	echo little >little && head -c 200000 /dev/urandom >much
	as alice cfs put little much ''
	mkfifo pipe
	for f in little much; do
		as alice cfs get "$f" pipe 3>&- &
		timeout 20 cmp "$f" pipe
		wait $!
	done
	[ -p pipe ]
}

@test "a pipe that nobody writes to is waited for until Ctrl-C" {
	mkfifo pipe
	# shellcheck disable=SC2016
	as alice sh -c 'echo $$ >pid; exec cfs put pipe f' 2>said 3>&- &
	wait_until 15 eval 'grep -q wait_for_partner "/proc/$(cat pid)/wchan"'
	kill -INT "$(cat pid)"
	status=0 && wait $! || status=$?
	[ "$status" -eq 130 ]
	[ "$(cat said)" = 'cfs put: interrupted' ]
	[ -z "$(as alice cfs ls)" ]
}

@test "trees, with links, empty directories and odd names, there and back" {
	mkdir -p tree/a/b/c tree/empty
	echo 1 >tree/a/1 && echo 2 >tree/a/b/2 && : >tree/a/b/c/0
	ln -s ../a/1 tree/empty/link && ln -s nowhere tree/dangling
	echo x >"tree/$(printf 'new\nline "quoted" \047 \\ tab\t')"
	echo y >"tree/$(printf 'latin\351')"
	as alice cfs put -r tree
	as alice cfs get -r tree back
	diff -r --no-dereference tree back
	# Into a directory that is there, its name goes below it; over what is there, files are replaced.
	as alice cfs get -r tree back
	diff -r --no-dereference tree back/tree
	echo changed >tree/a/1
	as alice cfs put -r tree
	[ "$(as alice cfs cat tree/a/1)" = changed ]
	as alice cfs put -r tree other
	as alice cfs put -r tree other
	[ "$(as alice cfs cat other/tree/a/b/2)" = 2 ]
	# "." is the directory's name.
	(cd tree/a && as alice cfs put -r . other)
	[ "$(as alice cfs cat other/a/1)" = changed ]
}

@test "where things go" {
	echo 1 >one && echo 2 >two
	as alice cfs mkdir dir
	as alice cfs put one dir/renamed
	as alice cfs put one two dir
	as alice cfs put one dir/
	[ "$(as alice cfs ls dir)" = $'one\nrenamed\ntwo' ]
	run -3 as alice cfs put one nodir/
	[[ $output == 'cfs put: nodir/: no such file or directory; make it'* ]]
	run -3 as alice cfs put one nodir/x
	run -3 as alice cfs put one two nodir
	run -1 as alice cfs put one two dir/one
	run -1 as alice cfs put one dir/one/x
	mkdir here
	as alice cfs get dir/one here && [ "$(cat here/one)" = 1 ]
	as alice cfs get 'dir/*' here && [ "$(cat here/two)" = 2 ]
	run -3 as alice cfs get dir/one dir/two nowhere
	[ "$output" = 'cfs get: nowhere: no such directory on this machine' ]
	run -3 as alice cfs get dir/one nowhere/
	run -3 as alice cfs get dir/one nowhere/one
	[ "$output" = 'cfs get: dir/one: nowhere/one: No such file or directory' ]
	[ "$(as alice cfs --json get dir/one nowhere/one 2>&1 | jq -r .error)" = NOENT ]
	run -3 as alice cfs get -r dir nowhere/dir
	run -1 as alice cfs get dir/one dir/two here/one
	run -1 as alice cfs get dir/one here/one/
	# A directory is not replaced by a file.
	as alice cfs mkdir dir/sub
	as alice cfs put one dir/sub
	[ "$(as alice cfs cat dir/sub/one)" = 1 ]
	as alice cfs mkdir dir/two2 && mkdir two2 && as alice cfs put -r two2 dir
	mkdir clash && mkdir clash/one && as alice cfs put one clash
	as alice cfs mkdir dest && echo f | as alice cfs put - dest/clash
	run -1 as alice cfs put -r clash dest
	[[ $output == 'cfs put: clash: not a directory'* ]]
}

@test "what is wrong with one does not stop the others: exit 9" {
	echo 1 >one && mkdir d && mkfifo d/pipe && echo 2 >d/two && echo 3 >d/shut && chmod 0 d/shut
	run -9 as alice cfs put one nothing ''
	[ "$output" = 'cfs put: nothing: No such file or directory' ]
	[ "$(as alice cfs cat one)" = 1 ]
	run -9 as alice cfs put -r d
	[[ $output == *'cfs put: d/pipe: is a device, socket or fifo; left out'* ]]
	[ "$(as alice cfs cat d/two)" = 2 ]
	run -9 as alice cfs get one nothing .
	[ "$output" = 'cfs get: nothing: no such file or directory' ]
	run -3 as alice cfs get nothing
	run -1 as alice cfs put d
	[ "$output" = 'cfs put: d: is a directory; use -r' ]
	run -1 as alice cfs get d
	[ "$output" = 'cfs get: d: is a directory; use -r' ]
	run -1 as alice cfs cat d
	[ "$output" = 'cfs cat: d: is a directory' ]
}

@test "--no-clobber, --if-version, --dry-run" {
	echo 1 >f && as alice cfs put f
	echo 2 >f
	run -6 as alice cfs put --no-clobber f
	run -6 as alice cfs put --if-version 0 f
	version=$(as alice cfs --json stat f | grep -o '"version":[0-9]*' | cut -d: -f2)
	run -6 as alice cfs put --if-version $((version + 1)) f
	[ "$(as alice cfs cat f)" = 1 ]
	as alice cfs put --if-version "$version" f
	[ "$(as alice cfs cat f)" = 2 ]
	run -6 as alice cfs get --no-clobber f
	run -0 as alice cfs put -n f new
	[ "$output" = 'would put /alice/new' ]
	run -3 as alice cfs stat new
	run -0 as alice cfs --json get -n f new
	[ "$output" = '{"action":"get","path":"f","dry_run":true}' ]
	[ ! -e new ]
}

@test "a put replaces at once: readers see the old or the new" {
	head -c 6000000 /dev/zero | tr '\0' x >a
	head -c 6000000 /dev/zero | tr '\0' y >b
	as alice cfs put a f
	for _ in 1 2 3 4 5; do
		as alice cfs put b f
		as alice cfs put a f
	done 3>&- &
	writer=$!
	while kill -0 "$writer" 2>/dev/null; do
		as alice cfs get f got
		cmp -s got a || cmp got b
	done
	wait "$writer"
}

@test "holes stay holes, 10 GiB of them" {
	truncate -s 10G sparse
	printf middle | dd of=sparse bs=1 seek=5000000000 conv=notrunc status=none
	printf end | dd of=sparse bs=1 seek=$((10 * 1024 * 1024 * 1024 - 3)) conv=notrunc status=none
	as alice cfs put sparse
	[[ $(as alice cfs --json stat sparse) =~ \"size\":10737418240,\"stored\":([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -lt 20000000 ]
	as alice cfs get sparse back
	[ "$(stat -c %s back)" = 10737418240 ]
	[ "$(stat -c %b back)" -lt 40000 ]
	cmp -n 20 -i 4999999990 sparse back
	[ "$(tail -c 3 back)" = end ]
}
