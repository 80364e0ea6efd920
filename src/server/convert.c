/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/convert.h"

#include <string.h>

#include "base/err.h"

void
convert_attr(const struct inode_attr *a, struct m_attr *out)
{
	*out = (struct m_attr){
	    .ino = a->ino,
	    .gen = a->gen,
	    .type = (uint8_t)a->type,
	    .mode = a->mode,
	    .nlink = a->nlink,
	    .uid = a->uid,
	    .gid = a->gid,
	    .size = a->size,
	    .stored = a->stored,
	    .version = a->version,
	    .atime = a->atime_ns,
	    .mtime = a->mtime_ns,
	    .ctime = a->ctime_ns,
	    .btime = a->btime_ns,
	    .owner = a->owner,
	    .uploader = a->uploader,
	    .rdev = a->rdev,
	    .promise_ms = 0,
	};
}

void
convert_user(const struct person *p, struct m_user *out)
{
	*out = (struct m_user){
	    .id = p->id,
	    .name = str_from(p->name),
	    .state = p->disabled,
	    .home = p->home,
	    .devices = p->devices,
	    .created = p->created_ns,
	};
}

void
convert_device(const struct person_device *d, bool current, struct m_device *out)
{
	*out = (struct m_device){
	    .fingerprint = d->fingerprint,
	    .name = str_from(d->name),
	    .created = d->created_ns,
	    .last_seen = d->last_seen_ns,
	    .current = current,
	};
}

void
convert_event(const struct event *e, struct m_event *out)
{
	*out = (struct m_event){
	    .id = e->id,
	    .time = e->time_ns,
	    .kind = (uint16_t)e->kind,
	    .op = e->op,
	    .owner = e->owner,
	    .user_id = e->user,
	    .user = convert_str(e->user_name),
	    .device = convert_str(e->device),
	    .peer = convert_str(e->peer),
	    .path = convert_str(e->path),
	    .ino = e->ino,
	    .version = e->version,
	    .bytes = e->bytes,
	    .duration_us = e->duration_us,
	    .result = err_to_wire(e->result),
	    .complete = e->complete,
	    .seen = e->seen,
	};
}

struct bytes_view
convert_view(struct str s)
{
	return (struct bytes_view){.data = s.p, .len = s.len};
}

struct str
convert_str(struct bytes_view v)
{
	return (struct str){.p = v.data, .len = v.len};
}

bool
convert_cstr(struct str s, char *out, size_t size)
{
	if (s.len >= size || (s.len > 0 && memchr(s.p, '\0', s.len)))
		return false;
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

void
convert_notice(const struct event *e, struct m_notice *out)
{
	convert_event(e, &out->event);
	out->target = convert_str(e->target);
}
