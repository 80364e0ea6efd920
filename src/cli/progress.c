/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/output.h"

#define REDRAW_NS UINT64_C(100000000)

void
progress_start(struct progress *p, struct cli *cli)
{
	*p = (struct progress){
	    .on = !cli->opt.quiet && !cli->opt.json && !cli->piped && isatty(fileno(cli->msg)),
	    .f = cli->msg,
	    .started_ns = now_mono_ns(),
	    .page = cli->page,
	};
}

void
progress_expect(struct progress *p, uint64_t files, uint64_t bytes)
{
	p->total_files += files;
	p->total_bytes += bytes;
}

static int
columns(FILE *f)
{
	struct winsize w;

	return ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

static void
format_left(char *buf, size_t size, double seconds)
{
	unsigned s = seconds < 359999 ? (unsigned)(seconds + 0.5) : 359999;

	if (s >= 3600) {
		snprintf(buf, size, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
	} else {
		snprintf(buf, size, "%u:%02u", s / 60, s % 60);
	}
}

void
progress_text(const struct progress *p, char *buf, size_t size)
{
	double seconds = (double)(now_mono_ns() - p->started_ns) / 1e9;
	double rate = seconds > 0 ? (double)p->bytes / seconds : 0;
	char done[16], total[16], speed[16], left[16] = "-:--";
	unsigned percent = 0;

	out_size(done, sizeof done, p->bytes, true);
	out_size(total, sizeof total, p->total_bytes, true);
	out_size(speed, sizeof speed, (uint64_t)rate, true);
	if (p->total_bytes > 0) {
		uint64_t b = p->bytes < p->total_bytes ? p->bytes : p->total_bytes;

		percent = (unsigned)((double)b * 100 / (double)p->total_bytes);
		if (rate > 0) {
			format_left(left, sizeof left, (double)(p->total_bytes - b) / rate);
		}
		snprintf(buf, size, "%3u %%  %s of %s  %s/s  %s left  %llu of %llu files", percent,
			 done, total, speed, left, (unsigned long long)p->files,
			 (unsigned long long)p->total_files);
	} else {
		snprintf(buf, size, "%s  %s/s  %llu files", done, speed,
			 (unsigned long long)p->files);
	}
}

void
progress_draw(struct progress *p)
{
	char line[256];

	if (!p->on) {
		return;
	}
	progress_text(p, line, sizeof line);
	fprintf(p->f, "\r\033[K%.*s", columns(p->f) - 1, line);
	fflush(p->f);
	p->shown = true;
	p->drawn_ns = now_mono_ns();
}

static void
update(struct progress *p)
{
	progress_page_write(p->page, p);
	if (p->on &&
	    now_mono_ns() - (p->drawn_ns != 0 ? p->drawn_ns : p->started_ns) >= REDRAW_NS) {
		progress_draw(p);
	}
}

void
progress_bytes(struct progress *p, uint64_t more)
{
	p->bytes += more;
	update(p);
}

void
progress_file(struct progress *p)
{
	p->files++;
	update(p);
}

void
progress_clear(struct progress *p)
{
	if (p->shown) {
		fputs("\r\033[K", p->f);
		fflush(p->f);
		p->shown = false;
	}
}
