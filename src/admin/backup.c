/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "base/time.h"
#include "store/backup.h"
#include "store/scrub.h"
#include "store/store.h"

/* backup, verify-backup, restore. */

struct options {
	bool link, check;
};

static const struct arg_opt opts[] = {
    {.long_name = "link",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, link),
     .help = "hard links instead of copies where the file system allows: no room is taken, and\n"
	     "none of the disk's faults is survived"},
    {.long_name = "check",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, check),
     .help = "read again what is in DIR already, and copy anew what is damaged there"},
};

struct show {
	const struct admin *a;
	uint64_t shown_ns;
};

static void
progress(void *arg, const struct backup_result *r)
{
	struct show *s = arg;
	char bytes[SIZE_TEXT_SIZE];

	if (s->a->json || !isatty(STDERR_FILENO) ||
	    now_mono_ns() - s->shown_ns < 200 * (uint64_t)NS_PER_MS)
		return;
	s->shown_ns = now_mono_ns();
	(void)fprintf(stderr, "\r%" PRIu64 " blobs, %s copied ", r->blobs,
		      size_format(bytes, r->copied_bytes, SIZE_LONG));
}

static int
print_result(const struct admin *a, FILE *f, const char *done, const struct backup_result *r,
	     struct cfs_err *err)
{
	char bytes[SIZE_TEXT_SIZE], copied[SIZE_TEXT_SIZE];

	if (a->json && f == stdout)
		return output_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "blobs",
					     (json_int_t)r->blobs, "bytes", (json_int_t)r->bytes,
					     "copied_blobs", (json_int_t)r->copied_blobs,
					     "copied_bytes", (json_int_t)r->copied_bytes, "removed",
					     (json_int_t)r->removed_blobs, "damaged",
					     (json_int_t)r->damaged_blobs, "lost",
					     (json_int_t)r->lost_blobs),
				   err);
	(void)fprintf(f, "%s: %" PRIu64 " blobs, %s; copied %" PRIu64 ", %s", done, r->blobs,
		      size_format(bytes, r->bytes, SIZE_LONG), r->copied_blobs,
		      size_format(copied, r->copied_bytes, SIZE_LONG));
	if (r->removed_blobs > 0)
		(void)fprintf(f, "; removed %" PRIu64, r->removed_blobs);
	if (r->damaged_blobs > 0)
		(void)fprintf(f, "; %" PRIu64 " were damaged there", r->damaged_blobs);
	(void)fputc('\n', f);
	return 0;
}

/* Options and settings of a command with one argument, DIR. */
static int
begin(struct admin *a, const struct arg_spec *spec, int argc, char **argv, const char **dir_out,
      struct cfs_err *err)
{
	int first, rc = admin_args(a, spec, argc, argv, &first, err);

	if (rc)
		return rc;
	*dir_out = argv[first];
	rc = admin_config(a, err);
	return rc ? rc : admin_become_owner(a, err);
}

int
cmd_backup(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {0};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm backup",
	    .synopsis = "[--check] [--link] DIR|-",
	    .summary = "Copy the store as it is at one moment, while it is served: into DIR, where "
		       "only what is new is copied, or as a tar archive to standard output.",
	    .groups = &group,
	    .n_groups = 1,
	    .min_args = 1,
	    .max_args = 1,
	};
	struct show show = {.a = a};
	const struct backup_hooks hooks = {.progress = progress, .arg = &show};
	struct backup_result r;
	unsigned flags;
	const char *dir;
	bool stream;
	int rc = begin(a, &spec, argc, argv, &dir, err);

	if (rc)
		return rc < 0 ? rc : 0;
	flags = (o.link ? BACKUP_LINK : 0u) | (o.check ? BACKUP_CHECK : 0u);
	stream = strcmp(dir, "-") == 0;
	if (stream && isatty(STDOUT_FILENO))
		return err_set(err, CFS_EUSAGE, "an archive is not for a terminal");
	rc = stream ? backup_stream(a->config->path, STDOUT_FILENO, &hooks, &r, err)
		    : backup_make(a->config->path, dir, flags, &hooks, &r, err);
	if (rc == 0)
		rc = print_result(a, stream ? stderr : stdout, "backup", &r, err);
	if (rc == 0 && r.lost_blobs > 0)
		return err_set(err, CFS_ECORRUPT, "%" PRIu64 " blobs are damaged in the store too",
			       r.lost_blobs);
	return rc;
}

int
cmd_restore(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	const struct arg_spec spec = {
	    .prog = "cfsadm restore",
	    .synopsis = "DIR",
	    .summary = "Make the store that the settings name, absent or empty, from a backup. It "
		       "has the key of the server that the backup is of.",
	    .min_args = 1,
	    .max_args = 1,
	};
	struct show show = {.a = a};
	const struct backup_hooks hooks = {.progress = progress, .arg = &show};
	struct backup_result r;
	const char *dir;
	int rc = begin(a, &spec, argc, argv, &dir, err);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = backup_restore(dir, a->config->path, &hooks, &r, err);
	return rc ? rc : print_result(a, stdout, "restored", &r, err);
}

/* ---- verify-backup ---- */

struct verify {
	const struct admin *a;
	unsigned faults;
	struct cfs_err *err;
};

static void
print_fault(struct verify *v, const char *text)
{
	v->faults++;
	if (v->a->json)
		(void)output_json(json_pack("{s:o}", "fault", output_str(str_from(text))), v->err);
	else
		(void)printf("%s\n", text);
}

static void
report_fault(void *arg, const char *fault)
{
	print_fault(arg, fault);
}

static void
report_damage(void *arg, const struct scrub_finding *f)
{
	struct verify *v = arg;
	char text[5000], hex[ID128_HEX_SIZE];

	if (f->path)
		(void)snprintf(text, sizeof(text),
			       "  bytes %" PRIu64 " to %" PRIu64 " of %s are "
			       "damaged",
			       f->from, f->to, f->path);
	else
		(void)snprintf(text, sizeof(text), "blob %s: %s", id128_hex(hex, &f->blob), f->why);
	print_fault(v, text);
}

static int
verify(struct verify *v, const char *dir, uint64_t *blobs_out, struct cfs_err *err)
{
	struct scrub_state st = {.left = UINT64_MAX};
	struct store_conf conf = config_store(v->a->config);
	struct store_shared *shared = NULL;
	struct store *store = NULL;
	int rc = store_shared_new(&shared, err);

	if (rc == 0)
		rc = backup_open(dir, &conf, shared, &store, err);
	if (rc == 0)
		rc = store_check(store, report_fault, v, err);
	while (rc >= 0 && store && st.left != 0)
		rc = scrub_step(store, &st, false, report_damage, v, err);
	*blobs_out = st.blobs;
	if (store)
		store_close(store);
	store_shared_free(shared);
	return rc < 0 ? rc : 0;
}

int
cmd_verify_backup(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	const struct arg_spec spec = {
	    .prog = "cfsadm verify-backup",
	    .synopsis = "DIR",
	    .summary =
		"Check every rule and every hash of a backup; changes nothing. Exit status 7 if "
		"there are faults.",
	    .min_args = 1,
	    .max_args = 1,
	};
	struct verify v = {.a = a, .err = err};
	uint64_t blobs = 0;
	const char *dir;
	int rc = begin(a, &spec, argc, argv, &dir, err);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = verify(&v, dir, &blobs, err);
	if (rc == 0 && v.faults > 0)
		return err_set(err, CFS_ECORRUPT, "%u faults", v.faults);
	if (rc == 0 && a->json)
		return output_json(json_pack("{s:I, s:i}", "blobs", (json_int_t)blobs, "faults", 0),
				   err);
	if (rc == 0)
		(void)printf("no faults, %" PRIu64 " blobs\n", blobs);
	return rc;
}
