/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* ---- what is wrong ---- */

static bool is_word(const char *s)
{
	for (; *s; s++)
		if (!((*s | 32) >= 'a' && (*s | 32) <= 'z') && !(*s >= '0' && *s <= '9') && *s != '_' && *s != '-' &&
		    !(*s & 0x80))
			return false;
	return true;
}

static void add_trail(struct buf *b, const struct trail *t)
{
	if (!t)
		return;
	add_trail(b, t->up);
	if (!t->name) {
		buf_addf(b, "[%zu]", t->index);
		return;
	}
	if (b->len)
		buf_addc(b, '.');
	if (t->quote && (!*t->name || !is_word(t->name)))
		buf_add_json(b, str_from(t->name));
	else
		buf_addz(b, t->name);
}

/*
 * A path is kept for each state: sixty branches around thirty thousand of them would make hundreds of megabytes of it.
 * Of a long one the middle is left out.
 */
#define TRAIL_MAX  400u
#define TRAIL_HEAD 100u

static void shorten(struct buf *b)
{
	size_t head = TRAIL_HEAD, tail = b->len > TRAIL_MAX ? b->len - (TRAIL_MAX - TRAIL_HEAD) : 0;

	if (!tail)
		return;
	while (((unsigned char)b->ptr[head] & 0xc0) == 0x80)
		head--;
	while (((unsigned char)b->ptr[tail] & 0xc0) == 0x80)
		tail++;
	memmove(b->ptr + head + 3, b->ptr + tail, b->len - tail);
	memcpy(b->ptr + head, "...", 3);
	b->len = head + 3 + b->len - tail;
	b->ptr[b->len] = '\0';
}

const char *trail_text(struct reader *r, const struct trail *t)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	add_trail(&b, t);
	shorten(&b);
	return arena_str(r->a, buf_str(&b));
}

PRINTF_LIKE(5, 0)
static void vproblem(struct reader *r, bool warn, const struct trail *t, struct flow_at at, const char *fmt, va_list ap)
{
	CLEAN_BUF struct buf path = BUF_INIT;
	char msg[800];

	/* to tell where of thousands of problems that nobody will read would take long, if they are deep */
	if (r->found->len < FLOW_PROBLEMS_MAX)
		add_trail(&path, t);
	shorten(&path);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	flow_problems_add(r->found, warn, at.line, at.col, path.ptr, "%s", msg);
}

void problem(struct reader *r, const struct trail *t, struct flow_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vproblem(r, false, t, at, fmt, ap);
	va_end(ap);
}

void warning(struct reader *r, const struct trail *t, struct flow_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vproblem(r, true, t, at, fmt, ap);
	va_end(ap);
}

void hint(struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	flow_problems_hint(r->found, "%s", text);
}

#define COMPARED_MAX 1000000u

void hint_near(struct reader *r, const char *word, const char *const *cands, const char *what)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const char *near;
	size_t n = 0;

	if (r->found->full)
		return;
	while (cands[n])
		n++;
	/* thousands of names that are nearly one of thousands: the first few get an answer */
	r->compared += n;
	if (r->compared > COMPARED_MAX)
		return;
	near = str_closest(word, cands, n);
	if (near) {
		hint(r, "did you mean '%s'?", near);
		return;
	}
	if (!n)
		return;
	buf_addf(&b, "%s: ", what);
	for (size_t i = 0; i < n; i++) {
		if (b.len + strlen(cands[i]) > 200) {
			buf_addz(&b, ", ...");
			break;
		}
		buf_addf(&b, "%s%s", i ? ", " : "", cands[i]);
	}
	hint(r, "%s", b.ptr);
}

/* ---- types ---- */

static bool is_type(struct reader *r, const struct trail *t, const struct doc_node *n, enum doc_type type,
		    const char *what)
{
	if (n->type == type)
		return true;
	problem(r, t, n->at, "has to be %s, not %s", what, doc_kind(n));
	return false;
}

bool is_object(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	return is_type(r, t, n, DOC_OBJECT, "an object");
}

bool is_list(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	return is_type(r, t, n, DOC_LIST, "a list");
}

bool is_string(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	if (is_type(r, t, n, DOC_STRING, "a string"))
		return true;
	if (n->type == DOC_BOOL || n->type == DOC_NUMBER)
		hint(r, "put it into quotes");
	return false;
}

/* ---- fields ---- */

bool field_string(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, const char **out,
		  struct flow_at *at)
{
	const struct doc_node *n = doc_get(o, name, NULL);

	if (!n || !is_string(r, AT_FIELD(t, name), n))
		return false;
	*out = doc_text(n);
	if (at)
		*at = n->at;
	return true;
}

/* "$.a" for "a", "did you mean" for a function. */
static void hint_value(struct reader *r, const char *s, enum flow_syntax what)
{
	static const char *const functions[] = {
		"States.Array",
		"States.ArrayContains",
		"States.ArrayGetItem",
		"States.ArrayLength",
		"States.ArrayPartition",
		"States.ArrayRange",
		"States.ArrayUnique",
		"States.Base64Decode",
		"States.Base64Encode",
		"States.Format",
		"States.Hash",
		"States.JsonMerge",
		"States.JsonToString",
		"States.MathAdd",
		"States.MathRandom",
		"States.StringSplit",
		"States.StringToJson",
		"States.UUID",
		NULL,
	};
	CLEAN_FREE char *name = xstrndup(s, strcspn(s, "("));

	if (what == FLOW_VALUE && s[strlen(name)] == '(')
		hint_near(r, name, functions, "there are");
	else if (what == FLOW_VALUE)
		hint(r, "a path begins with $; what is to stay as it is goes into a field without .$ at its end");
	else
		hint(r, "a path begins with $, as in '$.%.100s'", s);
}

static bool check_syntax(struct reader *r, const struct trail *t, const struct doc_node *n, enum flow_syntax what)
{
	const char *s = doc_text(n), *why;
	size_t at, chars = 1;

	if (flow_syntax_check(s, strlen(s), what, &why, &at) == 0)
		return true;
	for (size_t i = 0; i < at && s[i]; i++)
		chars += ((unsigned char)s[i + 1] & 0xc0) != 0x80;
	problem(r, t, n->at, "'%.200s' is wrong at character %zu: %s", s, chars, why);
	if (*s && *s != '$' && !at)
		hint_value(r, s, what);
	return false;
}

bool field_path(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name,
		enum flow_syntax what, bool nullable, struct flow_path *out)
{
	const struct doc_node *n = doc_get(o, name, NULL);

	if (!n)
		return false;
	out->at = n->at;
	if (nullable && n->type == DOC_NULL) {
		out->null = true;
		return true;
	}
	t = AT_FIELD(t, name);
	if (!is_string(r, t, n) || !check_syntax(r, t, n, what))
		return false;
	out->text = doc_text(n);
	out->id = (unsigned)r->m->npaths++;
	return true;
}

/* Whether what the @i-th name, "x.$", becomes is there already. */
static bool check_renamed(struct reader *r, const struct trail *t, const struct doc_node *n, size_t i, const char *bare)
{
	if (!json_object_get(n->json, bare))
		return true;
	problem(r, t, n->key_at[i], "'%.100s' and '%.100s' are one name", bare, n->keys[i]);
	hint(r, "keep one of the two");
	return false;
}

/* Names "x.$" of @o, however deep. */
static bool check_template(struct reader *r, const struct trail *t, const struct doc_node *n, bool *plain)
{
	bool good = true;

	if (n->type == DOC_LIST) {
		for (size_t i = 0; i < n->len; i++)
			good &= check_template(r, AT_INDEX(t, i), n->items[i], plain);
		return good;
	}
	if (n->type != DOC_OBJECT)
		return true;
	for (size_t i = 0; i < n->len; i++) {
		const char *key = n->keys[i];
		const size_t len = strlen(key);

		if (len < 2 || strcmp(key + len - 2, ".$") != 0) {
			good &= check_template(r, AT_FIELD(t, key), n->items[i], plain);
			continue;
		}
		*plain = false;
		if (!is_string(r, AT_FIELD(t, key), n->items[i]))
			good = false;
		else
			good &= check_syntax(r, AT_FIELD(t, key), n->items[i], FLOW_VALUE);
		if (len == 2) {
			problem(r, t, n->key_at[i], "a name has to stand before '.$'");
			good = false;
			continue;
		}
		good &= check_renamed(r, t, n, i, arena_str(r->a, (struct str){ key, len - 2 }));
	}
	return good;
}

bool field_template(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name,
		    struct flow_template *out)
{
	const struct doc_node *n = doc_get(o, name, NULL);

	if (!n)
		return false;
	t = AT_FIELD(t, name);
	if (!is_object(r, t, n))
		return false;
	*out = (struct flow_template){ n->json, true, (unsigned)r->m->ntemplates++, n->at };
	return check_template(r, t, n, &out->plain);
}

static size_t chars_of(const char *s, size_t n)
{
	size_t chars = 0;

	for (size_t i = 0; i < n; i++)
		chars += ((unsigned char)s[i] & 0xc0) != 0x80;
	return chars;
}

static void check_variable(struct reader *r, const struct trail *t, const struct doc_node *n, size_t i,
			   struct scope *in)
{
	const char *key = n->keys[i];
	const size_t len = strlen(key), bare = len >= 2 && strcmp(key + len - 2, ".$") == 0 ? len - 2 : len;
	char *name = arena_str(r->a, (struct str){ key, bare });
	struct assigned *as;

	if (!bare)
		return; /* said already */
	for (const char *c = name; *c; c++) {
		const bool letter = (*c & 0x80) || ((*c | 32) >= 'a' && (*c | 32) <= 'z') || *c == '_';

		if (letter || (c > name && *c >= '0' && *c <= '9'))
			continue;
		problem(r, t, n->key_at[i], "'%.100s' cannot be a variable's name", name);
		hint(r, "letters, digits and '_', and no digit first");
		return;
	}
	if (chars_of(name, bare) > FLOW_NAME_MAX)
		problem(r, t, n->key_at[i], "a variable's name has at most %u characters, not %zu", FLOW_NAME_MAX,
			chars_of(name, bare));
	if (strcmp(name, "states") == 0)
		problem(r, t, n->key_at[i], "the variable 'states' is the interpreter's own");
	if (map_has(&in->assigns, name))
		return;
	as = arena_new(r->a, struct assigned);
	as->at = n->key_at[i];
	as->path = trail_text(r, t);
	map_put(&in->assigns, name, as);
}

void field_assign(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		  struct flow_template *out)
{
	const struct doc_node *n = doc_get(o, "Assign", NULL);

	field_template(r, t, o, "Assign", out);
	if (!n || n->type != DOC_OBJECT)
		return;
	for (size_t i = 0; i < n->len; i++)
		check_variable(r, AT_FIELD(t, "Assign"), n, i, in);
}

bool field_count(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, uint64_t min,
		 uint64_t max, uint64_t *out, struct flow_at *at)
{
	const struct doc_node *n = doc_get(o, name, NULL);
	double d;

	if (!n)
		return false;
	t = AT_FIELD(t, name);
	if (at)
		*at = n->at;
	if (n->type != DOC_NUMBER) {
		problem(r, t, n->at, "has to be a whole number, not %s", doc_kind(n));
		return false;
	}
	d = json_number_value(n->json);
	if (d < (double)min || d > (double)max) {
		problem(r, t, n->at, "has to be %llu to %llu, not %.10g", (unsigned long long)min,
			(unsigned long long)max, d);
		return false;
	}
	if (d != (double)(uint64_t)d) {
		problem(r, t, n->at, "has to be a whole number, not %.10g", d);
		return false;
	}
	*out = (uint64_t)d;
	return true;
}

bool field_number(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, uint64_t min,
		  uint64_t max, struct flow_number *out)
{
	const char *path = arena_printf(r->a, "%sPath", name);
	const char *const both[] = { name, path, NULL };
	bool good = false;

	if (!doc_get(o, name, NULL) && !doc_get(o, path, NULL))
		return false;
	field_alone(r, t, o, both);
	if (field_count(r, t, o, name, min, max, &out->value, &out->at))
		good = out->set = true;
	if (field_path(r, t, o, path, FLOW_REFERENCE, false, &out->path)) {
		out->at = out->path.at;
		good = true;
	}
	return good;
}

bool field_next(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, struct scope *in,
		const struct flow_state **to, struct flow_at *at)
{
	const char *state;
	struct link l;

	if (!field_string(r, t, o, name, &state, at)) {
		in->broken |= doc_get(o, name, NULL) != NULL;
		return false;
	}
	l = (struct link){ to, state, trail_text(r, AT_FIELD(t, name)), *at };
	VEC_PUSH(&in->links, l);
	return true;
}

unsigned field_alone(struct reader *r, const struct trail *t, const struct doc_node *o, const char *const *names)
{
	const char *first = NULL;
	unsigned n = 0;

	for (; *names; names++) {
		struct flow_at at;

		if (!doc_get(o, *names, &at))
			continue;
		if (n++)
			problem(r, t, at, "'%s' and '%s' exclude each other", first, *names);
		else
			first = *names;
	}
	return n;
}

void fields_known(struct reader *r, const struct trail *t, const struct doc_node *o, const char *const *names,
		  const char *what)
{
	for (size_t i = 0; i < o->len; i++) {
		size_t j = 0;

		while (names[j] && strcmp(names[j], o->keys[i]) != 0)
			j++;
		if (names[j])
			continue;
		problem(r, t, o->key_at[i], "%s has no field '%.80s'", what, o->keys[i]);
		hint_near(r, o->keys[i], names, "it has");
	}
}
