#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfs shell: lines and scripts; the person at a terminal is in shell_*.bats.

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

@test "pipes to programs of this machine, and redirections" {
	echo hello | as alice cfs put - greeting
	as alice cfs put - other <<<'other'
	run -0 as alice cfs shell -c 'cat greeting | tr a-z A-Z | rev'
	[ "$output" = OLLEH ]
	as alice cfs shell -c 'ls > out; ls >> out; ls nothing 2> err || put - copy < out'
	[ "$(cat out)" = $'greeting\nother\ngreeting\nother' ]
	[ "$(cat err)" = 'cfs ls: nothing: no such file or directory' ]
	[ "$(as alice cfs cat copy)" = "$(cat out)" ]
	run -0 as alice cfs shell -c '-ls nothing 2>&1 | wc -l'
	[ "$output" -eq 1 ]
	# Words are the program's as the line means them: no other shell looks at them.
	run -0 as alice cfs shell -c "ls greeting | sed 's/greet/\$HOME *;/'"
	[ "$output" = "\$HOME *;ing" ]
	# A built-in writes there as well.
	run -0 as alice cfs shell -c 'pwd | cat - | cat; pwd > here; !cat here'
	[ "$output" = $'/alice\n/alice' ]
	# What the shell wrote is in its place afterwards.
	run -1 --separate-stderr as alice cfs shell -c 'ls > /dev/full; pwd'
	[ "$output" = '' ]
	[[ $stderr == 'cfs ls: cannot write all of it' ]]
	run -3 as alice cfs shell -c 'ls > no/such/folder; pwd'
	[[ $output == 'cfs: no/such/folder: '* ]]
}

@test "the code of a pipe is that of the last that failed; who has read enough is no failure" {
	head -c 3000000 /dev/zero | as alice cfs put - big
	run -3 as alice cfs shell -c 'cat nothing | cat'
	run -1 as alice cfs shell -c 'cat big | grep -q x'
	run -7 as alice cfs shell -c "cat nothing | sh -c 'exit 7' | cat"
	run -0 as alice cfs shell -c 'cat big | head -c 3 | wc -c; pwd'
	[ "$output" = $'3\n/alice' ]
	run -127 as alice cfs shell -c 'rm big | no-such-program'
	[[ $output == 'cfs: no-such-program: no such program on this machine' ]]
	as alice cfs stat big
}

@test "&& || ; - and exit decide what runs" {
	run -0 as alice cfs shell -c '-cat nothing; pwd && pwd || cat nothing'
	[ "$(grep -c /alice <<<"$output")" = 2 ]
	run -0 as alice cfs shell -c 'cat nothing || pwd'
	run -3 as alice cfs shell -c 'cat nothing && pwd; pwd'
	[[ $output != */alice* ]]
	run -4 as alice cfs shell -c 'exit 4; pwd'
	[ -z "$output" ]
	run -3 as alice cfs shell -c 'cat nothing; pwd'
	[[ $output != */alice* ]]
}

@test "what is wrong is told with line and column, and nothing of it runs" {
	printf '%s\n' 'mkdir a' 'ls "x' >script
	run -2 as alice cfs shell script
	[ "$output" = 'cfs shell: script:2:4: a quote is not closed: "' ]
	run -2 as alice cfs shell -c 'mkdir a; ls | ; pwd'
	[ "$output" = 'cfs: column 15: a command is missing before ;' ]
	[ -z "$(as alice cfs ls)" ]
	# A stream is run as far as it is right.
	run -2 as alice cfs shell <<<$'mkdir b\nls >'
	[ "$output" = 'cfs shell: stdin:2:5: a file is missing behind >' ]
	[ "$(as alice cfs ls)" = b ]
	printf 'ls \0 x\n' >script
	run -2 as alice cfs shell script
	run -2 as alice cfs shell <script
	run -3 as alice cfs shell no-script
}

@test "lines may go on; a script has its own aliases, and may run others" {
	# shellcheck disable=SC1003
	printf '%b\n' "alias say='!echo'" 'say hello' 'cd \\' '  sub &&' '' ' pwd' >inner
	printf '%s\n' 'mkdir sub' 'source inner' 'pwd' 'put - x < inner' 'source again' >outer
	printf '%s\n' '# nothing' 'cat nothing' >again
	run -3 --separate-stderr as alice cfs shell outer
	[ "$output" = $'hello\n/alice/sub\n/alice/sub' ]
	[ "$stderr" = 'cfs cat: nothing: no such file or directory
cfs shell: again:2: ended here with code 3: cat nothing
cfs shell: outer:5: ended here with code 3: source again' ]
	[ ! -e home/alice/.config/cfs/aliases ]
	# A command does not read the script that comes from standard input.
	run -0 as alice cfs shell <<<$'put - empty\ncat empty | wc -c'
	[ "$output" -eq 0 ]
	echo 'source loop' >loop
	run -2 as alice cfs shell loop
	[[ $output == *'without end'* ]]
}

@test "help tells of every command; a mistyped one of the shell is guessed" {
	run -0 as alice cfs shell -c help
	for name in ls put cd lcd jobs fg wait kill alias bookmark source history exit; do
		[[ $output == *"  $name "* ]]
	done
	run -0 as alice cfs shell -c 'help kill; help ls; jobs --help'
	[[ $output == *'usage: kill [-SIGNAL] %N...'* && $output == *'usage: ls '* && $output == *'usage: jobs'* ]]
	run -2 as alice cfs shell -c 'bokmark'
	[[ $output == *"did you mean 'bookmark'?"* ]]
	run -0 as alice cfs shell -c 'lls -d /'
	[ "$output" = / ]
}
