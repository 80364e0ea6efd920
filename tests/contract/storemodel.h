/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_STOREMODEL_H
#define CFS_TESTS_STOREMODEL_H

/* A tree of files in plain memory, and random operations that are asked of a store and of it. */

#include "storetest.h"

#define NODES       2000
#define ENTRIES     400
#define DIRS        8
#define NAMES       6
#define CONTENT_MAX 150000
#define BLOB_LEN    100000

struct node {
	uint64_t ino;
	bool dir;
	unsigned links, parent;
	uint64_t version;
	size_t size;
	unsigned char *data; /* CONTENT_MAX bytes of a file */
};

struct entry {
	bool used;
	unsigned dir, node;
	char name[4];
};

struct model {
	struct storetest *t;
	unsigned long seed;
	unsigned node_count;
	struct node nodes[NODES];
	struct entry entries[ENTRIES];
	unsigned char *blob_data;
	struct id128 blob;
	uint64_t seq;
};

unsigned model_random(struct model *m, unsigned below);
/* A new node without a name; its index. */
unsigned model_add_node(struct model *m, uint64_t ino, bool dir, uint64_t version);
void model_add_entry(struct model *m, unsigned dir, const char *name, unsigned node);
unsigned model_count_in(struct model *m, unsigned dir);
struct inode_ref model_ref(const struct model *m, unsigned node);

/*
 * One random operation: done on the store inside the open change, its code returned; *want is the code that the model expects. The
 * model changes too, unless keep is false: then the caller undoes the change in the store.
 */
int model_operation(struct model *m, bool keep, int *want);

#endif
