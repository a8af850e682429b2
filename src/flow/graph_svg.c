/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "flow/sheet.h"

/* The drawing as one SVG file (SVG 1.1 with the graphics roles of WAI-ARIA). */

#define HEAD 46.0 /* above the machine: what it is, how the execution ended */
#define SIDE 6.0

/* Light and dark as the reader has it; contrast of text 4.5 or more in both. */
static const char style[] =
	".flow{color-scheme:light dark;--bg:#f6f7f9;--panel:#fff;--inner:#f0f2f5;--fg:#1a1f26;--mute:#4f5965;"
	"--line:#aab3bd;--good:#1a7f37;--goodbg:#e7f5ea;--bad:#b3261e;--badbg:#fbe9e7;--warn:#855000;--warnbg:#fdf3dc;"
	"background:var(--bg);font:13px system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif}\n"
	"@media (prefers-color-scheme:dark){.flow{--bg:#0e1217;--panel:#1b222b;--inner:#141a21;--fg:#e7ecf2;"
	"--mute:#a3adb9;--line:#5b6672;--good:#56c271;--goodbg:#12301b;--bad:#ff8a80;--badbg:#3a1a18;--warn:#e6b455;"
	"--warnbg:#33280f}}\n"
	".flow text{fill:var(--fg);text-anchor:middle}.flow .name{font-weight:600}\n"
	".flow .mute{fill:var(--mute);font-size:12px}.flow .head text{text-anchor:start}\n"
	".flow .box{fill:var(--panel);stroke:var(--line);stroke-width:1.5}.flow .inside{fill:var(--inner)}\n"
	".flow .sheet{fill:none;stroke:var(--line);stroke-dasharray:2 4}\n"
	".flow .dot{fill:var(--mute)}.flow .ring{fill:none;stroke:var(--mute);stroke-width:2}\n"
	".flow .way{fill:none;stroke:var(--mute);stroke-width:1.4}.flow .caught{stroke-dasharray:5 4}\n"
	".flow .label{fill:var(--mute);font-size:12px;stroke:var(--bg);stroke-width:4px;paint-order:stroke}\n"
	".flow .state>.label{stroke:var(--inner)}.flow .done>.label{stroke:var(--goodbg)}"
	".flow .failed>.label{stroke:var(--badbg)}.flow .stopped>.label{stroke:var(--warnbg)}\n"
	".flow .tip{fill:var(--mute)}.flow .took .way,.flow .took .ring{stroke:var(--good);stroke-width:2.5}\n"
	".flow .took .dot,.flow .tip.took{fill:var(--good)}.flow .label.took{fill:var(--good)}\n"
	".flow .done>.box{fill:var(--goodbg);stroke:var(--good);stroke-width:2.5}\n"
	".flow .failed>.box{fill:var(--badbg);stroke:var(--bad);stroke-width:2.5}\n"
	".flow .stopped>.box{fill:var(--warnbg);stroke:var(--warn);stroke-width:2.5}\n"
	".flow .not>.box{stroke-dasharray:3 3}.flow .not>text{fill:var(--mute)}\n"
	".flow .Task .kind{fill:#3b78c4}.flow .Pass .kind{fill:#7a828c}.flow .Choice .kind{fill:#b07a1e}"
	".flow .Wait .kind{fill:#8a5fb0}.flow .Parallel .kind{fill:#1f8a8a}.flow .Map .kind{fill:#1f8a8a}"
	".flow .Succeed .kind{fill:#2e9e4f}.flow .Fail .kind{fill:#cf4436}\n";

struct writer {
	const struct flow_trace *t; /* NULL: none */
	struct buf *out;
	double x, y; /* of the sheet that is drawn */
};

/* What XML cannot hold is a question mark. */
static void add_xml(struct buf *b, const char *s)
{
	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (c == '&')
			buf_addz(b, "&amp;");
		else if (c == '<')
			buf_addz(b, "&lt;");
		else if (c == '>')
			buf_addz(b, "&gt;");
		else if (c == '"')
			buf_addz(b, "&quot;");
		else if (c == '\t' || c == '\n' || c == '\r')
			buf_addc(b, ' ');
		else if (c < ' ')
			buf_addc(b, '?');
		else if (c == 0xef && (unsigned char)s[1] == 0xbf && (unsigned char)s[2] >= 0xbe) {
			buf_addc(b, '?');
			s += 2;
		} else
			buf_addc(b, (char)c);
	}
}

/* One decimal at most, which no reader sees more of. */
static void add_number(struct buf *b, double v)
{
	const long tenths = (long)(v * 10 + (v < 0 ? -0.5 : 0.5));
	const long rest = tenths < 0 ? -tenths : tenths;

	buf_addf(b, "%s%ld", tenths < 0 ? "-" : "", rest / 10);
	if (rest % 10)
		buf_addf(b, ".%ld", rest % 10);
}

static void add_point(struct buf *b, double x, double y)
{
	add_number(b, x);
	buf_addc(b, ' ');
	add_number(b, y);
}

static void add_text(struct writer *w, const char *class, double x, double y, const char *s)
{
	buf_addf(w->out, "<text class=\"%s\" x=\"", class);
	add_number(w->out, x);
	buf_addz(w->out, "\" y=\"");
	add_number(w->out, y);
	buf_addz(w->out, "\">");
	add_xml(w->out, s);
	buf_addz(w->out, "</text>");
}

static void add_rect(struct writer *w, const char *class, double x, double y, double width, double height, int radius)
{
	buf_addf(w->out, "<rect class=\"%s\" x=\"", class);
	add_number(w->out, x);
	buf_addz(w->out, "\" y=\"");
	add_number(w->out, y);
	buf_addz(w->out, "\" width=\"");
	add_number(w->out, width);
	buf_addz(w->out, "\" height=\"");
	add_number(w->out, height);
	buf_addf(w->out, "\" rx=\"%d\"/>", radius);
}

static void add_circle(struct writer *w, const char *class, double x, double y, const char *r)
{
	buf_addf(w->out, "<circle class=\"%s\" cx=\"", class);
	add_number(w->out, x);
	buf_addz(w->out, "\" cy=\"");
	add_number(w->out, y);
	buf_addf(w->out, "\" r=\"%s\"/>", r);
}

/* ---- edges ---- */

static void add_curve(struct writer *w, double *x, double *y, double to_x, double to_y)
{
	struct buf *b = w->out;
	const double middle = (*y + to_y) / 2;

	buf_addc(b, 'C');
	add_point(b, *x, middle);
	buf_addc(b, ' ');
	add_point(b, to_x, middle);
	buf_addc(b, ' ');
	add_point(b, to_x, to_y);
	*x = to_x;
	*y = to_y;
}

static void add_way(struct writer *w, const struct sheet *s, const struct sheet_edge *e)
{
	const struct sheet_node *from = &s->node[e->from], *to = &s->node[e->to];
	double x = w->x + e->x0, y = w->y + from->y + from->h;

	buf_addc(w->out, 'M');
	if (e->self) {
		const double side = w->x + from->x + from->w, up = w->y + from->y + from->h / 3,
			     down = w->y + from->y + from->h * 2 / 3;

		add_point(w->out, side, up);
		buf_addc(w->out, 'C');
		add_point(w->out, side + 26, up - 8);
		buf_addc(w->out, ' ');
		add_point(w->out, side + 26, down + 8);
		buf_addc(w->out, ' ');
		add_point(w->out, side, down);
		return;
	}
	add_point(w->out, x, y);
	for (size_t i = 0; i < e->nbends; i++) {
		const struct sheet_node *b = &s->node[e->bend + i];

		add_curve(w, &x, &y, w->x + b->center, w->y + b->y);
		y += b->h;
		buf_addc(w->out, 'V');
		add_number(w->out, y);
	}
	add_curve(w, &x, &y, w->x + e->x1, w->y + to->y);
}

static void add_edge(struct writer *w, const struct sheet *s, const struct sheet_edge *e)
{
	const char *tip = e->times ? "took" : "tip";
	struct buf *b = w->out;

	buf_addf(b, "<g class=\"edge%s\">", e->times ? " took" : "");
	if (e->title || e->times) {
		buf_addz(b, "<title>");
		if (e->title)
			add_xml(b, e->title);
		if (e->times)
			buf_addf(b, "%s%" PRIu64 " time%s", e->title ? ": " : "", e->times, e->times == 1 ? "" : "s");
		buf_addz(b, "</title>");
	}
	buf_addf(b, "<path class=\"way%s\" marker-%s=\"url(#%s)\" d=\"",
		 e->caught && !e->self && e->title ? " caught" : "", e->up ? "start" : "end", tip);
	add_way(w, s, e);
	buf_addz(b, "\"/>");
	buf_addz(b, "</g>\n");
}

/* Near to where the edge comes from. */
static void add_label(struct writer *w, const struct sheet *s, const struct sheet_edge *e)
{
	const char *class = e->times ? "label took" : "label";
	const struct sheet_node *n = &s->node[e->self ? e->from : e->bend + e->at];

	if (e->self)
		add_text(w, class, w->x + n->x + n->w + 24 + text_width(e->label) * 0.45, w->y + n->y + n->h / 2 + 4,
			 e->label);
	else
		add_text(w, class, w->x + n->center, w->y + n->y + (e->up ? n->h - 4 : 12), e->label);
}

/* ---- nodes ---- */

static void add_sheet(struct writer *w, const struct sheet *s);

static void add_shape(struct writer *w, const struct sheet_node *n, double x, double y)
{
	struct buf *b = w->out;

	if (n->state->kind != FLOW_CHOICE) {
		add_rect(w, n->ninner ? "box inside" : "box", x, y, n->w, n->h,
			 n->state->kind == FLOW_SUCCEED || n->state->kind == FLOW_FAIL ? 18 : 8);
		return;
	}
	buf_addz(b, "<path class=\"box\" d=\"M");
	add_point(b, x + 14, y);
	buf_addc(b, 'H');
	add_number(b, x + n->w - 14);
	buf_addc(b, 'L');
	add_point(b, x + n->w, y + n->h / 2);
	buf_addc(b, ' ');
	add_point(b, x + n->w - 14, y + n->h);
	buf_addc(b, 'H');
	add_number(b, x + 14);
	buf_addc(b, 'L');
	add_point(b, x, y + n->h / 2);
	buf_addz(b, "Z\"/>");
}

/* For who does not see it: all that the drawing says of a state, and where it leads. */
static void add_spoken(struct writer *w, const struct flow_state *s)
{
	static const char *const ran[] = { "not entered", "done", "failed", "not left" };
	CLEAN_BUF struct buf what = BUF_INIT;
	struct flow_exit e;

	flow_state_text(s, &what);
	add_xml(w->out, s->name);
	buf_addz(w->out, ", ");
	add_xml(w->out, what.ptr);
	if (w->t) {
		buf_reset(&what);
		flow_ran_text(w->t, s, &what);
		buf_addf(w->out, ". %s%s", ran[flow_state_ran(w->t, s)], what.len ? ", " : "");
		add_xml(w->out, what.ptr);
	}
	for (size_t i = 0; i < 8 && flow_state_exit(s, i, &e); i++) {
		buf_addz(w->out, i ? ", " : ". Leads to ");
		add_xml(w->out, e.to->name);
	}
	if (s->end)
		buf_addz(w->out, ". The end");
	if (s->comment) {
		buf_addz(w->out, ". ");
		add_xml(w->out, s->comment);
	}
}

static void add_state(struct writer *w, const struct sheet_node *n)
{
	static const char *const ran[] = { "not", "done", "failed", "stopped" };
	const double x = w->x + n->x, y = w->y + n->y;
	double line = y + 22;

	buf_addf(w->out, "<g class=\"state %s%s%s\" role=\"graphics-symbol\" aria-label=\"",
		 flow_kind_name[n->state->kind], w->t ? " " : "", w->t ? ran[flow_state_ran(w->t, n->state)] : "");
	add_spoken(w, n->state);
	buf_addz(w->out, "\"><title>");
	add_xml(w->out, n->state->name);
	if (n->state->comment) {
		buf_addz(w->out, ": ");
		add_xml(w->out, n->state->comment);
	}
	buf_addz(w->out, "</title>");
	add_shape(w, n, x, y);
	add_circle(w, "kind", x + (n->state->kind == FLOW_CHOICE ? 16 : 10), y + 10, "4");
	for (int i = 0; i < 2 && n->name[i]; i++, line += 17)
		add_text(w, "name", x + n->w / 2, line, n->name[i]);
	add_text(w, "mute", x + n->w / 2, line, n->what);
	if (n->ran)
		add_text(w, "mute", x + n->w / 2, line + 17, n->ran);
	for (size_t i = 0; i < n->ninner; i++) {
		struct writer in = { w->t, w->out, x + n->inner[i]->x, y + n->inner[i]->y };

		buf_addc(w->out, '\n');
		add_rect(&in, "sheet", in.x, in.y, n->inner[i]->w, n->inner[i]->h, 6);
		add_sheet(&in, n->inner[i]);
	}
	buf_addz(w->out, "</g>\n");
}

static void add_dot(struct writer *w, const struct sheet *s, const struct sheet_node *n)
{
	bool took = false;

	for (size_t i = 0; i < s->nedges; i++)
		took |= s->edge[i].times && (n == &s->node[s->edge[i].from] || n == &s->node[s->edge[i].to]);
	buf_addf(w->out, "<g%s>", took ? " class=\"took\"" : "");
	if (n->kind == SHEET_END)
		add_circle(w, "ring", w->x + n->center, w->y + n->y + n->h / 2, "8");
	add_circle(w, "dot", w->x + n->center, w->y + n->y + n->h / 2, n->kind == SHEET_END ? "4.5" : "7");
	buf_addz(w->out, "</g>\n");
}

/* Edges first, those that were taken above the others; labels above all of them, then the nodes. */
static void add_sheet(struct writer *w, const struct sheet *s)
{
	for (size_t i = 0; i < s->nedges; i++)
		if (!s->edge[i].times)
			add_edge(w, s, &s->edge[i]);
	for (size_t i = 0; i < s->nedges; i++)
		if (s->edge[i].times)
			add_edge(w, s, &s->edge[i]);
	for (size_t i = 0; i < s->nedges; i++)
		if (s->edge[i].label)
			add_label(w, s, &s->edge[i]);
	for (size_t i = 0; i < s->n; i++)
		if (s->node[i].kind == SHEET_STATE)
			add_state(w, &s->node[i]);
		else if (s->node[i].kind != SHEET_BEND)
			add_dot(w, s, &s->node[i]);
}

static void add_head(struct writer *w, const struct flow_machine *m, const char *title)
{
	char time[32];

	buf_addz(w->out, "<g class=\"head\">");
	add_text(w, "name", 16, 22, title);
	if (w->t) {
		CLEAN_FREE char *end =
			xasprintf("execution %s, %s", w->t->status,
				  w->t->ns < 1000000 ? "< 1 ms" : str_human_ns((double)w->t->ns, time, sizeof(time)));

		add_text(w, "mute", 16, 39, end);
	} else {
		CLEAN_FREE char *states = xasprintf("%zu state%s", m->nstates, m->nstates == 1 ? "" : "s");

		add_text(w, "mute", 16, 39, states);
	}
	buf_addz(w->out, "</g>\n");
}

static void add_tips(struct buf *out)
{
	static const char *const ids[][2] = { { "tip", "tip" }, { "took", "tip took" } };

	buf_addz(out, "<defs>");
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		buf_addf(out,
			 "<marker id=\"%s\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" "
			 "markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\">"
			 "<path class=\"%s\" d=\"M0 1L10 5L0 9Z\"/></marker>",
			 ids[i][0], ids[i][1]);
	buf_addz(out, "</defs>\n");
}

int flow_graph_svg(const struct flow_machine *m, const struct flow_trace *t, struct buf *out, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct sheet_maker maker = { &a, t, 0, err };
	struct writer w = { t, out, SIDE, HEAD };
	const char *file = strrchr(m->file, '/'), *title = m->comment ? m->comment : file ? file + 1 : m->file;
	struct sheet *s;
	double width, head;

	if (m->nstates > FLOW_GRAPH_STATES) {
		err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu states, a drawing has at most %u", m->file, m->nstates,
			FLOW_GRAPH_STATES);
		return err_hint(err, "--mermaid has no limit");
	}
	s = sheet_make(&maker, m->root);
	if (!s)
		return err_wrap(err, "%s", m->file);
	head = text_width(title) * 1.1 + 32;
	head = head > 600 ? 600 : head < 260 ? 260 : head;
	width = s->w + 2 * SIDE > head ? s->w + 2 * SIDE : head;
	w.x = (width - s->w) / 2;
	buf_addz(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flow\" role=\"graphics-document\" "
		      "aria-roledescription=\"state machine\" viewBox=\"0 0 ");
	add_point(out, width, HEAD + s->h + SIDE);
	buf_addz(out, "\" width=\"");
	add_number(out, width);
	buf_addz(out, "\" height=\"");
	add_number(out, HEAD + s->h + SIDE);
	buf_addz(out, "\">\n<title>");
	add_xml(out, title);
	buf_addf(out, "</title>\n<style>%s</style>\n", style);
	add_tips(out);
	add_head(&w, m, title);
	add_sheet(&w, s);
	buf_addz(out, "</svg>\n");
	return 0;
}
