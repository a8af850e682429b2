/*
 * Records of a log, made fit to leave the edge: JSON lines in, JSON lines out, of which some members are encrypted and
 * some masked (rules.h), and in whose texts no mail address or card number is left (text.h).
 *
 * What is not understood goes no further: in the place of such a line stands {"redact_error":...}, which has nothing
 * of it, and without a key there is no answer at all.
 */
#include "redact.h"

#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "rules.h"
#include "seal.h"
#include "text.h"

#define LINE_MAX_BYTES (256u << 10)
#define DEPTH_MAX 32
#define TOKENS_MAX 16384
#define PATH_MAX_BYTES 4096

#define NO_MEMORY "not enough memory"
#define NO_NAMES "the names are too long"

/* One line. */
struct job {
	struct slsc_ctx *ctx;
	struct slsc_out *out;
	const char *line;
	int count, at;			/* tokens; the next of them */
	char path[PATH_MAX_BYTES];	/* in lower case */
	size_t path_len;
	bool failed;			/* not the line's fault: the invocation is over */
};

/* There is one invocation at a time, and one line. */
static jsmntok_t tokens[TOKENS_MAX];
static struct job job;

static const char *put_value(struct job *j);

/* The text of a token, a string's with its quotes. */
static struct slsc_str text_of(const struct job *j, const jsmntok_t *t)
{
	int quote = t->type == JSMN_STRING;

	return (struct slsc_str){j->line + t->start - quote, (size_t)(t->end - t->start + 2 * quote)};
}

static void skip_value(struct job *j)
{
	int end = tokens[j->at++].end;

	while (j->at < j->count && tokens[j->at].start < end)
		j->at++;
}

/* Append @raw, a JSON string that says @text: as it is, or with what must not be read replaced. */
static void put_string(struct job *j, struct slsc_str raw, struct slsc_str text)
{
	struct hit hit;
	size_t at = 0;

	if (!text_find(text, 0, &hit)) {
		slsc_put_str(j->out, raw);
		return;
	}
	slsc_puts(j->out, "\"");
	do {
		slsc_put_escaped(j->out, (struct slsc_str){text.ptr + at, hit.start - at});
		slsc_puts(j->out, hit.mask);
		at = hit.end;
	} while (text_find(text, at, &hit));
	slsc_put_escaped(j->out, (struct slsc_str){text.ptr + at, text.len - at});
	slsc_puts(j->out, "\"");
}

static bool path_push(struct job *j, struct slsc_str name)
{
	if (name.len + 1 > sizeof(j->path) - j->path_len)
		return false;
	if (j->path_len)
		j->path[j->path_len++] = '.';
	for (size_t i = 0; i < name.len; i++)
		j->path[j->path_len++] = rules_lower(name.ptr[i]);
	return true;
}

static const char *put_member(struct job *j)
{
	struct slsc_str raw = text_of(j, &tokens[j->at++]), name;
	size_t path_len = j->path_len;
	const char *error = NULL;

	if (slsc_json_str(j->ctx, raw, &name))
		return NO_MEMORY;
	if (!path_push(j, name))
		return NO_NAMES;
	put_string(j, raw, name);
	slsc_puts(j->out, ":");
	switch (rules_find((struct slsc_str){j->path, j->path_len})) {
	case RULE_NONE:
		error = put_value(j);
		break;
	case RULE_MASK:
		slsc_puts(j->out, "\"***\"");
		skip_value(j);
		break;
	case RULE_ENCRYPT:
		j->failed |= seal_put(j->ctx, j->out, name, text_of(j, &tokens[j->at])) != 0;
		skip_value(j);
		break;
	}
	j->path_len = path_len;
	return error;
}

/* As deep as the line goes, which is DEPTH_MAX at most. */
static const char *put_value(struct job *j)
{
	const jsmntok_t *t = &tokens[j->at];
	struct slsc_str raw = text_of(j, t), text;
	const char *error = NULL;
	struct hit hit;

	switch (t->type) {
	case JSMN_OBJECT:
	case JSMN_ARRAY:
		j->at++;
		slsc_puts(j->out, t->type == JSMN_OBJECT ? "{" : "[");
		for (int i = 0; i < t->size && !error && !j->failed; i++) {
			slsc_puts(j->out, i ? "," : "");
			error = t->type == JSMN_OBJECT ? put_member(j) : put_value(j);
		}
		slsc_puts(j->out, t->type == JSMN_OBJECT ? "}" : "]");
		return error;
	case JSMN_STRING:
		if (slsc_json_str(j->ctx, raw, &text))
			return NO_MEMORY;
		put_string(j, raw, text);
		break;
	default:
		/* A number may be a card's; what is left of it would be no number. */
		if (text_find(raw, 0, &hit))
			slsc_puts(j->out, "\"[card]\"");
		else
			slsc_put_str(j->out, raw);
	}
	j->at++;
	return NULL;
}

/* Before anything else looks at the line: what jsmn does at each bracket's end grows with the depth. */
static bool is_deep(struct slsc_str line)
{
	const char *end = line.ptr + line.len;
	bool quoted = false;
	int depth = 0;

	for (const char *p = line.ptr; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\\' && quoted)
			p++;
		else if ((*p == '{' || *p == '[') && !quoted && ++depth > DEPTH_MAX)
			return true;
		else if ((*p == '}' || *p == ']') && !quoted)
			depth--;
	}
	return false;
}

/* Append what @line becomes. Returns NULL, or what is wrong with it. */
static const char *put_line(struct job *j, struct slsc_str line)
{
	struct slsc_str value;
	jsmn_parser parser;

	if (line.len > LINE_MAX_BYTES)
		return "the line is too long";
	if (!text_is_utf8(line))
		return "not UTF-8";
	if (is_deep(line))
		return "nested too deep";
	jsmn_init(&parser);
	j->line = line.ptr;
	j->at = 0;
	j->path_len = 0;
	j->count = jsmn_parse(&parser, line.ptr, line.len, tokens, TOKENS_MAX);
	if (j->count == JSMN_ERROR_NOMEM)
		return "too many values";
	/* jsmn takes more than JSON for JSON, such as members without a comma: the runtime's reader does not. */
	if (j->count < 1 || slsc_json_get(line, "", &value) < 0 || tokens[0].type != JSMN_OBJECT)
		return "not a JSON object";
	return put_value(j);
}

static bool is_blank(struct slsc_str line)
{
	return line.len == 0 || (line.len == 1 && line.ptr[0] == '\r');
}

static int redact(struct job *j, struct slsc_str line, uint64_t number)
{
	size_t start = j->out->len;
	const char *error = put_line(j, line);

	if (j->failed)
		return -1;
	if (error) {
		j->out->len = start;
		slsc_puts(j->out, "{\"redact_error\":");
		slsc_put_json(j->out, slsc_cstr(error));
		slsc_puts(j->out, ",\"line\":");
		slsc_put_u64(j->out, number);
		slsc_puts(j->out, ",\"bytes\":");
		slsc_put_u64(j->out, line.len);
		slsc_puts(j->out, "}");
	}
	slsc_puts(j->out, "\n");
	return 0;
}

int redact_lines(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	const char *p = in.ptr, *end = in.ptr + in.len, *next;
	uint64_t number = 0;

	job = (struct job){.ctx = ctx, .out = out};
	for (; p < end; p = next) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		struct slsc_str line = {p, (size_t)((newline ? newline : end) - p)};

		next = newline ? newline + 1 : end;
		number++;
		if (!is_blank(line) && redact(&job, line, number))
			return -1;
		/* The answer is too large, and the runtime is going to say so. */
		if (out->full)
			break;
	}
	return 0;
}
