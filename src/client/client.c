/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/time.h"
#include "client/call.h"
#include "client/client_cache.h"
#include "client/conn.h"
#include "client/link.h"
#include "client/profile.h"
#include "client/trust.h"
#include "client/users.h"
#include "net/key.h"

#define TIMEOUT_MS 30000u

static char *
copy_or_null(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static void
client_free(struct cfs *c)
{
	link_close(&c->link);
	client_cache_free(c);
	call_free_spares(c);
	users_free(c->names);
	trust_free(c);
	locks_fini(c);
	dialer_free(c->dialer);
	if (c->password != NULL)
		secure_wipe(c->password, strlen(c->password));
	free(c->password);
	free(c->program);
	free(c->user);
	free(c->profile_name);
	conn_fini(c);
	free(c);
}

static struct cfs *
client_new(const struct cfs_options *o, const struct client_identity *id, struct cfs_err *err)
{
	struct cfs *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_code(err, CFS_ENOMEM);
		return NULL;
	}
	c->options = *o;
	if (c->options.timeout_ms == 0)
		c->options.timeout_ms = TIMEOUT_MS;
	if (c->options.reconnect_ms == 0)
		c->options.reconnect_ms = CONN_RECONNECT_MS;
	c->program = copy_or_null(o->program);
	c->password = copy_or_null(o->password);
	c->user = copy_or_null(id->user);
	c->options.program = c->program;
	c->options.password = c->password;
	c->sign_in = (struct sign_in){
	    .auth = c->password != NULL ? 1 : 0,
	    .user = c->user,
	    .secret = c->password,
	    .program = c->program,
	};
	if (conn_init(c, err) < 0) {
		free(c->password);
		free(c->program);
		free(c->user);
		free(c->profile_name);
		free(c);
		return NULL;
	}
	return c;
}

int
client_open(struct dialer *d, const struct client_identity *id, const struct cfs_options *o,
	    struct cfs **out, struct cfs_err *err)
{
	struct cfs *c = client_new(o, id, err);
	struct link_terms terms;
	int rc;

	if (c == NULL) {
		dialer_free(d);
		return CFS_ENOMEM;
	}
	c->dialer = d;
	rc = client_cache_new(c, err);
	if (rc == 0)
		rc = trust_new(c, err);
	if (rc < 0) {
		client_free(c);
		return rc;
	}
	c->sign_in.client_id = c->client_id;
	uint64_t deadline = deadline_from_ms(c->options.timeout_ms);
	rc = link_open(d, deadline, &c->link, err);
	if (rc == 0)
		rc = link_sign_in(&c->link, &c->sign_in, deadline, &c->who, &terms, err);
	if (rc < 0) {
		client_free(c);
		return rc;
	}
	if (id->fingerprint != NULL)
		fingerprint_format(c->who.fingerprint, id->fingerprint);
	client_cache_begin(c, &terms.store);
	c->last_number = c->link.last_number;
	c->heartbeat_ms = terms.heartbeat_ms;
	c->rx_ns = c->tx_ns = c->rx_useful_ns = now_mono_ns();
	*out = c;
	return 0;
}

/* From here on what the server says of its keys is kept in the profile; what it has just shown, too. */
static void
client_knows_keys(struct cfs *c, const struct cfs_profile *p)
{
	struct sha256 actual = link_tls_actual(c->dialer);
	bool changed = !sha256_equal(&actual, &p->pin);

	c->tls_dialer = true;
	c->pin = actual;
	c->next_pin = p->next_pin;
	c->has_next_pin = p->has_next_pin && !changed;
	if (p->name != NULL)
		c->profile_name = strdup(p->name);
	/* Not to be written down is no reason not to work; the next connection tries again. */
	if (changed && c->profile_name != NULL)
		(void)profile_note_pins(c->profile_name, &actual, NULL, NULL);
	fingerprint_format(c->who.fingerprint, &actual);
}

int
cfs_connect(const struct cfs_profile *p, const struct cfs_options *o, struct cfs **out,
	    struct cfs_err *err)
{
	static const struct cfs_options defaults;
	struct client_identity id = {.user = p->user, .fingerprint = p->has_pin ? &p->pin : NULL};
	struct tls_key *key = NULL;
	struct dialer *d = NULL;
	int rc = 0;

	*out = NULL;
	if (o == NULL)
		o = &defaults;
	if (!p->has_pin)
		return err_set(err, CFS_ENOTSIGNEDIN,
			       "the server's key is not known: run 'cfs login' first");
	/* With a password nothing of the device is needed, and its key may be gone. */
	if (o->password == NULL && p->key_path != NULL)
		rc = key_load(AT_FDCWD, p->key_path, &key, err);
	if (rc == 0)
		rc = link_tls_dialer(p->host, p->port, key, &p->pin, &d, err);
	key_free(key);
	if (rc < 0)
		return rc;
	if (p->has_next_pin)
		link_tls_next(d, &p->next_pin);
	rc = client_open(d, &id, o, out, err);
	if (rc == 0)
		client_knows_keys(*out, p);
	return rc;
}

void
cfs_close(struct cfs *c)
{
	struct cfs_err why;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	(void)changes_settle(c, NULL);
	trust_release(c);
	locks_leave(c);
	c->closing = true;
	conn_wake_all(c);
	pthread_mutex_unlock(&c->lock);
	conn_kick(c);
	trust_stop(c);
	background_stop(c);
	pthread_mutex_lock(&c->lock);
	while (c->users > 0)
		pthread_cond_wait(&c->thread_cond, &c->lock);
	err_code(&why, CFS_ECANCELED);
	link_close(&c->link);
	conn_fail_all(c, &why);
	changes_lost(c, &why);
	/* What was given up before its answer came has nobody left to free it. */
	while (c->flying.first != NULL)
		call_land(c->flying.first);
	pthread_mutex_unlock(&c->lock);
	client_free(c);
}

void
cfs_interrupt(struct cfs *c)
{
	atomic_fetch_add(&c->interrupts, 1);
	conn_kick(c);
}

bool
cfs_is_online(struct cfs *c)
{
	bool online;

	pthread_mutex_lock(&c->lock);
	online = c->link.stream != NULL;
	pthread_mutex_unlock(&c->lock);
	return online;
}

const struct cfs_identity *
cfs_whoami(const struct cfs *c)
{
	return &c->who;
}
