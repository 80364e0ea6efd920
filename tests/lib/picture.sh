#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# picture.sh: makes man/shell.svg anew, the picture of the shell in README.md: alice's shell in a real terminal (tmux), while bob fetches a file.
# Needs a build, tmux and awk:  make && tests/lib/picture.sh
set -euo pipefail

# shellcheck source=tests/lib/cfs.bash
. "$(dirname "$0")/cfs.bash"
columns=84 rows=24

finish() {
	tmux -S "$T/tmux" kill-server 2>/dev/null || true
	test_end
}

keys() {
	tmux -S "$T/tmux" send-keys -t s "$@"
}

# shows REGEX: waits until the screen does.
shows() {
	wait_until 15 eval "tmux -S '$T/tmux' capture-pane -p -t s | grep -q -- '$1'"
}

# line TEXT REGEX: types it, and waits for what it prints.
line() {
	keys -l "$1"
	keys Enter
	shows "$2"
}

grown() {
	[ "$(du -sk store | cut -f 1)" -gt $((before + 4000)) ]
}

test_begin
trap finish EXIT
start_server 2>/dev/null
new_user alice 2>/dev/null
new_user bob 2>/dev/null
# A host of a name that means something to who looks at it.
as alice sed -i 's/^host = .*/host = localhost/' home/alice/.config/cfs/profiles.conf

mkdir -p films photos
head -c 60000000 /dev/urandom >films/holiday.mkv
for name in beach 'two of us' sunset harbour; do
	head -c $((RANDOM * 60 + 400000)) /dev/urandom >"photos/$name.jpg"
done
head -c 48000 /dev/urandom >report.pdf
as alice cfs put -r photos report.pdf .

cat >alice.sh <<END
export HOME=$T/home/alice TERM=screen-256color COLORTERM=truecolor LC_ALL=C.UTF-8
unset CFS_PROFILE XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_RUNTIME_DIR XDG_CACHE_HOME NO_COLOR
exec cfs --bwlimit 6M shell
END
tmux -S "$T/tmux" -f /dev/null new-session -d -s s -x $columns -y $rows "sh $T/alice.sh"
shows '~> *$'
line 'ls -lh photos' '~> *$'
before=$(du -sk store | cut -f 1)
line 'put -r films &' '\[1\]'
line 'ls photos | grep -v two | wc -l' '^3'
line 'cat reprot.pdf > copy.pdf || pwd' '/alice'
line 'cd photos' 'photos> *$'
# As soon as the job has something to say.
wait_until 15 grown
line 'jobs' ' left '
keys -l 'get two'
keys Tab
shows 'of..us'
as bob cfs get /alice/report.pdf got
shows 'bob downloaded'
shows 'get two.*us'
tmux -S "$T/tmux" capture-pane -p -e -t s |
	awk -v columns=$columns -v title='cfs shell' -f "$CFS_LIB/picture.awk" >"$CFS_TOP/man/shell.svg"
