/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "os/fs.h"
#include "stage/sandbox_internal.h"

static void add(struct buf *b, char type, const char *text)
{
	buf_addc(b, type);
	buf_add(b, text, strlen(text) + 1);
}

static void add_number(struct buf *b, char type, uint64_t v)
{
	buf_addf(b, "%c%llu", type, (unsigned long long)v);
	buf_addc(b, '\0');
}

void spec_write(const struct sandbox_run *r, bool one_id, struct buf *out)
{
	add_number(out, SPEC_KIND, r->kind);
	add_number(out, SPEC_ARCH, r->arch);
	for (size_t i = 0; i < r->nlowers; i++)
		add(out, SPEC_LOWER, r->lowers[i]);
	add(out, SPEC_UPPER, r->upper);
	add(out, SPEC_WORK, r->work);
	for (size_t i = 0; r->argv[i]; i++)
		add(out, SPEC_ARG, r->argv[i]);
	for (size_t i = 0; r->env && r->env[i]; i++)
		add(out, SPEC_ENV, r->env[i]);
	add(out, SPEC_CWD, r->cwd);
	add_number(out, SPEC_UID, r->uid);
	add_number(out, SPEC_GID, r->gid);
	for (size_t i = 0; i < r->ngroups; i++)
		add_number(out, SPEC_GROUP, r->groups[i]);
	add_number(out, SPEC_NETWORK, r->network);
	add(out, SPEC_HOSTNAME, r->hostname ? r->hostname : "buildkitsandbox");
	add_number(out, SPEC_ONE_ID, one_id);
	for (size_t i = 0; i < r->nmounts; i++) {
		const struct sandbox_mount *m = &r->mounts[i];

		add_number(out, SPEC_MOUNT, m->type);
		if (m->source)
			add(out, SPEC_SOURCE, m->source);
		add(out, SPEC_TARGET, m->target);
		add_number(out, SPEC_READONLY, m->readonly);
		add_number(out, SPEC_SIZE, m->size);
		if (m->mode >= 0)
			add_number(out, SPEC_MODE, (uint64_t)m->mode);
	}
}

struct lists {
	VEC(const char *) lowers, argv, env;
	VEC(uint32_t) groups;
	VEC(struct sandbox_mount) mounts;
};

static int bad(struct err *err)
{
	return err_set(err, ERR_FORMAT, "malformed description of a sandbox");
}

/* Of the last mount. */
static int read_mount(struct lists *l, char type, const char *text, uint64_t number)
{
	struct sandbox_mount *m;

	if (type == SPEC_MOUNT) {
		if (number > SANDBOX_OVERLAY)
			return -1;
		VEC_PUSH(&l->mounts, ((struct sandbox_mount){ .mode = -1, .type = (__typeof__(m->type))number }));
		return 0;
	}
	if (!l->mounts.len)
		return -1;
	m = &l->mounts.ptr[l->mounts.len - 1];
	switch (type) {
	case SPEC_SOURCE: m->source = text; return 0;
	case SPEC_TARGET: m->target = text; return text[0] == '/' ? 0 : -1;
	case SPEC_READONLY: m->readonly = number != 0; return 0;
	case SPEC_SIZE: m->size = number; return 0;
	case SPEC_MODE: m->mode = (int)(number & 07777); return 0;
	default: return -1;
	}
}

static int read_record(struct sandbox_run *r, struct lists *l, bool *one_id, const char *rec)
{
	const char *text = rec + 1;
	uint64_t n = 0;

	/* an empty record may be the last byte */
	if (!rec[0])
		return -1;
	switch (rec[0]) {
	case SPEC_LOWER: VEC_PUSH(&l->lowers, text); return 0;
	case SPEC_ARG: VEC_PUSH(&l->argv, text); return 0;
	case SPEC_ENV: VEC_PUSH(&l->env, text); return 0;
	case SPEC_UPPER: r->upper = text; return 0;
	case SPEC_WORK: r->work = text; return 0;
	case SPEC_CWD: r->cwd = text; return 0;
	case SPEC_HOSTNAME: r->hostname = text; return 0;
	case SPEC_SOURCE:
	case SPEC_TARGET: return read_mount(l, rec[0], text, 0);
	default: break;
	}
	if (str_parse_u64(str_from(text), &n) < 0)
		return -1;
	switch (rec[0]) {
	case SPEC_KIND: r->kind = n == SANDBOX_OCI ? SANDBOX_OCI : SANDBOX_BWRAP; return n > SANDBOX_OCI ? -1 : 0;
	case SPEC_ARCH: r->arch = (enum arch)n; return n >= ARCH_COUNT ? -1 : 0;
	case SPEC_UID: r->uid = (uint32_t)n; return n > UINT32_MAX ? -1 : 0;
	case SPEC_GID: r->gid = (uint32_t)n; return n > UINT32_MAX ? -1 : 0;
	case SPEC_GROUP: VEC_PUSH(&l->groups, (uint32_t)n); return n > UINT32_MAX ? -1 : 0;
	case SPEC_NETWORK: r->network = n != 0; return 0;
	case SPEC_ONE_ID: *one_id = n != 0; return 0;
	default: return read_mount(l, rec[0], text, n);
	}
}

int spec_read(const char *p, size_t n, struct arena *a, struct sandbox_run *r, bool *one_id, struct err *err)
{
	struct lists l = { 0 };
	const char *end = p + n;
	int ret = 0;

	*r = (struct sandbox_run){ 0 };
	if (!n || n > SPEC_MAX || end[-1])
		return bad(err);
	for (; ret == 0 && p < end; p += strlen(p) + 1)
		ret = read_record(r, &l, one_id, p);
	VEC_EACH(&l.mounts, m) {
		CLEAN_FREE char *clean = m->target ? path_clean(m->target) : NULL;

		if (!clean || (m->type != SANDBOX_TMPFS && !m->source))
			ret = -1;
		/* one that leaves by ".." is what it is for all who look at how it begins */
		m->target = clean ? arena_strdup(a, clean) : NULL;
	}
	if (!l.argv.len || !r->upper || !r->work || !r->cwd || !r->hostname)
		ret = -1;
	VEC_PUSH(&l.argv, NULL);
	VEC_PUSH(&l.env, NULL);
	r->nlowers = l.lowers.len;
	r->lowers = arena_copy(a, l.lowers.ptr, l.lowers.len * sizeof(*l.lowers.ptr));
	r->argv = arena_copy(a, l.argv.ptr, l.argv.len * sizeof(*l.argv.ptr));
	r->env = arena_copy(a, l.env.ptr, l.env.len * sizeof(*l.env.ptr));
	r->ngroups = l.groups.len;
	r->groups = arena_copy(a, l.groups.ptr, l.groups.len * sizeof(*l.groups.ptr));
	r->nmounts = l.mounts.len;
	r->mounts = arena_copy(a, l.mounts.ptr, l.mounts.len * sizeof(*l.mounts.ptr));
	VEC_FREE(&l.lowers);
	VEC_FREE(&l.argv);
	VEC_FREE(&l.env);
	VEC_FREE(&l.groups);
	VEC_FREE(&l.mounts);
	return ret < 0 ? bad(err) : 0;
}
