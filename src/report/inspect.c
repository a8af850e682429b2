/* SPDX-License-Identifier: Apache-2.0 */
#include "report/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "base/str.h"
#include "report/size_rows.h"

#define LABEL 12
#define MIN_NAME 16

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

void inspect_size(struct buf *out, uint64_t bytes)
{
	char exact[32], human[32];

	buf_addf(out, "%s byte%s", text_bytes(bytes, exact, sizeof(exact)), bytes == 1 ? "" : "s");
	if (bytes >= 1024)
		buf_addf(out, " (%s)", str_human_size(bytes, human, sizeof(human)));
}

static void label(struct buf *out, const char *name)
{
	buf_addf(out, "  %-*s", LABEL, name);
}

/* A foreign text behind a label, in the columns that are left. */
static void line(struct buf *out, const char *name, const char *value, int width)
{
	if (!value)
		return;
	label(out, name);
	text_name(out, value, (size_t)(width > LABEL + MIN_NAME ? width - LABEL - 2 : MIN_NAME));
	buf_addc(out, '\n');
}

static void type_line(const struct artifact *a, struct buf *out, int width)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, a->kind == ARTIFACT_IMAGE ? "image" : a->kind == ARTIFACT_ZIP ? "zip" :
		      a->kind == ARTIFACT_WASM ? "module" : "program");
	if (a->arch)
		buf_addf(&b, " for %s%s%s", a->os && strcmp(a->os, "linux") != 0 ? a->os : "",
			 a->os && strcmp(a->os, "linux") != 0 ? "/" : "", a->arch);
	line(out, "type", b.ptr, width);
}

static void program_lines(const struct artifact *a, struct buf *out, int width)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (a->program || a->has_program) {
		buf_addf(&b, "%s%s", a->program ? a->program : "", a->program ? ": " : "");
		if (a->has_program)
			buf_addf(&b, "%s, %s", a->linkage ? a->linkage : "of unknown linkage",
				 a->stripped ? "stripped" : "with symbols");
		else
			buf_addz(&b, "no ELF file");
		line(out, "program", b.ptr, width);
	}
	buf_reset(&b);
	for (size_t i = 0; i < a->needed.len; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", a->needed.ptr[i]);
	line(out, "needs", a->needed.len ? b.ptr : NULL, width);
	if (a->has_program)
		line(out, "verdict", a->verdict ? a->verdict : "nothing is wrong with it", width);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void image_lines(const struct artifact *a, struct buf *out, int width)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	line(out, "digest", *a->digest.s ? a->digest.s : NULL, width);
	if (a->kind != ARTIFACT_IMAGE)
		return;
	line(out, "created", a->created, width);
	line(out, "user", a->user ? a->user : "not said: root", width);
	for (size_t i = 0; i < a->entrypoint.len; i++)
		buf_addf(&b, "%s%s", i ? " " : "", a->entrypoint.ptr[i]);
	line(out, "starts", a->entrypoint.len ? b.ptr : "nothing: neither ENTRYPOINT nor CMD", width);
}

static void size_lines(const struct artifact *a, struct buf *out)
{
	label(out, "size");
	inspect_size(out, a->size);
	if (a->kind == ARTIFACT_IMAGE)
		buf_addf(out, " in %zu layer%s", a->nlayers, plural(a->nlayers));
	buf_addc(out, '\n');
	if (a->kind == ARTIFACT_BINARY || a->kind == ARTIFACT_WASM || (a->kind == ARTIFACT_IMAGE && !a->layers))
		return;
	label(out, "unpacked");
	inspect_size(out, a->unpacked);
	if (a->kind == ARTIFACT_ZIP)
		buf_addf(out, ", %zu entr%s\n", a->files, a->files == 1 ? "y" : "ies");
	else
		buf_addf(out, ", %zu file%s\n", a->files, plural(a->files));
	if (a->kind != ARTIFACT_IMAGE)
		return;
	label(out, "waste");
	inspect_size(out, a->waste);
	buf_addf(out, ", %.1f %% of that; efficiency %.1f %%\n", percent(a->waste, a->unpacked),
		 100 * a->efficiency);
}

/* One a line: their names are long. */
static void names_lines(const char *name, const struct strs *names, struct buf *out, int width)
{
	for (size_t i = 0; i < names->len; i++)
		line(out, i ? "" : name, names->ptr[i], width);
	if (!names->len)
		line(out, name, "nothing", width);
}

/* Of one that cannot be read there is nothing to say, least of all that nothing is wrong with it. */
static bool is_read(const struct artifact *a)
{
	return a->arch != NULL;
}

static void module_lines(const struct artifact *a, struct buf *out, int width)
{
	if (a->kind != ARTIFACT_WASM || !is_read(a))
		return;
	label(out, "memory");
	inspect_size(out, a->memory);
	buf_addz(out, " to begin with\n");
	names_lines("imports", &a->imports, out, width);
	names_lines("exports", &a->exports, out, width);
	line(out, "module", a->stripped ? "stripped" : "with names or debug information", width);
	line(out, "verdict", a->verdict ? a->verdict : "imports and exports are as they should be", width);
}

static void summary(const struct artifact *a, int width, struct buf *out)
{
	text_name(out, a->shown, SIZE_MAX);
	buf_addc(out, '\n');
	type_line(a, out, width);
	size_lines(a, out);
	image_lines(a, out, width);
	program_lines(a, out, width);
	module_lines(a, out, width);
}

/* ---- views ---- */

static int digits(uint64_t n)
{
	char s[32];

	return (int)strlen(text_bytes(n, s, sizeof(s)));
}

static int column(uint64_t largest, const char *head)
{
	const int n = digits(largest), h = (int)strlen(head);

	return n > h ? n : h;
}

static size_t name_width(int width, int taken)
{
	return (size_t)(width - taken > MIN_NAME ? width - taken : MIN_NAME);
}

static void add_row_name(struct buf *out, const struct size_row *row, size_t width)
{
	CLEAN_BUF struct buf name = BUF_INIT;
	const size_t indent = 2 * (row->depth < 20 ? row->depth : 20);

	if (row->others)
		buf_addf(&name, "(%zu other%s)", row->others, plural(row->others));
	else
		buf_addf(&name, "%s%s", row->name, row->kind && strcmp(row->kind, "dir") == 0 ? "/" : "");
	buf_addf(out, "%*s", (int)indent, "");
	text_name(out, name.ptr, width > indent + MIN_NAME ? width - indent : MIN_NAME);
	if (row->kind && (strcmp(row->kind, "deleted") == 0 || strcmp(row->kind, "overwritten") == 0))
		buf_addf(out, " (%s)", row->kind);
	buf_addc(out, '\n');
}

static const char *const heads[VIEW_COUNT] = { "layer", "file", "section", "symbol", "source", "wasted by" };

static void tree_text(const struct artifact *a, enum artifact_view v, const struct size_tree *t,
		      const struct inspect_how *how, struct buf *out)
{
	CLEAN_SIZE_ROWS struct size_rows rows = { .len = 0 };
	const uint64_t whole = t->root->bytes;
	const int w = column(whole, "bytes");
	char s[32];

	size_rows_of(&rows, t, how->top);
	buf_addf(out, "%*s   share  %s\n", w, "bytes",
		 v == VIEW_FILES && a->kind == ARTIFACT_ZIP ? "packed" : heads[v]);
	VEC_EACH(&rows, row) {
		buf_addf(out, "%*s  %5.1f%%  ", w, text_bytes(row->b, s, sizeof(s)), percent(row->b, whole));
		add_row_name(out, row, name_width(how->width, w + 10));
	}
	buf_addf(out, "%*s  %5.1f%%  in all\n", w, text_bytes(whole, s, sizeof(s)), whole ? 100.0 : 0.0);
}

/* What is wasted, and what that is a part of. */
static void waste_text(const struct artifact *a, struct buf *out)
{
	char stored[32], seen[32], waste[32];

	buf_addf(out, "%s bytes of files in all layers - %s that a container sees = %s wasted (%.1f %%)\n",
		 text_bytes(a->unpacked, stored, sizeof(stored)),
		 text_bytes(a->unpacked - a->waste, seen, sizeof(seen)), text_bytes(a->waste, waste, sizeof(waste)),
		 percent(a->waste, a->unpacked));
	buf_addf(out, "efficiency as dive counts it: %.4f\n", a->efficiency);
}

static void layers_text(const struct artifact *a, const struct size_tree *t, const struct inspect_how *how,
			struct buf *out)
{
	const uint64_t whole = t->root->bytes;
	const int w = column(whole, "bytes"), u = column(a->unpacked, "unpacked");
	size_t files = 0;
	int f;
	char s[32], k[32], n[32];

	for (size_t i = 0; i < a->nlayers; i++)
		files += a->layers[i].files;
	f = column(files, "files");
	buf_addf(out, "%*s   share  %*s  %*s  layer\n", w, "bytes", u, "unpacked", f, "files");
	for (size_t i = 0; i < a->nlayers; i++) {
		const struct artifact_layer *l = &a->layers[i];

		buf_addf(out, "%*s  %5.1f%%  %*s  %*s  ", w, text_bytes(l->size, s, sizeof(s)),
			 percent(l->size, whole), u, text_bytes(l->unpacked, k, sizeof(k)), f,
			 text_bytes(l->files, n, sizeof(n)));
		buf_addf(out, "%zu ", i + 1);
		text_name(out, l->created_by ? l->created_by : l->digest.s, name_width(how->width, w + u + f + 18));
		buf_addz(out, l->damaged ? " (damaged)\n" : "\n");
	}
	for (const struct size_node *c = t->root->child; c; c = c->next)
		if (strcmp(c->kind, "layer") != 0)
			buf_addf(out, "%*s  %5.1f%%  %*s  %*s  %s\n", w, text_bytes(c->bytes, s, sizeof(s)),
				 percent(c->bytes, whole), u, "", f, "", c->name);
	buf_addf(out, "%*s  %5.1f%%  %*s  %*s  in all\n", w, text_bytes(whole, s, sizeof(s)), whole ? 100.0 : 0.0, u,
		 text_bytes(a->unpacked, k, sizeof(k)), f, text_bytes(files, n, sizeof(n)));
}

static void view_text(const struct artifact *a, enum artifact_view v, const struct size_tree *t,
		      const struct inspect_how *how, struct buf *out)
{
	if (v == VIEW_LAYERS) {
		layers_text(a, t, how, out);
		return;
	}
	if (v == VIEW_WASTE)
		waste_text(a, out);
	if (v != VIEW_WASTE || a->waste)
		tree_text(a, v, t, how, out);
}

/* What could be read of a damaged one is shown; what is all "no symbol" is not. */
static bool in_part(const struct size_tree *t, const struct err *why)
{
	return t->root && (why->code == ERR_FORMAT || why->code == ERR_LIMIT);
}

int inspect_text(struct artifact *a, const struct inspect_how *how, struct buf *out, struct err *err)
{
	const unsigned many = how->views & (how->views - 1);
	int ret = 0;

	if (!how->views)
		summary(a, how->width, out);
	for (int v = 0; v < VIEW_COUNT; v++) {
		CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
		struct err why;

		if (!(how->views >> v & 1u))
			continue;
		if (artifact_view(a, (enum artifact_view)v, &t, &why) < 0) {
			if (ret == 0)
				*err = why;
			ret = -1;
			if (!in_part(&t, &why))
				continue;
		}
		if (many)
			buf_addf(out, "%s%s:\n", out->len ? "\n" : "", artifact_view_names[v]);
		view_text(a, (enum artifact_view)v, &t, how, out);
	}
	return ret;
}

/* ---- JSON: keys sorted ---- */

static void image_json(const struct artifact *a, struct buf *out)
{
	if (a->kind != ARTIFACT_IMAGE) {
		member_text(out, "image", NULL);
		return;
	}
	member_open(out, "image", '{');
	member_text(out, "created", a->created);
	member_some(out, "digest", a->digest.s);
	buf_addf(out, ",\"efficiency\":%.6f", a->efficiency);
	member_strs(out, "entrypoint", &a->entrypoint);
	member_open(out, "layers", '[');
	for (size_t i = 0; i < a->nlayers; i++) {
		const struct artifact_layer *l = &a->layers[i];

		member_open(out, NULL, '{');
		member_bool(out, "damaged", l->damaged);
		member_some(out, "diff_id", l->diff_id.s);
		member_text(out, "digest", l->digest.s);
		member_u64(out, "files", l->files);
		member_text(out, "instruction", l->created_by);
		member_text(out, "media_type", l->media_type);
		member_u64(out, "size", l->size);
		member_u64(out, "unpacked", l->unpacked);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	member_text(out, "os", a->os);
	member_text(out, "user", a->user);
	member_u64(out, "waste", a->waste);
	buf_addc(out, '}');
}

static void module_json(const struct artifact *a, struct buf *out)
{
	if (a->kind != ARTIFACT_WASM)
		return;
	if (!is_read(a)) {
		member_text(out, "module", NULL);
		return;
	}
	member_open(out, "module", '{');
	member_some(out, "digest", a->digest.s);
	member_strs(out, "exports", &a->exports);
	member_strs(out, "imports", &a->imports);
	member_u64(out, "memory", a->memory);
	member_bool(out, "stripped", a->stripped);
	member_text(out, "verdict", a->verdict);
	buf_addc(out, '}');
}

static void program_json(const struct artifact *a, struct buf *out)
{
	if (!a->has_program) {
		member_text(out, "program", NULL);
		return;
	}
	member_open(out, "program", '{');
	member_text(out, "linkage", a->linkage);
	member_strs(out, "needed", &a->needed);
	member_text(out, "path", a->program);
	member_bool(out, "stripped", a->stripped);
	member_text(out, "verdict", a->verdict);
	buf_addc(out, '}');
}

static int views_json(struct artifact *a, const struct inspect_how *how, bool failed, struct buf *out, struct err *err)
{
	/* by name */
	static const enum artifact_view order[VIEW_COUNT] = { VIEW_FILES,   VIEW_LAYERS,  VIEW_SECTIONS,
							      VIEW_SOURCES, VIEW_SYMBOLS, VIEW_WASTE };
	int ret = 0;

	member_open(out, "views", '{');
	for (size_t i = 0; i < VIEW_COUNT; i++) {
		CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
		const enum artifact_view v = order[i];
		struct err why;

		if (how->views ? !(how->views >> v & 1u) : !artifact_has_view(a, v))
			continue;
		if (artifact_view(a, v, &t, &why) < 0) {
			if (!in_part(&t, &why) && (!how->views || failed))
				continue;
			*err = why;
			ret = 1;
			if (!in_part(&t, &why))
				return -1;
		}
		member(out, artifact_view_names[v]);
		size_json(t.root, out);
	}
	buf_addc(out, '}');
	return ret;
}

int inspect_json(struct artifact *a, const struct inspect_how *how, const struct err *failed, struct buf *out,
		 struct err *err)
{
	int ret;

	buf_addc(out, '{');
	member_text(out, "arch", a->arch);
	member_text(out, "artifact", a->shown);
	member_text(out, "error", failed ? failed->msg : NULL);
	member_u64(out, "files", a->files);
	image_json(a, out);
	member_text(out, "kind", artifact_kind_name(a));
	module_json(a, out);
	program_json(a, out);
	member_u64(out, "size", a->size);
	member_u64(out, "unpacked", a->unpacked);
	ret = views_json(a, how, failed != NULL, out, err);
	buf_addc(out, '}');
	return ret;
}
