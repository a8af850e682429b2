/* SPDX-License-Identifier: Apache-2.0 */
#include "report/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "report/check_internal.h"
#include "wasm/wasm.h"

const struct check_rule check_rules[RULE_COUNT] = {
#define X(name, id_, lambda, knative, generic, summary_, remedy_)                                              \
	[RULE_##name] = { .id = (id_),                                                                         \
			  .severity = { CHECK_##lambda, CHECK_##knative, CHECK_##generic },                    \
			  .summary = (summary_),                                                               \
			  .remedy = (remedy_) },
	CHECK_RULES(X)
#undef X
};

static const char *const platforms[CHECK_PLATFORMS] = { "lambda", "knative", "generic" };
static const char *const severities[] = { "off", "info", "warning", "error" };

const char *check_platform_name(enum check_platform p)
{
	return platforms[p];
}

int check_platform_parse(const char *s)
{
	for (int i = 0; i < CHECK_PLATFORMS; i++)
		if (strcmp(s, platforms[i]) == 0)
			return i;
	return -1;
}

const char *check_severity_name(enum check_severity s)
{
	return severities[s];
}

const struct check_rule *check_rule_find(const char *id)
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (strcmp(check_rules[i].id, id) == 0)
			return &check_rules[i];
	return NULL;
}

void check_release(struct check *c)
{
	VEC_EACH(&c->findings, f) {
		free(f->artifact);
		free(f->where);
		free(f->message);
	}
	VEC_FREE(&c->findings);
	strs_release(&c->artifacts);
}

void check_start(struct check *c, const char *artifact, enum check_platform p)
{
	strs_add(&c->artifacts, artifact);
	c->artifact = c->artifacts.ptr[c->artifacts.len - 1];
	c->platform = p;
	memset(c->seen, 0, sizeof(c->seen));
}

bool check_on(const struct check *c, enum check_id id)
{
	if (check_rules[id].severity[c->platform] == CHECK_OFF)
		return false;
	for (size_t i = 0; c->ignore && i < c->ignore->len; i++)
		if (strcmp(c->ignore->ptr[i], check_rules[id].id) == 0)
			return false;
	return true;
}

void check_add(struct check *c, enum check_id id, const char *where, const char *fmt, ...)
{
	struct finding f = { .rule = &check_rules[id], .severity = check_rules[id].severity[c->platform],
			     .platform = c->platform };
	va_list ap;

	if (!check_on(c, id))
		return;
	for (size_t i = 0; i < c->accepted.len; i++)
		if (strcmp(c->accepted.ptr[i].s, check_rules[id].id) == 0) {
			c->ignored++;
			return;
		}
	c->count[f.severity]++;
	if (c->seen[id]++ >= CHECK_PER_RULE)
		return;
	va_start(ap, fmt);
	if (vasprintf(&f.message, fmt, ap) < 0)
		BUG("out of memory");
	va_end(ap);
	f.artifact = xstrdup(c->artifact);
	f.where = where ? xstrdup(where) : NULL;
	VEC_PUSH(&c->findings, f);
}

/* What a file starts with; fewer bytes if it is shorter. */
static int head_of(const char *path, char head[4], size_t *n, struct err *err)
{
	struct stat st;
	CLEAN_FD int fd = fs_open(path, &st, err);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = pread(fd, head, 4, 0);
	if (got < 0)
		return err_sys(err, "%s", path);
	*n = (size_t)got;
	return 0;
}

/* "hello-arm64.zip": what slsc calls it. */
static const char *arch_by_name(const char *path)
{
	const char *base = path_basename(path);

	if (strstr(base, "x86_64") || strstr(base, "amd64"))
		return "x86_64";
	return strstr(base, "arm64") || strstr(base, "aarch64") ? "arm64" : NULL;
}

static int check_program(struct check *c, const struct check_target *t, struct err *err)
{
	const struct binary_env env = { .arch = t->arch ? t->arch : arch_by_name(t->text) };
	char interp[256];

	check_start(c, t->text, t->platform >= 0 ? (enum check_platform)t->platform : CHECK_GENERIC);
	return check_binary(c, &env, t->text, NULL, interp, err);
}

static int check_module_file(struct check *c, const struct check_target *t, struct err *err)
{
	CLEAN_BUF struct buf bytes = BUF_INIT;

	check_start(c, t->text, t->platform >= 0 ? (enum check_platform)t->platform : CHECK_GENERIC);
	if (fs_read(t->text, WASM_SIZE_MAX, &bytes, err) < 0)
		return -1;
	check_module(c, NULL, bytes.ptr, bytes.len);
	return 0;
}

int check_artifact(struct check *c, const struct check_target *t, struct err *err)
{
	char head[4] = { 0 };
	size_t n = 0;
	struct stat st;

	if (stat(t->text, &st) < 0 || S_ISDIR(st.st_mode))
		return check_is_worker(t->text) ? check_worker(c, t, err)
						: check_image(c, t->text, t->platform, err);
	if (head_of(t->text, head, &n, err) < 0)
		return -1;
	if (n == 4 && memcmp(head, "\x7f" "ELF", 4) == 0)
		return check_program(c, t, err);
	if ((n == 4 && memcmp(head, "\0asm", 4) == 0) || ends_with(t->text, ".wasm"))
		return check_module_file(c, t, err);
	if (ends_with(t->text, ".zip") || (n == 4 && memcmp(head, "PK\3\4", 4) == 0)) {
		check_start(c, t->text, t->platform >= 0 ? (enum check_platform)t->platform : CHECK_LAMBDA);
		return check_zip(c, t->text, t->arch ? t->arch : arch_by_name(t->text), err);
	}
	return check_image(c, t->text, t->platform, err);
}
