/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_html.h"

/* The section that says where bytes are: a treemap for each tree that differs, with its parts as a table. */

#define MAP_WIDTH 600.0
#define MAP_HEIGHT 380.0
#define MAP_TILES 300
#define ALL_TILES 2000 /* of all maps: the page stays below 1 MB whatever the names are */
#define PARTS 8

static void add_parts(const struct size_node *root, struct buf *out)
{
	uint64_t rest = root->bytes;
	size_t n = 0;
	char text[CMP_TEXT_MAX];

	buf_addz(out, "<table class=\"parts\"><tbody>");
	for (const struct size_node *part = root->child;; part = part->next, n++) {
		const bool last = !part || n == PARTS;
		const uint64_t bytes = last ? rest : part->bytes;

		if (last && !rest)
			break;
		buf_addz(out, "<tr><th scope=\"row\">");
		if (!last)
			html_text_cut(out, part->name, HTML_NAME_MAX);
		else if (part)
			buf_addf(out, "%zu more", root->children - n);
		else
			buf_addz(out, "in none of them");
		buf_addf(out, "</th><td>%s</td><td>", str_human_size(bytes, text, sizeof(text)));
		html_share(out, bytes, root->bytes);
		buf_addz(out, "</td></tr>");
		rest -= bytes;
		if (last)
			break;
	}
	buf_addz(out, "</tbody></table>");
}

static void add_map(const struct comparison *c, size_t row, const struct size_tree *t, const char *what, size_t tiles,
		    struct buf *out)
{
	const struct treemap m = { MAP_WIDTH, MAP_HEIGHT, tiles };
	char text[CMP_TEXT_MAX];

	str_human_size(t->root->bytes, text, sizeof(text));
	buf_addf(out, "<figure><figcaption>%s: %s</figcaption>", what, text);
	buf_addf(out, "<svg class=\"map\" role=\"img\" aria-label=\"%s of ", what);
	html_label(c, row, out);
	buf_addz(out, "; the parts are in the table below\">");
	treemap_add(t, &m, out);
	buf_addz(out, "</svg>");
	add_parts(t->root, out);
	buf_addz(out, "</figure>");
}

static bool to_draw(const struct size_tree *t)
{
	return t && t->root && t->root->bytes;
}

static const char *const kind[] = { "program by source and symbol", "image by layer and file" };

static const struct size_tree *tree_of(const struct comparison *c, size_t row, size_t k)
{
	const struct size_tree *t = k ? c->rows[row].layers : c->rows[row].sources;

	return to_draw(t) ? t : NULL;
}

static bool is_first(const struct comparison *c, size_t row, size_t k)
{
	return tree_of(c, row, k) && cmp_tree_before(c, row, k) == CMP_NO_ROW;
}

static void add_maps_of(const struct comparison *c, size_t row, size_t tiles, bool open, struct buf *out)
{
	static const char *const what[] = { "program", "image" };
	char text[CMP_TEXT_MAX];

	buf_addf(out, "<details class=\"panel\"%s><summary>", open ? " open=\"\"" : "");
	html_label(c, row, out);
	for (size_t k = 0; k < 2; k++)
		if (tree_of(c, row, k))
			buf_addf(out, " <span class=\"tag\">%s %s</span>", what[k],
				 str_human_size(tree_of(c, row, k)->root->bytes, text, sizeof(text)));
	buf_addz(out, "</summary><div class=\"maps\">");
	for (size_t k = 0; k < 2; k++) {
		if (is_first(c, row, k)) {
			add_map(c, row, tree_of(c, row, k), kind[k], tiles, out);
		} else if (tree_of(c, row, k)) {
			buf_addf(out, "<p>%s: the same as of ", kind[k]);
			html_label(c, cmp_tree_before(c, row, k), out);
			buf_addz(out, ".</p>");
		}
	}
	buf_addz(out, "</div></details>");
}

/* Rows that have no map of their own, by those whose map is theirs, too. */
static void add_same(const struct comparison *c, struct buf *out)
{
	for (size_t with = 0; with < c->nrows; with++)
		for (size_t k = 0; k < 2; k++) {
			bool any = false;

			for (size_t i = with + 1; i < c->nrows; i++) {
				if (!tree_of(c, i, k) || cmp_tree_before(c, i, k) != with || is_first(c, i, !k))
					continue;
				buf_addz(out, any ? ", " : "<p class=\"legend\">");
				html_label(c, i, out);
				any = true;
			}
			if (!any)
				continue;
			buf_addf(out, ": %s the same as of ", kind[k]);
			html_label(c, with, out);
			buf_addz(out, ".</p>");
		}
}

void html_maps(const struct comparison *c, struct buf *out)
{
	size_t maps = 0, tiles;
	bool any = false;

	for (size_t i = 0; i < c->nrows; i++)
		maps += (size_t)is_first(c, i, 0) + is_first(c, i, 1);
	if (!maps)
		return;
	tiles = ALL_TILES / maps < MAP_TILES ? ALL_TILES / maps : MAP_TILES;
	buf_addz(out, "<section aria-labelledby=\"bytes\"><h2 id=\"bytes\">Where the bytes are</h2>"
		      "<p>Areas are bytes. <span class=\"js\">A group can be enlarged: click it, or move to it "
		      "and press Enter; Escape leads back.</span></p>");
	for (size_t i = 0; i < c->nrows; i++) {
		if (!is_first(c, i, 0) && !is_first(c, i, 1))
			continue;
		add_maps_of(c, i, tiles, !any, out);
		any = true;
	}
	add_same(c, out);
	buf_addz(out, "</section>");
}
