/* SPDX-License-Identifier: Apache-2.0 */
/* --chmod and --chown: modes as chmod(1) has them, users by the image's own files. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"
#include "stage/copy_internal.h"

#define MAX_PASSWD (1u << 20) /* bytes of etc/passwd and etc/group */

static int octal_mode(const char *s, mode_t *out)
{
	mode_t m = 0;

	if (!*s || strlen(s) > 5)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return -1;
		m = m << 3 | (mode_t)(*s - '0');
	}
	if (m > 07777)
		return -1;
	*out = m;
	return 0;
}

static mode_t who_bits(const char **s)
{
	mode_t who = 0;

	for (; **s && strchr("ugoa", **s); (*s)++)
		who |= **s == 'u' ? 04700u : **s == 'g' ? 02070u : **s == 'o' ? 01007u : 07777u;
	return who ? who : 07777u;
}

static int perm_bits(const char **s, mode_t now, bool is_dir, mode_t *out)
{
	*out = 0;
	for (; **s && **s != ','; (*s)++) {
		switch (**s) {
		case 'r':
			*out |= 0444;
			break;
		case 'w':
			*out |= 0222;
			break;
		case 'x':
			*out |= 0111;
			break;
		case 'X':
			*out |= is_dir || (now & 0111) ? 0111u : 0;
			break;
		case 's':
			*out |= 06000;
			break;
		case 't':
			*out |= 01000;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

int mode_apply(const char *text, mode_t old, bool is_dir, mode_t *out)
{
	mode_t m = old & 07777;

	if (octal_mode(text, out) == 0)
		return 0;
	for (const char *s = text;;) {
		const mode_t who = who_bits(&s);
		const char op = *s;
		mode_t bits;

		if (op != '+' && op != '-' && op != '=')
			return -1;
		s++;
		if (perm_bits(&s, m, is_dir, &bits) < 0)
			return -1;
		bits &= who;
		m = op == '+' ? m | bits : op == '-' ? m & ~bits : (m & ~(who & 0777)) | bits;
		if (!*s)
			break;
		s++;
	}
	*out = m;
	return 0;
}

/* ---- owners ---- */

static int read_file(const struct snap_stack *below, const char *path, struct buf *out, struct err *err)
{
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	const int there = snap_lookup(below, path, true, &node, NULL, err);

	if (there <= 0 || !S_ISREG(node.mode))
		return there < 0 ? -1 : 0;
	return fs_read(node.host, MAX_PASSWD, out, err);
}

/* Field @n (from 0) of a line "a:b:c". */
static struct str field(struct str line, unsigned n)
{
	struct str f = line;
	struct str rest = str_cut(&f, ':');

	while (n-- > 0) {
		f = rest;
		rest = str_cut(&f, ':');
	}
	return f;
}

/* The line whose field @n is @want; empty: none. */
static struct str find_line(const struct buf *b, unsigned n, struct str want)
{
	struct str rest = buf_str(b);

	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		if (line.len && *line.ptr != '#' && str_eq(field(line, n), want))
			return line;
	}
	return (struct str){ "", 0 };
}

static bool to_id(struct str s, uint32_t *id)
{
	uint64_t n;

	if (str_parse_u64(s, &n) < 0 || n > UINT32_MAX - 1)
		return false;
	*id = (uint32_t)n;
	return true;
}

static bool in_list(struct str members, struct str name)
{
	while (members.len) {
		struct str one = members;

		members = str_cut(&one, ',');
		if (str_eq(one, name))
			return true;
	}
	return false;
}

static void add_groups(const struct buf *group, struct str name, struct owner_ids *out)
{
	struct str rest = buf_str(group);

	while (rest.len && name.len && out->ngroups < 64) {
		struct str line = rest;
		uint32_t id;

		rest = str_cut(&line, '\n');
		if (!in_list(field(line, 3), name) || !to_id(field(line, 2), &id))
			continue;
		out->groups = xrealloc(out->groups, (out->ngroups + 1) * sizeof(*out->groups));
		out->groups[out->ngroups++] = id;
	}
}

int owner_resolve(const char *text, const struct snap_stack *below, struct owner_ids *out, struct err *err)
{
	struct str user = str_from(text), group, line, home;
	CLEAN_BUF struct buf passwd = BUF_INIT, groups = BUF_INIT;
	const bool has_group = strchr(text, ':') != NULL;
	bool numeric;

	*out = (struct owner_ids){ .uid = 0 };
	group = str_cut(&user, ':');
	if (read_file(below, "etc/passwd", &passwd, err) < 0 || read_file(below, "etc/group", &groups, err) < 0)
		return -1;
	/* ":GROUP" alone: root's */
	if (!user.len && has_group)
		user = STR("0");
	numeric = to_id(user, &out->uid);
	line = find_line(&passwd, numeric ? 2 : 0, user);
	if (!line.len && !numeric && str_eqz(user, "root"))
		line = STR("root:x:0:0:root:/root:");
	if (!line.len && !numeric) {
		err_set(err, ERR_NOTFOUND, "the image's etc/passwd has no user '" STR_FMT "'", STR_ARG(user));
		return err_hint(err, "add the user in an earlier step, or write a number");
	}
	if (line.len && !to_id(field(line, 2), &out->uid))
		return err_set(err, ERR_FORMAT, "the image's etc/passwd is malformed at '" STR_FMT "'", STR_ARG(user));
	if (line.len && !to_id(field(line, 3), &out->gid))
		out->gid = 0;
	if (has_group && !to_id(group, &out->gid)) {
		struct str g = find_line(&groups, 0, group);

		if (!g.len && str_eqz(group, "root"))
			g = STR("root:x:0:");
		if (!g.len || !to_id(field(g, 2), &out->gid)) {
			owner_ids_release(out);
			err_set(err, ERR_NOTFOUND, "the image's etc/group has no group '" STR_FMT "'", STR_ARG(group));
			return err_hint(err, "add the group in an earlier step, or write a number");
		}
	}
	if (!has_group && line.len)
		add_groups(&groups, field(line, 0), out);
	home = line.len ? field(line, 5) : (struct str){ "", 0 };
	out->home = home.len ? xstrndup(home.ptr, home.len) : NULL;
	return 0;
}

void owner_ids_release(struct owner_ids *o)
{
	free(o->groups);
	free(o->home);
	*o = (struct owner_ids){ .uid = 0 };
}
