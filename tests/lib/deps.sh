#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# deps.sh SET...: installs what is missing of the named sets of Debian packages (build, test, try, deb, lint, bench, fuzz), through
# sudo when not root. Says what it installs; says nothing and takes no time when nothing is missing.
set -euo pipefail

declare -A sets=(
	[build]='gcc libc6-dev make pkg-config libssl-dev libsqlite3-dev libsodium-dev libinih-dev libjansson-dev
		libreadline-dev libncurses-dev libfuse3-dev libseccomp-dev'
	[try]='fuse3'
	[test]='libcmocka-dev bats iproute2 fuse3 expect tmux jq git rsync sqlite3 vim inotify-tools python3 openssl zsh fish systemd strace dpkg-dev'
	[deb]='dpkg-dev binutils'
	[lint]='clang-format clang-tidy shellcheck mandoc'
	[bench]='sshfs openssh-server openssh-client rsync jq fuse3'
	[fuzz]='clang libclang-rt-14-dev'
)

want=()
for set_name in "$@"; do
	if [ -z "${sets[$set_name]:-}" ]; then
		echo "deps.sh: no set of packages named $set_name" >&2
		exit 2
	fi
	read -ra names -d '' <<<"${sets[$set_name]}" || true
	want+=("${names[@]}")
done

if ! command -v dpkg-query >/dev/null; then
	echo "deps: not a Debian system; these are needed: ${want[*]}" >&2
	exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${want[@]}" 2>/dev/null | sed -n 's/^ii  *//p' || true)
missing=()
for name in "${want[@]}"; do
	case $'\n'$installed$'\n' in
	*$'\n'"$name"$'\n'*) ;;
	*) missing+=("$name") ;;
	esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: missing: ${missing[*]}; neither root nor sudo, so install them by hand" >&2
		exit 1
	fi
	as_root=(sudo)
fi
echo "deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 || {
		cat "$log" >&2
		echo "deps: failed: $*" >&2
		exit 1
	}
}
quietly apt-get update
quietly apt-get install -y --no-install-recommends "${missing[@]}"
