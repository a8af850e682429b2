/* SPDX-License-Identifier: Apache-2.0 */
/* SBOM and provenance of images: in a function's layer, or attached to its manifest in a layout. */
#include "build/package_sbom.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"

#define IN_IMAGE "usr/share/sbom"	/* where Debian's and others' tools look for SBOMs of an image */

int sbom_base_load(struct sbom_base *b, const char *base, bool tzdata, struct err *err)
{
	CLEAN_FREE char *share = dirs_share();
	CLEAN_FREE char *dir = path_join(share, "base");
	const char *const want[] = { strcmp(base, "static") == 0 ? "static" : "", tzdata ? "tzdata" : "" };
	size_t n = 0;

	*b = (struct sbom_base){ .names = { NULL } };
	if (!*want[0] && !*want[1])
		return 0;
	if (base_load(&b->set, dir, err) < 0)
		return -1;
	for (size_t k = 0; k < ARRAY_LEN(want); k++)
		for (size_t i = 0; i < b->set.n; i++)
			if (strcmp(b->set.layer[i].name, want[k]) == 0)
				b->names[n++] = b->set.layer[i].created_by;
	return 0;
}

void sbom_base_release(struct sbom_base *b)
{
	base_release(&b->set);
	*b = (struct sbom_base){ .names = { NULL } };
}

static int read_installed(struct foreign_base *b, enum arch arch, struct err *err)
{
	struct base_arch *a = &b->arch[arch];

	if (a->has_installed)
		return 0;
	if (installed_read(b->origin, &a->doc, &b->arena, &a->installed, err) < 0)
		return err->code == ERR_INTR ? -1 : err_wrap(err, "base '%s': packages", b->name);
	a->has_installed = true;
	return 0;
}

static int gather(struct packager *pk, const struct unit *u, enum arch arch, const struct git_provenance *git,
		  int64_t created, struct sbom *s, struct err *err)
{
	CLEANUP(sbom_base_release) struct sbom_base base = { .names = { NULL } };
	struct sbom_request req = { .project = pk->p, .function = u->fn, .arch = arch, .profile = pk->profile,
				    .git = git, .created = created };

	const struct named_base *named = u->want.variant.base;

	const char *root = named && named->root == BASE_ROOT_STATIC ? "static" : u->base;

	if (sbom_base_load(&base, root, u->pkg.tzdata, err) < 0)
		return -1;
	req.base_layers = base.names;
	req.packages = debian_packages(&u->debian, arch);
	if (u->foreign) {
		/* a provenance names the image alone */
		if (u->sbom != SBOM_NONE && u->foreign->origin && read_installed(u->foreign, arch, err) < 0)
			return -1;
		req.base_installed = &u->foreign->arch[arch].installed;
		req.base_image = u->foreign->name;
		req.base_digest = &u->foreign->arch[arch].manifest.digest;
	}
	if (sbom_gather(&req, s, err) < 0)
		return -1;
	if (s->incomplete && arch == u->arches[0])
		strs_addf(&pk->res->warnings, "the SBOM of %s is incomplete: %s", u->fn->name.s, s->incomplete);
	return 0;
}

/* Without commit and its time, for a layer is the same bytes when only the commit changes. */
int unit_sbom(struct packager *pk, struct unit *u, enum arch arch, struct err *err)
{
	CLEAN_SBOM struct sbom s = { .len = 0 };
	CLEAN_FREE char *path = xasprintf(IN_IMAGE "/%s.spdx.json", u->fn->name.s);
	struct buf *text = &u->sbom_text[arch];
	struct tree *t = &u->image_tree[arch];

	if (gather(pk, u, arch, NULL, pk->mtime, &s, err) < 0)
		return -1;
	buf_init(text);
	sbom_add(&s, SBOM_SPDX, text);
	buf_addc(text, '\n');
	if (tree_add_data(t, path, text->ptr, text->len, 0644, 0, 0, err) < 0)
		return -1;
	return tree_finish(t, err);
}

static int put(struct layout *l, const struct attachment *at, const struct descriptor *subject, struct attached *out,
	       struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor *d = &out->ptr[out->len];
	struct digest blob, empty;

	if (layout_put(l, "{}", 2, &empty, err) < 0 || layout_put(l, at->data, at->len, &blob, err) < 0)
		return -1;
	attachment_manifest(at, &blob, subject, &text);
	*d = (struct descriptor){ .media_type = MEDIA_MANIFEST, .size = text.len, .artifact_type = at->artifact_type };
	if (layout_put(l, text.ptr, text.len, &d->digest, err) < 0)
		return -1;
	out->len++;
	out->size += at->len + text.len + (out->len == 1 ? 2 : 0);
	return 0;
}

static int attach_sboms(struct layout *l, const struct sbom *s, const struct descriptor *subject, struct attached *out,
			struct err *err)
{
	static const struct {
		enum sbom_format format;
		const char *type, *suffix;
	} kinds[] = { { SBOM_SPDX, MEDIA_SPDX, "spdx" }, { SBOM_CYCLONEDX, MEDIA_CYCLONEDX, "cdx" } };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEAN_BUF struct buf text = BUF_INIT;
		CLEAN_FREE char *name = xasprintf("%s-%s.%s.json", s->function, s->arch, kinds[i].suffix);

		sbom_add(s, kinds[i].format, &text);
		if (put(l,
			&(struct attachment){ .artifact_type = kinds[i].type, .name = name, .data = text.ptr,
					      .len = text.len, .created = s->created },
			subject, out, err) < 0)
			return -1;
	}
	return 0;
}

int package_attach(struct packager *pk, struct unit *u, struct layout *l, const struct packaged_image *m,
		   int64_t created, struct attached *out, struct err *err)
{
	CLEAN_SBOM struct sbom s = { .len = 0 };
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *name = xasprintf("%s-%s.provenance.json", u->fn->name.s, arch_oci(m->arch));

	if (u->sbom != SBOM_ATTACH && !u->provenance)
		return 0;
	if (gather(pk, u, m->arch, &pk->prov.git, created, &s, err) < 0 ||
	    (u->sbom == SBOM_ATTACH && attach_sboms(l, &s, &m->manifest, out, err) < 0))
		return -1;
	if (!u->provenance)
		return 0;
	provenance_add(&s, &m->manifest.digest, m->layers, m->nlayers - 1, &text);
	return put(l,
		   &(struct attachment){ .artifact_type = MEDIA_INTOTO, .name = name, .data = text.ptr, .len = text.len,
					 .created = created },
		   &m->manifest, out, err);
}
