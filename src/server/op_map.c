/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Which blobs a file consists of, for a client that keeps blobs. Of the caller's own tree alone: what he reads of others'
 * files is counted by what was sent to him (downloads.h), so there must be nothing that spares him being sent it.
 */

#include <stdlib.h>

#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/promises.h"
#include "store/content.h"

static int
fill_pieces(struct session *s, const struct content_map *map, struct list *pieces)
{
	buf_clear(&s->scratch);
	for (size_t i = 0; i < map->count; i++) {
		const struct map_part *part = &map->parts[i];
		struct m_map_piece piece = {
		    .length = part->length,
		    .kind = part->kind == MAP_HOLE     ? 0
			    : part->kind == MAP_INLINE ? 1
						       : 2,
		    .blob = part->blob,
		    .blob_offset = part->blob_offset,
		};

		if (codec_list_append(pieces, &msg_map_piece, &piece, &s->scratch, 0))
			return CFS_ENOMEM;
	}
	return 0;
}

int
handle_MAP(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_map_req *req = &c->req->map_req;
	struct m_map_rep *rep = &c->rep->map_rep;
	struct inode_ref ref = {.ino = req->ino, .gen = req->gen};
	struct content_map map = {0};
	struct promises_try t;
	int rc;

	promises_try(s, &t);
	do {
		free(map.parts);
		rc = content_map(s->store, &s->cred, ref, req->offset, req->length, &map, err);
		if (rc)
			return rc;
		if (map.attr.owner != s->me.id) {
			free(map.parts);
			return err_set(err, CFS_EDENIED, "another user's file");
		}
		promises_try_add(s, &t, map.attr.ino, PROMISE_ATTR);
	} while (promises_try_again(s, &t));
	convert_attr(&map.attr, &rep->attr);
	rep->attr.promise_ms = t.ms;
	rc = fill_pieces(s, &map, &rep->pieces);
	free(map.parts);
	return rc ? err_code(err, rc) : 0;
}
