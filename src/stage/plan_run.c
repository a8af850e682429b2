/* SPDX-License-Identifier: Apache-2.0 */
/* RUN, COPY and ADD as ops: all they read, with variables put in. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *current(struct vertex *v, const char *member)
{
	const char *s = image_config_get(&v->config, member);

	return s ? arena_strdup(&v->sv->arena, s) : NULL;
}

static const char *flag(struct vertex *v, const struct df_inst *i, const char *name, struct err *err)
{
	const struct df_flag *f = df_flag(i, name);

	return f && f->val.s ? plan_expand(v, f->val, err) : "";
}

/* ---- RUN ---- */

/* The image's environment, and what ARGs say: the later of two of one name counts. PATH as everybody expects it. */
static const char *const *run_env(struct vertex *v)
{
	const json_t *env = json_object_get(v->config.config, "Env");
	CLEAN_STRS struct strs list = { 0 };
	const char **out;

	for (size_t i = 0; i < json_array_size(env); i++) {
		const char *text = json_string_value(json_array_get(env, i));
		CLEAN_FREE char *name = text ? xstrndup(text, strcspn(text, "=")) : NULL;

		if (name)
			strs_addf(&list, "%s=%s", name, plan_var(name, v));
	}
	for (size_t i = 0; i < v->vars.len; i++)
		if (!image_config_env(&v->config, v->vars.ptr[i].key))
			strs_addf(&list, "%s=%s", v->vars.ptr[i].key, (const char *)v->vars.ptr[i].val);
	if (!plan_var("PATH", v))
		strs_add(&list, "PATH=" DEFAULT_PATH);
	out = arena_alloc(&v->sv->arena, (list.len + 1) * sizeof(*out));
	for (size_t i = 0; i < list.len; i++)
		out[i] = arena_strdup(&v->sv->arena, list.ptr[i]);
	return out;
}

static int run_mount(struct vertex *v, const struct df_flag *f, struct op_mount *out, struct err *err)
{
	struct df_word text = f->val;

	text.s = plan_expand(v, f->val, err);
	if (!text.s || df_mount_parse(&out->m, v->shown, text, &v->sv->arena, err) < 0)
		return -1;
	if (out->m.type == DF_MOUNT_SSH) {
		plan_fail(v, f->val, err, "RUN --mount: type=ssh is not supported");
		return err_hint(err, "pass a key by --secret and --mount=type=secret");
	}
	if (out->m.from && (out->m.type == DF_MOUNT_BIND || out->m.type == DF_MOUNT_CACHE))
		return plan_from(v, out->m.from, f->val, &out->from, err);
	return 0;
}

/* The text of a RUN with heredocs: a shell sees them as they were written. */
static const char *with_heredocs(struct vertex *v, const struct df_inst *i)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, i->nargs ? i->args[0].s : "");
	for (size_t k = 0; k < i->nheredocs; k++) {
		const struct df_heredoc *h = &i->heredocs[k];

		buf_addf(&b, "\n" STR_FMT "%s", STR_ARG(h->text), h->name);
	}
	return arena_str(&v->sv->arena, buf_str(&b));
}

/* "RUN <<EOF" and nothing else: the heredoc is the script, by its own interpreter if it names one. */
static bool is_only_heredoc(const struct df_inst *i)
{
	return i->nheredocs && i->nargs && df_heredoc_of(i, i->args[0].s) == &i->heredocs[0];
}

static void run_argv(struct vertex *v, const struct df_inst *i, struct op *op)
{
	const char **list = arena_alloc(&v->sv->arena, (i->nargs + v->shell.len + 2) * sizeof(*list));
	const char *text = NULL;
	size_t n = 0;

	if (is_only_heredoc(i)) {
		const struct df_heredoc *h = &i->heredocs[0];

		text = arena_str(&v->sv->arena, h->text);
		if (str_starts(h->text, "#!")) {
			op->script = h->text;
			op->script_name = h->name;
			list[n++] = arena_printf(&v->sv->arena, "/dev/pipes/%s", h->name);
		}
	} else if (i->nheredocs) {
		text = with_heredocs(v, i);
	}
	if (!op->script.len && !i->json)
		for (size_t k = 0; k < v->shell.len; k++)
			list[n++] = arena_strdup(&v->sv->arena, v->shell.ptr[k]);
	if (!op->script.len && text)
		list[n++] = text;
	for (size_t k = 0; !text && k < i->nargs; k++)
		list[n++] = i->args[k].s;
	op->argv = list;
}

static const char *run_history(struct vertex *v, const char *const *argv)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "RUN");
	if (v->args.len)
		buf_addf(&b, " |%zu", v->args.len);
	VEC_EACH(&v->args, name)
		buf_addf(&b, " %s=%s", *name, plan_var(*name, v));
	for (; *argv; argv++)
		buf_addf(&b, " %s", *argv);
	return arena_str(&v->sv->arena, buf_str(&b));
}

int plan_run(struct vertex *v, const struct df_inst *i, struct err *err)
{
	struct op *op = plan_op(v, i, OP_RUN, NULL);
	const struct df_flag *net = df_flag(i, "network");
	const char *network = flag(v, i, "network", err);
	size_t n = 0;

	if (!network)
		return -1;
	for (size_t k = 0; k < i->nflags; k++)
		n += strcmp(i->flags[k].name, "mount") == 0;
	op->mounts = arena_alloc(&v->sv->arena, (n + 1) * sizeof(*op->mounts));
	for (size_t k = 0; k < i->nflags; k++)
		if (strcmp(i->flags[k].name, "mount") == 0 &&
		    run_mount(v, &i->flags[k], &op->mounts[op->nmounts++], err) < 0)
			return -1;
	if (*network && strcmp(network, "none") != 0 && strcmp(network, "host") != 0 &&
	    strcmp(network, "default") != 0) {
		plan_fail(v, net->val, err, "RUN: --network=%s is not supported", network);
		return err_hint(err, "write none, host or default");
	}
	op->network = strcmp(network, "none") != 0 && !v->sv->req->no_network;
	run_argv(v, i, op);
	op->env = run_env(v);
	op->cwd = current(v, "WorkingDir");
	op->cwd = op->cwd ? op->cwd : "/";
	op->user = current(v, "User");
	op->history = run_history(v, op->argv);
	v->entries.ptr[v->entries.len - 1].text = op->history;
	return 0;
}

/* ---- COPY and ADD ---- */

static int copy_flag_bool(struct vertex *v, const struct df_inst *i, const char *name, bool *out, struct err *err)
{
	const struct df_flag *f = df_flag(i, name);

	*out = f && (!f->val.s || strcasecmp(f->val.s, "true") == 0 || strcmp(f->val.s, "1") == 0);
	if (f && f->val.s && !*out && strcasecmp(f->val.s, "false") != 0 && strcmp(f->val.s, "0") != 0)
		return plan_fail(v, f->val, err, "%s: --%s=%s is neither true nor false", df_kind_name(i->kind), name,
				 f->val.s);
	return 0;
}

static int copy_words(struct vertex *v, const struct df_inst *i, struct copy_want *w, struct err *err)
{
	const char **list = arena_alloc(&v->sv->arena, (i->nargs + 1) * sizeof(*list));

	for (size_t k = 0; k < i->nargs; k++) {
		list[k] = plan_expand(v, i->args[k], err);
		if (!list[k])
			return -1;
	}
	w->sources = list;
	w->nsources = i->nargs - 1;
	w->dest = list[i->nargs - 1];
	return 0;
}

static int copy_heredocs(struct vertex *v, const struct df_inst *i, struct copy_want *w, struct err *err)
{
	struct df_heredoc *list = arena_alloc(&v->sv->arena, (i->nheredocs + 1) * sizeof(*list));
	const struct df_vars vars = { plan_var, v };

	for (size_t k = 0; k < i->nheredocs; k++) {
		CLEAN_BUF struct buf out = BUF_INIT;
		const struct df_word text = { arena_str(&v->sv->arena, i->heredocs[k].text), i->heredocs[k].line, 1 };

		list[k] = i->heredocs[k];
		if (!list[k].expand)
			continue;
		if (df_expand_raw(v->shown, text, &vars, &out, err) < 0)
			return -1;
		list[k].text = str_from(arena_str(&v->sv->arena, buf_str(&out)));
	}
	w->heredocs = list;
	w->nheredocs = i->nheredocs;
	return 0;
}

static int copy_excludes(struct vertex *v, const struct df_inst *i, struct copy_want *w, struct err *err)
{
	const char **list = arena_alloc(&v->sv->arena, (i->nflags + 1) * sizeof(*list));

	for (size_t k = 0; k < i->nflags; k++) {
		if (strcmp(i->flags[k].name, "exclude") != 0)
			continue;
		list[w->nexcludes] = plan_expand(v, i->flags[k].val, err);
		if (!list[w->nexcludes++])
			return -1;
	}
	w->excludes = list;
	return 0;
}

static const char *copy_history(struct vertex *v, const struct df_inst *i, const struct copy_want *w)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, df_kind_name(i->kind));
	if (w->chown)
		buf_addf(&b, " --chown=%s", w->chown);
	if (w->chmod)
		buf_addf(&b, " --chmod=%s", w->chmod);
	for (size_t k = 0; k < w->nsources; k++) {
		CLEAN_FREE char *shown = w->add ? copy_shown(w->sources[k]) : xstrdup(w->sources[k]);

		buf_addf(&b, " %s", shown);
	}
	buf_addf(&b, " %s", w->dest);
	return arena_str(&v->sv->arena, buf_str(&b));
}

int plan_copy(struct vertex *v, const struct df_inst *i, struct err *err)
{
	struct copy_want w = { .shown = v->shown,
			       .inst = i,
			       .add = i->kind == DF_ADD,
			       .epoch = v->sv->epoch,
			       .network = !v->sv->req->no_network };
	const struct df_flag *from = df_flag(i, "from"), *unpack = df_flag(i, "unpack");
	const char *chown = flag(v, i, "chown", err), *chmod = flag(v, i, "chmod", err);
	const char *checksum = flag(v, i, "checksum", err);
	struct vertex *source = NULL;
	struct op *op;
	bool flag_unpack;

	if (!chown || !chmod || !checksum || copy_words(v, i, &w, err) < 0 || copy_heredocs(v, i, &w, err) < 0 ||
	    copy_excludes(v, i, &w, err) < 0 || copy_flag_bool(v, i, "link", &w.link, err) < 0 ||
	    copy_flag_bool(v, i, "parents", &w.parents, err) < 0 ||
	    copy_flag_bool(v, i, "keep-git-dir", &w.keep_git_dir, err) < 0 ||
	    copy_flag_bool(v, i, "unpack", &flag_unpack, err) < 0)
		return -1;
	w.unpack = unpack && flag_unpack;
	w.no_unpack = unpack && !flag_unpack;
	w.chown = *chown ? chown : NULL;
	w.chmod = *chmod ? chmod : NULL;
	w.checksum = *checksum ? checksum : NULL;
	w.workdir = current(v, "WorkingDir");
	w.workdir = w.workdir ? w.workdir : "/";
	if (from && from->val.s && plan_from(v, from->val.s, from->val, &source, err) < 0)
		return -1;
	op = plan_op(v, i, OP_COPY, copy_history(v, i, &w));
	op->want = w;
	op->from = source;
	return 0;
}
