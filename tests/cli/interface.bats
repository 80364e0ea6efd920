#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What all commands share: options, help, JSON, settings, exit codes, output that goes nowhere, Ctrl-C.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
	echo content | as alice cfs put - f
}

commands() {
	cfs --help | sed -n 's/^  \([a-z]\{2,\}\)  *[a-zA-Z].*/\1/p'
}

@test "help and version everywhere" {
	run -0 cfs --help
	[[ $output == 'usage: cfs [options] COMMAND'* ]]
	[ "$(commands | wc -l)" -ge 24 ]
	for command in $(commands); do
		run -0 cfs "$command" --help
		[[ $output == "usage: cfs $command"* ]]
	done
	[ "$(cfs help)" = "$(cfs --help)" ]
	[ "$(cfs help ls)" = "$(cfs ls --help)" ]
	run -0 cfs --version
	[[ $output == 'cfs '* ]]
	run -2 cfs
	run -2 cfs sl
	[ "$output" = "cfs: no command 'sl'; did you mean 'ls'?" ]
	run -2 cfs ls --recursiv
	[[ $output == *'did you mean --recursive?' ]]
	run -2 cfs find -name f
	[ "$output" = 'cfs find: -name: unknown option; did you mean --name?' ]
	run -2 cfs --json ls --nonsense
	[[ $output == '{"error":"USAGE","exit_code":2,"command":"ls",'* ]]
	run -2 cfs --json nonsense
	[[ $output == '{"error":"USAGE"'* ]]
}

@test "the manual and the help name the same commands and options" {
	for command in $(commands); do
		grep -q "^\.It Cm $command\b\|^\.Ss .*\b$command\b" "$CFS_TOP/man/cfs.1" || {
			echo "cfs.1 has no $command"
			false
		}
		for option in $(cfs "$command" --help | grep -o '^  .\{4\}--[a-z-]*' | sed 's/.*--//'); do
			grep -qE "(Fl|,) -$option( |$)" "$CFS_TOP/man/cfs.1" || {
				echo "cfs.1 has no --$option of $command"
				false
			}
		done
	done
}

@test "every command speaks JSON, one object a line" {
	require_tool python3
	seq 10 >local
	as alice cfs mkdir d
	objects() {
		as alice cfs --json "$@" >out
		python3 -c 'import json,sys; n = [json.loads(l) for l in sys.stdin]; assert n, "no output"' <out
	}
	objects ls
	objects put local
	objects get local got
	objects mv local d
	objects cp d/local two
	objects stat two
	objects sum two
	objects du
	objects df
	objects find
	objects ln two three
	objects chmod 600 two
	objects touch two
	objects mkdir e
	objects rmdir e
	objects rm two
	objects whoami
	objects devices
	objects profiles
	objects logout
	run -4 as alice cfs --json ls
	python3 -c 'import json,sys; assert json.loads(sys.argv[1])["error"] == "NOTSIGNEDIN"' "$output"
}

@test "names that are not UTF-8 or not printable" {
	bad=$(printf 'caf\351')
	odd=$(printf 'new\nline \033[31m "q" \047')
	long=$(printf '%0255d' 7)
	for name in "$bad" "$odd" "$long"; do
		echo "$name" >local
		as alice cfs put local "./$name"
		as alice cfs cat "./$name" | cmp - local
		as alice cfs get "./$name" got && cmp got local
		as alice cfs stat "./$name" >/dev/null
	done
	run -0 as alice cfs ls
	[[ $output == *'caf\xe9'* && $output == *'new\nline \x1b[31m "q"'* ]]
	run -0 as alice cfs --json ls
	[[ $output == *'"name":"caf�","name_b64":"Y2Fm6Q=="'* ]]
	[[ $output == *'"name":"new\nline \u001B[31m \"q\" '"'"'"'* ]]
	as alice cfs ls -0 >names
	printf '%s\0' "$long" "$bad" f "$odd" | sort -z >expected
	sort -z names | cmp - expected
	mkdir out && as alice cfs get '*' out
	[ "$(cat "out/$odd")" = "$odd" ]
	run -2 as alice cfs put local "${long}0"
	[[ $output == *'name too long'* ]]
	run -2 as alice cfs mkdir .versions
	[[ $output == 'cfs mkdir: .versions: '* ]]
	# An error about a name is one line, too.
	run -3 as alice cfs cat "$(printf 'a\nb')"
	[ "$output" = 'cfs cat: a\nb: no such file or directory' ]
}

@test "settings: option over environment over file" {
	cat >cfs.conf <<-END
		[cli]
		json = yes
		timeout = 7s
	END
	export CFS_CONF=$T/cfs.conf
	run -0 as alice cfs ls
	[[ $output == '{"name":"f"'* ]]
	run -0 as alice env CFS_JSON=0 cfs ls
	[ "$output" = f ]
	run -4 as alice env CFS_PROFILE=nobody cfs ls
	run -0 as alice env CFS_PROFILE=nobody cfs -P default ls
	echo 'colour = always' >>cfs.conf
	run -2 as alice cfs ls
	[[ $output == *"cfs.conf:4: "*'did you mean color?'* ]]
	CFS_CONF=$T/nothing run -3 as alice cfs ls
	unset CFS_CONF
	CFS_TIMEOUT=soon run -2 as alice cfs ls
	[ "$output" = "cfs: CFS_TIMEOUT: 'soon' is not a time like 30s" ]
}

@test "colours only where they are wanted" {
	as alice cfs mkdir d
	[ "$(as alice cfs ls)" = $'d\nf' ]
	run -0 as alice cfs --color=always ls
	[[ $output == *$'\033[1;34md\033[0m'* ]]
	run -2 as alice cfs --color=red ls
	require_pty
	pty alice <<-'END'
		spawn env NO_COLOR=1 cfs ls
		want {d  f\r\n}
		ended
	END
}

@test "progress is drawn on a terminal alone, and -q is quiet" {
	require_pty
	head -c 3000000 /dev/zero >big
	run -0 as alice cfs --bwlimit 4M put big
	[ -z "$output" ]
	pty alice <<-'END' >said
		spawn cfs --bwlimit 2M put big big2
		want {%.*of 2.9M.*/s.*left.*of 1 files}
		exit [ended]
	END
	pty alice <<-'END' >said
		spawn cfs -q --bwlimit 2M put big big3
		exit [ended]
	END
	run -1 grep -a % said
}

@test "output that nobody reads: no word, and the signal's end" {
	for i in {1..300}; do
		printf 'mkdir some-long-name-%s\n' "$i"
	done | as alice cfs shell
	# shellcheck disable=SC2016
	run -141 as alice bash -c 'cfs ls -l 2>err | sleep 0; exit "${PIPESTATUS[0]}"'
	[ ! -s err ] || { cat err && false; }
	head -c 5000000 /dev/zero | as alice cfs put - big
	# shellcheck disable=SC2016
	run -141 as alice bash -c 'cfs cat big 2>err | head -c 10 >/dev/null; exit "${PIPESTATUS[0]}"'
	[ ! -s err ] || { cat err && false; }
	run -1 as alice bash -c 'cfs ls >/dev/full'
	[[ $output == *'cannot write'* ]]
}

@test "closed standard descriptors are nobody else's: no socket takes their numbers" {
	run -1 as alice sh -c 'timeout 20 cfs put - g <&-'
	[[ $output == 'cfs put: -: '*'Bad file descriptor' ]]
	run -1 as alice sh -c 'timeout 20 cfs cat f >&-'
	run -1 as alice sh -c 'timeout 20 cfs ls >&-'
	[ "$(as alice timeout 20 cfs cat f <&- 2>&-)" = content ]
	as alice timeout 20 cfs mv f h <&- >&- 2>&-
	[ "$(as alice cfs ls)" = h ]
	[ "$(admin user list <&- 2>&-)" = "$(admin user list)" ]
}

# interrupted SIGNAL CONDITION COMMAND…: sends the signal to alice's command as soon as the condition holds.
interrupted() {
	local signal=$1 condition=$2 job
	shift 2
	# shellcheck disable=SC2016
	as alice sh -c 'echo $$ >pid; exec "$@"' sh "$@" <&0 3>&- &
	job=$!
	wait_until 15 eval "$condition"
	kill "-$signal" "$(cat pid)"
	wait "$job"
}

@test "Ctrl-C: 130, and nothing half-done stays" {
	head -c 20000000 /dev/urandom >big
	mkfifo pipe
	{ head -c 2000000; : >begun; cat; } <big >pipe 3>&- &
	run -130 interrupted INT '[ -e begun ]' cfs --bwlimit 1M put - big <pipe
		[ "$output" = 'cfs put: interrupted' ]
	run -3 as alice cfs stat big
	as alice cfs put big
	run -130 interrupted INT 'ls .cfs-*.part' cfs --bwlimit 1M get big copy
	[ "$output" = 'cfs get: interrupted' ]
	[ -z "$(find . -name '*copy*' -o -name '.cfs-*')" ]
	run -143 interrupted TERM 'ls .cfs-*.part' cfs --bwlimit 1M get big copy
	[ -z "$(find . -name '*copy*' -o -name '.cfs-*')" ]
}
