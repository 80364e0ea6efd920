#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The examples of the manuals do what they say. In a section EXAMPLES a line that begins with "$ " or "# " is a command, "> "
# goes on with it, and what follows up to the next command is its output, all of it where there is any; "..." stands for
# anything, and blanks for one or more. Files that an example takes for granted are made in `prepare`.

load ../lib/cfs

# What the examples find in their working directory, and in their PATH.
prepare() {
	mkdir -p bin docs
	head -c 200000 /dev/urandom >photo.jpg
	echo 'Dear Bob' >docs/letter.txt
	echo 'one, two' >list
	echo 'correct horse battery' >secret
	printf '%s\n' '#!/bin/sh' 'echo "-- a dump"' >bin/pg_dump
	chmod +x bin/pg_dump
	PATH=$T/bin:$PATH
}

# examples FILE: the section's lines, of blocks and of .Dl alike, as they are shown.
examples() {
	awk '/^\.Sh / { on = $2 == "EXAMPLES" }
		!on { next }
		/^\.Bd / { block = 1; next }
		/^\.Ed/ { block = 0; next }
		/^\.Dl / { print substr($0, 5); next }
		block' "$1" | sed 's/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'
}

# What the page calls files.example is this test's server, /srv/cfs a folder of this test, and an invite a new one.
in_place() {
	local line=$1
	case $line in
	*cfs://alice@files.example:7440/#...\'*)
		line=${line//cfs:\/\/alice@files.example:7440\/#.../$(admin invite alice 2>>"$T/admin.log")}
		;;
	esac
	line=${line//files.example:7440/${SERVER_ADDRESS:-127.0.0.1:0}}
	line=${line//files.example/127.0.0.1}
	line=${line//127.0.0.1:7440/127.0.0.1:0}
	printf '%s' "${line//\/srv\/cfs/$T/srv}"
}

# Whether the output is what the page shows, all of it.
as_shown() {
	local shown got=$2
	shown=$(sed 's/[[:blank:]][[:blank:]]*/ /g' <<<"$1")
	got=$(sed 's/[[:blank:]][[:blank:]]*/ /g; s/ $//' <<<"$got")
	shown=$(sed 's/[][\\*?]/\\&/g; s/\.\.\./*/g' <<<"$shown")
	# shellcheck disable=SC2053 # a pattern
	[[ $got == $shown ]]
}

run_one() {
	local command=$1 shown=$2
	[ -n "$command" ] || return 0
	ran=$((ran + 1))
	echo "$ $command" >>"$T/session"
	(exit "$last")
	eval "$command" >"$T/stdout" 2>"$T/stderr" 3>&- </dev/null && last=0 || last=$?
	cat "$T/stdout" "$T/stderr" | tee "$T/output" >>"$T/session"
	[ -n "$shown" ] || [ "$last" -eq 0 ] || {
		echo "failed with $last: $command"
		cat "$T/output"
		return 1
	}
	# On a terminal either may come first.
	[ -z "$shown" ] || as_shown "$shown" "$(cat "$T/output")" || as_shown "$shown" "$(cat "$T/stderr" "$T/stdout")" || {
		printf 'the manual shows:\n%s\nfor %s\nbut it says:\n' "$shown" "$command"
		cat "$T/output"
		return 1
	}
	checked=$((checked + (${#shown} > 0)))
}

# run_examples FILE AT-LEAST CHECKED: fails when fewer commands ran or fewer outputs were compared.
run_examples() {
	local line command='' shown=''
	ran=0 checked=0 last=0
	prepare
	mkdir -p "$T/home/alice"
	export HOME=$T/home/alice
	while IFS= read -r line; do
		case $line in
		'$ '* | '# '*)
			run_one "$command" "$shown" || return 1
			command=$(in_place "${line:2}") shown=''
			;;
		'> '*) command+=$'\n'$(in_place "${line:2}") ;;
		*) [ -z "$command" ] || shown+=${shown:+$'\n'}$(in_place "$line") ;;
		esac
	done < <(examples "$CFS_TOP/man/$1")
	run_one "$command" "$shown" || return 1
	cat session
	[ "$ran" -ge "$2" ] && [ "$checked" -ge "$3" ]
}

@test "the examples of cfs(1)" {
	start_server
	run_examples cfs.1 17 5
}

@test "the examples of cfs-mount(1)" {
	require_fuse
	start_server
	new_user alice
	run_examples cfs-mount.1 7 1
}

@test "the examples of cfsadm(8)" {
	start_server
	run_examples cfsadm.8 6 6
}

@test "the examples of cfsd(8)" {
	run_examples cfsd.8 5 3
}

@test "the example of cfs.conf(5) is taken" {
	examples "$CFS_TOP/man/cfs.conf.5" >cfs.conf
	grep -q '^timeout = ' cfs.conf
	CFS_CONF=$T/cfs.conf cfs profiles
}
