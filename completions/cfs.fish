# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion of cfs(1) for fish: the program itself knows its commands, options and the remote paths.

function __cfs_complete
    set -l words (commandline -opc)
    set -l word (string unescape -- (commandline -ct))
    command $words[1] __complete -- $words[2..-1] "$word" 2>/dev/null
end
complete -c cfs -f -a '(__cfs_complete)'
