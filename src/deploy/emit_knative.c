/* SPDX-License-Identifier: Apache-2.0 */
/* Knative Serving and Cloud Run: a Service of serving.knative.dev/v1 for each function. */
#include <string.h>

#include "deploy/emit_internal.h"

#define START_SECONDS 30 /* that an instance may take to become ready */
#define KNATIVE_SECONDS 600 /* that a request may take, unless a cluster says more */

static json_t *number(struct emit_job *j, uint64_t n)
{
	return emit_str(arena_printf(&j->arena, "%llu", (unsigned long long)n));
}

/* Annotations are strings. Cloud Run has the older names of these. */
static json_t *scaling(struct emit_job *j, const struct emit_fn *fn)
{
	const struct emit_scale s = emit_scale(fn->f);
	const bool cloudrun = j->req->kind == EMIT_CLOUDRUN;
	json_t *o = js_must(json_object());

	if (s.cpu_target && !cloudrun) {
		js_set(o, "autoscaling.knative.dev/class", emit_str("hpa.autoscaling.knative.dev"));
		js_set(o, "autoscaling.knative.dev/metric", emit_str("cpu"));
		js_set(o, "autoscaling.knative.dev/target", number(j, s.cpu_target));
	}
	js_set(o, cloudrun ? "autoscaling.knative.dev/minScale" : "autoscaling.knative.dev/min-scale",
	       number(j, s.least));
	js_set(o, cloudrun ? "autoscaling.knative.dev/maxScale" : "autoscaling.knative.dev/max-scale",
	       number(j, s.most));
	/* the autoscaler of Kubernetes, which the class is, has a time of its own */
	if (s.cooldown && !s.cpu_target && !cloudrun)
		js_set(o, "autoscaling.knative.dev/scale-down-delay",
		       emit_str(arena_printf(&j->arena, "%llus", (unsigned long long)s.cooldown)));
	return o;
}

static json_t *container(struct emit_job *j, struct emit_fn *fn)
{
	json_t *c = js_must(json_object()), *env = emit_env_list(j, fn, j->req->kind == EMIT_KNATIVE);

	js_set(c, "image", emit_str(fn->image));
	js_set(c, "ports", js_must(json_pack("[{s:s, s:i}]", "name", "http1", "containerPort", EMIT_PORT)));
	if (json_array_size(env))
		js_set(c, "env", env);
	else
		json_decref(env);
	return c;
}

static json_t *service(struct emit_job *j, struct emit_fn *fn, json_t *annotations, json_t *spec)
{
	json_t *doc = js_must(json_object());

	js_set(doc, "apiVersion", emit_str("serving.knative.dev/v1"));
	js_set(doc, "kind", emit_str("Service"));
	js_set(doc, "metadata", js_must(json_pack("{s:s, s:o}", "name", fn->name, "labels", emit_labels(j, fn))));
	js_set(doc, "spec",
	       js_must(json_pack("{s:{s:{s:o, s:o}, s:o}}", "template", "metadata", "labels", emit_labels(j, fn),
				 "annotations", annotations, "spec", spec)));
	return doc;
}

static json_t *limits_of(struct emit_job *j, struct emit_fn *fn)
{
	json_t *spec = js_must(json_object());

	js_set(spec, "containerConcurrency", emit_uint(EMIT_PARALLEL));
	js_set(spec, "timeoutSeconds", emit_uint(emit_seconds(fn->f->timeout_ms)));
	js_set(spec, "containers", js_must(json_pack("[o]", container(j, fn))));
	return spec;
}

int emit_knative(struct emit_job *j, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < j->nfns; i++) {
		struct emit_fn *fn = &j->fns[i];
		json_t *spec = limits_of(j, fn), *c = json_array_get(json_object_get(spec, "containers"), 0);

		if (emit_seconds(fn->f->timeout_ms) > KNATIVE_SECONDS)
			strs_addf(&j->res->notes,
				  "%s:%u:%u: '%s' may take longer than the %d s that clusters allow, unless their "
				  "max-revision-timeout-seconds is raised",
				  j->p->file, fn->f->name.line, fn->f->name.col, fn->f->name.s, KNATIVE_SECONDS);
		/* queue-proxy asks while the instance starts, and opens it to requests then */
		js_set(c, "readinessProbe", emit_get_probe(EMIT_READY, false));
		js_set(c, "livenessProbe", emit_get_probe(EMIT_HEALTH, false));
		js_set(c, "resources", emit_resources(j, fn));
		js_set(c, "securityContext", emit_security(j, fn));
		js_set(c, "volumeMounts", js_must(json_pack("[{s:s, s:s}]", "name", "tmp", "mountPath", "/tmp")));
		js_set(spec, "automountServiceAccountToken", js_must(json_false()));
		js_set(spec, "enableServiceLinks", js_must(json_false()));
		js_set(spec, "volumes",
		       js_must(json_pack("[{s:s, s:{s:s}}]", "name", "tmp", "emptyDir", "sizeLimit",
					 emit_memory(&j->arena, fn->f->storage))));
		emit_yaml(service(j, fn, scaling(j, fn), spec),
			  emit_add(j, arena_printf(&j->arena, "%s.yaml", fn->name)));
	}
	return 0;
}

/* Whole CPUs: less goes with one request at a time alone. Each allows so much memory (Cloud Run, "Memory limits"). */
static int cloudrun_cpu(struct emit_job *j, const struct emit_fn *fn, uint64_t *cpu, struct err *err)
{
	static const struct {
		uint64_t cpu, memory; /* GiB at most */
	} sizes[] = { { 1, 4 }, { 2, 8 }, { 4, 16 }, { 6, 24 }, { 8, 32 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (fn->f->cpu <= sizes[i].cpu * 1000 && fn->f->memory <= sizes[i].memory << 30) {
			*cpu = sizes[i].cpu;
			return 0;
		}
	project_err(j->p, ERR_CONFIG, fn->f->name, err, "'%s' has more than 8 CPUs, the most that Cloud Run gives",
		    fn->f->name.s);
	return err_hint(err, "lower cpu");
}

int emit_cloudrun(struct emit_job *j, struct err *err)
{
	for (size_t i = 0; i < j->nfns; i++) {
		struct emit_fn *fn = &j->fns[i];
		json_t *spec, *c, *annotations, *probe;
		uint64_t cpu = 0;

		if (emit_take_secrets(j, fn, err) < 0 || cloudrun_cpu(j, fn, &cpu, err) < 0)
			return -1;
		spec = limits_of(j, fn);
		c = json_array_get(json_object_get(spec, "containers"), 0);
		js_set(c, "resources",
		       js_must(json_pack("{s:{s:s, s:s}}", "limits", "cpu", emit_cpu(&j->arena, cpu * 1000), "memory",
					 emit_memory(&j->arena, fn->f->memory))));
		probe = emit_get_probe(EMIT_READY, false);
		js_set(probe, "periodSeconds", emit_uint(1));
		js_set(probe, "failureThreshold", emit_uint(START_SECONDS));
		js_set(c, "startupProbe", probe);
		js_set(c, "livenessProbe", emit_get_probe(EMIT_HEALTH, false));
		annotations = scaling(j, fn);
		js_set(annotations, "run.googleapis.com/startup-cpu-boost", emit_str("true"));
		js_set(annotations, "run.googleapis.com/cpu-throttling", emit_str("true"));
		emit_yaml(service(j, fn, annotations, spec), emit_add(j, arena_printf(&j->arena, "%s.yaml", fn->name)));
	}
	return 0;
}
