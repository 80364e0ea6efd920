/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A client against a server that answers what no server should: it fails, soon, and holds what it promises its callers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"
#include "client/cfs.h"
#include "client/client.h"
#include "net/fdstream.h"
#include "proto/codec.h"

#define LINES_MAX 64

/* A server in a thread for each line. answer() appends whole frames to out. */
struct hostile {
	void (*answer)(struct hostile *h, const struct op_desc *op, uint64_t number,
		       struct buf *out);
	pthread_t threads[LINES_MAX];
	unsigned lines;
	unsigned seed;
	atomic_bool hang_up; /* after this answer */
	uint32_t retry_ms;
	unsigned answer_ms; /* the client waits so long for an answer; 0: half a second */
};

struct line {
	struct hostile *h;
	int fd;
};

static void
reply(struct buf *out, const struct op_desc *op, uint64_t number, const void *rep, const void *bulk,
      size_t len)
{
	struct buf payload = BUF_INIT;

	assert_int_equal(codec_encode(op->reply, rep, &payload), 0);
	assert_int_equal(buf_append(&payload, bulk, len), 0);
	assert_int_equal(
	    frame_append(out, op->number | FRAME_REPLY, 0, number, payload.data, payload.len), 0);
	buf_fini(&payload);
}

static void
welcome(const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_hello_rep rep = {
	    .version = 1,
	    .server = STR_LIT("hostile"),
	    .user_id = 1,
	    .user = STR_LIT("alice"),
	    .root = 1,
	    .home = 256,
	    .gen = 1,
	    .max_frame = FRAME_MAX,
	    .max_inline = CFS_INLINE_MAX,
	    .max_blob = CFS_BLOB_MAX,
	    .heartbeat_ms = 10000,
	};

	reply(out, op, number, &rep, NULL, 0);
}

static bool
read_all(int fd, void *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got <= 0)
			return false;
		p = (char *)p + got;
		n -= (size_t)got;
	}
	return true;
}

static bool
write_all(int fd, const void *p, size_t n)
{
	while (n > 0) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		p = (const char *)p + put;
		n -= (size_t)put;
	}
	return true;
}

static void *
serve(void *arg)
{
	struct line *l = arg;
	unsigned char head[FRAME_HEADER_SIZE];
	unsigned char *payload = malloc(FRAME_MAX);
	struct buf out = BUF_INIT;
	bool go_on = payload != NULL;

	while (go_on && read_all(l->fd, head, sizeof(head)) &&
	       read_all(l->fd, payload, min_size(load_le32(head), FRAME_MAX))) {
		const struct op_desc *op = op_find(load_le16(head + 4));

		buf_clear(&out);
		if (op->number == OP_HELLO)
			welcome(op, load_le64(head + 8), &out);
		else
			l->h->answer(l->h, op, load_le64(head + 8), &out);
		go_on =
		    write_all(l->fd, out.data, out.len) && !atomic_exchange(&l->h->hang_up, false);
	}
	(void)close(l->fd);
	buf_fini(&out);
	free(payload);
	free(l);
	return NULL;
}

struct hostile_dialer {
	struct dialer base;
	struct hostile *h;
};

static int
dial(struct dialer *base, uint64_t deadline, struct stream **out, struct cfs_err *err)
{
	struct hostile *h = CONTAINER_OF(base, struct hostile_dialer, base)->h;
	struct line *l = calloc(1, sizeof(*l));
	int sv[2];

	(void)deadline;
	(void)err;
	assert_non_null(l);
	assert_true(h->lines < LINES_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	*l = (struct line){.h = h, .fd = sv[1]};
	assert_int_equal(pthread_create(&h->threads[h->lines++], NULL, serve, l), 0);
	*out = fdstream_new(sv[0]);
	assert_non_null(*out);
	return 0;
}

static void
free_dialer(struct dialer *base)
{
	free(CONTAINER_OF(base, struct hostile_dialer, base));
}

static struct cfs *
start(struct hostile *h)
{
	const struct cfs_options options = {.program = "test",
					    .timeout_ms = h->answer_ms > 0 ? h->answer_ms : 500,
					    .reconnect_ms = 300};
	struct hostile_dialer *d = calloc(1, sizeof(*d));
	struct client_identity id = {0};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c = NULL;

	assert_non_null(d);
	d->base = (struct dialer){.dial = dial, .free = free_dialer};
	d->h = h;
	if (client_open(&d->base, &id, &options, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void
stop(struct hostile *h, struct cfs *c)
{
	cfs_close(c);
	for (unsigned i = 0; i < h->lines; i++)
		assert_int_equal(pthread_join(h->threads[i], NULL), 0);
}

/* ---- a directory that goes round in a circle */

static void
answer_circle(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_dirent entry = {.cookie = 7, .name = STR_LIT("again"), .attr = {.ino = 9}};
	struct m_readdir_rep rep = {.parent = 1};
	struct buf list = BUF_INIT;

	(void)h;
	assert_int_equal(codec_list_append(&rep.entries, &msg_dirent, &entry, &list, 0), 0);
	reply(out, op, number, &rep, NULL, 0);
	buf_fini(&list);
}

static int
count_entry(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	(void)name;
	(void)cookie;
	(void)attr;
	return ++*(unsigned *)arg > 1000 ? 1 : 0;
}

static void
circular_listing(void **state)
{
	struct hostile h = {.answer = answer_circle};
	struct cfs *c = start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned count = 0;
	bool eof;

	(void)state;
	assert_int_equal(
	    cfs_readdir(c, (struct cfs_ref){256, 1}, 0, count_entry, &count, &eof, NULL, &err),
	    CFS_EPROTO);
	assert_false(eof);
	stop(&h, c);
}

static void
answer_same_name(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_entry entry = {.name = STR_LIT("again"), .type = 1};
	struct m_names_rep rep = {0};
	struct buf list = BUF_INIT;

	(void)h;
	assert_int_equal(codec_list_append(&rep.entries, &msg_entry, &entry, &list, 0), 0);
	reply(out, op, number, &rep, NULL, 0);
	buf_fini(&list);
}

static int
count_name(void *arg, const char *name, enum cfs_type type)
{
	(void)name;
	(void)type;
	return ++*(unsigned *)arg > 1000 ? 1 : 0;
}

static void
circular_names(void **state)
{
	struct hostile h = {.answer = answer_same_name};
	struct cfs *c = start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned count = 0;

	(void)state;
	assert_int_equal(cfs_names(c, (struct cfs_ref){256, 1}, "a", count_name, &count, &err),
			 CFS_EPROTO);
	assert_int_equal(count, 1);
	stop(&h, c);
}

/* ---- goodbye */

static void
answer_goodbye(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	const struct m_goodbye_push push = {.reason = STR_LIT("enough"), .retry_ms = h->retry_ms};
	struct buf payload = BUF_INIT;

	(void)op;
	(void)number;
	assert_int_equal(codec_encode(&msg_goodbye_push, &push, &payload), 0);
	assert_int_equal(frame_append(out, OP_GOODBYE, 0, 0, payload.data, payload.len), 0);
	buf_fini(&payload);
	h->hang_up = true;
}

static void
note_end(void *arg, int code, const char *text)
{
	assert_string_equal(text, "enough");
	*(int *)arg = code;
}

static int
no_event(void *arg, const struct cfs_event *e)
{
	(void)arg;
	(void)e;
	return 0;
}

/* "0 do not by yourself": no line is made until somebody asks for it, whatever is called. */
static void
sent_away(void **state)
{
	struct hostile h = {.answer = answer_goodbye};
	struct cfs *c = start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err),
				 CFS_ENOTSIGNEDIN);
		assert_string_equal(err.text, "enough");
	}
	assert_int_equal(h.lines, 1);
	cfs_come_back(c);
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err), CFS_ENOTSIGNEDIN);
	assert_int_equal(h.lines, 2);
	stop(&h, c);
}

/* One that says when is tried again. */
static void
sent_away_for_a_while(void **state)
{
	struct hostile h = {.answer = answer_goodbye, .retry_ms = 1};
	struct cfs *c = start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;

	(void)state;
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err), CFS_ENET);
	assert_true(h.lines > 1);
	stop(&h, c);
}

/* The answer to SUBSCRIBE is right; goodbye comes with the next one. */
static void
answer_subscribe(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	const struct m_subscribe_rep rep = {0};

	if (op->number == OP_SUBSCRIBE)
		reply(out, op, number, &rep, NULL, 0);
	else
		answer_goodbye(h, op, number, out);
}

static void
subscription_sent_away(void **state)
{
	struct hostile h = {.answer = answer_subscribe};
	struct cfs *c = start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	int code = 0;
	const struct cfs_subscribe how = {.event = no_event, .ended = note_end, .arg = &code};
	struct cfs_subscription *sub;
	struct cfs_attr attr;

	(void)state;
	assert_int_equal(cfs_subscribe(c, &how, &sub, NULL, &err), 0);
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err), CFS_ENOTSIGNEDIN);
	assert_int_equal(cfs_subscription_wait(sub, &err), CFS_ENOTSIGNEDIN);
	cfs_unsubscribe(sub);
	assert_int_equal(code, CFS_ENOTSIGNEDIN);
	assert_int_equal(h.lines, 1);
	stop(&h, c);
}

/* ---- an answer of very many pieces */

#define MANY 100000u

static void
answer_many_pieces(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	static const unsigned char bytes[MANY / 2];
	struct m_read_piece data = {.length = 1, .kind = 1}, hole = {.length = 1};
	struct m_read_rep rep = {.version = 1, .size = MANY};
	struct buf list = BUF_INIT;

	(void)h;
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(codec_list_append(&rep.pieces, &msg_read_piece,
						   i % 2 == 0 ? &data : &hole, &list, 0),
				 0);
	reply(out, op, number, &rep, bytes, sizeof(bytes));
	buf_fini(&list);
}

static void
many_pieces_of_a_read(void **state)
{
	/* It takes its time to be made, on a busy machine or under a sanitizer. */
	struct hostile h = {.answer = answer_many_pieces, .answer_ms = 60000};
	const struct cfs_attr attr = {
	    .ref = {300, 1}, .type = CFS_FILE, .size = MANY, .version = 1, .owner = 1};
	struct cfs *c = start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = malloc(MANY);
	uint64_t began = now_mono_ns();
	struct cfs_file *f;

	(void)state;
	assert_non_null(p);
	assert_int_equal(cfs_file_open(c, &attr, false, &f, &err), 0);
	assert_int_equal(cfs_file_pread(f, p, MANY, 0, &err), CFS_EPROTO);
	assert_true(now_mono_ns() - began < 3 * (uint64_t)NS_PER_S);
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(p);
	stop(&h, c);
}

/* ---- anything at all */

/* A frame of the request's own operation, or another, with bytes that mean nothing, or an error that nobody knows. */
static void
answer_noise(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	unsigned char noise[300];
	size_t len = (size_t)rand_r(&h->seed) % sizeof(noise);
	unsigned kind = (unsigned)rand_r(&h->seed) % 8;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = rand_r(&h->seed) % 3 == 0 ? 0 : (unsigned char)rand_r(&h->seed);
	if (kind == 0)
		number++;
	if (kind == 1)
		number = 0;
	(void)frame_append(out,
			   kind == 2   ? OP_READ | FRAME_REPLY
			   : kind == 3 ? op->number
				       : op->number | FRAME_REPLY,
			   kind == 4 ? (uint16_t)rand_r(&h->seed) : 0, number, noise, len);
	if (kind == 5)
		(void)buf_append(out, noise, len);
}

static void
any_answer(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		struct hostile h = {.answer = answer_noise, .seed = round};
		const struct cfs_attr attr = {
		    .ref = {300, 1}, .type = CFS_FILE, .size = 5000, .version = 1, .owner = 1};
		struct cfs *c = start(&h);
		struct cfs_err err = CFS_ERR_INIT;
		unsigned char bytes[5000];
		char target[4096];
		unsigned count = 0;
		struct cfs_attr out;
		struct cfs_file *f;
		bool eof;

		(void)cfs_stat(c, "a/b", false, &out, &err);
		(void)cfs_readlink(c, attr.ref, target, &err);
		(void)cfs_readdir(c, attr.ref, 0, count_entry, &count, &eof, NULL, &err);
		assert_int_equal(cfs_file_open(c, &attr, true, &f, &err), 0);
		assert_true(cfs_file_pread(f, bytes, sizeof(bytes), 0, &err) <=
			    (ssize_t)sizeof(bytes));
		(void)cfs_file_pwrite(f, bytes, sizeof(bytes), 0, &err);
		(void)cfs_file_close(f, &err);
		stop(&h, c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(circular_listing),
	    cmocka_unit_test(circular_names),
	    cmocka_unit_test(sent_away),
	    cmocka_unit_test(sent_away_for_a_while),
	    cmocka_unit_test(subscription_sent_away),
	    cmocka_unit_test(many_pieces_of_a_read),
	    cmocka_unit_test(any_answer),
	};

	return cmocka_run_group_tests_name("client_hostile", tests, NULL, NULL);
}
