/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "servertest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "lockhub.h"
#include "net/fdstream.h"

#define SESSION_END_S 30
#define WAIT_MS       20000

static struct sha256
key_of(char who)
{
	struct sha256 key;

	memset(key.b, who, sizeof(key.b));
	return key;
}

static void
add_user(struct store *s, const char *name, char who, struct person *out)
{
	struct sha256 key = key_of(who);

	assert_int_equal(people_add(s, name, out, NULL), 0);
	assert_int_equal(people_device_add(s, out->id, &key, "laptop", NULL), 0);
}

static void
make_users(struct servertest *t)
{
	struct cfs_err err = CFS_ERR_INIT;
	char hash[128];
	struct store *s;
	uint64_t commit;

	assert_int_equal(store_open(&t->store_conf, t->shared, &s, &err), 0);
	assert_int_equal(people_hash_password(ALICE_PASSWORD, strlen(ALICE_PASSWORD), hash, &err),
			 0);
	assert_int_equal(store_begin(s, &err), 0);
	add_user(s, "alice", 'a', &t->alice);
	add_user(s, "bob", 'b', &t->bob);
	assert_int_equal(people_set_password(s, t->alice.id, hash, &err), 0);
	assert_int_equal(store_commit(s, &commit, &err), 0);
	store_close(s);
}

int
servertest_setup(void **state)
{
	struct servertest *t = calloc(1, sizeof(*t));
	const char *tmp = getenv("TMPDIR");
	struct cfs_err err = CFS_ERR_INIT;

	assert_non_null(t);
	(void)snprintf(t->folder, sizeof(t->folder), "%s/cfs-session-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->folder));
	(void)snprintf(t->path, sizeof(t->path), "%s/store", t->folder);
	t->store_conf = (struct store_conf){.path = t->path, .attic_keep_ms = 1000};
	t->conf = (struct session_conf){
	    .requests_in_flight = 256,
	    .signin_ms = WAIT_MS,
	    .idle_ms = WAIT_MS,
	    .heartbeat_ms = 10000,
	    .address = "files.example:7440",
	    .listen = "",
	};
	if (store_create(t->path, &err))
		fail_msg("%s", err.text);
	assert_int_equal(store_shared_new(&t->shared, &err), 0);
	make_users(t);
	*state = t;
	return 0;
}

int
servertest_teardown(void **state)
{
	struct servertest *t = *state;
	char command[400];

	minihub_free(t->hub);
	promise_table_free(t->promises);
	store_shared_free(t->shared);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", t->folder);
	assert_int_equal(system(command), 0);
	free(t);
	return 0;
}

void
servertest_promises(struct servertest *t, uint32_t ms)
{
	t->conf.promise_ms = ms;
	t->hub = minihub_new();
	assert_int_equal(promise_table_new(t->path, ms * 2, &t->promises, NULL), 0);
}

static void *
serve(void *arg)
{
	struct peer *p = arg;

	p->result = session_run(&p->args);
	fd_close(&p->args.hub_fd);
	return NULL;
}

void
peer_connect_raw(struct servertest *t, struct peer *p, char who, int *fd_out)
{
	struct cfs_err err = CFS_ERR_INIT;
	int sv[2];

	memset(p, 0, sizeof(*p));
	p->t = t;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	if (store_open(&t->store_conf, t->shared, &p->store, &err))
		fail_msg("%s", err.text);
	p->args = (struct session_args){
	    .stream = fdstream_new(sv[0]),
	    .store = p->store,
	    .conf = &t->conf,
	    .peer = {.has_key = who && who != 'r', .key = key_of(who), .admin = who == 'r'},
	    .hub_fd = t->locks ? lockhub_add(t->locks, who) : -1,
	    .promises = t->promises,
	};
	if (t->hub)
		p->args.hub_address = minihub_add(t->hub, &p->args.hub_fd);
	(void)strcpy(p->args.peer.address, "test");
	assert_non_null(p->args.stream);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
	p->fd = sv[0];
	*fd_out = sv[1];
}

void
peer_connect(struct servertest *t, struct peer *p, char who)
{
	int fd;

	peer_connect_raw(t, p, who, &fd);
	p->c = caller_new(fdstream_new(fd), WAIT_MS);
	assert_non_null(p->c);
}

void
peer_disconnect(struct peer *p)
{
	struct timespec until;

	caller_free(p->c);
	/* A test that failed has perhaps left the other end open: its message is worth more than a hang. */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SESSION_END_S;
	if (pthread_clockjoin_np(p->thread, NULL, CLOCK_MONOTONIC, &until))
		fail_msg("the session does not end");
	fd_close(&p->args.hub_fd);
	store_close(p->store);
}

int
shutdown_line(const struct peer *p)
{
	return shutdown(p->fd, SHUT_RDWR);
}

int
peer_hello(struct peer *p)
{
	struct m_hello_req req = {
	    .version_min = 1, .version_max = 1, .client = STR_LIT("test"), .client_id = p->client};
	struct m_hello_rep rep;
	int rc = peer_call(p, OP_HELLO, &req, &rep, NULL);

	if (rc == 0) {
		p->user = rep.user_id;
		p->home = rep.home;
		p->root = rep.root;
		p->gen = rep.gen;
	}
	return rc;
}

void
peer_start(struct servertest *t, struct peer *p, char who)
{
	peer_connect(t, p, who);
	assert_int_equal(peer_hello(p), 0);
}

void
peer_attach(struct peer *p, const struct id128 *stream, bool create)
{
	struct m_stream_attach_req req = {.stream = *stream, .create = create, .inodes = 10000};
	struct m_stream_attach_rep rep;

	assert_int_equal(peer_call(p, OP_STREAM_ATTACH, &req, &rep, NULL), 0);
	p->next_ino = rep.first;
	p->end_ino = rep.first + rep.count;
	p->seq = rep.last_seq;
}

int
peer_call(struct peer *p, unsigned op, const void *req, void *rep, struct str *bulk_out)
{
	return caller_call(p->c, op, 0, req, NULL, 0, rep, bulk_out, NULL);
}

int
peer_call_bulk(struct peer *p, unsigned op, uint16_t flags, const void *req, const void *bulk,
	       size_t len, void *rep)
{
	return caller_call(p->c, op, flags, req, bulk, len, rep, NULL, NULL);
}

void
peer_send(struct peer *p, unsigned op, uint16_t flags, const void *req, const void *bulk,
	  size_t len)
{
	assert_int_equal(caller_send(p->c, op, flags, req, bulk, len, &p->number, NULL), 0);
}

int
peer_wait(struct peer *p, uint64_t number, void *rep)
{
	struct frame f;

	do
		assert_int_equal(caller_receive(p->c, &f, NULL), 0);
	while (!f.is_reply || f.number != number);
	return caller_decode(&f, rep, NULL, NULL);
}

void
peer_fill_put(struct peer *p, uint64_t dir, const char *name, uint32_t len, struct m_put_req *req,
	      struct buf *out)
{
	struct m_write_piece piece = {.length = len, .kind = 1};

	*req = (struct m_put_req){
	    .seq = ++p->seq,
	    .dir = dir,
	    .dir_gen = p->gen,
	    .name = str_from(name),
	    .ino = p->next_ino++,
	    .flags = 1,
	    .mode = 0644,
	    .size = len,
	};
	if (len > 0)
		assert_int_equal(codec_list_append(&req->pieces, &msg_write_piece, &piece, out, 0),
				 0);
}

int
peer_put(struct peer *p, uint64_t dir, const char *name, const void *data, uint32_t len,
	 struct m_attr *attr)
{
	struct buf pieces = BUF_INIT;
	struct m_put_req req;
	struct m_put_rep rep;
	int rc;

	peer_fill_put(p, dir, name, len, &req, &pieces);
	rc = peer_call_bulk(p, OP_PUT, 0, &req, data, len, &rep);
	if (rc == 0 && attr)
		*attr = rep.attr;
	buf_fini(&pieces);
	return rc;
}

int
peer_mkdir(struct peer *p, uint64_t dir, const char *name, struct m_attr *attr)
{
	struct m_create_req req = {
	    .seq = ++p->seq,
	    .dir = dir,
	    .dir_gen = p->gen,
	    .name = str_from(name),
	    .ino = p->next_ino++,
	    .type = 2,
	    .mode = 0755,
	};
	struct m_attr_rep rep;
	int rc = peer_call(p, OP_CREATE, &req, &rep, NULL);

	if (rc == 0 && attr)
		*attr = rep.attr;
	return rc;
}

int
peer_lookup(struct peer *p, uint64_t dir, const char *name, struct m_attr *attr)
{
	struct m_lookup_req req = {.dir = dir, .name = str_from(name)};
	struct m_lookup_rep rep;
	int rc = peer_call(p, OP_LOOKUP, &req, &rep, NULL);

	if (rc == 0)
		*attr = rep.attr;
	return rc;
}

int
peer_read(struct peer *p, const struct m_attr *attr, uint32_t flags, struct buf *out)
{
	struct m_read_req req = {
	    .ino = attr->ino, .gen = attr->gen, .length = (uint32_t)attr->size, .flags = flags};
	struct m_read_rep rep;
	struct str bulk;
	int rc = peer_call(p, OP_READ, &req, &rep, &bulk);

	buf_clear(out);
	if (rc == 0)
		assert_int_equal(buf_append(out, bulk.p, bulk.len), 0);
	return rc;
}
