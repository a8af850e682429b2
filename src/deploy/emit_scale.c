/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "deploy/emit_internal.h"

#define VCPU_MEMORY (UINT64_C(1769) << 20) /* for which Lambda gives a CPU */
#define CPU_TARGET  600u		   /* permille: the policy's default (docs/CONFIG.md) */

struct emit_scale emit_scale(const struct function *f)
{
	const struct scaling_def *s = &f->scaling;
	struct emit_scale out = { .least = f->prewarm, .most = f->concurrency };

	if (!s->policy.s)
		return out;
	out.least = s->least;
	if (strcmp(s->policy.s, "fixed") == 0) {
		out.least = out.most = s->fixed;
		out.fixed = true;
	}
	if (strcmp(s->policy.s, "cpu") == 0)
		out.cpu_target = ((s->target_permille ? s->target_permille : CPU_TARGET) + 5) / 10;
	out.cooldown = emit_seconds(s->cooldown_ms);
	return out;
}

void emit_scale_note(struct emit_job *j, const struct function *f)
{
	const struct lstr policy = f->scaling.policy;
	const bool cpu = !emit_is_lambda(j->req->kind) && j->req->kind != EMIT_CLOUDRUN;

	if (!policy.s || strcmp(policy.s, "fixed") == 0 || (strcmp(policy.s, "cpu") == 0 && cpu))
		return;
	strs_addf(&j->res->notes, "%s:%u:%u: %s has no policy '%s': its own decides, within min and concurrency",
		  j->p->file, policy.line, policy.col, emit_kind_name(j->req->kind), policy.s);
}

char *emit_memory(struct arena *a, uint64_t bytes)
{
	return bytes % (1u << 20) ? arena_printf(a, "%" PRIu64, bytes) : arena_printf(a, "%" PRIu64 "Mi", bytes >> 20);
}

char *emit_cpu(struct arena *a, uint64_t thousandths)
{
	return thousandths % 1000 ? arena_printf(a, "%" PRIu64 "m", thousandths)
				  : arena_printf(a, "%" PRIu64, thousandths / 1000);
}

uint64_t emit_cpu_share(uint64_t memory)
{
	const uint64_t share = memory * 1000 / VCPU_MEMORY;

	return share ? share : 1;
}

uint64_t emit_seconds(uint64_t ms)
{
	return (ms + 999) / 1000;
}

uint64_t emit_megabytes(uint64_t bytes)
{
	return (bytes + (1u << 20) - 1) >> 20;
}
