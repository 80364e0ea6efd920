# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion for bash: the programs themselves know what may stand there. Installed under the name of each.

_cfs() {
	local candidate all

	COMPREPLY=()
	while IFS= read -r candidate; do
		case $candidate in
		$'\tfiles') mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${2//\\/}") ;;
		$'\tdirectories') mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "${2//\\/}") ;;
		*) COMPREPLY+=("$candidate") ;;
		esac
	done < <("$1" __complete -l "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
	# Blanks and such are quoted as in names of files.
	printf -v all %s "${COMPREPLY[@]}"
	[[ $all != *[!A-Za-z0-9_./:=,@+-]* ]] || compopt -o filenames
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[/=:] ]] || compopt -o nospace
}
complete -F _cfs cfs cfsadm cfs-mount
