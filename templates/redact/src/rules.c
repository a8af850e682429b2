#include "rules.h"

#include <stdlib.h>
#include <string.h>

#define RULES_MAX 64
#define RULES_TEXT 4096

/* The names of one list, each in lower case. */
struct rules {
	char text[RULES_TEXT];
	struct slsc_str name[RULES_MAX];
	size_t len;
};

static struct rules encrypted, masked;

char rules_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool add(struct rules *r, const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	/* A name that is empty would match nothing: whoever wrote it meant one. */
	if (p == end || *p == '.' || end[-1] == '.' || r->len == RULES_MAX)
		return false;
	r->name[r->len++] = (struct slsc_str){p, (size_t)(end - p)};
	return true;
}

/* An empty list is more likely an accident than a wish, and would let everything through: the wish is called "none". */
static int read_list(struct rules *r, const char *env, const char *otherwise)
{
	const char *text = getenv(env);
	size_t len;
	char *p, *end;

	r->len = 0;
	text = text ? text : otherwise;
	len = strlen(text);
	if (strcmp(text, "none") == 0)
		return 0;
	if (len >= sizeof(r->text))
		return -1;
	for (size_t i = 0; i <= len; i++)
		r->text[i] = rules_lower(text[i]);
	for (p = r->text;; p = end + 1) {
		end = p + strcspn(p, ",");
		if (!add(r, p, end))
			break;
		if (!*end)
			return 0;
	}
	return -1;
}

int rules_read(struct slsc_ctx *ctx)
{
	if (read_list(&encrypted, "REDACT_ENCRYPT", RULES_ENCRYPT))
		return slsc_fail(ctx, "ConfigInvalid", "REDACT_ENCRYPT is not a list of names, or none");
	if (read_list(&masked, "REDACT_MASK", RULES_MASK))
		return slsc_fail(ctx, "ConfigInvalid", "REDACT_MASK is not a list of names, or none");
	return 0;
}

bool rules_encrypt(void)
{
	return encrypted.len > 0;
}

/* Whether @path ends with one of the names, from the beginning of a name on. */
static bool has(const struct rules *r, struct slsc_str path)
{
	for (size_t i = 0; i < r->len; i++) {
		struct slsc_str name = r->name[i];
		const char *at;

		if (path.len < name.len)
			continue;
		at = path.ptr + path.len - name.len;
		if (memcmp(at, name.ptr, name.len) == 0 && (at == path.ptr || at[-1] == '.'))
			return true;
	}
	return false;
}

enum rule rules_find(struct slsc_str path)
{
	if (has(&masked, path))
		return RULE_MASK;
	return has(&encrypted, path) ? RULE_ENCRYPT : RULE_NONE;
}
