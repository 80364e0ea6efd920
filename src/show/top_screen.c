/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/top_screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "show/top_page.h"

#define KEY_ESCAPE   27
#define INTERVAL_MIN 100
#define INTERVAL_MAX 60000

/* A typed escape is told from a key's sequence after this. */
#define ESCAPE_MS 50

#define SECOND_LOOK_MS 300

enum asking { ASKING_NOTHING, ASKING_FILTER, ASKING_KICK };

struct screen {
	SCREEN *term;
	struct top_model *m;
	const struct top_source *source;
	struct top_view view;
	struct top_page page;
	int64_t interval_ms;
	bool colors, leave;
	enum asking asking;
	char old_filter[sizeof(((struct top_model *)0)->filter)];
	uint64_t kick_pid;
	char question[160];
	char trouble[160]; /* why the last look failed */
};

bool
top_screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

/* ---- drawing ---- */

static chtype
attributes(const struct screen *s, enum page_style style)
{
	static const struct {
		chtype plain;
		short pair;
	} looks[] = {
	    [PAGE_PLAIN] = {A_NORMAL, 0},   [PAGE_TITLE] = {A_REVERSE, 0},
	    [PAGE_GRAPH] = {A_BOLD, 1},     [PAGE_HEADING] = {A_BOLD | A_UNDERLINE, 0},
	    [PAGE_MOVING] = {A_NORMAL, 2},  [PAGE_BAD] = {A_BOLD, 3},
	    [PAGE_CHOSEN] = {A_REVERSE, 0}, [PAGE_DIM] = {A_DIM, 0},
	};
	chtype a = looks[style].plain;

	return s->colors && looks[style].pair ? a | (chtype)COLOR_PAIR(looks[style].pair) : a;
}

static void
set_colors(struct screen *s, bool wanted)
{
	s->colors = wanted && has_colors();
	if (!s->colors)
		return;
	(void)start_color();
	(void)use_default_colors();
	/* Blue-green, yellow and red are told apart by those who do not see red and green as others do. */
	(void)init_pair(1, COLOR_CYAN, -1);
	(void)init_pair(2, COLOR_YELLOW, -1);
	(void)init_pair(3, COLOR_RED, -1);
}

static void
draw(struct screen *s)
{
	char message[200];

	s->view.width = (unsigned)(COLS < (int)PAGE_COLUMNS ? COLS : (int)PAGE_COLUMNS);
	s->view.height = (unsigned)(LINES < (int)PAGE_LINES ? LINES : (int)PAGE_LINES);
	s->view.message = NULL;
	s->view.message_bad = false;
	if (s->asking == ASKING_FILTER) {
		(void)snprintf(message, sizeof(message), "show only: %s_", s->m->filter);
		s->view.message = message;
	} else if (s->asking == ASKING_KICK) {
		s->view.message = s->question;
	} else if (s->trouble[0]) {
		s->view.message = s->trouble;
		s->view.message_bad = true;
	}
	top_page_make(&s->page, s->m, &s->view);
	(void)erase();
	for (unsigned i = 0; i < s->page.count && i < s->view.height; i++) {
		(void)attrset((int)attributes(s, s->page.lines[i].style));
		(void)mvaddstr((int)i, 0, s->page.lines[i].text);
	}
	(void)refresh();
}

/* ---- looking ---- */

static int
look(struct screen *s, struct cfs_err *err)
{
	int rc = top_model_look(s->m, s->source, err);

	s->trouble[0] = '\0';
	/* The server may come back: what was seen last stays until then. */
	if (rc == CFS_ENET || rc == CFS_ETIMEDOUT || rc == CFS_EBUSY) {
		(void)snprintf(s->trouble, sizeof(s->trouble), "%.150s", err->text);
		rc = 0;
	}
	if (s->view.chosen >= s->m->row_count && s->view.chosen != SIZE_MAX)
		s->view.chosen = s->m->row_count ? s->m->row_count - 1 : 0;
	return rc;
}

/* ---- keys ---- */

static void
choose(struct screen *s, bool down)
{
	struct top_view *v = &s->view;

	if (v->chosen == SIZE_MAX)
		v->chosen = 0;
	else if (down && v->chosen + 1 < s->m->row_count)
		v->chosen++;
	else if (!down && v->chosen > 0)
		v->chosen--;
	if (v->chosen < v->first)
		v->first = v->chosen;
	if (v->rows > 0 && v->chosen >= v->first + v->rows)
		v->first = v->chosen - v->rows + 1;
}

static void
ask_kick(struct screen *s)
{
	const struct cfs_top_session *c;

	if (!s->source->kick || s->view.chosen >= s->m->row_count)
		return;
	c = s->m->rows[s->view.chosen].s;
	s->kick_pid = c->pid;
	(void)snprintf(s->question, sizeof(s->question),
		       "end the connection of %.40s from %.40s? (y/n)",
		       c->user[0] ? c->user : "somebody", c->peer);
	s->asking = ASKING_KICK;
}

static void
kick_key(struct screen *s, int key)
{
	struct cfs_err err = CFS_ERR_INIT;

	s->asking = ASKING_NOTHING;
	if (key == 'y' && s->source->kick(s->source->arg, s->kick_pid, &err))
		(void)snprintf(s->trouble, sizeof(s->trouble), "%.150s", err.text);
}

static void
filter_key(struct screen *s, int key)
{
	size_t len = strlen(s->m->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		s->asking = ASKING_NOTHING;
	} else if (key == KEY_ESCAPE) {
		memcpy(s->m->filter, s->old_filter, sizeof(s->m->filter));
		s->asking = ASKING_NOTHING;
	} else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && len > 0) {
		s->m->filter[len - 1] = '\0';
	} else if (key >= ' ' && key < 256 && key != 127 && len + 1 < sizeof(s->m->filter)) {
		s->m->filter[len] = (char)key;
		s->m->filter[len + 1] = '\0';
	}
}

static void
plain_key(struct screen *s, int key)
{
	switch (key) {
	case 'q':
		s->leave = true;
		break;
	case ' ':
	case 'p':
		s->view.paused = !s->view.paused;
		break;
	case 's':
		s->m->sort = (enum top_sort)(((int)s->m->sort + 1) % TOP_SORTS);
		break;
	case '/':
		memcpy(s->old_filter, s->m->filter, sizeof(s->old_filter));
		s->asking = ASKING_FILTER;
		break;
	case KEY_ESCAPE:
		s->m->filter[0] = '\0';
		s->view.help = false;
		break;
	case 'h':
	case '?':
		s->view.help = !s->view.help;
		break;
	case KEY_UP:
	case KEY_DOWN:
		choose(s, key == KEY_DOWN);
		break;
	case '+':
		s->interval_ms =
		    s->interval_ms / 2 > INTERVAL_MIN ? s->interval_ms / 2 : INTERVAL_MIN;
		break;
	case '-':
		s->interval_ms =
		    s->interval_ms * 2 < INTERVAL_MAX ? s->interval_ms * 2 : INTERVAL_MAX;
		break;
	case 'k':
		ask_kick(s);
		break;
	default:
		break;
	}
}

/* All keys that are there. */
static int
read_keys(struct screen *s, struct cfs_err *err)
{
	int key;

	while ((key = getch()) != ERR) {
		if (s->asking == ASKING_FILTER)
			filter_key(s, key);
		else if (s->asking == ASKING_KICK)
			kick_key(s, key);
		else
			plain_key(s, key);
		/* The filter and the order may be others. */
		if (top_model_arrange(s->m))
			return err_code(err, CFS_ENOMEM);
	}
	return 0;
}

/* ---- life ---- */

static int
take_terminal(struct screen *s, bool colors, struct cfs_err *err)
{
	/* Unlike initscr() this returns when it cannot. */
	s->term = newterm(NULL, stdout, stdin);
	if (!s->term)
		return err_set(err, CFS_EUNSUPPORTED, "this terminal (TERM=%s) cannot be drawn on",
			       getenv("TERM"));
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MS);
	set_colors(s, colors);
	return 0;
}

static int
wait_for_key(struct screen *s, uint64_t until)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	/* Also ends for a new size of the window and for Ctrl-C: both are signals. */
	if (poll(&p, 1, deadline_left_ms(until)) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)
		s->leave = true;
	return 0;
}

static int
loop(struct screen *s, struct cfs_err *err)
{
	/* There was one look; rates need another, soon. */
	uint64_t next =
	    deadline_from_ms(s->interval_ms < SECOND_LOOK_MS ? s->interval_ms : SECOND_LOOK_MS);
	int rc = 0;

	while (rc == 0 && !s->leave) {
		if (!s->view.paused && now_mono_ns() >= next) {
			rc = look(s, err);
			next = now_mono_ns() + (uint64_t)(s->interval_ms * NS_PER_MS);
		}
		if (rc)
			break;
		draw(s);
		(void)wait_for_key(s, s->view.paused ? DEADLINE_NEVER : next);
		rc = s->source->check(s->source->arg, err);
		if (rc == 0)
			rc = read_keys(s, err);
	}
	return rc;
}

int
top_screen_run(struct top_model *m, const struct top_source *source, int64_t interval_ms,
	       bool colors, struct cfs_err *err)
{
	struct screen *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_code(err, CFS_ENOMEM);
	s->m = m;
	s->source = source;
	s->interval_ms = interval_ms;
	s->view = (struct top_view){
	    .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	    .keys = true,
	    .can_kick = source->kick != NULL,
	    .title = source->title,
	    .admin = source->admin,
	    .chosen = SIZE_MAX,
	};
	/* The first look before the terminal is taken: what is wrong is then said as every command says it. */
	rc = top_model_look(m, source, err);
	if (rc == 0)
		rc = take_terminal(s, colors, err);
	if (rc == 0) {
		rc = loop(s, err);
		(void)endwin();
		delscreen(s->term);
	}
	/* Ctrl-C is a way to quit. */
	if (rc == CFS_ECANCELED)
		rc = 0;
	free(s);
	return rc;
}
