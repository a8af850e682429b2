/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_ui.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "config/project.h"
#include "os/fs.h"
#include "trust.h"

const char *const registry_arches[] = { "x86_64", "arm64", "amd64", "aarch64", "wasm32", NULL };

/* Below this a line of progress would only flicker. */
#define PROGRESS_MIN (4u << 20)

struct registry_opts registry_opts_of(const struct registry_flags *f)
{
	return (struct registry_opts){ .insecure = f->insecure, .ca_file = f->ca_file, .cert_file = f->cert,
				       .key_file = f->key };
}

static const char *oci_arch(const char *arch)
{
	if (!arch)
		return NULL;
	return strcmp(arch, "x86_64") == 0 ? "amd64" : strcmp(arch, "aarch64") == 0 ? "arm64" : arch;
}

static void on_progress(uint64_t done, uint64_t total, void *ctx)
{
	char of[32], all[32], item[80];

	(void)ctx;
	if (total < PROGRESS_MIN)
		return;
	progress_set_total(total);
	snprintf(item, sizeof(item), "%s of %s", str_human_size(done, of, sizeof(of)),
		 str_human_size(total, all, sizeof(all)));
	progress_update(done, item);
}

static void add_json(struct buf *b, const struct transfer_result *r, bool dry_run)
{
	CLEAN_FREE char *ref = xasprintf("%s@%s", r->name, r->digest.s);

	buf_addz(b, "{\"ref\":");
	buf_add_json(b, str_from(ref));
	buf_addz(b, ",\"to\":");
	buf_add_json(b, str_from(r->to));
	buf_addf(b, ",\"digest\":\"%s\",\"manifests\":%" PRIu64 ",\"blobs\":%" PRIu64 ",\"copied\":%" PRIu64
		 ",\"copied_bytes\":%" PRIu64 ",\"mounted\":%" PRIu64 ",\"unchanged\":%s,\"dry_run\":%s}", r->digest.s,
		 r->manifests, r->blobs, r->copied, r->copied_bytes, r->mounted, r->unchanged ? "true" : "false",
		 dry_run ? "true" : "false");
}

static void say(const struct transfer_result *r, const struct transfer_words *w, bool dry_run)
{
	char size[32];

	if (r->unchanged) {
		out_note("%s: already there", r->to);
		return;
	}
	if (r->mounted)
		out_note("%s: mounted %" PRIu64 " blobs", r->to, r->mounted);
	out_note("%s: %s %" PRIu64 " of %" PRIu64 " blobs, %s", r->to, dry_run ? w->would : w->done, r->copied,
		 r->blobs, str_human_size(r->copied_bytes, size, sizeof(size)));
}

/*
 * What is attached to the image. To look for it in a registry costs some requests for each of its manifests, so there
 * it is asked for; in a layout it is there to be seen. Archives hold none.
 */
static int copy_attachments(const struct place *from, const struct place *to, const struct transfer_flags *f,
			    const struct registry_opts *registry, const struct digest *image, struct err *err)
{
	CLEAN_ATTACH struct attach *source = NULL, *target = NULL;
	unsigned n;

	if (!(f->attachments && from->kind == PLACE_REGISTRY) && from->kind != PLACE_LAYOUT)
		return 0;
	if (to->kind != PLACE_REGISTRY && to->kind != PLACE_LAYOUT)
		return 0;
	if (attach_place(&source, from, registry, false, err) < 0 ||
	    attach_place(&target, to, registry, true, err) < 0 ||
	    attach_copy(source, target, image, &n, err) < 0)
		return err_wrap(err, "attachments");
	if (n)
		out_note("%u attachment%s", n, n == 1 ? "" : "s");
	return 0;
}

int transfer_ui(const struct place *source, const struct place *to, size_t n, const struct transfer_flags *f,
		const struct globals *g, const struct transfer_words *w, struct err *err)
{
	struct registry_opts registry = registry_opts_of(&f->registry);
	struct transfer_opts o = { .registry = &registry, .arch = oci_arch(f->arch), .dry_run = g->dry_run,
				   .progress = on_progress };
	CLEAN_BUF struct buf lines = BUF_INIT, json = BUF_INIT;
	struct place place = *source, *from = &place;
	char module[] = "wasm";

	/* no index leads to a module: it has a tag of its own */
	if (f->arch && strcmp(f->arch, "wasm32") == 0) {
		o.arch = NULL;
		if (!place.tag && !place.digest && place.kind == PLACE_LAYOUT)
			place.tag = module;
	}

	buf_addz(&json, "{\"images\":[");
	for (size_t i = 0; i < n; i++) {
		CLEAN_TRANSFER struct transfer_result r = { .name = NULL };
		int ret;

		progress_begin(w->doing, 0);
		ret = transfer_run(from, &to[i], &o, &r, err);
		progress_end();
		if (ret < 0)
			return -1;
		say(&r, w, g->dry_run);
		if (!g->dry_run && copy_attachments(from, &to[i], f, &registry, &r.digest, err) < 0)
			return -1;
		buf_addf(&lines, "%s@%s\n", r.name, r.digest.s);
		buf_addz(&json, i ? "," : "");
		add_json(&json, &r, g->dry_run);
	}
	buf_addz(&json, "]}\n");
	if (f->image_refs && !g->dry_run && fs_write_file(f->image_refs, lines.ptr, lines.len, 0644, err) < 0)
		return err_wrap(err, "--image-refs");
	return g->json ? out_stdout(json.ptr, json.len, err) : out_stdout(lines.ptr, lines.len, err);
}

int image_source(struct place *pl, const char *text, struct err *err)
{
	CLEAN_FREE char *here = getcwd(NULL, 0), *layout = NULL;
	CLEAN_PROJECT struct project p = { 0 };
	struct err none;
	bool has_project;

	if (!*text || strpbrk(text, "/:.@") || fs_exists(text))
		return place_parse(pl, text, err);
	has_project = project_load(&p, NULL, &none) == 0;
	if (has_project && !project_function(&p, text, err))
		return -1;
	/* as package shows it: relative where the user stands in the project */
	layout = has_project && !(here && strcmp(here, p.dir) == 0) ? xasprintf("%s/dist/%s.oci", p.dir, text)
								    : xasprintf("dist/%s.oci", text);
	if (!fs_is_dir(layout)) {
		err_set(err, ERR_NOTFOUND, "there is no image of function '%.100s': %s does not exist", text, layout);
		return err_hint(err, "slsc package --oci %.100s", text);
	}
	*pl = (struct place){ .kind = PLACE_LAYOUT, .path = steal(&layout) };
	return 0;
}

int image_target(struct place *pl, const char *text, struct err *err)
{
	if (place_parse(pl, text, err) == 0)
		return 0;
	return strpbrk(text, ":@") ? -1 : err_hint(err, "for an image layout write oci:%.100s; a file is "
						   "oci-archive:FILE or docker-archive:FILE", text);
}

int registry_host(const char *host, struct err *err)
{
	CLEAN_FREE char *text = xasprintf("docker://%s/x", host);
	CLEAN_PLACE struct place pl = { .kind = PLACE_REGISTRY };
	struct err ignored;

	if (place_parse(&pl, text, &ignored) == 0 && strcmp(pl.host, host) == 0)
		return 0;
	err_set(err, ERR_USAGE, "'%.100s' is no registry's name", host);
	return err_hint(err, "HOST[:PORT], such as registry.example.com or localhost:5000");
}
