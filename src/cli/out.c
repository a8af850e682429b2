/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/member.h"
#include "cli/out_writer.h"
#include "os/fs.h"
#include "os/proc.h"

#define REDRAW_NS 100000000 /* at most 10 updates a second */
#define PLAIN_AFTER_NS 500000000 /* work that lasts is announced in a log; what is over at once is not */
#define CLEAR_LINE "\r\033[K"

/* Everything below is under the mutex: workers report progress and warn from any thread. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	bool json, quiet, color, pipe_broken;
	unsigned verbose;
	enum { PROGRESS_OFF, PROGRESS_PLAIN, PROGRESS_LINE } mode;
	bool active;		/* between begin and end */
	bool drawn;		/* a progress line is on the screen */
	char what[128], item[256];
	uint64_t done, total;
	int64_t drawn_at;	/* CLOCK_MONOTONIC, ns; 0: never */
	int64_t begun_at;	/* PROGRESS_PLAIN: likewise */
	bool said;		/* PROGRESS_PLAIN: the line of this piece of work is out */
} out;

static bool wants(const char *when, bool otherwise)
{
	if (when && strcmp(when, "always") == 0)
		return true;
	return (!when || strcmp(when, "never") != 0) && otherwise;
}

void out_init(struct globals *g)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool tty = isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb") != 0;

	g->use_color = wants(g->color, tty && !(no_color && *no_color));
	g->use_progress = wants(g->progress, tty && !g->quiet);
	out.json = g->json;
	out.quiet = g->quiet;
	out.color = g->use_color;
	out.verbose = g->verbose;
	out.active = out.drawn = false;
	out.drawn_at = 0;
	if (g->use_progress)
		out.mode = PROGRESS_LINE;
	else
		out.mode = wants(g->progress, !g->quiet) ? PROGRESS_PLAIN : PROGRESS_OFF;
}

static void put(const char *p, size_t n)
{
	if (!out_writer_put(p, n))
		out_write(p, n);
}

size_t out_fit(struct buf *b, const char *s, size_t width)
{
	size_t used = 0, left = strlen(s);
	mbstate_t st = { 0 };

	while (left) {
		wchar_t wc;
		const size_t control = str_controlz(s);
		size_t n = control ? control : mbrtowc(&wc, s, left, &st);
		int cols = 1;

		if (control) {
			cols = -1;
		} else if (n == (size_t)-1 || n == (size_t)-2) {
			st = (mbstate_t){ 0 };
			n = 1;
			cols = -1;
		} else {
			cols = wcwidth(wc);
		}
		if (used + (cols < 0 ? 1 : (size_t)cols) > width)
			break;
		if (cols < 0)
			buf_addc(b, '?');
		else
			buf_add(b, s, n);
		used += cols < 0 ? 1 : (size_t)cols;
		s += n;
		left -= n;
	}
	return used;
}

static void add_line(struct buf *b)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	int width = tty_width(STDERR_FILENO);

	buf_addz(&text, out.what);
	if (out.total)
		buf_addf(&text, " %llu/%llu", (unsigned long long)out.done, (unsigned long long)out.total);
	else if (out.done)
		buf_addf(&text, " %llu", (unsigned long long)out.done);
	if (out.item[0])
		buf_addf(&text, " %s", out.item);
	buf_addz(b, CLEAR_LINE);
	/* the last column stays free: some terminals wrap as soon as it is written */
	out_fit(b, text.ptr, width > 1 ? (size_t)width - 1 : 1);
}

static void add_text(struct buf *b, const char *s);

static void draw(void)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct timespec now;
	int64_t ns;

	if (out.mode == PROGRESS_OFF || !out.active)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (out.mode == PROGRESS_PLAIN) {
		if (!out.begun_at)
			out.begun_at = ns;
		if (out.said || ns - out.begun_at < PLAIN_AFTER_NS)
			return;
		out.said = true;
		add_text(&b, out.what);
		buf_addc(&b, '\n');
		put(b.ptr, b.len);
		return;
	}
	if (out.drawn_at && ns - out.drawn_at < REDRAW_NS)
		return;
	out.drawn_at = ns;
	out.drawn = true;
	add_line(&b);
	put(b.ptr, b.len);
}

static void hide(void)
{
	if (out.drawn)
		put(CLEAR_LINE, strlen(CLEAR_LINE));
	out.drawn = false;
}

/* @b between taking the progress line away and putting it back, in one write: lines stay whole. */
static void emit(struct buf *b)
{
	pthread_mutex_lock(&mutex);
	if (out.drawn) {
		CLEAN_BUF struct buf all = BUF_INIT;

		buf_addz(&all, CLEAR_LINE);
		buf_add(&all, b->ptr, b->len);
		add_line(&all);
		put(all.ptr, all.len);
	} else {
		put(b->ptr, b->len);
	}
	pthread_mutex_unlock(&mutex);
}

/* A message may quote a file name or a peer's words: it gets no say over the terminal, and no line of its own. */
static void add_text(struct buf *b, const char *s)
{
	while (*s) {
		size_t n = str_controlz(s);

		/* an indented line is ours: the end of what a program said, below the message */
		if (*s == '\t' || (*s == '\n' && s[1] == ' ' && s[2] == ' '))
			n = 0;
		buf_addc(b, n ? '?' : *s);
		s += n ? n : 1;
	}
}

void out_text(struct buf *b, const char *s)
{
	while (*s) {
		const size_t n = str_controlz(s);

		buf_addc(b, n ? '?' : *s);
		s += n ? n : 1;
	}
}

static void add_labelled(struct buf *b, const char *sgr, const char *label, const char *text)
{
	if (out.color)
		buf_addf(b, "\033[%sm%s:\033[m ", sgr, label);
	else
		buf_addf(b, "%s: ", label);
	add_text(b, text);
	buf_addc(b, '\n');
}

static void add_json_error(struct buf *b, const struct err *err)
{
	buf_addf(b, "{\"error\":{\"code\":\"%s\"", err_name(err->code));
	member_some(b, "message", err->msg);
	member_some(b, "hint", err->hint);
	member_some(b, "file", err->loc.file);
	member_count(b, "line", err->loc.line);
	member_count(b, "column", err->loc.col);
	buf_addz(b, "}}\n");
}

void out_error(const struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (out.json) {
		add_json_error(&b, err);
	} else {
		add_labelled(&b, "1;31", "error", err->msg);
		if (err->hint[0])
			add_labelled(&b, "36", "hint", err->hint);
	}
	emit(&b);
}

void out_warn(const char *fmt, ...)
{
	CLEAN_BUF struct buf text = BUF_INIT, b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	add_labelled(&b, "1;33", "warning", text.ptr);
	emit(&b);
}

void out_warning(const struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	add_labelled(&b, "1;33", "warning", err->msg);
	if (err->hint[0])
		add_labelled(&b, "36", "hint", err->hint);
	emit(&b);
}

PRINTF_LIKE(1, 0) static void say(const char *fmt, va_list ap)
{
	CLEAN_BUF struct buf text = BUF_INIT, b = BUF_INIT;

	buf_vaddf(&text, fmt, ap);
	add_text(&b, text.ptr);
	buf_addc(&b, '\n');
	emit(&b);
}

void out_note(const char *fmt, ...)
{
	va_list ap;

	if (out.quiet)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void out_verbose(const char *fmt, ...)
{
	va_list ap;

	if (!out.verbose)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void out_raw(const char *p, size_t n)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_add(&b, p, n);
	emit(&b);
}

int out_stdout(const char *p, size_t n, struct err *err)
{
	int r;

	pthread_mutex_lock(&mutex);
	hide();
	r = fs_write_all(STDOUT_FILENO, p, n, "standard output", err);
	if (r < 0 && err->sys == EPIPE)
		out.pipe_broken = true;
	pthread_mutex_unlock(&mutex);
	return r;
}

bool out_pipe_broken(void)
{
	return out.pipe_broken;
}

int out_close_stdout(struct err *err)
{
	/* EBADF: it was closed when we started, and nothing was written, or out_stdout() has said so */
	if (close(STDOUT_FILENO) < 0 && errno != EBADF)
		return err_sys(err, "standard output");
	return 0;
}

void progress_begin(const char *what, uint64_t total)
{
	pthread_mutex_lock(&mutex);
	snprintf(out.what, sizeof(out.what), "%s", what);
	out.item[0] = '\0';
	out.done = 0;
	out.total = total;
	out.active = true;
	out.begun_at = 0;
	out.said = false;
	draw();
	pthread_mutex_unlock(&mutex);
}

void progress_update(uint64_t done, const char *item)
{
	pthread_mutex_lock(&mutex);
	out.done = done;
	snprintf(out.item, sizeof(out.item), "%s", item ? item : "");
	draw();
	pthread_mutex_unlock(&mutex);
}

void progress_set_total(uint64_t total)
{
	pthread_mutex_lock(&mutex);
	out.total = total;
	draw();
	pthread_mutex_unlock(&mutex);
}

void progress_end(void)
{
	pthread_mutex_lock(&mutex);
	hide();
	out.active = false;
	pthread_mutex_unlock(&mutex);
}
