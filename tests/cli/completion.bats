#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion in the local shells: commands, options, remote paths.

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
	as alice cfs mkdir docs 'my folder'
	echo 1 | as alice cfs put - docs/letter
	echo the-content | as alice cfs put - 'my folder/a b'
	echo 3 | as alice cfs put - 'it'\''s'
}

@test "__complete gives commands, options, and what is in a directory" {
	[ "$(as alice cfs __complete -- mk)" = mkdir ]
	[ "$(as alice cfs __complete -- ls --rec)" = --recursive ]
	[ "$(as alice cfs __complete -- ls --js)" = --json ]
	[ "$(as alice cfs __complete -- ls d)" = docs/ ]
	[ "$(as alice cfs __complete -- ls docs/)" = docs/letter ]
	[ "$(as alice cfs __complete -- ls /al)" = /alice/ ]
	[ "$(as alice cfs __complete -- --quiet ls 'my folder/')" = 'my folder/a b' ]
	[ "$(as alice cfs __complete -- ls default:do)" = default:docs/ ]
	# Nothing hidden, nothing of the interactive shell.
	as alice cfs __complete -- '' >all
	run -1 grep -E '^(__|cd|lcd)' all
	grep -qx shell all
}

@test "local files are offered where a local file is meant" {
	mkdir here && touch here/file
	cd here
	[ "$(as alice cfs __complete -- put f)" = file ]
	[ "$(as alice cfs __complete -- put file d)" = docs/ ]
	[ "$(as alice cfs __complete -- get docs/letter f)" = file ]
}

@test "completion without a server is quick and silent" {
	stop_server
	run -0 as alice cfs __complete -- ls d
	[ -z "$output" ]
}

# bash_words LINE: what bash offers at the end of the line, one a line.
bash_words() {
	# shellcheck disable=SC2016
	as alice bash --norc -c '
		source "$1"
		COMP_LINE=$2 COMP_POINT=${#2}
		compopt() { :; }
		_cfs
		printf "%s\n" "${COMPREPLY[@]}"' - "$CFS_TOP/completions/cfs.bash" "$1"
}

@test "bash completes commands, paths, and names with blanks" {
	[ "$(bash_words 'cfs mk')" = mkdir ]
	[ "$(bash_words 'cfs ls --rec')" = --recursive ]
	[ "$(bash_words 'cfs ls d')" = docs/ ]
	[ "$(bash_words 'cfs ls docs/')" = docs/letter ]
	[ "$(bash_words 'cfs cat my\ folder/')" = 'my folder/a b' ]
	[ "$(bash_words 'cfs ls default:d')" = docs/ ]
	[ "$(bash_words 'cfs cat it')" = "it's" ]
}

@test "bash in a terminal completes a path" {
	require_pty
	pty alice <<-END
		spawn bash --norc -i
		type {source '$CFS_TOP/completions/cfs.bash'; PS1='ready> '}
		want {ready> \$}
		send "cfs cat my\t"
		want {folder/}
		send "a\t"
		want {a\\\\ b }
		send "\r"
		want {the-content}
		type exit
		ended
	END
}

@test "zsh completes in a terminal" {
	require_pty
	require_tool zsh
	mkdir -p zsh && cp "$CFS_TOP/completions/_cfs" zsh/_cfs
	pty alice <<-END
		spawn zsh -f -i
		type {fpath=($T/zsh \$fpath); autoload -U compinit; compinit -u -D; PS1='ready> '}
		want {ready> .*ready> }
		send "cfs cat my\t"
		want {folder/}
		send "a\t"
		want {a.* b}
		send "\r"
		want {the-content}
		type exit
		ended
	END
}

@test "fish completes" {
	require_tool fish
	fish_words() {
		# shellcheck disable=SC2016
		as alice fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
			"$CFS_TOP/completions/cfs.fish" "$1"
	}
	[ "$(fish_words 'cfs mk')" = mkdir ]
	[ "$(fish_words 'cfs ls d')" = docs/ ]
	[ "$(fish_words 'cfs cat my\ folder/')" = 'my folder/a b' ]
}
