/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "options.h"

/* What those who come from sshfs may have in fstab: taken, with a word on what stands in its place; or refused with it. */
static const struct {
	const char *name;
	bool refused;
	const char *hint;
} of_sshfs[] = {
    {"idmap", false, "files are shown as ids= says: mine (yours, the default) or stored"},
    {"uidfile", false, "see ids="},
    {"gidfile", false, "see ids="},
    {"nomap", false, "see ids="},
    {"cache", false, "see attr_timeout= and entry_timeout="},
    {"dir_cache", false, "see entry_timeout="},
    {"kernel_cache", false, "what the kernel keeps is told anew when a file changes"},
    {"auto_cache", false, "it is always so"},
    {"noauto_cache", false, "what the kernel keeps is told anew when a file changes"},
    {"big_writes", false, "it is always so"},
    {"max_read", false, "the mount finds the size that suits"},
    {"max_write", false, "the mount finds the size that suits"},
    {"max_conns", false, "one connection carries many requests"},
    {"compression", false, "the line decides"},
    {"Compression", false, "the line decides"},
    {"ServerAliveInterval", false, "the mount has a heartbeat; see timeout="},
    {"ServerAliveCountMax", false, "the mount has a heartbeat; see timeout="},
    {"delay_connect", false, "the mount connects at once and reconnects by itself"},
    {"port", true, "'cfs login' keeps host and port in a profile; see profile="},
    {"IdentityFile", true, "'cfs login' makes a key for this device"},
    {"password_stdin", true, "'cfs login' signs this device in, once"},
    {"ssh_command", true, "the server is reached without ssh"},
    {"follow_symlinks", true, "symbolic links stay what they are"},
    {"transform_symlinks", true, "symbolic links stay what they are"},
};

int
options_take_of_sshfs(const char *word, struct cfs_err *err)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < sizeof of_sshfs / sizeof *of_sshfs; i++) {
		if (strlen(of_sshfs[i].name) != n || strncmp(of_sshfs[i].name, word, n) != 0) {
			continue;
		}
		if (of_sshfs[i].refused) {
			return err_set(err, CFS_EUSAGE, "-o %s: %s", word, of_sshfs[i].hint);
		}
		fprintf(stderr, "cfs-mount: -o %s: not needed: %s\n", word, of_sshfs[i].hint);
		return 1;
	}
	return 0;
}
