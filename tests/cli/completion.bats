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
	echo quoted-name | as alice cfs put - 'it'\''s'
}

@test "__complete gives commands, options, and what is in a directory" {
	[ "$(as alice cfs __complete -- cfs mk)" = mkdir ]
	[ "$(as alice cfs __complete -- cfs ls --rec)" = --recursive ]
	[ "$(as alice cfs __complete -- cfs ls --js)" = --json ]
	[ "$(as alice cfs __complete -- cfs ls d)" = docs/ ]
	[ "$(as alice cfs __complete -- cfs ls docs/)" = docs/letter ]
	[ "$(as alice cfs __complete -- cfs ls /al)" = /alice/ ]
	[ "$(as alice cfs __complete -- cfs --quiet ls 'my folder/')" = 'my folder/a b' ]
	[ "$(as alice cfs __complete -- cfs ls default:do)" = default:docs/ ]
	# Nothing hidden, nothing of the interactive shell.
	as alice cfs __complete -- cfs '' >all
	run -1 grep -E '^(__|cd|lcd)' all
	grep -qx shell all
}

@test "local files are offered where a local file is meant" {
	mkdir here && touch here/file
	cd here
	[ "$(as alice cfs __complete -- cfs put f)" = file ]
	[ "$(as alice cfs __complete -- cfs put file d)" = docs/ ]
	[ "$(as alice cfs __complete -- cfs get docs/letter f)" = file ]
}

@test "completion without a server is quick and silent" {
	stop_server
	run -0 as alice cfs __complete -- cfs ls d
	[ -z "$output" ]
}

@test "values of options, descriptions, and what the shells complete themselves" {
	as alice cfs __complete -- cfs ls --color >colors
	[ "$(cat colors)" = --color ]
	[ "$(as alice cfs __complete -- cfs ls --color=al)" = --color=always ]
	[ "$(as alice cfs __complete -- cfs --color n)" = never ]
	[ "$(as alice cfs __complete -- cfs top --sort '' | tr '\n' ' ')" = 'traffic ops failures user idle ' ]
	[ "$(as alice cfs __complete -- cfs top --sort=f)" = --sort=failures ]
	[ "$(as alice cfs __complete -- cfs -P d)" = default ]
	[ "$(as alice cfs __complete -- cfs logout d)" = default ]
	[ "$(as alice cfs __complete -- cfs --password-file x)" = $'\tfiles' ]
	[ "$(as alice cfs __complete -d -- cfs mkd)" = $'mkdir\tmake directories' ]
	[ "$(as alice cfs __complete -d -- cfs ls --sort-t)" = $'--sort-time\t'"$(cfs ls --help | sed -n 's/.*--sort-time  *//p')" ]
	# A line of bash: quotes that are open, and what stands before a breaking character.
	[ "$(as alice cfs __complete -l 'cfs cat "my folder/' ':=')" = 'my folder/a b' ]
	[ "$(as alice cfs __complete -l "cfs cat it\\'" ':=')" = "it's" ]
	[ "$(as alice cfs __complete -l 'cfs ls default:do' ':=')" = docs/ ]
	[ "$(as alice cfs __complete -l 'cfs ls "default:do' ':=')" = default:docs/ ]
	[ "$(as alice cfs __complete -l 'cfs ls "my folder/"a' '":=')" = 'my folder/a b' ]
}

@test "cfsadm completes commands, verbs, options and users" {
	new_user bob
	offered() {
		cfsadm __complete -- cfsadm -c "$T/cfsd.conf" "$@" | tr '\n' ' '
	}
	[ "$(offered ini)" = 'init ' ]
	[ "$(offered user dis)" = 'disable ' ]
	[ "$(offered user disable '')" = 'alice bob ' ]
	[ "$(offered user list '')" = '' ]
	[ "$(offered invite --device a)" = 'alice ' ]
	[ "$(offered invite --dev)" = '--device ' ]
	[ "$(offered top --sort '')" = 'traffic ops failures user idle ' ]
	[ "$(offered user --password-file x)" = $'\tfiles ' ]
	[ "$(cfsadm __complete -- cfsadm -c x)" = $'\tfiles' ]
	# Errors in the settings do not get in the way.
	run -0 cfsadm __complete -- cfsadm -c /nothing user disable ''
	[ -z "$output" ]
}

@test "cfs-mount completes options, words of -o, profiles and directories" {
	require_tool cfs-mount
	offered() {
		as alice cfs-mount __complete -- cfs-mount "$@" | tr '\n' ' '
	}
	[ "$(offered --unm)" = '--unmount ' ]
	[ "$(offered -o ro,allow_o)" = 'ro,allow_other ' ]
	[ "$(offered -o sub)" = 'subdir= ' ]
	[ "$(offered --profile '')" = 'default ' ]
	[ "$(offered def)" = $'default: \tdirectories ' ]
	[ "$(offered default: x)" = $'\tdirectories ' ]
}

# bash_words LINE: what bash offers at the end of the line, one a line.
bash_words() {
	# shellcheck disable=SC2016
	as alice bash --norc -c '
		source "$1"
		COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=":="
		compopt() { :; }
		_cfs cfs "${2##* }"
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
	touch 'local file'
	[ "$(bash_words 'cfs --password-file loc')" = 'local file' ]
}

# What each of the shells must do in a terminal: $1 begins it. The prompt is "ready> ".
in_a_terminal() {
	pty alice <<-END
		$1
		send "cfs cat my\t"
		want {folder/}
		send "a\t"
		want {a.* b}
		send "\r"
		want {the-content}
		want {ready> }
		send "cfs cat \"my fol\t"
		want {folder/}
		send "a\t\r"
		want {the-content}
		want {ready> }
		send "cfs cat default:it\t\r"
		want {quoted-name}
		want {ready> }
		send "cfs --color=ne\t whoa\t\r"
		want {alice}
		want {ready> }
		send "cfsadm -c cfsd.conf user dis\tali\t; echo 'do''ne'\r"
		want {\ndone}
		want {ready> }
		send "cfs-mount -o ro,subd\t"
		want {ro,subdir=}
		send "\025\r"
		want {ready> }
		$2
		type exit
		ended
	END
	admin user list | grep 'alice.*disabled'
}

@test "bash in a terminal completes quotes, profiles, values, users" {
	require_pty
	in_a_terminal "
		spawn bash --norc -i
		type {source '$CFS_TOP/completions/cfs.bash'; PS1='ready> '}
		want {ready> \$}" ''
}

@test "zsh in a terminal completes the same, with descriptions" {
	require_pty
	require_tool zsh
	mkdir -p zsh && cp "$CFS_TOP/completions/_cfs" zsh/_cfs
	in_a_terminal "
		spawn zsh -f -i
		type {fpath=($T/zsh \$fpath); autoload -U compinit; compinit -u -D; PS1='ready> '}
		want {ready> .*ready> }" '
		send "cfs m\t"
		want {mkdir .*-- make directories}
		send "\025\r"
		want {ready> }'
}

@test "fish in a terminal completes the same, with descriptions" {
	require_pty
	require_tool fish
	fish_words() {
		# shellcheck disable=SC2016
		as alice fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
			"$CFS_TOP/completions/cfs.fish" "$1"
	}
	[ "$(fish_words 'cfs mk')" = $'mkdir\tmake directories' ]
	[ "$(fish_words 'cfs ls d')" = docs/ ]
	[ "$(fish_words 'cfs cat my\ folder/')" = 'my folder/a b' ]
	in_a_terminal "
		spawn fish --no-config
		type {source $CFS_TOP/completions/cfs.fish; function fish_prompt; echo -n 'ready> '; end; set fish_greeting}
		want {ready> .*ready> }" '
		send "cfs m\t"
		want {make directories}
		send "\025\r"
		want {ready> }'
}
