/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes by itself: for each function a Deployment, a Service, and what keeps their number right. */
#include <string.h>

#include "deploy/emit_internal.h"

#define CPU_TARGET    60 /* per cent, where slsc.yaml says no other */
#define START_SECONDS 30 /* that an instance may take to start */
#define STOP_SECONDS 5

static json_t *object(struct emit_job *j, const struct emit_fn *fn, const char *version, const char *kind, json_t *spec)
{
	json_t *doc = js_must(json_object());

	js_set(doc, "apiVersion", emit_str(version));
	js_set(doc, "kind", emit_str(kind));
	js_set(doc, "metadata", js_must(json_pack("{s:s, s:o}", "name", fn->name, "labels", emit_labels(j, fn))));
	js_set(doc, "spec", spec);
	return doc;
}

/* What never changes, as a Deployment's selector must not. */
static json_t *selector(const struct emit_fn *fn)
{
	return js_must(json_pack("{s:s}", "app.kubernetes.io/name", fn->name));
}

static json_t *container(struct emit_job *j, struct emit_fn *fn)
{
	json_t *c = js_must(json_object()), *env = emit_env_list(j, fn, true),
	       *start = emit_get_probe(EMIT_HEALTH, true);

	js_set(c, "name", emit_str(fn->name));
	js_set(c, "image", emit_str(fn->image));
	js_set(c, "ports", js_must(json_pack("[{s:s, s:i}]", "name", "http", "containerPort", EMIT_PORT)));
	if (json_array_size(env))
		js_set(c, "env", env);
	else
		json_decref(env);
	js_set(start, "periodSeconds", emit_uint(1));
	js_set(start, "failureThreshold", emit_uint(START_SECONDS));
	js_set(c, "startupProbe", start);
	js_set(c, "readinessProbe", emit_get_probe(EMIT_READY, true));
	js_set(c, "livenessProbe", emit_get_probe(EMIT_HEALTH, true));
	/* proxies still send requests for a while to a pod that ends: it stops listening only after that */
	js_set(c, "lifecycle", js_must(json_pack("{s:{s:{s:i}}}", "preStop", "sleep", "seconds", STOP_SECONDS)));
	js_set(c, "resources", emit_resources(j, fn));
	js_set(c, "securityContext", emit_security(j, fn));
	js_set(c, "volumeMounts", js_must(json_pack("[{s:s, s:s}]", "name", "tmp", "mountPath", "/tmp")));
	return c;
}

/* A cluster may have nodes of both: where only one has an image, the others cannot start it. */
static const char *only_arch(const struct emit_job *j, const struct function *f)
{
	const char *only = NULL;

	for (size_t i = 0; i < j->p->narches; i++) {
		bool has = !f->arches.len;

		for (size_t k = 0; k < f->arches.len; k++)
			has |= arch_parse(f->arches.ptr[k].s) == (int)j->p->arches[i];
		if (!has || j->p->arches[i] == ARCH_WASM32)
			continue;
		if (only)
			return NULL;
		only = arch_oci(j->p->arches[i]);
	}
	return only;
}

static json_t *pod(struct emit_job *j, struct emit_fn *fn)
{
	const char *arch = only_arch(j, fn->f);
	json_t *spec = js_must(json_object());

	js_set(spec, "automountServiceAccountToken", js_must(json_false()));
	js_set(spec, "enableServiceLinks", js_must(json_false()));
	if (arch)
		js_set(spec, "nodeSelector", js_must(json_pack("{s:s}", "kubernetes.io/arch", arch)));
	js_set(spec, "containers", js_must(json_pack("[o]", container(j, fn))));
	js_set(spec, "volumes",
	       js_must(json_pack("[{s:s, s:{s:s}}]", "name", "tmp", "emptyDir", "sizeLimit",
				 emit_memory(&j->arena, fn->f->storage))));
	return spec;
}

static json_t *deployment(struct emit_job *j, struct emit_fn *fn, bool scaled, uint64_t replicas)
{
	json_t *spec = js_must(json_object());

	/* with an autoscaler it is that one's: a number here would be set again by each apply */
	if (!scaled)
		js_set(spec, "replicas", emit_uint(replicas));
	js_set(spec, "selector", js_must(json_pack("{s:o}", "matchLabels", selector(fn))));
	js_set(spec, "template",
	       js_must(json_pack("{s:{s:o}, s:o}", "metadata", "labels", emit_labels(j, fn), "spec", pod(j, fn))));
	return object(j, fn, "apps/v1", "Deployment", spec);
}

static json_t *service(struct emit_job *j, const struct emit_fn *fn)
{
	json_t *spec = js_must(json_object());

	js_set(spec, "selector", selector(fn));
	js_set(spec, "ports",
	       js_must(json_pack("[{s:s, s:i, s:s}]", "name", "http", "port", 80, "targetPort", "http")));
	return object(j, fn, "v1", "Service", spec);
}

static json_t *autoscaler(struct emit_job *j, const struct emit_fn *fn, const struct emit_scale *s)
{
	const uint64_t target = s->cpu_target ? s->cpu_target : CPU_TARGET;
	json_t *spec = js_must(json_object());

	js_set(spec, "scaleTargetRef",
	       js_must(json_pack("{s:s, s:s, s:s}", "apiVersion", "apps/v1", "kind", "Deployment", "name", fn->name)));
	js_set(spec, "minReplicas", emit_uint(s->least ? s->least : 1));
	js_set(spec, "maxReplicas", emit_uint(s->most));
	js_set(spec, "metrics",
	       js_must(json_pack("[{s:s, s:{s:s, s:{s:s, s:I}}}]", "type", "Resource", "resource", "name", "cpu",
				 "target", "type", "Utilization", "averageUtilization", (json_int_t)target)));
	if (s->cooldown)
		js_set(spec, "behavior",
		       js_must(json_pack("{s:{s:I}}", "scaleDown", "stabilizationWindowSeconds",
					 (json_int_t)s->cooldown)));
	return object(j, fn, "autoscaling/v2", "HorizontalPodAutoscaler", spec);
}

static json_t *budget(struct emit_job *j, const struct emit_fn *fn)
{
	json_t *spec = js_must(json_object());

	/* one at a time, so that a single replica does not keep a node from being drained */
	js_set(spec, "maxUnavailable", emit_uint(1));
	js_set(spec, "selector", js_must(json_pack("{s:o}", "matchLabels", selector(fn))));
	return object(j, fn, "policy/v1", "PodDisruptionBudget", spec);
}

static void next(json_t *doc, struct buf *out)
{
	buf_addz(out, "---\n");
	emit_yaml(doc, out);
}

int emit_kubernetes(struct emit_job *j, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < j->nfns; i++) {
		struct emit_fn *fn = &j->fns[i];
		const struct emit_scale s = emit_scale(fn->f);
		const bool scaled = !s.fixed && s.most > 1;
		struct buf *out = emit_add(j, arena_printf(&j->arena, "%s.yaml", fn->name));

		emit_yaml(deployment(j, fn, scaled, s.most), out);
		next(service(j, fn), out);
		if (scaled)
			next(autoscaler(j, fn, &s), out);
		next(budget(j, fn), out);
	}
	return 0;
}
