/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MAX_OPTS 96	/* of one command, with the global ones */
#define LONG_VAL 256	/* getopt values of long options start here, past every short one */

static const char *const whens[] = { "auto", "always", "never", NULL };

static const struct global_opt {
	struct opt opt;
	unsigned need;		/* enum cmd_flags; 0: every command has it */
} global_opts[] = {
	{ { OPT_FLAG, 'n', "dry-run", .offset = offsetof(struct globals, dry_run),
	    .help = "say what would be done, and write nothing" }, CMD_DRY_RUN },
	{ { OPT_FLAG, .long_name = "explain", .offset = offsetof(struct globals, explain),
	    .help = "say why, for each decision" }, CMD_EXPLAIN },
	{ { OPT_FLAG, .long_name = "json", .offset = offsetof(struct globals, json),
	    .help = "print results, and an error, as JSON" }, CMD_JSON },
	{ { OPT_STR, 'C', "directory", .offset = offsetof(struct globals, dir), .arg = "DIR",
	    .complete = COMPLETE_DIR, .help = "run as if started in DIR" }, 0 },
	{ { OPT_COUNT, 'v', "verbose", .offset = offsetof(struct globals, verbose),
	    .help = "say more; twice for even more" }, 0 },
	{ { OPT_FLAG, 'q', "quiet", .offset = offsetof(struct globals, quiet),
	    .help = "only results, warnings and errors" }, 0 },
	{ { OPT_CHOICE, .long_name = "color", .offset = offsetof(struct globals, color), .arg = "WHEN",
	    .choices = whens, .help = "colour in messages" }, 0 },
	{ { OPT_CHOICE, .long_name = "progress", .offset = offsetof(struct globals, progress), .arg = "WHEN",
	    .choices = whens, .help = "progress of long work" }, 0 },
	{ { OPT_FLAG, 'h', "help", .offset = offsetof(struct globals, help), .help = "show this help" }, 0 },
};

/* A command with subs takes, and hands on, what any of them takes. */
static unsigned flags_of(const struct cmd *cmd)
{
	unsigned flags = cmd->flags;

	for (const struct cmd *s = cmd->subs; s && s->name; s++)
		flags |= s->flags;
	return flags;
}

const struct opt *opt_global(const struct cmd *cmd, size_t *it)
{
	unsigned flags = flags_of(cmd);

	while (*it < ARRAY_LEN(global_opts)) {
		const struct global_opt *g = &global_opts[(*it)++];

		if ((g->need & flags) == g->need)
			return &g->opt;
	}
	return NULL;
}

bool opt_takes_value(const struct opt *o)
{
	return o->type != OPT_FLAG && o->type != OPT_NOFLAG && o->type != OPT_COUNT;
}

char *opt_long(const struct opt *o, char *buf, size_t cap)
{
	snprintf(buf, cap, "--%s%s", o->type == OPT_NOFLAG ? "no-" : "", o->long_name);
	return buf;
}

const struct cmd *cmd_find_sub(const struct cmd *cmd, const char *name)
{
	for (const struct cmd *s = cmd->subs; s && s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* All the options of one command, its own first, each with the struct it writes to. */
struct set {
	const struct opt *opt[MAX_OPTS];
	char *base[MAX_OPTS];
	size_t n;
	char name[MAX_OPTS][48];	/* without dashes, "no-" included */
};

static void set_add(struct set *s, const struct opt *o, void *base)
{
	char text[64];

	if (s->n == MAX_OPTS)
		BUG("more than %d options in one command", MAX_OPTS);
	s->opt[s->n] = o;
	s->base[s->n] = base;
	if (o->long_name) {
		size_t len = strlen(opt_long(o, text, sizeof(text)) + 2);

		if (len >= sizeof(s->name[0]))
			BUG("option name too long: %s", text);
		memcpy(s->name[s->n], text + 2, len + 1);
	} else {
		s->name[s->n][0] = '\0';
	}
	s->n++;
}

static void set_fill(struct set *s, const struct cmd *cmd, void *ctx, struct globals *g)
{
	const struct opt *o;
	size_t it = 0;

	s->n = 0;
	for (o = cmd->opts; o && o->type != OPT_END; o++)
		if (o->type != OPT_GROUP)
			set_add(s, o, ctx);
	while ((o = opt_global(cmd, &it)))
		set_add(s, o, g);
}

/* "--arch", or "-a" for an option that has only that */
static const char *shown(const struct set *s, size_t i, char *buf, size_t cap)
{
	if (s->name[i][0])
		snprintf(buf, cap, "--%s", s->name[i]);
	else
		snprintf(buf, cap, "-%c", s->opt[i]->short_name);
	return buf;
}

static int check_choice(const char *name, const struct opt *o, const char *value, struct err *err)
{
	CLEAN_BUF struct buf all = BUF_INIT;
	const char *near;
	size_t n = 0;

	for (; o->choices[n]; n++) {
		if (strcmp(o->choices[n], value) == 0)
			return 0;
		buf_addf(&all, "%s%s", n ? ", " : "", o->choices[n]);
	}
	err_set(err, ERR_USAGE, "%s: '%s' is not one of %s", name, value, all.ptr);
	near = str_closest(value, o->choices, n);
	if (near)
		err_hint(err, "did you mean '%s'?", near);
	return -1;
}

static int store_uint(const char *name, const struct opt *o, const char *value, unsigned *out, struct err *err)
{
	unsigned max = o->max ? o->max : UINT_MAX;
	uint64_t v;

	if (str_parse_u64(str_from(value), &v) < 0)
		return err_set(err, ERR_USAGE, "%s: '%s' is not a whole number", name, value);
	if (v < o->min || v > max)
		return err_set(err, ERR_USAGE, "%s: %s is not between %u and %u", name, value, o->min, max);
	*out = (unsigned)v;
	return 0;
}

static int store_item(const char *name, const struct opt *o, const char *item, struct strs *list, struct err *err)
{
	if (o->choices && check_choice(name, o, item, err) < 0)
		return -1;
	strs_add(list, item);
	return 0;
}

static int store_list(const char *name, const struct opt *o, const char *value, struct strs *list, struct err *err)
{
	struct str rest = str_from(value);

	for (;;) {
		struct str item = rest;
		bool more = memchr(rest.ptr, ',', rest.len) != NULL;
		CLEAN_FREE char *s = NULL;

		rest = str_cut(&item, ',');
		if (!item.len)
			return err_set(err, ERR_USAGE, "%s: empty item in '%s'", name, value);
		s = xstrndup(item.ptr, item.len);
		if (store_item(name, o, s, list, err) < 0)
			return -1;
		if (!more)
			return 0;
	}
}

static int store(const struct set *s, size_t i, const char *value, struct err *err)
{
	const struct opt *o = s->opt[i];
	void *where = s->base[i] + o->offset;
	char name[64];

	shown(s, i, name, sizeof(name));
	switch (o->type) {
	case OPT_FLAG:
		*(bool *)where = true;
		return 0;
	case OPT_NOFLAG:
		*(bool *)where = false;
		return 0;
	case OPT_COUNT:
		++*(unsigned *)where;
		return 0;
	case OPT_CHOICE:
		if (check_choice(name, o, value, err) < 0)
			return -1;
		*(const char **)where = value;
		return 0;
	case OPT_STR:
		*(const char **)where = value;
		return 0;
	case OPT_UINT:
		return store_uint(name, o, value, where, err);
	case OPT_LIST:
		return store_list(name, o, value, where, err);
	case OPT_MULTI:
		return store_item(name, o, value, where, err);
	case OPT_END:
	case OPT_GROUP:
		break;
	}
	BUG("option %s has no type", name);
}

static int unknown_long(const struct set *s, const char *path, const char *word, struct err *err)
{
	const char *cands[MAX_OPTS];
	int len = (int)strcspn(word, "=");
	CLEAN_FREE char *name = xstrndup(word, (size_t)len);
	const char *near;

	for (size_t i = 0; i < s->n; i++)
		cands[i] = s->name[i];
	err_set(err, ERR_USAGE, "unknown option '%s'", name);
	near = str_closest(name + 2, cands, s->n);
	if (near)
		return err_hint(err, "did you mean '--%s'?", near);
	return err_hint(err, "'%s --help' lists the options", path);
}

static int unknown_short(const char *path, int c, struct err *err)
{
	if (c > ' ' && c < 0x7f)
		err_set(err, ERR_USAGE, "unknown option '-%c'", c);
	else
		err_set(err, ERR_USAGE, "unknown option '-\\x%02x'", (unsigned)c & 0xff);
	return err_hint(err, "'%s --help' lists the options", path);
}

static size_t set_index(const struct set *s, int val)
{
	if (val >= LONG_VAL)
		return (size_t)(val - LONG_VAL);
	for (size_t i = 0; i < s->n; i++)
		if (s->opt[i]->short_name == val)
			return i;
	BUG("getopt returned %d", val);
}

/* getopt_long takes any unambiguous beginning of a name; we do not. @word: "--name" or "--name=value". */
static bool is_exact(const struct set *s, int val, const char *word)
{
	const char *name = s->name[set_index(s, val)];

	return strlen(name) == strcspn(word + 2, "=") && strncmp(word + 2, name, strlen(name)) == 0;
}

static int missing_value(const struct set *s, const char *path, int val, const char *word, struct err *err)
{
	size_t i = set_index(s, val);
	char name[64];

	if (val >= LONG_VAL && !is_exact(s, val, word))
		return unknown_long(s, path, word, err);

	shown(s, i, name, sizeof(name));
	err_set(err, ERR_USAGE, "%s needs a value", name);
	return err_hint(err, "write %s%s%s", name, s->name[i][0] ? "=" : " ", s->opt[i]->arg);
}

/* How many positional arguments `args` ("SRC [DIR]", "[FUNCTION...]") allows. */
static int check_count(const struct cmd *cmd, const char *path, int argc, char **argv, struct err *err)
{
	struct str rest = str_from(cmd->args ? cmd->args : "");
	int max = 0;

	while (rest.len) {
		struct str word = rest;

		rest = str_cut(&word, ' ');
		if (word.ptr[0] != '[' && max >= argc) {
			err_set(err, ERR_USAGE, "%s: missing argument " STR_FMT, path, STR_ARG(word));
			return err_hint(err, "usage: %s %s", path, cmd->args);
		}
		if (str_ends(word, "...") || str_ends(word, "...]"))
			return 0;
		max++;
	}
	if (argc > max) {
		err_set(err, ERR_USAGE, "%s: unexpected argument '%s'", path, argv[max]);
		return err_hint(err, "'%s --help' shows what it takes", path);
	}
	return 0;
}

int opt_parse(const struct cmd *cmd, const char *path, void *ctx, struct globals *g, int *argc, char ***argv,
	      struct err *err)
{
	struct set set;
	struct option longs[MAX_OPTS + 1];
	char shorts[2 * MAX_OPTS + 3] = "-:"; /* '-': positional arguments are returned as value 1, in order */
	char *sp = shorts + 2;
	char **av = *argv;
	int ac = *argc, npos = 0, c;
	size_t nl = 0;

	set_fill(&set, cmd, ctx, g);
	for (size_t i = 0; i < set.n; i++) {
		const struct opt *o = set.opt[i];
		int has_arg = opt_takes_value(o) ? required_argument : no_argument;

		if (set.name[i][0])
			longs[nl++] = (struct option){ set.name[i], has_arg, NULL, LONG_VAL + (int)i };
		if (o->short_name) {
			*sp++ = o->short_name;
			if (has_arg)
				*sp++ = ':';
		}
		if (o->type == OPT_NOFLAG)
			*(bool *)(void *)(set.base[i] + o->offset) = true;
	}
	*sp = '\0';
	longs[nl] = (struct option){ 0 };

	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while ((c = getopt_long(ac, av, shorts, longs, NULL)) != -1) {
		const char *word = av[optind - 1];

		switch (c) {
		case 1:
			if (!cmd->run) {
				*argc = ac - optind + 1;
				*argv = av + optind - 1;
				return 0;
			}
			/* the slots of what was read are free */
			av[npos++] = optarg;
			continue;
		case ':':
			return missing_value(&set, path, optopt, word, err);
		case '?':
			if (optopt && optopt < LONG_VAL)
				return unknown_short(path, optopt, err);
			if (!optopt || !is_exact(&set, optopt, word))
				return unknown_long(&set, path, word, err);
			return err_set(err, ERR_USAGE, "--%s takes no value", set.name[optopt - LONG_VAL]);
		default:
			break;
		}
		if (c >= LONG_VAL) {
			if (word == optarg)
				word = av[optind - 2];
			if (!is_exact(&set, c, word))
				return unknown_long(&set, path, word, err);
		}
		if (store(&set, set_index(&set, c), optarg, err) < 0)
			return -1;
		if (g->help)
			return 0;
	}
	if (!cmd->run) {
		*argc = ac - optind;
		*argv = av + optind;
		return 0;
	}
	while (optind < ac)
		av[npos++] = av[optind++];
	av[npos] = NULL;
	*argc = npos;
	return check_count(cmd, path, npos, av, err);
}

int opt_flags_check(const struct cmd *cmd, const char *path, const struct globals *g, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(global_opts); i++) {
		const struct global_opt *o = &global_opts[i];

		/* what only some commands take are all flags */
		if (o->need && !(o->need & cmd->flags) &&
		    *(const bool *)(const void *)((const char *)g + o->opt.offset)) {
			err_set(err, ERR_USAGE, "%s takes no --%s", path, o->opt.long_name);
			return err_hint(err, "'%s --help' lists the options", path);
		}
	}
	return 0;
}

void opt_bug_check(const struct cmd *cmd)
{
	struct set set;

	set_fill(&set, cmd, NULL, NULL);
	for (size_t i = 0; i < set.n; i++) {
		const struct opt *o = set.opt[i];

		if (!o->long_name && !o->short_name)
			BUG("%s: an option without a name", cmd->name);
		if (!o->help)
			BUG("%s: no help for --%s", cmd->name, set.name[i]);
		if (opt_takes_value(o) != (o->arg != NULL))
			BUG("%s: --%s: a value has a name, a flag has none", cmd->name, set.name[i]);
		if (o->type == OPT_CHOICE && (!o->choices || !o->choices[0]))
			BUG("%s: --%s: no choices", cmd->name, set.name[i]);
		for (size_t j = 0; j < i; j++) {
			if (set.name[i][0] && strcmp(set.name[i], set.name[j]) == 0)
				BUG("%s: --%s twice", cmd->name, set.name[i]);
			if (o->short_name && o->short_name == set.opt[j]->short_name)
				BUG("%s: -%c twice", cmd->name, o->short_name);
		}
	}
	for (const struct cmd *s = cmd->subs; s && s->name; s++)
		opt_bug_check(s);
}
