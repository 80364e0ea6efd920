/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "base/time.h"
#include "proto/ops.h"
#include "store/scrub.h"
#include "store/store.h"

#define SAVE_NS (5 * (uint64_t)NS_PER_S)

struct options {
	const char *subset;
	uint64_t rate;
	bool no_heal, restart;
};

static const struct arg_opt opts[] = {
    {.long_name = "subset",
     .kind = ARG_STRING,
     .offset = offsetof(struct options, subset),
     .arg_name = "P%",
     .help = "only so much, on from where the last run ended: ten times 10% is all"},
    {.long_name = "rate",
     .kind = ARG_SIZE,
     .offset = offsetof(struct options, rate),
     .arg_name = "SIZE",
     .help = "read at most so much a second"},
    {.long_name = "no-heal",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, no_heal),
     .help = "only say what is damaged"},
    {.long_name = "restart",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, restart),
     .help = "do not go on with a run that was ended early"},
};

struct run {
	const struct admin *a;
	const struct options *o;
	struct scrub_state st;
	uint64_t whole; /* of the circle, that this run is to do */
	uint64_t began_ns, began_bytes, saved_ns, shown_ns;
	struct cfs_err *err;
};

static void
print_json(const struct run *r, const struct scrub_finding *f)
{
	char hex[ID128_HEX_SIZE];
	json_t *o = json_pack("{s:s, s:b}", "blob", id128_hex(hex, &f->blob), "healed", f->healed);

	if (o && f->why)
		(void)json_object_set_new(o, "why", output_str(str_from(f->why)));
	if (o && f->path) {
		(void)json_object_set_new(o, "path", output_str(str_from(f->path)));
		(void)json_object_set_new(o, "owner", output_str(str_from(f->owner)));
		(void)json_object_set_new(o, "version", json_integer((json_int_t)f->version));
		(void)json_object_set_new(o, "old", json_boolean(f->old));
		(void)json_object_set_new(o, "from", json_integer((json_int_t)f->from));
		(void)json_object_set_new(o, "to", json_integer((json_int_t)f->to));
		if (f->whole)
			(void)json_object_set_new(o, "whole_version",
						  json_integer((json_int_t)f->whole));
	}
	(void)output_json(o, r->err);
}

/* By an event, also where no daemon runs. A connection for each: what is damaged is rare, and a scrub may take days. */
static void
tell_owner(const struct run *r, const struct scrub_finding *f)
{
	const struct m_damage_req req = {
	    .owner = str_from(f->owner),
	    .path = str_from(f->path),
	    .version = f->version,
	    .from = f->from,
	    .to = f->to,
	};
	struct cfs_err err = CFS_ERR_INIT;
	struct admin_link *link = NULL;
	struct m_empty none;
	int rc = admin_connect(r->a, &link, &err);

	if (rc == 0)
		rc = admin_call(link, OP_DAMAGE, &req, &none, &err);
	if (rc)
		(void)fprintf(stderr, "cfsadm: %s is not told: %s\n", f->owner, err.text);
	admin_disconnect(link);
}

static void
report(void *arg, const struct scrub_finding *f)
{
	const struct run *r = arg;
	char hex[ID128_HEX_SIZE], time[TIME_SIZE];

	if (r->a->json) {
		print_json(r, f);
	} else if (!f->path) {
		(void)printf("blob %s: %s%s\n", id128_hex(hex, &f->blob),
			     f->healed ? "healed from another copy; it was: " : "", f->why);
	} else {
		(void)printf("  %s: bytes %" PRIu64 " to %" PRIu64 " of %s %" PRIu64
			     " are damaged (owner %s)",
			     f->path, f->from, f->to, f->old ? "old version" : "version",
			     f->version, f->owner);
		if (f->whole)
			(void)printf("; version %" PRIu64 " of %s is whole", f->whole,
				     output_time(time, f->whole_time_ns));
		(void)putchar('\n');
	}
	(void)fflush(stdout);
	if (f->path)
		tell_owner(r, f);
}

static double
share_done(const struct run *r)
{
	return r->whole ? 100.0 - 100.0 * (double)r->st.left / (double)r->whole : 100.0;
}

static void
show_progress(struct run *r, bool end)
{
	char bytes[SIZE_TEXT_SIZE];

	if (r->a->json || !isatty(STDERR_FILENO) ||
	    (!end && now_mono_ns() - r->shown_ns < 200 * (uint64_t)NS_PER_MS))
		return;
	r->shown_ns = now_mono_ns();
	(void)fprintf(stderr, "\r%5.1f %%, %" PRIu64 " blobs, %s, %" PRIu64 " damaged %s",
		      share_done(r), r->st.blobs, size_format(bytes, r->st.bytes, SIZE_LONG),
		      r->st.damaged, end ? "\n" : "");
}

/* Waits until what was read is no more than the rate allows. */
static void
keep_rate(const struct run *r)
{
	double seconds, passed;

	if (r->o->rate == 0)
		return;
	seconds = (double)(r->st.bytes - r->began_bytes) / (double)r->o->rate;
	passed = (double)(now_mono_ns() - r->began_ns) / NS_PER_S;
	if (seconds > passed) {
		struct timespec t = {.tv_sec = (time_t)(seconds - passed)};

		t.tv_nsec = (long)((seconds - passed - (double)t.tv_sec) * NS_PER_S);
		(void)nanosleep(&t, NULL);
	}
}

static int
save(struct run *r, bool now, struct cfs_err *err)
{
	if (!now && now_mono_ns() - r->saved_ns < SAVE_NS)
		return 0;
	r->saved_ns = now_mono_ns();
	return scrub_state_save(r->a->config->path, &r->st, err);
}

/* Goes on with a run that was ended early, or begins one where the last ended. */
static int
begin(struct run *r, struct cfs_err *err)
{
	double percent = 100;
	char *end = NULL;
	int rc = scrub_state_load(r->a->config->path, &r->st, NULL);

	if (r->o->subset) {
		percent = strtod(r->o->subset, &end);
		if (end == r->o->subset || (*end != '\0' && (*end != '%' || end[1] != '\0')) ||
		    !(percent > 0 && percent <= 100))
			return err_set(err, CFS_EUSAGE, "--subset: '%s' is not a share like 10%%",
				       r->o->subset);
	}
	r->whole = percent >= 100 ? UINT64_MAX : (uint64_t)(percent / 100 * 18446744073709549568.0);
	if (rc != 0 || r->st.left == 0 || r->o->restart)
		r->st = (struct scrub_state){.position = r->st.position, .left = r->whole};
	r->began_ns = r->saved_ns = now_mono_ns();
	r->began_bytes = r->st.bytes;
	return 0;
}

static int
scrub(struct run *r, struct cfs_err *err)
{
	struct store_conf conf = config_store(r->a->config);
	struct store_shared *shared = NULL;
	struct store *store = NULL;
	int rc = store_shared_new(&shared, err);

	if (rc == 0)
		rc = store_open(&conf, shared, &store, err);
	while (rc == 0 && r->st.left != 0) {
		rc = scrub_step(store, &r->st, !r->o->no_heal, report, r, err);
		if (rc == 0)
			rc = save(r, r->st.left == 0, err);
		show_progress(r, r->st.left == 0);
		keep_rate(r);
	}
	if (store)
		store_close(store);
	store_shared_free(shared);
	return rc;
}

static int
finish(const struct run *r, struct cfs_err *err)
{
	const struct scrub_state *st = &r->st;
	char bytes[SIZE_TEXT_SIZE];

	if (r->a->json)
		(void)output_json(json_pack("{s:I, s:I, s:I, s:I}", "blobs", (json_int_t)st->blobs,
					    "bytes", (json_int_t)st->bytes, "damaged",
					    (json_int_t)st->damaged, "healed",
					    (json_int_t)st->healed),
				  err);
	else
		(void)printf("%" PRIu64 " blobs, %s: %" PRIu64 " damaged, %" PRIu64 " healed\n",
			     st->blobs, size_format(bytes, st->bytes, SIZE_LONG), st->damaged,
			     st->healed);
	if (st->damaged > st->healed)
		return err_set(err, CFS_ECORRUPT, "%" PRIu64 " blobs are damaged",
			       st->damaged - st->healed);
	return 0;
}

int
cmd_scrub(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {0};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm scrub",
	    .synopsis = "[--subset P%] [--rate SIZE] [--no-heal] [--restart]",
	    .summary =
		"Read all content again and compare it with its hashes; name the files of what "
		"is damaged, and heal what is there twice. Exit status 7 if something stays "
		"damaged.",
	    .groups = &group,
	    .n_groups = 1,
	};
	struct run r = {.a = a, .o = &o, .err = err};
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_become_owner(a, err);
	if (rc == 0)
		rc = begin(&r, err);
	if (rc == 0)
		rc = scrub(&r, err);
	return rc == 0 ? finish(&r, err) : rc;
}
