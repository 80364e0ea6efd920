#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# picture-top.sh: makes man/top.svg anew, the picture of cfsadm top in README.md: a server with three users at work, in a real
# terminal (tmux). Needs a build, tmux and awk:  make && tests/lib/picture-top.sh
set -euo pipefail

# shellcheck source=tests/lib/cfs.bash
. "$(dirname "$0")/cfs.bash"
columns=100 rows=28

finish() {
	tmux -S "$T/tmux" kill-server 2>/dev/null || true
	test_end
}

behind() { # COMMAND…: until the picture is taken
	"$@" >/dev/null 2>&1 </dev/null &
}

small_things() { # a file of carol's now and then, and something that fails
	local i
	for ((i = 0; ; i++)); do
		head -c $((RANDOM * 4)) /dev/urandom >"$T/note-$i.txt"
		as carol cfs put -q "$T/note-$i.txt" notes/
		as carol cfs cat nothing || true
		sleep 0.7
	done
}

test_begin
trap finish EXIT
printf '%s\n' '[server]' 'listen = 127.0.0.1:0' 'log_level = info' '[store]' "path = $T/store" >"$T/cfsd.conf"
start_server 2>/dev/null
for user in alice bob carol; do
	new_user "$user" 2>/dev/null
done
head -c 400000000 /dev/urandom >holiday.mov
as alice cfs put -q holiday.mov
as carol cfs mkdir notes
behind as bob cfs get -q --bwlimit 21M /alice/holiday.mov copy
behind as carol cfs put -q --bwlimit 14M holiday.mov backup.tar
behind as alice cfs watch
behind small_things
LC_ALL=C.UTF-8 tmux -S "$T/tmux" -f /dev/null -u new-session -d -s t -x $columns -y $rows "cfsadm -c $T/cfsd.conf top"
# As long as it takes to have something to show in the graphs.
sleep 14
LC_ALL=C.UTF-8 tmux -S "$T/tmux" -u capture-pane -e -p -N -t t: |
	LC_ALL=C awk -v columns=$columns -v title='cfsadm top' -f "$CFS_LIB/picture.awk" >"$CFS_TOP/man/top.svg"
