/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"
#include "os/proc.h"

#define SECOND	 1000000000ull
#define MINUTE	 (60 * SECOND)
#define BUSY_MAX (7 * 86400 * SECOND) /* of a request: until it is done, it is simulated */
#define MINUTES	 1440u
#define COLUMNS	 (MINUTES + 4)
#define SHOWN	 60 /* bytes of a field in a message */

const char *const trace_format_name[TRACE_FORMATS + 1] = {
	"auto", "counts", "times", "azure-2019", "azure-2021", NULL
};

struct parser {
	const char *shown, *only;
	enum trace_format format;
	struct arrivals *a;
	struct err *err;
	unsigned line;
	size_t rows;
	uint64_t first; /* ns, of TRACE_COUNTS: the first step */
	uint64_t last;	/* ns, of the row before */
	size_t bins_cap;
	double total;
	VEC(struct arrival) each;
};

/* ---- fields ---- */

static int bad(struct parser *p, struct str line, struct str field, const char *what)
{
	const size_t n = field.len < SHOWN ? field.len : SHOWN;
	const unsigned col = (unsigned)(field.ptr - line.ptr) + 1;

	return err_at(p->err, ERR_FORMAT, p->shown, p->line, col, "'%.*s' %s", (int)n, field.ptr, what);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * A decimal number with up to 18 digits that count, and an exponent as other programs write it. As @value times ten to
 * the
 * @exp. False: it is none. @negative may come with any.
 */
static bool decimal(struct str s, uint64_t *value, int *exp, bool *negative)
{
	size_t i = 0, digits = 0;
	bool point = false;

	*value = 0;
	*exp = 0;
	*negative = s.len && s.ptr[0] == '-';
	i += s.len && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1u : 0;
	for (; i < s.len && (is_digit(s.ptr[i]) || (s.ptr[i] == '.' && !point)); i++) {
		if (s.ptr[i] == '.') {
			point = true;
			continue;
		}
		digits++;
		if (*value < 100000000000000000u) {
			*value = *value * 10 + (uint64_t)(s.ptr[i] - '0');
			*exp -= point;
		} else {
			*exp += !point;
		}
	}
	if (!digits)
		return false;
	if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
		const bool minus = i + 1 < s.len && s.ptr[i + 1] == '-';
		int e = 0;

		i += i + 1 < s.len && (s.ptr[i + 1] == '-' || s.ptr[i + 1] == '+') ? 2u : 1u;
		if (i == s.len)
			return false;
		for (; i < s.len && is_digit(s.ptr[i]); i++)
			e = e < 10000 ? e * 10 + (s.ptr[i] - '0') : e;
		*exp += minus ? -e : e;
	}
	return i == s.len;
}

/* Seconds to nanoseconds, cut off. */
static int time_of(struct parser *p, struct str line, struct str field, uint64_t *ns)
{
	const struct str s = str_trim(field);
	bool negative;
	uint64_t v;
	int exp;

	if (!decimal(s, &v, &exp, &negative))
		return bad(p, line, field, "is no number of seconds");
	if (negative && v)
		return bad(p, line, field, "is negative");
	for (exp += 9; exp < 0 && v; exp++)
		v /= 10;
	for (; exp > 0 && v; exp--)
		if (v > TRACE_SECONDS_MAX * SECOND / 10)
			return bad(p, line, field, "is more than 9,000,000,000 seconds");
		else
			v *= 10;
	if (v > TRACE_SECONDS_MAX * SECOND)
		return bad(p, line, field, "is more than 9,000,000,000 seconds");
	*ns = v;
	return 0;
}

static int count_of(struct parser *p, struct str line, struct str field, double *n)
{
	const struct str s = str_trim(field);
	bool negative;
	uint64_t v;
	int exp;

	if (!decimal(s, &v, &exp, &negative))
		return bad(p, line, field, "is no number of requests");
	if (negative && v)
		return bad(p, line, field, "is negative");
	/* "12.0" is 12 */
	for (; exp < 0 && v % 10 == 0 && v; exp++)
		v /= 10;
	if (exp < 0 && v)
		return bad(p, line, field, "is no whole number of requests");
	for (; exp > 0 && v && v <= ARRIVALS_MAX; exp--)
		v *= 10;
	p->total += (double)v;
	if (p->total > (double)ARRIVALS_MAX)
		return err_at(p->err, ERR_LIMIT, p->shown, p->line, 0, "limit exceeded: more than %llu requests",
			      (unsigned long long)ARRIVALS_MAX);
	*n = (double)v;
	return 0;
}

static int columns(struct parser *p, struct str line, const char *names)
{
	return err_at(p->err, ERR_FORMAT, p->shown, p->line, 1, "'%.*s' is not of the form %s",
		      (int)(line.len < SHOWN ? line.len : SHOWN), line.ptr, names);
}

/* ---- rows ---- */

static int add_each(struct parser *p, uint64_t at, uint64_t busy)
{
	if (p->each.len == TRACE_ROWS_MAX)
		return err_at(p->err, ERR_LIMIT, p->shown, p->line, 0, "limit exceeded: more than %u rows",
			      TRACE_ROWS_MAX);
	VEC_PUSH(&p->each, ((struct arrival){ at, busy }));
	return 0;
}

static int ascends(struct parser *p, struct str line, struct str field, uint64_t at, bool equal)
{
	if (!p->rows || at > p->last || (equal && at == p->last))
		return 0;
	bad(p, line, field, at == p->last ? "is there twice" : "is before the time of the row above");
	return err_hint(p->err, "sort -n puts the rows in order");
}

static int add_bin(struct parser *p, uint64_t i, double n)
{
	struct arrivals *a = p->a;

	if (i >= ARRIVALS_BINS_MAX)
		return err_at(p->err, ERR_LIMIT, p->shown, p->line, 0,
			      "limit exceeded: more than %u steps from the first row to the last", ARRIVALS_BINS_MAX);
	if (i >= p->bins_cap) {
		const size_t cap = p->bins_cap * 2 > i + 1 ? p->bins_cap * 2 : (size_t)i + 1024;

		a->bin = xrealloc(a->bin, cap * sizeof(*a->bin));
		memset(a->bin + p->bins_cap, 0, (cap - p->bins_cap) * sizeof(*a->bin));
		p->bins_cap = cap;
	}
	a->bin[i] += n;
	a->nbins = i >= a->nbins ? (size_t)i + 1 : a->nbins;
	return 0;
}

/* The step is what lies between the first two rows. */
static int counts_row(struct parser *p, struct str line)
{
	struct str rest = line, first, second;
	uint64_t at;
	double n;

	first = rest;
	rest = str_cut(&first, ',');
	second = rest;
	rest = str_cut(&second, ',');
	if (rest.len || !second.ptr || !second.len)
		return columns(p, line, "seconds,count");
	if (time_of(p, line, first, &at) < 0 || ascends(p, line, first, at, false) < 0 ||
	    count_of(p, line, second, &n) < 0)
		return -1;
	if (!p->rows)
		p->first = at;
	else if (p->rows == 1)
		p->a->width = at - p->first;
	else if ((at - p->first) % p->a->width)
		return bad(p, line, first, "is no whole number of steps after the first row");
	p->last = at;
	return add_bin(p, p->rows ? (at - p->first) / p->a->width : 0, n);
}

static int times_row(struct parser *p, struct str line)
{
	uint64_t at;

	if (line.len && memchr(line.ptr, ',', line.len))
		return columns(p, line, "seconds");
	if (time_of(p, line, line, &at) < 0 || ascends(p, line, line, at, true) < 0)
		return -1;
	p->last = at;
	return add_each(p, at, 0);
}

static int azure_2019_row(struct parser *p, struct str line)
{
	struct str field[COLUMNS], rest = line;
	size_t n = 0;
	double count;

	while (n < COLUMNS && (rest.len || n)) {
		field[n] = rest;
		rest = str_cut(&field[n], ',');
		n++;
		if (!rest.len)
			break;
	}
	if (n < 5 || rest.len)
		return columns(p, line, "HashOwner,HashApp,HashFunction,Trigger,1,...,1440");
	if (p->only && !str_eqz(field[1], p->only) && !str_eqz(field[2], p->only))
		return 0;
	for (size_t i = 4; i < n; i++)
		if (count_of(p, line, field[i], &count) < 0 || add_bin(p, i - 4, count) < 0)
			return -1;
	return 0;
}

static int azure_2021_row(struct parser *p, struct str line)
{
	struct str field[4], rest = line;
	uint64_t end, took;

	for (size_t i = 0; i < ARRAY_LEN(field); i++) {
		field[i] = rest;
		rest = str_cut(&field[i], ',');
	}
	if (rest.len || !field[3].len)
		return columns(p, line, "app,func,end_timestamp,duration");
	if (time_of(p, line, field[2], &end) < 0 || time_of(p, line, field[3], &took) < 0)
		return -1;
	if (took > BUSY_MAX)
		return bad(p, line, field[3], "is more than a week");
	if (p->only && !str_eqz(field[0], p->only) && !str_eqz(field[1], p->only))
		return 0;
	/* one that was under way when the trace began came at its beginning */
	return add_each(p, end > took ? end - took : 0, took ? took : 1);
}

/* ---- lines ---- */

/* A word, and none that a program writes for a number. */
static bool is_heading(struct str line)
{
	static const char *const numbers[] = { "nan", "inf", "infinity" };
	size_t n = 0;

	if (line.len && line.ptr[0] == '"')
		line = (struct str){ line.ptr + 1, line.len - 1 };
	while (n < line.len && ((line.ptr[n] | 0x20) >= 'a' && (line.ptr[n] | 0x20) <= 'z'))
		n++;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (n == strlen(numbers[i]) && strncasecmp(line.ptr, numbers[i], n) == 0)
			return false;
	return n > 0;
}

static enum trace_format guess(struct str line)
{
	if (str_starts(line, "HashOwner,"))
		return TRACE_AZURE_2019;
	if (str_starts(line, "app,func,end_timestamp,duration"))
		return TRACE_AZURE_2021;
	return line.len && memchr(line.ptr, ',', line.len) ? TRACE_COUNTS : TRACE_TIMES;
}

static int add_line(struct parser *p, struct str line)
{
	static int (*const row[TRACE_FORMATS])(struct parser *, struct str) = {
		[TRACE_COUNTS] = counts_row,
		[TRACE_TIMES] = times_row,
		[TRACE_AZURE_2019] = azure_2019_row,
		[TRACE_AZURE_2021] = azure_2021_row,
	};
	bool first;

	p->line++;
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (!str_trim(line).len)
		return 0;
	if (memchr(line.ptr, '\0', line.len))
		return err_at(p->err, ERR_FORMAT, p->shown, p->line, 0, "a NUL character: this is no text");
	first = p->line == 1;
	/* spreadsheets begin a file with it */
	if (first && str_starts(line, "\xef\xbb\xbf"))
		line = (struct str){ line.ptr + 3, line.len - 3 };
	if (p->format == TRACE_AUTO)
		p->format = guess(line);
	if (p->only && (p->format == TRACE_COUNTS || p->format == TRACE_TIMES))
		return err_at(p->err, ERR_FORMAT, p->shown, p->line, 0,
			      "no trace of Azure: there is no function or app to choose");
	if (p->format == TRACE_AZURE_2019)
		p->a->width = MINUTE;
	if (first && is_heading(line))
		return 0;
	if (p->rows == TRACE_ROWS_MAX)
		return err_at(p->err, ERR_LIMIT, p->shown, p->line, 0, "limit exceeded: more than %u rows",
			      TRACE_ROWS_MAX);
	if (row[p->format](p, line) < 0)
		return -1;
	p->rows++;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->busy > y->busy) - (x->busy < y->busy);
}

static int finish(struct parser *p)
{
	struct arrivals *a = p->a;
	uint64_t shift;

	if (!p->each.len && p->total < 1) {
		err_set(p->err, ERR_FORMAT, "%s: no request in it%s%.80s", p->shown, p->only ? " of " : "",
			p->only ? p->only : "");
		return -1;
	}
	a->exact = true;
	if (p->each.len) {
		if (p->format == TRACE_AZURE_2021)
			qsort(p->each.ptr, p->each.len, sizeof(*p->each.ptr), by_time);
		shift = p->each.ptr[0].at / SECOND * SECOND;
		VEC_EACH(&p->each, e)
			e->at -= shift;
		a->n = p->each.len;
		a->each = p->each.ptr;
		p->each.ptr = NULL;
		if (a->each[a->n - 1].at / SECOND > ARRIVALS_BINS_MAX)
			return err_set(p->err, ERR_LIMIT, "limit exceeded: %s lasts longer than %u s", p->shown,
				       ARRIVALS_BINS_MAX);
	} else if (a->width / SECOND * a->nbins > ARRIVALS_BINS_MAX) {
		return err_set(p->err, ERR_LIMIT, "limit exceeded: %s lasts longer than %u s", p->shown,
			       ARRIVALS_BINS_MAX);
	}
	arrivals_finish(a);
	return 0;
}

static int end(struct parser *p, int ret)
{
	if (ret == 0)
		ret = finish(p);
	VEC_FREE(&p->each);
	if (ret < 0)
		arrivals_release(p->a);
	return ret;
}

static int too_long(struct parser *p)
{
	return err_at(p->err, ERR_LIMIT, p->shown, p->line + 1, 0, "limit exceeded: a line of more than %u bytes",
		      TRACE_LINE_MAX);
}

/* All whole lines of @text, and its last one if @last. *@used: their bytes. */
static int add_lines(struct parser *p, struct str text, bool last, size_t *used)
{
	*used = 0;
	while (*used < text.len) {
		const char *from = text.ptr + *used, *nl = memchr(from, '\n', text.len - *used);
		const size_t n = nl ? (size_t)(nl - from) : text.len - *used;

		if (n > TRACE_LINE_MAX)
			return too_long(p);
		if (!nl && !last)
			return 0;
		if (add_line(p, (struct str){ from, n }) < 0)
			return -1;
		*used += n + (nl != NULL);
	}
	return 0;
}

int trace_parse(struct str text, const char *shown, enum trace_format format, const char *only, struct arrivals *a,
		struct err *err)
{
	struct parser p = { .shown = shown, .only = only, .format = format, .a = a, .err = err };
	size_t used;

	*a = (struct arrivals){ .width = SECOND };
	return end(&p, add_lines(&p, text, true, &used));
}

static int read_lines(struct parser *p, int fd)
{
	const size_t room = 4 * TRACE_LINE_MAX;
	CLEAN_FREE char *b = xmalloc(room);
	size_t have = 0, used;

	for (;;) {
		const ssize_t n = read(fd, b + have, room - have);

		if (n < 0 && errno == EINTR && sig_check(p->err) == 0)
			continue;
		if (n < 0)
			return err_sys(p->err, "%s", p->shown);
		if (sig_check(p->err) < 0)
			return -1;
		have += (size_t)n;
		if (add_lines(p, (struct str){ b, have }, n == 0, &used) < 0)
			return -1;
		if (n == 0)
			return 0;
		memmove(b, b + used, have - used);
		have -= used;
	}
}

int trace_read(const char *path, enum trace_format format, const char *only, struct arrivals *a, struct err *err)
{
	struct parser p = { .shown = path, .only = only, .format = format, .a = a, .err = err };
	CLEAN_FD int fd = -1;
	struct stat st;

	*a = (struct arrivals){ .width = SECOND };
	fd = fs_open(path, &st, err);
	if (fd < 0)
		return -1;
	return end(&p, read_lines(&p, fd));
}
