#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfs shell and a person at a terminal: the prompt, editing, history, Ctrl-C, a server that comes back.
# limit: 180

load ../lib/cfs

setup() {
	require_pty
	test_begin
	start_server
	new_user alice
}

@test "prompt, editing, and history that stays" {
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
		type "cat nothing"
		want {no such file.*~/docs !> $}
		type " pwd"
		want {/alice/docs\r\n.*~/docs> $}
		send "\004"
		exit [ended]
	END
	[ "$(as alice cfs ls)" = $'dcos\ndocs' ]
	[ "$(tail -n 2 home/alice/.local/state/cfs/history)" = $'cd docs\ncat nothing' ]
	[ "$(stat -c %a home/alice/.local/state/cfs/history)" = 600 ]
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		send "\033\[A"
		want {cat nothing}
		send "\033\[A\r"
		want {~/docs> $}
		type "history 2 | tail -n 1"
		want {history 2 \| tail -n 1\r\n.*\r\n.*~/docs> $}
		type "history -c"
		want {~/docs> $}
		type "exit 5"
		if {[ended] != 5} { exit 95 }
	END
	[ "$(cat home/alice/.local/state/cfs/history)" = 'exit 5' ]
}

@test "colours are for terminals, and for who wants them; long directories are cut at the front" {
	as alice cfs mkdir -p 'a very long name of a directory/another long name of one below it/the last one'
	NO_COLOR='' pty alice <<-'END'
		spawn cfs shell
		want {\033\[1;32m[^\n]*alice@127.0.0.1[^\n]*\033\[1;34m[^\n]*~[^\n]*> $}
		type "cd 'a very long name of a directory/another long name of one below it/the last one'"
		want {\.\.\./the last one.*> $}
		type "cat nothing"
		want {1;31m !}
		type "exit"
		exit [ended]
	END
	pty alice <<-'END'
		spawn cfs shell
		expect {
			-re {\033\[1;3} { exit 96 }
			-re {alice@127.0.0.1:~> $} {}
		}
		type "exit"
		exit [ended]
	END
}

@test "a line that is not whole goes on on the next, at another prompt; wrong ones do nothing" {
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		type "mkdir one &&"
		want {\r\n[^\n]*> $}
		type "mkdir 'two"
		want {\r\n[^\n]*> $}
		type "lines'"
		want {~> $}
		type "mkdir never; | wc"
		want {cfs: column 14: a command is missing before \|.*~ !> $}
		type "mkdir 'open"
		want {\r\n[^\n]*> $}
		send "\003"
		want {\^C\r\n.*alice@[^\n]*> $}
		type "cat nothing; mkdir three"
		want {no such.*~> $}
		type "exit"
		exit [ended]
	END
	[ "$(as alice cfs ls)" = $'one\nthree\ntwo\\nlines' ]
}

@test "Ctrl-C drops the line; it ends a transfer, a pipe and a local program, not the shell" {
	head -c 30000000 /dev/zero >big
	pty alice <<-'END'
		spawn cfs --bwlimit 1M shell
		want {~> $}
		send "half a li\003"
		want {\^C\r\n.*~> $}
		type "put big; mkdir never"
		want {put big; mkdir never\r\n}
		want {%}
		send "\003"
		want {interrupted.*~ !> $}
		type "!trap 'exit 130' INT; echo begun; while :; do sleep 0.1; done"
		want {begun\r\n}
		send "\003"
		want {~ !> $}
		type "ls | sh -c 'trap \"exit 130\" INT; echo begun; while :; do sleep 0.1; done'"
		want {begun\r\n}
		send "\003"
		want {~ !> $}
		type "pwd"
		want {/alice\r\n.*~> $}
		type "exit"
		exit [ended]
	END
	[ -z "$(as alice cfs ls)" ]
}

@test "the shell outlives the server and goes on when it is back" {
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
		# Its sessions end a moment later.
		exec timeout 10 sh -c "while pgrep -f '\[c]fsd -c $T/'; do sleep 0.05; done"
		type "ls"
		want {cfs ls: .*~ .offline. !> \$}
		exec sh $T/up
		type "mkdir back"
		want {~> \$}
		type "ls"
		want {back}
		type "exit"
		exit [ended]
	END
	SERVER_PID=$(cat pid)
	[ "$(as alice cfs ls)" = back ]
	kill "$SERVER_PID"
	wait_until 10 eval "! kill -0 $SERVER_PID 2>/dev/null"
	SERVER_PID=''
}

@test "a shell that was stopped and goes on draws its line again, and takes keys" {
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		send "mkdir half-ty"
		want {half-ty$}
		exec kill -STOP [exp_pid]
		exec kill -CONT [exp_pid]
		want {~> mkdir half-ty$}
		send "ped\r"
		want {~> $}
		type "exit"
		exit [ended]
	END
	[ "$(as alice cfs ls)" = half-typed ]
}

@test "a shell that is hung up ends" {
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
