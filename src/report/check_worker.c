/* SPDX-License-Identifier: Apache-2.0 */
/* A Worker's directory, as `slsc package --workers` makes it: its module, and the variables of its configurations. */
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"
#include "report/check_image.h"
#include "wasm/wasm.h"

#define WRANGLER "wrangler.toml"
#define WORKERD	 "config.capnp"

bool check_is_worker(const char *dir)
{
	static const char *const names[] = { WRANGLER, WORKERD, "worker.mjs" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_FREE char *path = path_join(dir, names[i]);

		if (fs_exists(path))
			return true;
	}
	return false;
}

static const char *skip(const char *p, const char *set)
{
	return p + strspn(p, set);
}

static bool take(const char **p, const char *word)
{
	const char *q = skip(*p, " \t,");

	if (!starts_with(q, word))
		return false;
	*p = q + strlen(word);
	return true;
}

/*
 * A string in quotes, of TOML or Cap'n Proto. What is escaped stays so but for quotes and backslashes, which is all
 * that names and tokens need.
 */
static bool take_string(const char **p, struct buf *out)
{
	const char *q = skip(*p, " \t,"), quote = *q;

	buf_reset(out);
	if (quote != '"' && quote != '\'')
		return false;
	for (q++; *q && *q != quote; q++) {
		if (*q == '\\' && quote == '"' && (q[1] == '"' || q[1] == '\\'))
			q++;
		buf_addc(out, *q);
	}
	*p = *q ? q + 1 : q;
	return *q == quote;
}

/* NAME = "value" below [vars], and [env.test.vars] of a user, whose names need no quotes. */
static void read_toml(struct check *c, const char *line, bool *in_vars)
{
	CLEAN_BUF struct buf name = BUF_INIT, value = BUF_INIT;
	const char *p = skip(line, " \t");

	if (*p == '[')
		*in_vars = strstr(p, "vars]") != NULL;
	if (!*in_vars || *p == '[')
		return;
	if (!take_string(&p, &name)) {
		const size_t n = strcspn(p, " \t=#");

		buf_add(&name, p, n);
		p += n;
	}
	if (name.len && take(&p, "=") && take_string(&p, &value))
		check_secret_env(c, WRANGLER, name.ptr, value.ptr, "the Worker");
}

/* (name = "NAME", text = "value"), */
static void read_capnp(struct check *c, const char *line)
{
	CLEAN_BUF struct buf name = BUF_INIT, value = BUF_INIT;
	const char *p = line;

	if (take(&p, "(name") && take(&p, "=") && take_string(&p, &name) && take(&p, "text") && take(&p, "=") &&
	    take_string(&p, &value))
		check_secret_env(c, WORKERD, name.ptr, value.ptr, "the Worker");
}

void check_worker_text(struct check *c, const char *name, char *text)
{
	const bool toml = strcmp(name, WRANGLER) == 0;
	bool in_vars = false;

	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (toml)
			read_toml(c, line, &in_vars);
		else
			read_capnp(c, line);
	}
}

static int check_file(struct check *c, const char *dir, const char *name, struct err *err)
{
	const bool module = ends_with(name, ".wasm");
	CLEAN_FREE char *path = path_join(dir, name);
	CLEAN_BUF struct buf bytes = BUF_INIT;

	if (!module && strcmp(name, WRANGLER) != 0 && strcmp(name, WORKERD) != 0)
		return 0;
	if (fs_read(path, module ? WASM_SIZE_MAX : SECRET_MAX_TEXT, &bytes, err) < 0) {
		if (!check_is_foreign(err))
			return -1;
		check_add(c, RULE_MODULE_FORMAT, name, "%s", err->msg);
		return 0;
	}
	if (module)
		check_module(c, name, bytes.ptr, bytes.len);
	else if (bytes.len)
		check_worker_text(c, name, bytes.ptr);
	return 0;
}

int check_worker(struct check *c, const struct check_target *t, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	bool module = false;

	if (fs_list(t->text, &names, err) < 0)
		return -1;
	check_start(c, t->text, t->platform >= 0 ? (enum check_platform)t->platform : CHECK_GENERIC);
	for (size_t i = 0; i < names.len; i++) {
		module |= ends_with(names.ptr[i], ".wasm");
		if (check_file(c, t->text, names.ptr[i], err) < 0)
			return -1;
	}
	if (!module)
		check_add(c, RULE_MODULE_FORMAT, NULL, "holds no module");
	return 0;
}
