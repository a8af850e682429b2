/* SPDX-License-Identifier: Apache-2.0 */
#include "report/check_entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/project.h"
#include "os/fs.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PROGRAM_MAX (UINT64_C(1) << 30)	/* bytes of a program or library that is copied to the disk to be read */
#define MAX_LIBRARIES 256u	/* of a program and its libraries that are looked into */

/* What ld.so and musl's loader look through without being told. */
static const char *const lib_dirs[] = { "lib",
					"usr/lib",
					"lib64",
					"usr/lib64",
					"usr/local/lib",
					"lib/x86_64-linux-gnu",
					"usr/lib/x86_64-linux-gnu",
					"lib/aarch64-linux-gnu",
					"usr/lib/aarch64-linux-gnu",
					"lib/x86_64-linux-musl",
					"lib/aarch64-linux-musl" };

struct entry {
	struct check *c;
	const struct rootfs *r;
	const struct doc_config *cfg;
	struct check_user user;
};

struct check_user check_user_parse(const char *user)
{
	struct check_user u = { .uid = -1, .gid = -1 };
	struct str gid = str_from(user ? user : ""), uid;
	uint64_t v;

	uid = gid;
	if (memchr(gid.ptr, ':', gid.len)) {
		uid = gid;
		gid = str_cut(&uid, ':');
	} else {
		gid.len = 0;
	}
	if (uid.len == 0 || str_eqz(uid, "root"))
		u.uid = 0;
	else if (str_parse_u64(uid, &v) == 0 && v <= UINT32_MAX)
		u.uid = (int64_t)v;
	else
		u.named = true;
	if (gid.len && str_parse_u64(gid, &v) == 0 && v <= UINT32_MAX)
		u.gid = (int64_t)v;
	return u;
}

/* Whether the user who runs the image has @bits (4 r, 2 w, 1 x) of @n. Lambda has a user of its own. */
static bool may(const struct entry *en, const struct rootfs_node *n, unsigned bits)
{
	unsigned have = n->mode & 7u;

	if (en->c->platform != CHECK_LAMBDA) {
		if (en->user.uid == 0)
			return n->type == UNAR_DIR || !(bits & 1u) || (n->mode & 0111u);
		if (en->user.uid >= 0 && n->uid == (uint64_t)en->user.uid)
			have = n->mode >> 6 & 7u;
		else if (en->user.gid >= 0 && n->gid == (uint64_t)en->user.gid)
			have = n->mode >> 3 & 7u;
	}
	return (have & bits) == bits;
}

/* The first directory on the way to @n that cannot be entered, or NULL. */
static const struct rootfs_node *barred(const struct entry *en, const struct rootfs_node *n)
{
	const struct rootfs_node *found = NULL;

	for (const struct rootfs_node *p = n->parent; p; p = p->parent)
		if (!may(en, p, 1u))
			found = p;
	return found;
}

static const char *who(const struct entry *en)
{
	return en->c->platform == CHECK_LAMBDA ? "Lambda's user" : "the image's user";
}

static void check_workdir(struct entry *en)
{
	const char *dir = en->cfg->workdir;
	const struct rootfs_node *n, *bar;

	if (!dir || !*dir)
		return;
	n = rootfs_resolve(en->r, dir, true);
	if (!n || n->type != UNAR_DIR) {
		check_add(en->c, RULE_WORKDIR_MISSING, "config",
			  n ? "WORKDIR %s is no directory" : "WORKDIR %s is not there", dir);
		return;
	}
	bar = barred(en, n);
	if (!bar && !may(en, n, 1u))
		bar = n;
	if (bar)
		check_add(en->c, RULE_WORKDIR_ACCESS, "config",
			  "WORKDIR %s: /%s has mode 0%o, owner %u:%u: %s cannot enter", dir, bar->path,
			  bar->mode & 07777u, bar->uid, bar->gid, who(en));
}

char *entry_program(const struct rootfs *r, const struct doc_config *cfg, const char *name)
{
	const char *path = doc_kvs_get(&cfg->env, "PATH");
	struct str rest = str_from(path ? path : DEFAULT_PATH);

	if (*name == '/')
		return xstrdup(name);
	if (strchr(name, '/'))
		return path_join(cfg->workdir && *cfg->workdir ? cfg->workdir : "/", name);
	while (rest.len) {
		struct str dir = rest;
		char *full;

		rest = str_cut(&dir, ':');
		full = xasprintf(STR_FMT "/%s", STR_ARG(dir), name);
		if (rootfs_resolve(r, full, true))
			return full;
		free(full);
	}
	return NULL;
}

static bool has_loader(void *ctx, const char *path)
{
	const struct entry *en = ctx;
	const struct rootfs_node *n = rootfs_resolve(en->r, path, true);

	return n && n->type == UNAR_FILE;
}

static const struct rootfs_node *find_library(const struct entry *en, const char *name)
{
	const struct rootfs_node *n;
	size_t it = 0;

	if (strchr(name, '/'))
		return rootfs_resolve(en->r, name, true);
	for (size_t i = 0; i < ARRAY_LEN(lib_dirs); i++) {
		CLEAN_FREE char *path = xasprintf("%s/%s", lib_dirs[i], name);
		const struct rootfs_node *found = rootfs_resolve(en->r, path, true);

		if (found && found->type == UNAR_FILE)
			return found;
	}
	/* an rpath, ld.so.conf or LD_LIBRARY_PATH may name any directory */
	while ((n = rootfs_each(en->r, &it)))
		if ((n->type == UNAR_FILE || n->type == UNAR_SYMLINK) && strcmp(path_basename(n->path), name) == 0)
			return rootfs_resolve(en->r, n->path, true);
	return NULL;
}

static bool has_library(void *ctx, const char *name, const char *interp)
{
	const struct entry *en = ctx;

	(void)interp;
	/* musl's loader is its libc, under whatever name it is installed */
	return starts_with(name, "libc.musl-") || find_library(en, name) != NULL;
}

/* One file of the image, as ELF. */
static int check_file(struct entry *en, const struct rootfs_node *n, struct strs *needed, struct err *err)
{
	CLEAN_PROGRAM struct program prog = { .fd = -1 };
	const struct binary_env env = {
		.where = n->path, .loader = has_loader, .library = has_library, .ctx = en,
		.arch = en->cfg->architecture && arch_parse(en->cfg->architecture) >= 0
				? arch_name((enum arch)arch_parse(en->cfg->architecture)) : NULL,
	};
	char interp[256], size[32];

	if (n->size > PROGRAM_MAX) {
		check_add(en->c, RULE_BINARY_FORMAT, n->path, "has %s: no program is as large",
			  str_human_size(n->size, size, sizeof(size)));
		return 0;
	}
	if (program_create(&prog, err) < 0 || rootfs_file(en->r, n, program_write, &prog, err) < 0)
		return -1;
	return check_binary(en->c, &env, prog.path, needed, interp, err);
}

/* The program, then what it needs, then what these need. */
static int check_closure(struct entry *en, const struct rootfs_node *program, struct err *err)
{
	CLEAN_STRS struct strs needed = { 0 };
	struct map seen = { 0 };
	int ret = check_file(en, program, &needed, err);

	for (size_t i = 0; i < needed.len && i < MAX_LIBRARIES && ret == 0; i++) {
		const struct rootfs_node *n = find_library(en, needed.ptr[i]);

		if (!n || n->type != UNAR_FILE || map_put(&seen, n->path, en))
			continue;
		ret = check_file(en, n, &needed, err);
	}
	map_release(&seen);
	return ret;
}

int check_entry(struct check *c, const struct rootfs *r, const struct doc_config *cfg, struct err *err)
{
	struct entry en = { .c = c, .r = r, .cfg = cfg, .user = check_user_parse(cfg->user) };
	const bool is_cmd = !cfg->entrypoint || !cfg->entrypoint[0];
	const char **argv = is_cmd ? cfg->cmd : cfg->entrypoint, *word = is_cmd ? "CMD" : "ENTRYPOINT";
	const struct rootfs_node *n, *bar;
	CLEAN_FREE char *path = NULL;

	check_workdir(&en);
	if (!argv || !argv[0] || !*argv[0]) {
		check_add(c, RULE_ENTRY_MISSING, "config", "has neither ENTRYPOINT nor CMD");
		return 0;
	}
	if (*argv[0] != '/')
		check_add(c, RULE_ENTRY_ABSOLUTE, "config", "%s is %s", word, argv[0]);
	path = entry_program(r, cfg, argv[0]);
	n = path ? rootfs_resolve(r, path, false) : NULL;
	if (n && n->type == UNAR_SYMLINK)
		check_add(c, RULE_ENTRY_SYMLINK, "config", "%s %s is a symlink to %s", word, argv[0], n->target);
	n = path ? rootfs_resolve(r, path, true) : NULL;
	if (!n) {
		check_add(c, RULE_ENTRY_NOT_FOUND, "config", "%s %s is not there", word, argv[0]);
		return 0;
	}
	bar = barred(&en, n);
	if (n->type != UNAR_FILE)
		check_add(c, RULE_ENTRY_EXECUTABLE, "config", "%s %s is no file", word, argv[0]);
	else if (bar)
		check_add(c, RULE_ENTRY_EXECUTABLE, "config", "%s %s: /%s has mode 0%o, owner %u:%u: %s cannot enter",
			  word, argv[0], bar->path, bar->mode & 07777u, bar->uid, bar->gid, who(&en));
	else if (!may(&en, n, 1u))
		check_add(c, RULE_ENTRY_EXECUTABLE, "config", "%s %s has mode 0%o, owner %u:%u", word, argv[0],
			  n->mode & 07777u, n->uid, n->gid);
	return n->type == UNAR_FILE ? check_closure(&en, n, err) : 0;
}
