/* SPDX-License-Identifier: Apache-2.0 */
#include "build_one.h"

#include "base/mem.h"
#include "build_stage.h"
#include "local/solo.h"
#include "ui.h"

static enum arch choose_arch(const struct project *p, const struct function *f)
{
	enum arch first = ARCH_COUNT;

	for (size_t i = 0; i < p->narches; i++) {
		bool has = f->arches.len == 0;

		if (p->arches[i] == ARCH_WASM32)
			continue;
		for (size_t k = 0; k < f->arches.len; k++)
			has |= arch_parse(f->arches.ptr[k].s) == (int)p->arches[i];
		if (has && p->arches[i] == arch_host())
			return arch_host();
		if (has && first == ARCH_COUNT)
			first = p->arches[i];
	}
	return first;
}

int build_one_more(struct project *p, const char *name, const char *profile, const struct globals *g,
		   struct build_result *res, struct err *err)
{
	const struct function *f = project_function(p, name, err);
	CLEAN_STRS struct strs functions = { 0 }, arches = { 0 };
	const struct stage_flags flags = { .file = NULL };
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	struct build_request req = { .profile = profile };
	int ret;

	if (!f || solo_check(p, f, err) < 0)
		return -1;
	if (function_compiles(f) && choose_arch(p, f) == ARCH_COUNT) {
		project_err(p, ERR_CONFIG, f->name, err, "'%s' is built for wasm32 alone, which slsc does not run",
			    f->name.s);
		return err_hint(err, "add x86_64 or arm64 to arches");
	}
	toolchain_stages_init(&stages, &flags, 0, g, true);
	strs_add(&functions, name);
	strs_add(&arches, arch_name(choose_arch(p, f)));
	req.functions = functions;
	req.arches = arches;
	ui_build_request(&req, g);
	p->stages = &stages.keepers.stages;
	ret = ui_build(p, &req, res, err);
	p->stages = NULL;
	if (ret < 0)
		return -1;
	if (res->len != 1)
		BUG("%zu binaries of one function for one machine", res->len);
	return 0;
}

int build_one(struct project *p, const char *name, const char *profile, const char *who, const struct globals *g,
	      struct build_one *out, struct err *err)
{
	const struct function *f = project_function(p, name, err);

	if (!f || solo_check(p, f, err) < 0)
		return -1;
	out->lock = build_lock(p, who, ui_waiting, NULL, err);
	if (out->lock < 0 || build_one_more(p, name, profile, g, &out->res, err) < 0)
		return -1;
	out->built = &out->res.ptr[0];
	return 0;
}

void build_one_unlock(struct build_one *b)
{
	clean_fd_(&b->lock);
}

void build_one_release(struct build_one *b)
{
	build_one_unlock(b);
	build_result_release(&b->res);
}
