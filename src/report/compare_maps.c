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

static void add_maps_of(const struct comparison *c, size_t row, size_t tiles, bool open, struct buf *out)
{
	static const char *const what[] = { "program by source and symbol", "image by layer and file" };
	const struct size_tree *const trees[] = { c->rows[row].sources, c->rows[row].layers };

	buf_addf(out, "<details class=\"panel\"%s><summary>", open ? " open=\"\"" : "");
	html_label(c, row, out);
	buf_addz(out, "</summary><div class=\"maps\">");
	for (size_t i = 0; i < 2; i++) {
		const size_t before = to_draw(trees[i]) ? cmp_tree_before(c, row, i) : CMP_NO_ROW;

		if (!to_draw(trees[i]))
			continue;
		if (before == CMP_NO_ROW) {
			add_map(c, row, trees[i], what[i], tiles, out);
			continue;
		}
		buf_addf(out, "<p>%s: the same as of ", what[i]);
		html_label(c, before, out);
		buf_addz(out, ".</p>");
	}
	buf_addz(out, "</div></details>");
}

void html_maps(const struct comparison *c, struct buf *out)
{
	size_t maps = 0, tiles;
	bool any = false;

	for (size_t i = 0; i < c->nrows; i++) {
		maps += to_draw(c->rows[i].sources) && cmp_tree_before(c, i, false) == CMP_NO_ROW;
		maps += to_draw(c->rows[i].layers) && cmp_tree_before(c, i, true) == CMP_NO_ROW;
	}
	if (!maps)
		return;
	tiles = ALL_TILES / maps < MAP_TILES ? ALL_TILES / maps : MAP_TILES;
	buf_addz(out, "<section aria-labelledby=\"bytes\"><h2 id=\"bytes\">Where the bytes are</h2>"
		      "<p>Areas are bytes. <span class=\"js\">A group can be enlarged: click it, or move to it "
		      "and press Enter; Escape leads back.</span></p>");
	for (size_t i = 0; i < c->nrows; i++) {
		if (!to_draw(c->rows[i].sources) && !to_draw(c->rows[i].layers))
			continue;
		add_maps_of(c, i, tiles, !any, out);
		any = true;
	}
	buf_addz(out, "</section>");
}
