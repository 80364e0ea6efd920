/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Files by role, with Landlock (landlock(7), the kernel's Documentation/userspace-api/landlock.rst). */

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "server/identity.h"
#include "server/sandbox_internal.h"
#include "store/layout.h"

/* Bits that came after the kernel headers of Debian 12 (versions 3 to 6 of the ABI). */
#define FS_REFER       (UINT64_C(1) << 13)
#define FS_TRUNCATE    (UINT64_C(1) << 14)
#define FS_IOCTL_DEV   (UINT64_C(1) << 15)
#define NET_BIND_TCP   (UINT64_C(1) << 0)
#define NET_DIAL_TCP   (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT (UINT64_C(1) << 0)
#define SCOPE_SIGNAL   (UINT64_C(1) << 1)

#define FS_FIRST ((UINT64_C(1) << 13) - 1) /* all of version 1 */
#define FS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE)

/* The kernel looks at as much of it as it knows, and at the rest only when it is not zero. */
struct ruleset {
	uint64_t fs, net, scope;
};

/* What each version can forbid; the last row is for all later ones. */
static const struct ruleset versions[] = {
    {0, 0, 0},
    {FS_FIRST, 0, 0},
    {FS_FIRST | FS_REFER, 0, 0},
    {FS_FIRST | FS_REFER | FS_TRUNCATE, 0, 0},
    {FS_FIRST | FS_REFER | FS_TRUNCATE, NET_BIND_TCP | NET_DIAL_TCP, 0},
    {FS_FIRST | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV, NET_BIND_TCP | NET_DIAL_TCP, 0},
    {FS_FIRST | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV, NET_BIND_TCP | NET_DIAL_TCP,
     SCOPE_ABSTRACT | SCOPE_SIGNAL},
};

#define ROLE(r) (1u << (r))
#define STORE                                                                                      \
	(ROLE(SANDBOX_SESSION) | ROLE(SANDBOX_ADMIN) | ROLE(SANDBOX_KEEPER) |                      \
	 ROLE(SANDBOX_METRICS) | ROLE(SANDBOX_AUDIT) | ROLE(SANDBOX_DOOR) | ROLE(SANDBOX_MAKER))

/* Below the store's directory. A file's right is of that very file. */
static const struct place {
	const char *path;
	unsigned roles;
	uint64_t rights;
} places[] = {
    {LAYOUT_FORMAT, STORE, LANDLOCK_ACCESS_FS_READ_FILE},
    {LAYOUT_META, STORE, FS_READ | FS_WRITE},
    {LAYOUT_BLOBS, STORE, FS_READ | FS_WRITE},
    {LAYOUT_KEYS, ROLE(SANDBOX_SIGNER), FS_READ | FS_WRITE},
};

int
sandbox_landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v < 0 ? 0 : (int)v;
}

static int
add_rule(int ruleset, int fd, uint64_t rights, struct cfs_err *err)
{
	const struct landlock_path_beneath_attr attr = {.allowed_access = rights, .parent_fd = fd};

	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0))
		return err_set_errno(err, errno, "landlock_add_rule");
	return 0;
}

static int
add_place(int ruleset, int store_fd, const struct place *place, uint64_t handled,
	  struct cfs_err *err)
{
	int fd = io_openat(store_fd, place->path, O_PATH, 0);
	int rc;

	if (fd < 0)
		return err_set_errno(err, errno, "open %s", place->path);
	rc = add_rule(ruleset, fd, place->rights & handled, err);
	fd_close(&fd);
	return rc ? err_wrap(err, "%s", place->path) : 0;
}

int
sandbox_paths_new(enum sandbox_role role, int store_fd, int dir_fd, int *fd_out,
		  struct cfs_err *err)
{
	size_t version = (size_t)sandbox_landlock_version();
	struct ruleset r = versions[min_size(version, ARRAY_SIZE(versions) - 1)];
	int fd, rc = 0;

	*fd_out = -1;
	if (version == 0)
		return 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
	if (fd < 0)
		return err_set_errno(err, errno, "landlock_create_ruleset");
	for (size_t i = 0; i < ARRAY_SIZE(places) && rc == 0; i++) {
		if (places[i].roles & ROLE(role))
			rc = add_place(fd, store_fd, &places[i], r.fs, err);
	}
	if (rc == 0 && dir_fd >= 0)
		rc = add_rule(fd, dir_fd, (FS_READ | FS_WRITE) & r.fs, err);
	if (rc)
		fd_close(&fd);
	*fd_out = fd;
	return rc;
}
