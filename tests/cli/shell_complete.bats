#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tab in cfs shell: commands, options, names here and there, with whatever bytes are in them; and how fast.
# limit: 180

load ../lib/cfs

setup() {
	require_pty
	test_begin
	start_server
	new_user alice
}

@test "Tab completes commands, options, remote and local names, also with blanks" {
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

@test "any name that Tab puts in reads back to the same bytes, in every kind of quotes" {
	local name
	for name in "a it's \"so\" | b; c" $'b two\nlines' $'c back\\slash' $'d \'\n#' 'e *?[x] & > <'; do
		printf '%s\n' "content of ${name:0:1}" | as alice cfs put - "$name"
	done
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		foreach quote [list "" "'" "\""] {
			foreach letter {a b c d e} {
				send "cat $quote$letter\t\r"
				want "content of $letter\r\n.*~> \$"
			}
		}
		type "exit"
		exit [ended]
	END
}

@test "Tab knows aliases and what they stand for, bookmarks, jobs, files behind > and programs behind |" {
	as alice cfs mkdir -p deep/er
	echo text | as alice cfs put - deep/er/file
	mkfifo pipe
	echo x >'out here'
	pty alice <<-END
		spawn cfs shell
		want {~> \$}
		type "alias show=cat"
		want {~> \$}
		type "bookmark add work deep/er"
		want {~> \$}
		send "sho\t"
		want {show }
		send "dee\t"
		want {deep/}
		send "er\tfi\t\r"
		want {text.*~> \$}
		send "cd @wo\t\r"
		want {~/deep/er> \$}
		type "cat file > $T/pipe &"
		want {> \$}
		send "kill %\t"
		want {kill %1 }
		send "\025cat file > out\t"
		want {out\\\\ here }
		send "\025ls | gre\t\t"
		want {grep}
		send "\025!ls out\t\r"
		want {out\\\\ here.*'out here'\r\n.*er> \$}
		send "cat file | cat - out\t\r"
		want {text\r\nx\r\n.*er> \$}
		exec cat $T/pipe
		want {\[1\] done}
		type "exit"
		exit [ended]
	END
	# Both are kept.
	run -0 as alice cfs shell -c 'cd @work && pwd && bookmark'
	[ "$output" = $'/alice/deep/er\nwork  /alice/deep/er' ]
	[ "$(cat home/alice/.config/cfs/aliases)" = 'show cat' ]
	pty alice <<-'END'
		spawn cfs shell
		want {~> $}
		type "show deep/er/file"
		want {text\r\n.*~> $}
		type "unalias show; bookmark del work"
		want {~> $}
		type "exit"
		exit [ended]
	END
	[ ! -s home/alice/.config/cfs/aliases ]
	run -3 as alice cfs shell -c 'cd @work'
	[[ $output == 'cfs cd: @work: no such bookmark' ]]
}

# The best of some, for another may have the processor; with what is left of the names, and with all of them.
@test "Tab in a directory of 10,000 names answers at once, the first one too" {
	mkdir many
	(cd many && seq -f 'name-%05g' 10000 | xargs touch)
	as alice cfs put -r many
	local most_us=100000
	# A sanitizer makes it several times slower.
	[ -z "${SAN:-}${TSAN:-}" ] || most_us=1000000
	{ echo "set most $most_us"; cat; } <<-'END' | pty alice
		foreach {typed rest} {many/name-042 {\x07$} many/name- {\x07$} many/name-0999 {\x07$} many/name-09998 { $}} {
			set best 1000000
			foreach try {1 2 3 4 5} {
				spawn cfs shell
				want {~> $}
				send "ls $typed"
				want "ls $typed\$"
				set begin [clock microseconds]
				send "\t"
				want $rest
				set took [expr {[clock microseconds] - $begin}]
				if {$took < $best} { set best $took }
				send "\025"
				type "exit"
				ended
			}
			puts stderr "\nTab behind $typed took $best microseconds"
			if {$best > $most} { exit 95 }
			set took_for($typed) $best
		}
		# What others there are costs nothing.
		if {3 * $took_for(many/name-0999) > $took_for(many/name-)} { exit 94 }
	END
	[ "$(as alice cfs __complete -- cfs ls many/name-0999)" = "$(seq -f 'many/name-%05g' 9990 9999)" ]
	[ "$(as alice cfs __complete -- cfs ls many/ | wc -l)" -eq 10000 ]
}
