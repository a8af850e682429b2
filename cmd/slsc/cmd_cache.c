/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "commands.h"
#include "local/unpack.h"
#include "oci/store.h"
#include "stage/prune.h"

static int info(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEANUP(store_info_release) struct store_info si = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	char human[32];

	(void)ctx;
	(void)argc;
	(void)argv;
	if (store_info(&si, err) < 0)
		return -1;
	if (g->json) {
		buf_addc(&b, '{');
		member_u64(&b, "bytes", si.bytes);
		member_text(&b, "dir", si.dir);
		member_open(&b, "parts", '[');
		for (size_t i = 0; i < si.n; i++) {
			member_open(&b, NULL, '{');
			member_u64(&b, "bytes", si.part[i].bytes);
			member_u64(&b, "files", si.part[i].files);
			member_text(&b, "name", si.part[i].name);
			buf_addc(&b, '}');
		}
		buf_addz(&b, "]}\n");
		return out_stdout(b.ptr, b.len, err);
	}
	buf_addf(&b, "%s\n", si.dir);
	for (size_t i = 0; i < si.n; i++)
		buf_addf(&b, "%-12s %10s  %" PRIu64 " file%s\n", si.part[i].name,
			 str_human_size(si.part[i].bytes, human, sizeof(human)), si.part[i].files,
			 si.part[i].files == 1 ? "" : "s");
	buf_addf(&b, "%-12s %10s\n", "in all", str_human_size(si.bytes, human, sizeof(human)));
	return out_stdout(b.ptr, b.len, err);
}

struct prune_ctx {
	const char *keep;
};

static const struct opt prune_opts[] = {
	{ OPT_STR, .long_name = "keep", .offset = offsetof(struct prune_ctx, keep), .arg = "SIZE",
	  .help = "how much may stay, such as 2GB or 500MB (default: 0)" },
	{ .type = OPT_END },
};

static void tell_kept(const struct kept_pruned *p, const char *whose, bool dry_run, struct buf *out)
{
	char human[32];

	if (p->removed)
		buf_addf(out, "%s %" PRIu64 " director%s %s, %s\n", dry_run ? "would remove" : "removed", p->removed,
			 p->removed == 1 ? "y" : "ies", whose, str_human_size(p->bytes, human, sizeof(human)));
}

static int prune(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct prune_ctx *c = ctx;
	CLEAN_BUF struct buf b = BUF_INIT;
	uint64_t keep = 0;
	struct kept_pruned store, stage, local;
	char human[32];

	(void)argc;
	(void)argv;
	if (c->keep && str_parse_size(str_from(c->keep), &keep) < 0) {
		err_set(err, ERR_USAGE, "--keep: '%s' is no size", c->keep);
		return err_hint(err, "write 2GB, 500MB or a number of bytes");
	}
	/* stage_prune() may enter a namespace, so it is the last */
	if (store_prune(keep, g->dry_run, &store, err) < 0 || unpacked_prune(keep, g->dry_run, &local, err) < 0 ||
	    stage_prune(keep, g->dry_run, &stage, err) < 0)
		return -1;
	if (store.busy)
		out_warn("blobs that were used in the last hour stay: another slsc is running");
	if (local.busy)
		out_warn("zips and images unpacked for slsc local stay: one is running");
	if (stage.busy)
		out_warn("layers of Dockerfile builds stay: a build is running");
	if (g->json)
		buf_addf(&b,
			 "{\"bytes\":%" PRIu64 ",\"dry_run\":%s,\"removed\":%" PRIu64 ",\"stage\":{\"bytes\":%" PRIu64
			 ",\"removed\":%" PRIu64 "},\"local\":{\"bytes\":%" PRIu64 ",\"removed\":%" PRIu64 "}}\n",
			 store.bytes, g->dry_run ? "true" : "false", store.removed, stage.bytes, stage.removed,
			 local.bytes, local.removed);
	else
		buf_addf(&b, "%s %" PRIu64 " blob%s, %s\n", g->dry_run ? "would remove" : "removed", store.removed,
			 store.removed == 1 ? "" : "s", str_human_size(store.bytes, human, sizeof(human)));
	if (!g->json) {
		tell_kept(&stage, "of Dockerfile builds", g->dry_run, &b);
		tell_kept(&local, "of slsc local", g->dry_run, &b);
	}
	return out_stdout(b.ptr, b.len, err);
}

static const struct cmd subs[] = {
	{
		.name = "info",
		.args = "",
		.summary = "Show what the cache holds",
		.description = "The cache is $SLSC_CACHE_DIR, else slsc below $XDG_CACHE_HOME or ~/.cache. Its part "
			       "blobs is the store: layers, manifests and configs of images, by digest.",
		.examples = "$ slsc cache info --json | jq .bytes\n",
		.flags = CMD_JSON,
		.run = info,
	},
	{
		.name = "prune",
		.args = "",
		.summary = "Remove what has not been used for longest",
		.description =
			"Removes blobs of the store, least recently used first, until those that are left take "
			"no more than --keep; the same with layers of Dockerfile builds and with zips and "
			"images unpacked for slsc local, the oldest first. What is needed again is fetched or made "
			"again. While another slsc is at work, blobs that were used in the last hour stay, and so do "
			"the others if it uses them. Other parts of the cache stay.",
		.examples = "$ slsc cache prune --keep 2GB\n$ slsc cache prune -n\n",
		.opts = prune_opts,
		.ctx_size = sizeof(struct prune_ctx),
		.flags = CMD_JSON | CMD_DRY_RUN,
		.run = prune,
	},
	{ .name = NULL },
};

const struct cmd cmd_cache = {
	.name = "cache",
	.args = "info|prune",
	.summary = "Show or shrink the cache of images and sources",
	.description = "Packages, layers of bases and of Dockerfile builds, and what compilers need are kept in "
		       "$SLSC_CACHE_DIR, else in slsc below $XDG_CACHE_HOME, else in ~/.cache/slsc.",
	.examples = "$ slsc cache info\n"
		    "$ slsc cache prune --keep 2GB\n",
	.subs = subs,
};
