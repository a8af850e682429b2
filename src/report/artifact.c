/* SPDX-License-Identifier: Apache-2.0 */
#include "report/artifact.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/project.h"
#include "oci/place.h"
#include "os/fs.h"
#include "report/artifact_internal.h"
#include "wasm/wasm.h"

const char *const artifact_view_names[VIEW_COUNT] = { "layers", "files", "sections", "symbols", "sources", "waste" };

const char *artifact_kind_name(const struct artifact *a)
{
	static const char *const names[] = { "binary", "zip", "image", "module" };

	return names[a->kind];
}

/* What a file starts with: 4 bytes, or fewer if it is shorter. -1: it cannot be read. */
static ssize_t head_of(const char *path, char head[4], struct err *err)
{
	struct stat st;
	CLEAN_FD int fd = fs_open(path, &st, err);
	const ssize_t n = fd < 0 ? -1 : pread(fd, head, 4, 0);

	return fd >= 0 && n < 0 ? err_sys(err, "%s", path) : n;
}

bool artifact_is_elf(const char *path)
{
	struct err ignored;
	char head[4];

	return head_of(path, head, &ignored) == 4 && memcmp(head, "\x7f" "ELF", 4) == 0;
}

int artifact_kind_of(const char *text, enum artifact_kind *kind, struct err *err)
{
	struct stat st;
	char head[4];
	ssize_t n;

	*kind = ARTIFACT_IMAGE;
	if (stat(text, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	n = head_of(text, head, err);
	if (n < 0)
		return -1;
	if (n == 4 && memcmp(head, "\x7f" "ELF", 4) == 0)
		*kind = ARTIFACT_BINARY;
	else if (n == 4 && memcmp(head, "\0asm", 4) == 0)
		*kind = ARTIFACT_WASM;
	else if (ends_with(text, ".zip") || (n == 4 && memcmp(head, "PK\3\4", 4) == 0))
		*kind = ARTIFACT_ZIP;
	return 0;
}

int artifact_place(struct place *pl, const char *text, struct err *err)
{
	if (place_parse_artifact(pl, text, err) == 0)
		return 0;
	if (err->code == ERR_USAGE && fs_exists(text)) {
		err_set(err, ERR_USAGE, "%s: is neither a program nor a zip nor an image", text);
		err_hint(err, "of an image in a tar say which: oci-archive:FILE or docker-archive:FILE");
	} else if (err->code == ERR_USAGE && !strchr(text, ':')) {
		err_set(err, ERR_NOTFOUND, "%s: there is no such file", text);
		err_hint(err, "an artifact is a program, a zip, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE "
			      "or HOST/REPOSITORY[:TAG][@DIGEST]");
	}
	return -1;
}

static const char *arch_shown(const char *oci)
{
	const int arch = arch_parse(oci);

	return arch < 0 ? oci : arch_name((enum arch)arch);
}

static void list_arches(const struct document *index, struct strs *out)
{
	for (size_t i = 0; i < index->len; i++) {
		const struct doc_descriptor *d = &index->ptr[i];
		bool there = !d->architecture || strcmp(d->architecture, "unknown") == 0;

		for (size_t k = 0; k < out->len && !there; k++)
			there = strcmp(out->ptr[k], arch_shown(d->architecture)) == 0;
		if (!there)
			strs_add(out, arch_shown(d->architecture));
	}
}

int artifact_arches(const char *text, const struct origin_env *env, struct strs *out, struct err *err)
{
	CLEAN_PLACE struct place pl = { .path = NULL };
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	struct doc_descriptor d;
	enum artifact_kind kind;

	if (artifact_kind_of(text, &kind, err) < 0)
		return -1;
	if (kind != ARTIFACT_IMAGE)
		return 0;
	if (artifact_place(&pl, text, err) < 0 || origin_open(&o, &pl, env, err) < 0 ||
	    o->ops->manifest(o, NULL, &bytes, &d, &arena, err) < 0 ||
	    document_parse(&doc, o->shown, d.media_type, bytes.ptr, bytes.len, err) < 0)
		return -1;
	if (doc.kind == DOC_INDEX)
		list_arches(&doc, out);
	return 0;
}

static int open_binary(struct artifact *a, const char *path, const struct artifact_opts *o, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	a->size = a->unpacked = (uint64_t)st.st_size;
	a->files = 1;
	a->priv->program_path = xstrdup(path);
	return artifact_elf_open(a, path, o, err);
}

/* As build_finish() verifies what it makes. */
static void judge_module(struct artifact *a, const struct buf *bytes)
{
	const struct wasm_rules rules = { .allow_custom = true };
	struct err err;

	if (wasm_verify_bytes("", bytes->ptr, bytes->len, &rules, &err) < 0)
		a->verdict = arena_strdup(&a->arena, starts_with(err.msg, ": ") ? err.msg + 2 : err.msg);
}

int artifact_module(struct artifact *a, const struct buf *bytes, struct err *err)
{
	CLEAN_WASM struct wasm_file f = WASM_INIT;

	if (wasm_parse(&f, a->shown, bytes->ptr, bytes->len, err) < 0)
		return -1;
	a->kind = ARTIFACT_WASM;
	a->unpacked = f.size;
	a->files = 1;
	a->arch = arch_name(ARCH_WASM32);
	a->stripped = !f.custom;
	a->memory = f.memory;
	for (size_t i = 0; i < f.nimports; i++)
		strs_addf(&a->imports, "%s.%s", f.imports[i].module, f.imports[i].name);
	for (size_t i = 0; i < f.nexports; i++)
		strs_add(&a->exports, f.exports[i].name);
	judge_module(a, bytes);
	return 0;
}

static int open_module(struct artifact *a, const char *path, struct err *err)
{
	CLEAN_BUF struct buf bytes = BUF_INIT;

	if (fs_read(path, WASM_SIZE_MAX, &bytes, err) < 0)
		return -1;
	a->size = bytes.len;
	return artifact_module(a, &bytes, err);
}

int artifact_open(struct artifact *a, const char *text, const struct artifact_opts *o, struct err *err)
{
	*a = (struct artifact)ARTIFACT_INIT;
	a->shown = arena_strdup(&a->arena, text);
	a->efficiency = 1;
	a->priv = xcalloc(1, sizeof(*a->priv));
	a->priv->copy.fd = -1;
	a->priv->opts = o ? *o : (struct artifact_opts){ .arch = NULL };
	a->priv->debug = o && o->debug ? xstrdup(o->debug) : NULL;
	o = &a->priv->opts;
	if (artifact_kind_of(text, &a->kind, err) < 0)
		return -1;
	switch (a->kind) {
	case ARTIFACT_BINARY:
		return open_binary(a, text, o, err);
	case ARTIFACT_WASM:
		return open_module(a, text, err);
	case ARTIFACT_ZIP:
		return artifact_zip_open(a, text, o, err);
	default:
		if (artifact_place(&a->priv->place, text, err) < 0)
			return -1;
		return artifact_image_open(a, o, err);
	}
}

void artifact_release(struct artifact *a)
{
	struct artifact_priv *p = a->priv;

	if (p) {
		artifact_image_release(a);
		if (p->zip_open)
			zipdir_release(&p->zip);
		program_close(&p->copy);
		free(p->program_path);
		free(p->debug);
		free(p);
	}
	strs_release(&a->needed);
	strs_release(&a->entrypoint);
	strs_release(&a->imports);
	strs_release(&a->exports);
	arena_release(&a->arena);
	*a = (struct artifact)ARTIFACT_INIT;
}

/* What is in a copy of the program is told of the program; the artifact's own size and kind are its own. */
int artifact_program(struct artifact *a, const char *path, struct err *err)
{
	const struct artifact before = *a;
	CLEAN_FREE char *copy = xstrdup(a->priv->copy.path);
	int ret;

	a->program = arena_strdup(&a->arena, path);
	if (!artifact_is_elf(copy))
		return 0;
	ret = artifact_elf_open(a, copy, &a->priv->opts, err);
	a->kind = before.kind;
	a->size = before.size;
	a->unpacked = before.unpacked;
	a->files = before.files;
	a->arch = before.arch ? before.arch : a->arch;
	if (ret == 0) {
		a->priv->program_path = steal(&copy);
		return 0;
	}
	/* a program that makes no sense is told of, and is no reason to look at nothing else */
	a->has_program = false;
	return err->code == ERR_FORMAT || err->code == ERR_LIMIT ? 0 : -1;
}

static int no_view(const struct artifact *a, enum artifact_view v, struct err *err)
{
	static const char *const what[] = { "a program", "a zip", "an image" };

	if (a->kind == ARTIFACT_WASM) {
		err_set(err, ERR_USAGE, "%s: is a WebAssembly module: it has no %s to show", a->shown,
			artifact_view_names[v]);
		return err_hint(err, "leave out --%s: what it imports and exports is told of it",
				artifact_view_names[v]);
	}
	if (v == VIEW_LAYERS || v == VIEW_WASTE || v == VIEW_FILES) {
		err_set(err, ERR_USAGE, "%s: is %s: it has no %s", a->shown, what[a->kind],
			v == VIEW_WASTE ? "layers, and so no waste" : artifact_view_names[v]);
		return err_hint(err, a->kind == ARTIFACT_BINARY ? "a program has --sections, --symbols and --sources"
								: "a zip has --files");
	}
	err_set(err, ERR_USAGE, "%s: starts no program that --%s could look into", a->shown, artifact_view_names[v]);
	if (a->program)
		return err_hint(err, "%s is no ELF file", a->program);
	return err_hint(err, a->kind == ARTIFACT_ZIP ? "a zip's program is its file bootstrap"
						     : "an image's program is its ENTRYPOINT, or its CMD");
}

bool artifact_has_view(const struct artifact *a, enum artifact_view v)
{
	if (v == VIEW_LAYERS || v == VIEW_WASTE)
		return a->kind == ARTIFACT_IMAGE && a->layers;
	if (v == VIEW_FILES)
		return a->kind == ARTIFACT_ZIP || (a->kind == ARTIFACT_IMAGE && a->layers);
	/* of a damaged one what can be read */
	return a->has_program || a->kind == ARTIFACT_BINARY;
}

unsigned artifact_views(const struct artifact *a, unsigned views)
{
	for (int v = 0; v < VIEW_COUNT; v++)
		if (!artifact_has_view(a, (enum artifact_view)v))
			views &= ~(1u << v);
	return views;
}

int artifact_view(struct artifact *a, enum artifact_view v, struct size_tree *out, struct err *err)
{
	const struct artifact_priv *p = a->priv;

	if (!artifact_has_view(a, v))
		return no_view(a, v, err);
	if (v == VIEW_SECTIONS || v == VIEW_SYMBOLS || v == VIEW_SOURCES)
		return artifact_elf_view(a, p->program_path, p->debug, v, out, err);
	return a->kind == ARTIFACT_ZIP ? artifact_zip_view(a, out, err) : artifact_image_view(a, v, out, err);
}
