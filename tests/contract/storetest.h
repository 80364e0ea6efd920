/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_STORETEST_H
#define CFS_TESTS_STORETEST_H

/* A store of its own for each test, in a directory or in memory, with users alice and bob; helpers that assert. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/changes.h"
#include "store/content.h"
#include "store/names.h"
#include "store/people.h"
#include "store/store.h"

struct storetest {
	struct store_conf conf;
	struct store_shared *shared;
	struct store *s;
	char folder[256], path[300];
	struct person alice, bob;
	struct cred a, b, admin;
	struct inode_ref home, bob_home; /* of alice, of bob */
	struct stream_state stream;      /* alice's */
	uint64_t next_ino, end_ino;
};

int storetest_memory_setup(void **state);
int storetest_dir_setup(void **state);
int storetest_teardown(void **state);

/* Closes the store and opens it again. */
void st_reopen(struct storetest *t);
void st_begin(struct storetest *t);
uint64_t st_commit(struct storetest *t);
/* Sees to it that one more number can be had inside a transaction, where no range can be asked for. */
void st_need_ino(struct storetest *t);
/* A fresh inode number of alice's stream. */
uint64_t st_ino(struct storetest *t);
struct bytes_view st_str(const char *text);
struct inode_ref st_ref(const struct inode_attr *attr);

/* Verbs in their own transaction unless one is open; alice's. They return the code. */
int st_create(struct storetest *t, struct inode_ref dir, const char *name, enum inode_type type,
	      struct inode_attr *out);
int st_put(struct storetest *t, struct inode_ref dir, const char *name, const void *data,
	   size_t len, struct inode_attr *out);
int st_unlink(struct storetest *t, struct inode_ref dir, const char *name, bool directory);
int st_rename(struct storetest *t, struct inode_ref dir, const char *name, struct inode_ref to,
	      const char *to_name);
int st_link(struct storetest *t, struct inode_ref ref, struct inode_ref dir, const char *name);
int st_write(struct storetest *t, struct inode_ref ref, uint64_t offset,
	     const struct content_piece *pieces, size_t count, struct inode_attr *out);
/* A ready blob of alice's with these bytes; not committed with anything else. */
struct id128 st_blob(struct storetest *t, const void *data, uint32_t len);
/* By name: asserts that it is there. */
struct inode_attr st_lookup(struct storetest *t, struct inode_ref dir, const char *name);
/* The whole content; the caller frees it. Its length in *len_out. */
unsigned char *st_read(struct storetest *t, struct inode_ref ref, size_t *len_out);
void st_assert_content(struct storetest *t, struct inode_ref ref, const void *data, size_t len);
/* Asserts that store_check() finds no fault. */
void st_check(struct storetest *t);
/* Keeps until there is nothing more to do. */
void st_keep(struct storetest *t);

#endif
