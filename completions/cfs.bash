# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion of cfs(1) for bash: the program itself knows its commands, options and the remote paths.

_cfs() {
	local words candidate only='' count=0 i

	# The line is split anew at blanks: bash would split words at ':' and '=' too.
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
	[[ ${COMP_LINE:0:COMP_POINT} != *[[:blank:]] || ${COMP_LINE:0:COMP_POINT} == *\\[[:blank:]] ]] || words+=('')
	# A blank behind a backslash does not split; then the backslashes go, as cfs wants the words themselves.
	for ((i = 0; i + 1 < ${#words[@]}; )); do
		if [[ ${words[i]} == *\\ ]]; then
			words[i]="${words[i]%\\} ${words[i + 1]}"
			words=("${words[@]:0:i+1}" "${words[@]:i+2}")
		else
			i=$((i + 1))
		fi
	done
	words=("${words[@]//\\/}")
	words=("${words[@]#[\"\']}")

	COMPREPLY=()
	while IFS= read -r candidate; do
		count=$((count + 1))
		only=$candidate
		# What bash replaces begins behind the last ':' or '='.
		[[ ${words[-1]} != *[:=]* || ${COMP_WORDBREAKS} != *:* ]] || candidate=${candidate#"${words[-1]%"${words[-1]##*[:=]}"}"}
		COMPREPLY+=("$candidate")
	done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
	[[ $count -ne 1 || $only != */ ]] || compopt -o nospace
	# Blanks and such are quoted as in names of files.
	compopt -o filenames
}
complete -F _cfs cfs
