/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/ini.h"

#include <string.h>
#include <strings.h>

#include "os/fs.h"

void ini_release(struct ini *i)
{
	if (i->text.len)
		explicit_bzero(i->text.ptr, i->text.len);
	buf_release(&i->text);
	VEC_FREE(&i->entries);
	VEC_FREE(&i->sections);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *s)
{
	size_t n;

	while (is_blank(*s))
		s++;
	for (n = strlen(s); n && (is_blank(s[n - 1]) || s[n - 1] == '\r'); n--)
		s[n - 1] = '\0';
	return s;
}

/* A comment after a blank ends the line; a key may hold '#'. */
static void cut_comment(char *s)
{
	for (char *p = s; *p; p++)
		if ((*p == '#' || *p == ';') && (p == s || is_blank(p[-1]))) {
			*p = '\0';
			return;
		}
}

/* [ profile "a b" ]: words with one blank between them, in place. NULL: there is no ']', or no name. */
static const char *section_name(char *s)
{
	char *end = strrchr(s, ']'), *to = s, *from = s + 1;

	if (!end)
		return NULL;
	*end = '\0';
	if (*trim(end + 1))
		return NULL;
	for (from = trim(from); *from; from++) {
		if (*from == '"' || *from == '\'')
			continue;
		if (is_blank(*from) && (to == s || is_blank(to[-1])))
			continue;
		*to++ = is_blank(*from) ? ' ' : *from;
	}
	*to = '\0';
	return *s ? s : NULL;
}

static int add_section(struct ini *i, const char *shown, unsigned line, char *s, struct err *err)
{
	struct ini_section sec = { .name = section_name(s), .first = i->entries.len };

	if (!sec.name)
		return err_at(err, ERR_FORMAT, shown, line, 0, "the section's name has no end");
	VEC_PUSH(&i->sections, sec);
	return 0;
}

static int add_entry(struct ini *i, const char *shown, unsigned line, char *s, bool nested, struct err *err)
{
	struct ini_section *sec = i->sections.len ? &i->sections.ptr[i->sections.len - 1] : NULL;
	char *eq = strchr(s, '=');
	struct ini_entry e = { .nested = nested };

	if (!sec || (nested && !sec->n))
		return err_at(err, ERR_FORMAT, shown, line, 0,
			      sec ? "this line is indented, but belongs to none"
				  : "expected a section such as [default] first");
	if (!eq || eq == s)
		return err_at(err, ERR_FORMAT, shown, line, 0, "expected a name, '=' and a value");
	*eq = '\0';
	e.key = trim(s);
	e.value = trim(eq + 1);
	VEC_PUSH(&i->entries, e);
	sec->n++;
	return 0;
}

int ini_parse(struct ini *i, const char *shown, struct str p, struct err *err)
{
	unsigned line = 0;
	char *s, *next;

	if (p.len > INI_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u bytes", shown, INI_MAX);
	if (p.len && memchr(p.ptr, '\0', p.len))
		return err_at(err, ERR_FORMAT, shown, 0, 0, "it is no text");
	buf_reserve(&i->text, p.len + 1);
	buf_adds(&i->text, p);
	for (s = i->text.ptr; s && *s; s = next) {
		bool indented = is_blank(*s);

		line++;
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		if (line == 1 && strncmp(s, "\xef\xbb\xbf", 3) == 0)
			s += 3;
		cut_comment(s);
		s = trim(s);
		if (!*s)
			continue;
		if (*s == '[' && !indented ? add_section(i, shown, line, s, err) < 0
					   : add_entry(i, shown, line, s, indented, err) < 0)
			return -1;
	}
	return 0;
}

int ini_load(struct ini *i, const char *path, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	int ret;

	/* /dev/null: what scripts name so that there are no settings */
	if (!fs_exists(path) || strcmp(path, "/dev/null") == 0)
		return 0;
	buf_reserve(&b, 1u << 16);
	ret = fs_read(path, INI_MAX, &b, err);
	if (ret == 0)
		ret = ini_parse(i, path, buf_str(&b), err);
	if (b.len)
		explicit_bzero(b.ptr, b.len);
	return ret;
}

bool ini_has(const struct ini *i, const char *section)
{
	VEC_EACH(&i->sections, s)
		if (strcmp(s->name, section) == 0)
			return true;
	return false;
}

static const char *find(const struct ini *i, const char *section, const char *key, const char *sub)
{
	const char *found = NULL;

	VEC_EACH(&i->sections, s) {
		bool within = false;

		if (strcmp(s->name, section) != 0)
			continue;
		for (size_t k = s->first; k < s->first + s->n; k++) {
			const struct ini_entry *e = &i->entries.ptr[k];

			if (!e->nested)
				within = strcasecmp(e->key, key) == 0;
			if (sub ? within && e->nested && strcasecmp(e->key, sub) == 0 : within && !e->nested)
				found = e->value;
		}
	}
	return found;
}

const char *ini_get(const struct ini *i, const char *section, const char *key)
{
	return find(i, section, key, NULL);
}

const char *ini_nested(const struct ini *i, const char *section, const char *key, const char *sub)
{
	return find(i, section, key, sub);
}
