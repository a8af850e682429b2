/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_EMIT_INTERNAL_H
#define SLSC_DEPLOY_EMIT_INTERNAL_H

#include <jansson.h>

#include "base/arena.h"
#include "base/map.h"
#include "deploy/emit.h"
#include "oci/js.h"

#define EMIT_HEALTH "/_/health"		/* what the HTTP runtime answers by itself (docs/RUNTIME-HTTP.md) */
#define EMIT_READY "/_/ready"
#define EMIT_PORT 8080
#define EMIT_PARALLEL 80		/* requests at once in an instance that speaks HTTP, as slsc local has it */
#define EMIT_CONCURRENCY 100u		/* slsc.yaml's default: says nothing */
#define EMIT_RESOLVE "{{resolve:"	/* begins a dynamic reference of CloudFormation */
#define EMIT_MARK "Made by slsc deploy --emit"

struct emit_env {
	const struct lkv *kv;
	const char *what;		/* why it is a secret; NULL: it is none */
};

/** A function on its way into files; strings are in the job's arena. */
struct emit_fn {
	const struct function *f;
	struct package pk;
	struct deploy_def d;
	const char *name;		/* what the platform calls it */
	const char *ident;		/* sam: "OrderItems"; terraform: "order_items"; else NULL */
	enum arch arch;			/* Lambda's */
	const char *image;		/* HOST/REPOSITORY@sha256:...; NULL: a zip */
	const char *zip;		/* relative to where the file goes */
	const char *package;		/* what @digest was read from, below the project; NULL: it was said */
	struct digest digest;
	struct emit_env *env;
	size_t nenv;
};

struct emit_job {
	const struct emit_request *req;
	struct emit_result *res;
	struct project *p;
	struct arena arena;
	struct emit_fn *fns;
	size_t nfns;
	struct map taken;		/* identifiers of one file -> struct lstr of who has it */
};

bool emit_is_lambda(enum emit_kind k);
/** emit_built_for - whether slsc.yaml has @f built for @a. */
bool emit_built_for(const struct project *p, const struct function *f, enum arch a);

/* ---- emit_lambda.c: what SAM and Terraform share ---- */

#define EMIT_LOG_DAYS 30		/* a log group that nobody made keeps its lines for ever */

/** emit_alias - "live", unless slsc.yaml has another. */
const char *emit_alias(const struct emit_fn *fn);
/** emit_url - "AWS_IAM", "NONE" (for everybody); NULL: the function has no URL. */
const char *emit_url(const struct emit_fn *fn);
/** emit_tags - slsc.yaml's, and the project's name; @text makes strings of the file of names and values. */
json_t *emit_tags(struct emit_job *j, const struct emit_fn *fn, char *(*text)(struct emit_job *j, const char *s));
/** emit_log_format - "JSON" or "Text", as the service calls them. */
const char *emit_log_format(const struct emit_fn *fn);

/* ---- emit_name.c ---- */

/** emit_label - @s as an RFC 1123 label, without a length; NULL: nothing of it is left. */
char *emit_label(struct arena *a, const char *s);
/** emit_camel - "order_items" as "OrderItems"; emit_snake - "order-items" as "order_items". */
char *emit_camel(struct arena *a, const char *s);
char *emit_snake(struct arena *a, const char *s);
/** emit_names - the names of all functions; ERR_CONFIG: too long, or two that become one. */
int emit_names(struct emit_job *j, struct err *err) MUST_CHECK;
/** emit_take - @id is @who's from now on; ERR_CONFIG if another has it. @what: "a parameter", for the message. */
int emit_take(struct emit_job *j, const char *id, struct lstr who, const char *what, struct err *err) MUST_CHECK;

/* ---- emit_pin.c ---- */

/** emit_pins - what each function is pinned by. */
int emit_pins(struct emit_job *j, struct err *err) MUST_CHECK;

/* ---- emit_env.c ---- */

/** emit_envs - the variables, and which are secrets; ERR_CONFIG: one that the platform does not take. */
int emit_envs(struct emit_job *j, struct err *err) MUST_CHECK;
/** emit_refer - note that @e is the reference @fmt. */
void emit_refer(struct emit_job *j, const struct emit_fn *fn, const struct emit_env *e, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/** emit_secret_name - "hello-db-password": where each secret has a name of its own. */
char *emit_secret_name(struct emit_job *j, const struct emit_fn *fn, const struct emit_env *e);
/** emit_take_secrets - the names of @fn's; ERR_CONFIG, located, if another secret would be called the same. */
int emit_take_secrets(struct emit_job *j, const struct emit_fn *fn, struct err *err) MUST_CHECK;
/** emit_dollars - @s with each "$" doubled that stands before one of @before, which would read it else. */
char *emit_dollars(struct arena *a, const char *s, const char *before);

/* ---- emit_yaml.c ---- */

/** emit_yaml - @j, which is handed over, as a document of block YAML. Keys keep their order. */
void emit_yaml(json_t *j, struct buf *out);

/* ---- emit_scale.c: instances, memory, CPU ---- */

struct emit_scale {
	uint64_t least, most;
	bool fixed;			/* least is most, and nothing decides */
	uint64_t cpu_target;		/* per cent, of the policy cpu; 0: another */
	uint64_t cooldown;		/* seconds; 0: not said */
};
struct emit_scale emit_scale(const struct function *f);
/** emit_scale_note - say which policy stays behind, as the platform has none like it. */
void emit_scale_note(struct emit_job *j, const struct function *f);
/** emit_memory - bytes as Kubernetes has them: "128Mi". emit_cpu - thousandths: "72m", "2". In the arena. */
char *emit_memory(struct arena *a, uint64_t bytes);
char *emit_cpu(struct arena *a, uint64_t thousandths);
/** emit_cpu_share - thousandths of a CPU that Lambda would give to so much memory. */
uint64_t emit_cpu_share(uint64_t memory);
uint64_t emit_seconds(uint64_t ms);	/* rounded up */
uint64_t emit_megabytes(uint64_t bytes);	/* rounded up */

/* ---- emit_kube.c: what Kubernetes and its kin share ---- */

json_t *emit_str(const char *s);
json_t *emit_uint(uint64_t n);
/** emit_labels - app.kubernetes.io/..., of a function. */
json_t *emit_labels(struct emit_job *j, const struct emit_fn *fn);
/** emit_get_probe - {"httpGet": {"path": @path}}; with the named port "http" if @port. */
json_t *emit_get_probe(const char *path, bool port);
/** emit_env_list - [{name, value}]. @expands: whether the platform reads $(NAME) in values. */
json_t *emit_env_list(struct emit_job *j, struct emit_fn *fn, bool expands);
/** emit_security - a container's securityContext. */
json_t *emit_security(struct emit_job *j, const struct emit_fn *fn);
json_t *emit_resources(struct emit_job *j, const struct emit_fn *fn);
/** emit_add - a file of the result with the head that says what it is. */
struct buf *emit_add(struct emit_job *j, const char *name);

/* ---- one for each platform ---- */

int emit_sam(struct emit_job *j, struct err *err) MUST_CHECK;
int emit_terraform(struct emit_job *j, struct err *err) MUST_CHECK;
int emit_knative(struct emit_job *j, struct err *err) MUST_CHECK;
int emit_cloudrun(struct emit_job *j, struct err *err) MUST_CHECK;
int emit_openfaas(struct emit_job *j, struct err *err) MUST_CHECK;
int emit_kubernetes(struct emit_job *j, struct err *err) MUST_CHECK;

#endif
