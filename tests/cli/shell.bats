#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfs shell: lines, scripts, and a person at a terminal.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

@test "-c runs one line and gives its exit code" {
	run -0 as alice cfs shell -c pwd
	[ "$output" = /alice ]
	run -3 as alice cfs shell -c 'cat nothing'
	run -2 as alice cfs shell -c 'cat "open'
	run -2 as alice cfs shell -c nonsense
	[[ $output == *"no command 'nonsense'"* ]]
	run -0 as alice cfs shell -c '!exit 0'
	run -7 as alice cfs shell -c '!exit 7'
}

@test "a script goes on where the last line left it and ends at the first that fails" {
	cat >script <<-'END'
		# comments and empty lines are nothing

		mkdir "with blank" two
		cd with\ blank
		put /etc/hostname 'a file'
		pwd
		ls
		cd ..
		cat nothing
		mkdir never
	END
	run -3 --separate-stderr as alice cfs shell script
	[ "$output" = $'/alice/with blank\na file' ]
	# shellcheck disable=SC2154
	[ "$stderr" = "cfs cat: nothing: no such file or directory
cfs shell: script:9: ended here with code 3: cat nothing" ]
	[ "$(as alice cfs ls)" = $'two\nwith blank' ]
	# The same from standard input.
	run -0 as alice cfs shell <<<$'cd two\npwd'
	[ "$output" = /alice/two ]
}

@test "cd, lcd and relative paths" {
	as alice cfs mkdir -p a/b
	mkdir -p local && echo text >local/f
	as alice cfs shell <<-END
		cd a
		lcd $T/local
		put f b/g
		cd b
		get g h
		cd /
		cat alice/a/b/g
	END
	[ "$(cat local/h)" = text ]
	run -3 as alice cfs shell -c 'cd nothing'
	[[ $output == 'cfs cd: nothing: no such file or directory' ]]
	run -1 as alice cfs shell -c 'cd a/b/g'
	[[ $output == *'not a directory' ]]
	run -2 as alice cfs shell -c 'cd a b'
}

@test "a person types: prompt, editing, and history that stays" {
	require_pty
	pty alice <<-'END'
		spawn cfs shell
		want {alice@127.0.0.1:~> $}
		type "mkdir dcos"
		want {~> $}
		# Up for the line before, and its end corrected: four letters back, then a new word.
		send "\033\[A\010\010\010\010docs\r"
		want {docs.*~> $}
		type "cd docs"
		want {alice@127.0.0.1:~/docs> $}
		type "cat nothing"
		want {no such file.*~/docs !> $}
		send "\004"
		ended
	END
	[ "$(as alice cfs ls)" = $'dcos\ndocs' ]
	[ "$(tail -n 1 home/alice/.local/state/cfs/history)" = 'cat nothing' ]
	[ "$(stat -c %a home/alice/.local/state/cfs/history)" = 600 ]
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		send "\033\[A"
		want {cat nothing}
		send "\033\[A\r"
		want {~/docs> $}
		type "exit"
		exit [ended]
	END
}

@test "Tab completes commands, options, remote and local names, also with blanks" {
	require_pty
	as alice cfs mkdir 'my folder' other
	echo the-content | as alice cfs put - 'my folder/a "b" c'
	echo local-content >'local file'
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		send "cat my\t"
		want {my\\ folder/}
		send "a\t\r"
		want {the-content.*~> $}
		send "cat \"my fo\t"
		want {my folder/}
		send "\025"
		send "mkd\t"
		want {mkdir }
		send "\025ls --rec\t"
		want {--recursive}
		send "\025put loc\t"
		want {put local\\ file }
		send "oth\t\r"
		want {~> $}
		# Several: Tab twice lists them by their last names.
		send "ls /alice/\t\t"
		want {my.* folder/ .*other/}
		send "\025"
		type "exit"
		exit [ended]
	END
	[ "$(as alice cfs cat 'other/local file')" = local-content ]
}

@test "Ctrl-C drops the line; it ends a transfer and not the shell" {
	require_pty
	head -c 30000000 /dev/zero >big
	pty alice <<-'END'
		spawn cfs --bwlimit 1M shell
		want {~> $}
		send "half a li\003"
		want {\^C\r\n.*~> $}
		type "put big"
		want {put big\r\n}
		want {%}
		send "\003"
		want {interrupted.*~ !> $}
		type "pwd"
		want {/alice\r\n.*~> $}
		type "exit"
		exit [ended]
	END
	[ -z "$(as alice cfs ls)" ]
}

@test "a notice stands above the half-typed line, which stays whole; seen once" {
	require_pty
	new_user bob
	echo x | as alice cfs put - shown
	pty alice <<-END
		spawn cfs shell
		want {~> \$}
		send "mkdir half-ty"
		want {half-ty}
		exec env HOME=$T/home/bob XDG_CONFIG_HOME=$T/home/bob/.config cfs get /alice/shown $T/got
		# The line goes away, the notice is a line of its own, and prompt and line are there again.
		want {bob downloaded /alice/shown[^\n]*\n[^\n]*~> mkdir half-ty}
		send "ped\r"
		want {~> \$}
		type "pwd"
		expect {
			-re {bob downloaded} { exit 96 }
			-re {/alice\r\n.*~> \$} {}
			timeout { exit 97 }
		}
		type "exit"
		exit [ended]
	END
	[ "$(as alice cfs ls)" = $'half-typed\nshown' ]
	[ -z "$(as alice cfs notify)" ]
}

@test "who was away is told at the next sign-in" {
	require_pty
	new_user bob
	echo x | as alice cfs put - shown
	as bob cfs get /alice/shown got
	pty alice <<-'END'
		spawn cfs shell
		want {bob downloaded /alice/shown.*~> $}
		type "exit"
		exit [ended]
	END
	[ -z "$(as alice cfs notify)" ]
}

@test "the shell outlives the server and goes on when it is back" {
	require_pty
	cat >up <<-END
		cfsd -c $T/cfsd.conf --foreground >>$T/again.log 2>&1 </dev/null &
		echo \$! >$T/pid
		for i in \$(seq 200); do ! grep -q ready $T/again.log || exit 0; sleep 0.05; done
		exit 1
	END
	pty alice <<-END
		spawn cfs --timeout 5s shell
		want {~> \$}
		exec kill -9 $SERVER_PID
		type "ls"
		want {cfs ls: .*> \$}
		exec sh $T/up
		type "mkdir back"
		want {~> \$}
		type "ls"
		want {back}
		type "exit"
		ended
	END
	SERVER_PID=$(cat pid)
	[ "$(as alice cfs ls)" = back ]
	kill "$SERVER_PID"
	wait_until 10 eval "! kill -0 $SERVER_PID 2>/dev/null"
	SERVER_PID=''
}

@test "a shell that is hung up ends" {
	require_pty
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		exec kill -HUP [exp_pid]
		expect eof
		set status [wait]
		# Ended by the signal itself.
		if {[lindex $status 4] != "CHILDKILLED"} { exit 95 }
	END
}
