/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_PASSWORD_H
#define CFS_CLI_PASSWORD_H

#include "cli/cli.h"

/*
 * The password: from --password-file (first line), --password-command (first line that it prints; split into words as the shell of cfs
 * does it), or, with a prompt, from the terminal without echo. CFS_EUSAGE when there is no way to ask. password_free()
 * wipes and frees; NULL accepted.
 */
int password_get(struct cli *cli, const char *prompt, char **out, struct cfs_err *err);
void password_free(char *password);

#endif
