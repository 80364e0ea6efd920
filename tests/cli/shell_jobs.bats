#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What runs in the background of cfs shell: jobs, fg, wait, kill, and leaving while they run.
# limit: 180

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
}

@test "jobs of a script run beside it and are waited for; one that fails makes it fail" {
	mkdir data && seq 1000 >data/a && seq 2000 >data/b
	run -0 as alice cfs shell -c "lcd data; put a & put b & wait; ls"
	[ "$output" = $'a\nb' ]
	# In its own directory, whatever happens here meanwhile; with its own redirections.
	as alice cfs shell -c 'mkdir d; cd d; put data/a & cd ..; put data/b c && cat c | tail -n 1 > last & pwd'
	[ "$(as alice cfs ls d)" = a ]
	[ "$(cat last)" = 2000 ]
	run -3 --separate-stderr as alice cfs shell -c 'cat nothing & pwd'
	[ "$output" = /alice ]
	run -3 as alice cfs shell -c 'cat nothing & cat c > copy & wait %1; pwd'
	[[ $output != *alice* ]]
	run -3 as alice cfs shell -c 'wait %1'
	[[ $output == 'cfs wait: %1: no such job' ]]
	# What was asked for with the shell holds for its jobs.
	run -0 as alice cfs --json shell -c 'ls d & wait'
	[[ $output == '{"name":"a"'* ]]
}

@test "a job is told of, its output above the half-typed line, and the line stays whole" {
	require_pty
	seq 3 | as alice cfs put - three
	mkfifo pipe
	pty alice <<-END
		spawn cfs shell
		want {~> \$}
		type "cat three > $T/pipe && cat three &"
		want {\[1\] [0-9]+\r\n.*~> \$}
		type "jobs"
		want {\[1\] running  cat three > [^\n]* && cat three\r\n.*~> \$}
		send "mkdir half-ty"
		want {half-ty}
		exec cat $T/pipe >$T/got
		want {1\r\n2\r\n3\r\n.*\[1\] done  cat three[^\n]*\n[^\n]*~> mkdir half-ty\$}
		send "ped\r"
		want {~> \$}
		type "jobs"
		expect {
			-re {\[1\]} { exit 96 }
			-re {jobs\r\n.*~> \$} {}
		}
		type "exit"
		exit [ended]
	END
	[ "$(cat got)" = $'1\n2\n3' ]
	[ "$(as alice cfs ls)" = $'half-typed\nthree' ]
}

@test "fg shows progress; Ctrl-C ends the job and not the shell; kill ends another; nothing half is left" {
	require_pty
	head -c 30000000 /dev/zero >big
	pty alice <<-'END'
		spawn cfs --bwlimit 1M shell
		want {~> $}
		type "put big one &"
		want {~> $}
		type "put big two &"
		want {\[2\] [0-9]+\r\n.*~> $}
		type "fg %1"
		want {put big one\r\n.* %  .*/s}
		send "\003"
		want {interrupted.*~ !> $}
		# It says how far it is as soon as there is something to say.
		for {set try 0} {$try < 100} {incr try} {
			type "jobs"
			expect {
				-re {\[2\] running  put big two\r\n    [0-9]+ %.*~> $} { break }
				-re {\[2\] running  put big two\r\n.*~> $} { after 100 }
				timeout { exit 97 }
			}
		}
		if {$try == 100} { exit 96 }
		type "kill %2"
		want {\[2\] Terminated  put big two}
		type "kill %2"
		want {no such job.*~ !> $}
		type "exit"
		exit [ended]
	END
	[ -z "$(as alice cfs ls)" ]
}

@test "leaving with running jobs is refused once; then they end, and leave nothing" {
	require_pty
	head -c 30000000 /dev/zero >big
	pty alice <<-'END'
		spawn cfs --bwlimit 1M shell
		want {~> $}
		type "put big &"
		want {~> $}
		send "\004"
		want {jobs are running.*~ !> $}
		type "ls"
		want {~> $}
		type "exit"
		want {jobs are running.*~ !> $}
		type "exit"
		exit [ended]
	END
	[ -z "$(as alice cfs ls)" ]
	run ! pgrep -f "__job -- .* put big"
}

@test "wait waits, and Ctrl-C ends the wait alone" {
	require_pty
	echo x | as alice cfs put - x
	mkfifo pipe
	pty alice <<-END
		spawn cfs shell
		want {~> \$}
		type "cat x > $T/pipe &"
		want {~> \$}
		type "wait"
		want {wait\r\n}
		send "\003"
		want {interrupted.*~ !> \$}
		type "jobs"
		want {\[1\] running.*~> \$}
		exec cat $T/pipe
		want {\[1\] done}
		type "cat nothing &"
		want {no such file.*\[1\] exit 3  cat nothing}
		type "exit"
		exit [ended]
	END
}

@test "jobs end with a shell that is killed" {
	require_pty
	head -c 30000000 /dev/zero >big
	pty alice <<-'END'
		spawn cfs --bwlimit 1M shell
		want {~> $}
		type "put big &"
		want {~> $}
		exec kill -9 [exp_pid]
		expect eof
		wait
	END
	# shellcheck disable=SC2016
	wait_until 10 eval '[ -z "$(test_processes | xargs -r -I{} cat /proc/{}/cmdline 2>/dev/null | tr "\0" " " | grep [_]_job)" ]'
	[ -z "$(as alice cfs ls)" ]
}
