# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion for fish: the programs themselves know what may stand there. Installed under the name of each.

function __cfs_complete
    set -l words (commandline -opc)
    set -l word (string unescape -- (commandline -ct))
    for line in (command $words[1] __complete -d -- $words "$word" 2>/dev/null)
        switch $line
            case \tfiles
                __fish_complete_path "$word"
            case \tdirectories
                __fish_complete_directories "$word"
            case '*'
                echo $line
        end
    end
end
for name in cfs cfsadm cfs-mount
    complete -c $name -f -a '(__cfs_complete)'
end
