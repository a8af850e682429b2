/* SPDX-License-Identifier: Apache-2.0 */
#include "local/flows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROLE "arn:aws:iam::%s:role/slsc"

/* ---- definitions ---- */

bool flows_name_ok(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);

	return n >= 1 && n <= FLOWS_NAME_MAX && name[strspn(name, letters)] == '\0';
}

struct flow_def *flow_def_ref(struct flow_def *d)
{
	d->refs++;
	return d;
}

void flow_def_unref(struct flow_def *d)
{
	if (!d || --d->refs)
		return;
	flow_program_free(d->program);
	flow_machine_release(&d->machine);
	free(d->name);
	free(d->arn);
	free(d->role);
	free(d->text);
	free(d);
}

struct flow_def *flow_def_new(struct flows *f, const char *name, const char *shown, const char *text, size_t n,
			      bool express, const char *role, const struct flow_known *known,
			      struct flow_problems *found, struct err *err)
{
	struct flow_def *d = xcalloc(1, sizeof(*d));
	const struct platform *p = f->platform;

	d->refs = 1;
	d->name = xstrdup(name);
	d->arn = xasprintf("arn:aws:states:%s:%s:stateMachine:%s", p->region, p->account, name);
	d->role = role && *role ? xstrdup(role) : xasprintf(ROLE, p->account);
	d->text = xstrndup(text, n);
	d->express = express;
	d->made = d->changed = wall_clock() / 1000000 * 1000000;
	if (flow_machine_parse(&d->machine, shown, text, n, known, found, err) == 0) {
		d->program = flow_program_new(&d->machine, err);
		if (d->program)
			return d;
	}
	flow_def_unref(d);
	return NULL;
}

struct flow_def *flows_find(const struct flows *f, struct str name)
{
	VEC_EACH(&f->defs, d)
		if (str_eqz(name, (*d)->name))
			return *d;
	return NULL;
}

/* Takes @d over; what was there under its name goes, or stays for its executions. */
static void take(struct flows *f, struct flow_def *d)
{
	VEC_EACH(&f->defs, at)
		if (strcmp((*at)->name, d->name) == 0) {
			flow_def_unref(*at);
			*at = d;
			return;
		}
	VEC_PUSH(&f->defs, d);
}

static void drop(struct flows *f, const char *name)
{
	for (size_t i = 0; i < f->defs.len; i++)
		if (strcmp(f->defs.ptr[i]->name, name) == 0) {
			flow_def_unref(f->defs.ptr[i]);
			memmove(&f->defs.ptr[i], &f->defs.ptr[i + 1], (--f->defs.len - i) * sizeof(f->defs.ptr[0]));
			return;
		}
}

static int write_def(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct flow_define *d = CONTAINER_OF(op, struct flow_define, op);
	const struct flow_def *def = d->def;
	struct machine_row row;

	if (!def)
		return ops->machine_remove(s, str_from(d->name), err);
	row = (struct machine_row){
		.name = str_from(def->name),
		.definition = str_from(def->text),
		.role = str_from(def->role),
		.type = def->express ? STR("EXPRESS") : STR("STANDARD"),
		.revision = def->revision,
		.made = def->made,
		.changed = def->changed,
	};
	return ops->machine_put(s, &row, err);
}

static void apply(struct flow_define *d)
{
	if (d->def)
		take(d->flows, flow_def_ref(d->def));
	else
		drop(d->flows, d->name);
}

static void def_written(struct flow_job *op, const struct err *err)
{
	struct flow_define *d = CONTAINER_OF(op, struct flow_define, op);

	if (!err)
		apply(d);
	d->done(d, err);
}

static void number(struct flows *f, struct flow_def *d)
{
	if (f->journal && !d->revision)
		d->revision = f->next++;
}

void flows_put(struct flows *f, struct flow_define *d)
{
	d->flows = f;
	if (d->def)
		number(f, d->def);
	d->op = (struct flow_job){ .work = write_def, .done = def_written, .writes = true };
	if (f->journal) {
		flow_journal_do(f->journal, &d->op);
		return;
	}
	def_written(&d->op, NULL);
}

int flows_put_now(struct flows *f, struct flow_def *def, struct err *err)
{
	struct flow_define d = { .flows = f, .def = def };

	number(f, def);
	d.op = (struct flow_job){ .work = write_def, .writes = true };
	if (f->journal && flow_journal_now(f->journal, &d.op, err) < 0) {
		flow_def_unref(def);
		return -1;
	}
	take(f, def);
	return 0;
}

/* ---- what the journal has ---- */

struct loading {
	struct flow_job op;
	struct flows *flows;
};

static bool load_one(void *ctx, const struct machine_row *m)
{
	struct loading *l = ctx;
	CLEAN_FREE char *name = xstrndup(m->name.ptr, m->name.len), *role = xstrndup(m->role.ptr, m->role.len);
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	struct err err = ERR_INIT;
	struct flow_def *d = flow_def_new(l->flows, name, name, m->definition.ptr, m->definition.len,
					  str_eqz(m->type, "EXPRESS"), role, NULL, &found, &err);

	if (!d) {
		if (l->flows->trouble)
			l->flows->trouble(l->flows->ctx, &err);
		return true;
	}
	d->revision = m->revision;
	d->made = m->made;
	d->changed = m->changed;
	take(l->flows, d);
	return true;
}

static int load_all(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct loading *l = CONTAINER_OF(op, struct loading, op);

	return ops->machines(s, load_one, l, err);
}

int flows_load(struct flows *f, struct err *err)
{
	struct loading l = { .op.work = load_all, .flows = f };

	return f->journal ? flow_journal_now(f->journal, &l.op, err) : 0;
}

/* ---- */

int flows_open(struct flows *f, struct platform *p, const char *path, const char *who, struct err *err)
{
	f->platform = p;
	f->next = 1;
	if (!path)
		return 0;
	f->journal = flow_journal_open(p->loop, path, who, &f->next, err);
	return f->journal ? 0 : -1;
}

void flows_close(struct flows *f)
{
	f->closing = true;
	if (f->journal)
		flow_journal_close(f->journal);
	f->journal = NULL;
	while (f->first)
		flow_exec_drop(f->first);
	VEC_EACH(&f->defs, d)
		flow_def_unref(*d);
	VEC_EACH(&f->old, d)
		flow_def_unref(*d);
	VEC_FREE(&f->defs);
	VEC_FREE(&f->old);
}

struct flow_exec *flows_running(const struct flows *f, struct str arn)
{
	for (struct flow_exec *x = f->first; x; x = x->next)
		if (str_eqz(arn, x->arn))
			return x;
	return NULL;
}
