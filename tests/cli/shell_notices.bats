#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# cfs shell and what others do: two people in two terminals, notices above the half-typed line, also where it is wrapped
# or the window changes, and after the server was away.
# limit: 180

load ../lib/cfs

setup() {
	test_begin
	start_server
	new_user alice
	new_user bob
	echo x | as alice cfs put - shown
	SCREEN=''
}

teardown() {
	[ -z "$SCREEN" ] || tmux -S "$SCREEN" kill-server 2>/dev/null || true
	test_end
}

# screen ROWSxCOLUMNS…: shells in windows of a terminal, one for each user named.
screen() {
	local columns=$1 rows=$2 name
	shift 2
	SCREEN=$T/tmux
	for name; do
		cat >"$name.sh" <<-END
			export HOME=$T/home/$name TERM=screen NO_COLOR=1
			unset CFS_PROFILE XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_RUNTIME_DIR XDG_CACHE_HOME
			exec cfs shell
		END
		if [ "$name" = "$1" ]; then
			tmux -S "$SCREEN" -f /dev/null new-session -d -s s -n "$name" -x "$columns" -y "$rows" "sh $T/$name.sh" 3>&-
		else
			tmux -S "$SCREEN" new-window -d -t s: -n "$name" "sh $T/$name.sh" 3>&-
		fi
		wait_until 10 shows "$name" "$name@127.0.0.1:~> $"
	done
}

keys() { # NAME KEY…
	local name=$1
	shift
	tmux -S "$SCREEN" send-keys -t "s:$name" "$@"
}

# The lines on a window, wrapped ones joined, without the empty ones below.
lines() {
	tmux -S "$SCREEN" capture-pane -p -J -t "s:$1" | sed 's/ *$//; $!b' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}

shows() { # NAME REGEX: the last line fits
	lines "$1" | sed 's/$/ /; s/> $/> /' | tail -n 1 | grep -q -- "${2% \$}"
}

last_is() { # NAME TEXT
	[ "$(lines "$1" | tail -n 1)" = "$2" ]
}

@test "bob gets alice's file: the notice stands above her half-typed line, which stays whole" {
	require_tool tmux
	screen 80 24 alice bob
	keys alice -l 'mkdir half-ty'
	wait_until 5 last_is alice 'alice@127.0.0.1:~> mkdir half-ty'
	keys bob 'get /alice/shown' Enter
	wait_until 10 eval 'lines alice | grep -q "bob downloaded /alice/shown"'
	wait_until 5 last_is alice 'alice@127.0.0.1:~> mkdir half-ty'
	[[ $(lines alice | tail -n 2 | head -n 1) == *'bob downloaded /alice/shown'* ]]
	[ "$(lines alice | grep -c half-ty)" = 1 ]
	keys alice -l 'ped'
	keys alice Enter
	wait_until 10 eval 'as alice cfs ls | grep -qx half-typed'
	[ -z "$(as alice cfs notify)" ]
	[ "$(cat shown)" = x ]
}

@test "a line over several rows stays whole, the cursor in its middle, and in a window that was made smaller" {
	require_tool tmux
	local long='find --name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --type f'
	screen 60 24 alice
	keys alice -l "$long"
	wait_until 5 last_is alice "alice@127.0.0.1:~> $long"
	keys alice C-a
	as bob cfs get /alice/shown one
	wait_until 10 eval 'lines alice | grep -q "bob downloaded"'
	wait_until 5 last_is alice "alice@127.0.0.1:~> $long"
	[ "$(lines alice | grep -c -- '--type f')" = 1 ]
	tmux -S "$SCREEN" resize-window -t s: -x 45 -y 20
	wait_until 5 last_is alice "alice@127.0.0.1:~> $long"
	echo y | as alice cfs put - other
	as bob cfs get /alice/other two
	wait_until 10 eval 'lines alice | tr -d "\n" | grep -q "/alice/other"'
	wait_until 5 last_is alice "alice@127.0.0.1:~> $long"
	# The cursor is still at the beginning.
	keys alice -l '#'
	wait_until 5 last_is alice "alice@127.0.0.1:~> #$long"
}

@test "who was away is told at the next sign-in" {
	require_pty
	as bob cfs get /alice/shown got
	pty alice <<-'END'
		spawn cfs shell
		want {bob downloaded /alice/shown.*~> $}
		type "exit"
		exit [ended]
	END
	[ -z "$(as alice cfs notify)" ]
}

@test "after a restart of the server notices go on, none lost and none twice; the prompt says when it is away" {
	require_tool tmux
	screen 100 30 alice
	as bob cfs get /alice/shown one
	wait_until 10 eval 'lines alice | grep -q "bob downloaded"'
	keys alice -l 'mkdir half'
	wait_until 5 last_is alice 'alice@127.0.0.1:~> mkdir half'
	kill_server -9
	start_server
	echo y | as alice cfs put - second
	as bob cfs get /alice/second two
	wait_until 20 eval 'lines alice | grep -q "bob downloaded /alice/second"'
	wait_until 5 last_is alice 'alice@127.0.0.1:~> mkdir half'
	[ "$(lines alice | grep -c 'downloaded /alice/shown')" = 1 ]
	keys alice C-u
	kill_server -9
	# Its sessions end a moment later.
	# shellcheck disable=SC2016
	wait_until 10 eval '! pgrep -f "[c]fsd -c $T/"'
	keys alice 'cd nothing' Enter
	wait_until 20 eval 'lines alice | tail -n 1 | grep -q "(offline) !>"'
	start_server
	echo z | as alice cfs put - third
	as bob cfs get /alice/third three
	keys alice 'mkdir back' Enter
	wait_until 20 last_is alice 'alice@127.0.0.1:~>'
	wait_until 20 eval 'lines alice | grep -q "bob downloaded /alice/third"'
	as alice cfs stat back
	[ "$(lines alice | grep -c 'bob downloaded')" = 3 ]
}
