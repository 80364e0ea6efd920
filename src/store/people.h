/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_PEOPLE_H
#define CFS_STORE_PEOPLE_H

/*
 * Users, their devices, passwords and invites. Functions marked "change" need an open transaction.
 * User names: 1-64 bytes of [A-Za-z0-9._-], not starting with '.' or '-'; they are also the names of trees.
 */

#include "base/err.h"
#include "store/types.h"

struct store;

#define PEOPLE_NAME_MAX   64u
#define PEOPLE_DEVICE_MAX 128u

struct person {
	uint64_t id;
	char name[PEOPLE_NAME_MAX + 1];
	bool disabled;
	uint64_t home;
	unsigned devices;
	int64_t created_ns;
};

struct person_device {
	struct sha256 fingerprint;
	uint64_t user;
	char name[PEOPLE_DEVICE_MAX + 1];
	int64_t created_ns, last_seen_ns;
};

/* change. Makes the user and the tree. CFS_EEXIST, CFS_EBADNAME. */
int people_add(struct store *s, const char *name, struct person *out, struct cfs_err *err);
int people_by_name(struct store *s, const char *name, struct person *out, struct cfs_err *err);
int people_by_id(struct store *s, uint64_t id, struct person *out, struct cfs_err *err);
int people_list(struct store *s, int (*each)(void *arg, const struct person *p), void *arg,
		struct cfs_err *err);

/* change. */
int people_set_disabled(struct store *s, uint64_t user, bool disabled, struct cfs_err *err);

/* Slow on purpose (argon2id); makes the string that people_set_password() stores. Needs no store. out: 128 bytes. */
int people_hash_password(const char *password, size_t len, char *out, struct cfs_err *err);

/* change. hash as above, or NULL to remove the password. */
int people_set_password(struct store *s, uint64_t user, const char *hash, struct cfs_err *err);

/*
 * The sign-in check in its three parts, of which only the second is slow, and needs no store: the stored hash ("" for a user that
 * there is not, or who has no password); whether the password is right, at the same cost for any hash and for none; and who
 * that is. Unknown user, user without password and wrong password give the same CFS_EAUTH, the same text and the same work;
 * a disabled user is found out only after the right password.
 */
#define PEOPLE_HASH_SIZE 128
int people_password_hash(struct store *s, const char *name, char hash[PEOPLE_HASH_SIZE],
			 struct cfs_err *err);
int people_password_right(const char *hash, const char *password, size_t len, bool *right_out,
			  struct cfs_err *err);
int people_by_password(struct store *s, const char *name, bool right, struct person *out,
		       struct cfs_err *err);

/* All three. */
int people_check_password(struct store *s, const char *name, const char *password, size_t len,
			  struct person *out, struct cfs_err *err);

/* change. CFS_EEXIST if the key is enrolled for another user; for the same user it only renames. */
int people_device_add(struct store *s, uint64_t user, const struct sha256 *fingerprint,
		      const char *name, struct cfs_err *err);
/* By key: CFS_EAUTH if unknown or the user is disabled. */
int people_by_device(struct store *s, const struct sha256 *fingerprint, struct person *out,
		     struct person_device *device_out, struct cfs_err *err);
int people_devices(struct store *s, uint64_t user,
		   int (*each)(void *arg, const struct person_device *d), void *arg,
		   struct cfs_err *err);
/* change. CFS_ENOENT. */
int people_device_revoke(struct store *s, uint64_t user, const struct sha256 *fingerprint,
			 struct cfs_err *err);
/* change. All of a user's; *count_out how many. */
int people_devices_forget(struct store *s, uint64_t user, unsigned *count_out, struct cfs_err *err);
/* change. Notes a sign-in. */
int people_device_seen(struct store *s, const struct sha256 *fingerprint, struct cfs_err *err);

/* change. One-time secret, good until expires_ns; only its hash is stored. secret_out: 64 bytes, NUL-terminated base64url. */
int people_invite_make(struct store *s, uint64_t user, int64_t expires_ns, char *secret_out,
		       struct cfs_err *err);
/* change. Uses it up. CFS_EAUTH with a text that tells expired and used ones from unknown ones only to a holder of the secret. */
int people_invite_use(struct store *s, const char *secret, size_t len, struct person *out,
		      struct cfs_err *err);

#endif
