/* SPDX-License-Identifier: Apache-2.0 */
#include "build/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/project.h"
#include "config/yaml.h"
#include "os/fs.h"
#include "os/proc.h"
#include "vcs/git.h"
#include "vcs/link.h"

#define CONFIG "slsc.yaml"

static char *templates_dir(void)
{
	CLEAN_FREE char *share = dirs_share();

	return path_join(share, "templates");
}

static bool is_template(const char *dir, const char *name)
{
	CLEAN_FREE char *sub = path_join(dir, name);
	CLEAN_FREE char *config = path_join(sub, CONFIG);

	return fs_exists(config);
}

static int template_names(struct strs *names, struct err *err)
{
	CLEAN_FREE char *dir = templates_dir();
	CLEAN_STRS struct strs all = { 0 };

	if (fs_list(dir, &all, err) < 0)
		return -1;
	VEC_EACH(&all, n)
		if (is_template(dir, *n))
			strs_add(names, *n);
	return 0;
}

/* find */

static int unknown_template(const char *name, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	const char *near;

	if (template_names(&names, err) < 0)
		return -1;
	near = str_closest(name, (const char *const *)names.ptr, names.len);
	err_set(err, ERR_NOTFOUND, "unknown template '%s'", name);
	if (fs_is_dir(name))
		return err_hint(err, "for the directory of that name, say './%s'", name);
	if (near)
		return err_hint(err, "did you mean '%s'?", near);
	return err_hint(err, "'slsc init --list' shows the templates");
}

/* A name: no path and nothing that could leave the directory of the templates. */
static bool is_name(const char *spec)
{
	return spec[0] != '.' && !strchr(spec, '/');
}

/* Not in the project's parent: what is fetched may be larger than what is copied, and -n writes nothing there. */
static int fetch_template(struct template *t, const char *spec,
			  void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
			  struct err *err)
{
	size_t n = strcspn(spec, "#");
	CLEAN_FREE char *url = xstrndup(spec, n);
	CLEAN_FREE char *clean = git_url_clean(url);
	const char *ref = spec[n] && spec[n + 1] ? spec + n + 1 : NULL;
	const char *base = getenv("TMPDIR");

	t->shown = ref ? xasprintf("%s#%s", clean, ref) : xstrdup(clean);
	t->tmp = path_join(base && base[0] ? base : "/tmp", ".slsc-tmp.XXXXXX");
	if (!mkdtemp(t->tmp)) {
		err_sys(err, "cannot write %s", t->tmp);
		free(steal(&t->tmp));
		return -1;
	}
	t->dir = path_join(t->tmp, "template");
	return git_fetch_tree(url, ref, t->dir, t->commit, progress, ctx, err);
}

static bool is_repository_ref(const char *spec)
{
	size_t n = strcspn(spec, "#");
	CLEAN_FREE char *path = xstrndup(spec, n);

	return spec[n] && fs_is_dir(path);
}

static int find(struct template *t, const char *spec,
		void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
		struct err *err)
{
	CLEAN_FREE char *dir = NULL;

	if (fs_is_dir(spec) && !is_name(spec) && !ends_with(spec, ".git")) {
		t->dir = xstrdup(spec);
		t->shown = xstrdup(spec);
		return 0;
	}
	if (git_url_looks_like(spec) || is_repository_ref(spec))
		return fetch_template(t, spec, progress, ctx, err);
	if (!is_name(spec)) {
		err_set(err, ERR_NOTFOUND, "template '%s' does not exist", spec);
		return fs_exists(spec) ? err_set(err, ERR_NOTFOUND, "template '%s' is not a directory",
						 spec) :
					 -1;
	}
	dir = templates_dir();
	if (!spec[0] || !is_template(dir, spec))
		return unknown_template(spec, err);
	t->dir = path_join(dir, spec);
	t->shown = xstrdup(spec);
	return 0;
}

/* scan */

struct scan {
	struct template *t;
	uint64_t bytes;
	struct err *err;
};

static int scan_dir(struct scan *s, const char *rel, unsigned depth);

static int scan_link(struct scan *s, const char *full, struct template_entry *e)
{
	char target[4096];
	ssize_t n = readlink(full, target, sizeof(target));

	if (n < 0)
		return err_sys(s->err, "cannot read %s", full);
	if (n == (ssize_t)sizeof(target))
		return err_set(s->err, ERR_LIMIT, "%s: %s: limit exceeded: the symlink is too long",
			       s->t->shown, e->path);
	target[n] = '\0';
	if (!link_stays_inside(e->path, target))
		return err_set(s->err, ERR_FORMAT, "%s: %s: the symlink leads out of the template",
			       s->t->shown, e->path);
	e->type = TEMPLATE_LINK;
	e->target = xstrdup(target);
	return 0;
}

static int scan_entry(struct scan *s, const char *path, unsigned depth)
{
	struct template *t = s->t;
	CLEAN_FREE char *full = path_join(t->dir, path);
	struct template_entry e = { .path = xstrdup(path) };
	struct stat st;
	int r = 0;

	if (lstat(full, &st) < 0) {
		r = err_sys(s->err, "cannot read %s", full);
	} else if (S_ISLNK(st.st_mode)) {
		r = scan_link(s, full, &e);
	} else if (S_ISDIR(st.st_mode)) {
		e.type = TEMPLATE_DIR;
	} else if (S_ISREG(st.st_mode)) {
		e.type = TEMPLATE_FILE;
		e.exec = (st.st_mode & 0111) != 0;
		e.config = strcmp(path, CONFIG) == 0;
		s->bytes += (uint64_t)st.st_size;
	} else {
		r = err_set(s->err, ERR_FORMAT, "%s: %s is not a file, a directory or a symlink",
			    t->shown, path);
	}
	if (r == 0 && t->entries.len == TEMPLATE_MAX_ENTRIES)
		r = err_set(s->err, ERR_LIMIT, "%s: limit exceeded: more than %u files", t->shown,
			    TEMPLATE_MAX_ENTRIES);
	if (r == 0 && s->bytes > TEMPLATE_MAX_BYTES)
		r = err_set(s->err, ERR_LIMIT, "%s: limit exceeded: more than 256 MB", t->shown);
	if (r < 0) {
		free(e.path);
		free(e.target);
		return -1;
	}
	VEC_PUSH(&t->entries, e);
	return e.type == TEMPLATE_DIR ? scan_dir(s, path, depth + 1) : 0;
}

static bool is_passed_over(const char *name, bool top)
{
	return strcmp(name, ".git") == 0 || starts_with(name, ".slsc-tmp.") ||
	       (top && (strcmp(name, ".slsc") == 0 || strcmp(name, "dist") == 0));
}

static int scan_dir(struct scan *s, const char *rel, unsigned depth)
{
	CLEAN_FREE char *full = path_join(s->t->dir, rel);
	CLEAN_STRS struct strs names = { 0 };

	if (depth > TEMPLATE_MAX_DEPTH)
		return err_set(s->err, ERR_LIMIT, "%s: limit exceeded: more than %u directories deep",
			       s->t->shown, TEMPLATE_MAX_DEPTH);
	if (sig_check(s->err) < 0 || fs_list(full, &names, s->err) < 0)
		return -1;
	VEC_EACH(&names, n) {
		CLEAN_FREE char *path = path_join(rel, *n);

		if (!is_passed_over(*n, depth == 0) && scan_entry(s, path, depth) < 0)
			return -1;
	}
	return 0;
}

/* slsc.yaml */

/* Words that YAML takes for something else than a string, and what may be a number. */
static bool needs_quotes(const char *name)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(name, words[i]) == 0)
			return true;
	return name[0] >= '0' && name[0] <= '9';
}

/* @text with the value of its top-level `project:` replaced; all else, comments too, stays. */
static void set_project(struct buf *out, struct str text, const char *name)
{
	static const char key[] = "project:";
	const char *quote = needs_quotes(name) ? "\"" : "";
	struct str rest = text;
	bool done = false;

	while (rest.len) {
		const char *nl = memchr(rest.ptr, '\n', rest.len);
		struct str line = { rest.ptr, nl ? (size_t)(nl - rest.ptr) + 1 : rest.len };
		size_t i = sizeof(key) - 1, value;

		rest.ptr += line.len;
		rest.len -= line.len;
		if (done || !str_starts(line, key) ||
		    (i < line.len && !strchr(" \t\r\n", line.ptr[i]))) {
			buf_adds(out, line);
			continue;
		}
		done = true;
		while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
			i++;
		value = i;
		if (i < line.len && (line.ptr[i] == '"' || line.ptr[i] == '\'')) {
			const char *end = memchr(line.ptr + i + 1, line.ptr[i], line.len - i - 1);

			i = end ? (size_t)(end - line.ptr) + 1 : line.len;
		} else {
			while (i < line.len && !strchr(" \t\r\n", line.ptr[i]))
				i++;
		}
		buf_add(out, line.ptr, value);
		if (value == sizeof(key) - 1)
			buf_addc(out, ' ');
		buf_addf(out, "%s%s%s", quote, name, quote);
		buf_add(out, line.ptr + i, line.len - i);
	}
}

static int load_config(struct template *t, const char *name, struct err *err)
{
	CLEAN_FREE char *path = path_join(t->dir, CONFIG);
	CLEAN_FREE char *shown = xasprintf("%s/%s", t->shown, CONFIG);
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_PROJECT struct project p = { 0 };
	bool found = false;

	VEC_EACH(&t->entries, e)
		found |= e->config;
	if (!found) {
		err_set(err, ERR_NOTFOUND, "%s: there is no file " CONFIG " in it", t->shown);
		return err_hint(err, "a template is a directory with an " CONFIG);
	}
	if (fs_read(path, YAML_MAX_BYTES, &text, err) < 0)
		return -1;
	set_project(&t->config, buf_str(&text), name);
	if (project_parse(&p, shown, t->dir, t->config.ptr, t->config.len, err) < 0)
		return -1;
	if (strcmp(p.name.s, name) != 0)
		return err_at(err, ERR_CONFIG, shown, p.name.line, p.name.col,
			      "the value of 'project' must stand in its line, unindented, to be set");
	return 0;
}

int template_load(struct template *t, const char *spec, const char *name,
		  void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
		  struct err *err)
{
	struct scan s = { .t = t, .err = err };

	*t = (struct template){ .config = BUF_INIT };
	if (find(t, spec, progress, ctx, err) == 0 && scan_dir(&s, "", 0) == 0 &&
	    load_config(t, name, err) == 0)
		return 0;
	template_release(t);
	return -1;
}

void template_release(struct template *t)
{
	struct err ignored;

	if (t->tmp && fs_rmtree(t->tmp, &ignored) < 0)
		ignored.code = ERR_NONE; /* the system empties its directory for temporary files */
	VEC_EACH(&t->entries, e) {
		free(e->path);
		free(e->target);
	}
	VEC_FREE(&t->entries);
	buf_release(&t->config);
	free(t->dir);
	free(t->shown);
	free(t->tmp);
	*t = (struct template){ .config = BUF_INIT };
}

/* list */

/* The first sentence of the first paragraph that is no heading, or what stands before a colon; heap. */
static char *describe(struct str readme)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	char *s;

	while (readme.len) {
		struct str line = readme;

		readme = str_cut(&line, '\n');
		line = str_trim(line);
		if (line.len == 0 && text.len)
			break;
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (text.len)
			buf_addc(&text, ' ');
		buf_adds(&text, line);
	}
	for (s = text.ptr; *s; s++)
		if ((s[0] == '.' || s[0] == ':') && (s[1] == ' ' || s[1] == '\0'))
			break;
	return xstrndup(text.ptr, (size_t)(s - text.ptr));
}

int template_list(struct template_infos *out, struct err *err)
{
	CLEAN_FREE char *dir = templates_dir();
	CLEAN_STRS struct strs names = { 0 };

	if (template_names(&names, err) < 0)
		return -1;
	VEC_EACH(&names, n) {
		CLEAN_FREE char *sub = path_join(dir, *n);
		CLEAN_FREE char *readme = path_join(sub, "README.md");
		CLEAN_BUF struct buf text = BUF_INIT;
		struct template_info info = { .name = xstrdup(*n) };
		struct err ignored;

		if (fs_read(readme, YAML_MAX_BYTES, &text, &ignored) < 0)
			buf_reset(&text);
		info.description = describe(buf_str(&text));
		VEC_PUSH(out, info);
	}
	return 0;
}

void template_infos_release(struct template_infos *v)
{
	VEC_EACH(v, i) {
		free(i->name);
		free(i->description);
	}
	VEC_FREE(v);
}
