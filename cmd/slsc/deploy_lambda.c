/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy_lambda.h"

#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "build/package.h"
#include "build_stage.h"
#include "cli/out.h"
#include "deploy/deploy.h"
#include "event.h"
#include "os/fs.h"
#include "ui.h"

const char *const lambda_levels[] = { "fast", "default", "max", NULL };
const char *const lambda_arches[] = { "x86_64", "arm64", "amd64", "aarch64", NULL };

/* All that is deployed in one run. */
struct job {
	const struct lambda_flags *f;
	const struct globals *g;
	struct project *p;
	VEC(struct want) wants;
	struct buf json;  /* of those that are done */
	struct buf event; /* --smoke's */
	unsigned weight;
};

static void job_release(struct job *j)
{
	for (size_t i = 0; i < j->wants.len; i++)
		want_release(&j->wants.ptr[i]);
	VEC_FREE(&j->wants);
	buf_release(&j->json);
	buf_release(&j->event);
}

static void on_note(void *ctx, bool verbose, const char *line)
{
	(void)ctx;
	if (verbose)
		out_verbose("%s", line);
	else
		out_note("%s", line);
}

/* ---- what is asked for ---- */

/* "10%", "10", "0.5 %": to permille, from 1 to 1000. */
static int parse_weight(const char *s, unsigned *permille, struct err *err)
{
	struct str whole = str_trim(str_from(s)), part;
	uint64_t a = 0, b = 0;
	bool good;

	if (str_ends(whole, "%"))
		whole.len--;
	whole = str_trim(whole);
	part = str_cut(&whole, '.');
	good = whole.len <= 3 && part.len <= 1 && str_parse_u64(whole, &a) == 0 &&
	       (!part.len || str_parse_u64(part, &b) == 0) && a * 10 + b >= 1 && a * 10 + b <= DEPLOY_WHOLE;
	if (!good) {
		err_set(err, ERR_USAGE, "--weight: '%.40s' is no percentage from 0.1%% to 100%%", s);
		return err_hint(err, "write --weight 10%%");
	}
	*permille = (unsigned)(a * 10 + b);
	return 0;
}

static int check_options(struct job *j, int argc, struct err *err)
{
	const struct lambda_flags *f = j->f;

	j->weight = DEPLOY_WHOLE;
	/* they become parts of URLs: what slsc.yaml may not say, the command line may not, either */
	if ((f->role && deploy_option("role", f->role, err) < 0) ||
	    (f->alias && deploy_option("alias", f->alias, err) < 0) || (f->s3 && deploy_option("s3", f->s3, err) < 0))
		return -1;
	if (f->smoke && f->no_smoke)
		return err_set(err, ERR_USAGE, "--smoke and --no-smoke exclude each other");
	if (f->image && argc != 1 && !strchr(f->image, '=')) {
		err_set(err, ERR_USAGE, "--image: say which function it is");
		return err_hint(err, "slsc deploy FUNCTION --image IMAGE; or deploy.image of each in slsc.yaml");
	}
	return f->weight ? parse_weight(f->weight, &j->weight, err) : 0;
}

/* "IMAGE" is for the one function there is, "FUNCTION=IMAGE" for that one. */
static const char *image_for(const struct job *j, const struct function *f)
{
	const char *image = j->f->image, *eq = image ? strchr(image, '=') : NULL;

	if (!eq)
		return image;
	return strncmp(image, f->name.s, (size_t)(eq - image)) == 0 && !f->name.s[eq - image] ? eq + 1 : NULL;
}

static int add_want(struct job *j, const struct function *f, struct err *err)
{
	const struct want_opts o = { .role = j->f->role,
				     .alias = j->f->alias,
				     .s3 = j->f->s3,
				     .image = image_for(j, f),
				     .arch = j->f->arch,
				     .publish = j->f->publish,
				     .url = j->f->url };
	struct want w;
	int ret = want_init(&w, j->p, f, &o, err);

	VEC_PUSH(&j->wants, w);
	if (ret < 0)
		return -1;
	if (!w.alias && j->f->weight) {
		err_set(err, ERR_USAGE, "%s: --weight is about an alias, and none is named", f->name.s);
		return err_hint(err, "--alias NAME, or deploy.alias in slsc.yaml");
	}
	if (!w.image && !function_compiles(f)) {
		project_err(j->p, ERR_CONFIG, f->name, err, "'%s' is made by a Dockerfile: it has no zip", f->name.s);
		return err_hint(err, "push its image to ECR, and name it: --image, or deploy.image");
	}
	return 0;
}

/* --image FUNCTION=IMAGE for one that is deployed. */
static int check_image(const struct job *j, struct err *err)
{
	const char *image = j->f->image, *eq = image ? strchr(image, '=') : NULL;
	CLEAN_FREE char *name = eq ? xstrndup(image, (size_t)(eq - image)) : NULL;

	if (!eq)
		return 0;
	if (!eq[1])
		return err_set(err, ERR_USAGE, "--image %s: the image is empty", image);
	if (!project_function(j->p, name, err))
		return err_wrap(err, "--image");
	for (size_t i = 0; i < j->wants.len; i++)
		if (strcmp(j->wants.ptr[i].function->name.s, name) == 0)
			return 0;
	return err_set(err, ERR_USAGE, "--image: '%.64s' is not among the functions to deploy", name);
}

static int choose(struct job *j, int argc, char **argv, struct err *err)
{
	for (int i = 0; i < argc; i++) {
		const struct function *f = project_function(j->p, argv[i], err);

		if (!f || add_want(j, f, err) < 0)
			return -1;
	}
	for (size_t i = 0; argc == 0 && i < j->p->nfunctions; i++)
		if (add_want(j, j->p->functions[i], err) < 0)
			return -1;
	if (!j->wants.len)
		return err_set(err, ERR_CONFIG, "%s: there is no function that Lambda runs", j->p->file);
	return check_image(j, err);
}

/* ---- the code ---- */

static void on_step(unsigned done, unsigned total, const char *what, void *ctx)
{
	(void)ctx;
	progress_set_total(total);
	progress_update(done, what);
}

/* That a zip has to go through S3 is what slsc deploy does, or says itself. */
static bool is_known(const struct package_result *res, const char *warning)
{
	for (size_t i = 0; i < res->len; i++)
		if (res->ptr[i].size > LAMBDA_ZIP_DIRECT && starts_with(warning, res->ptr[i].path))
			return true;
	return false;
}

static int pack(struct job *j, const struct strs *functions, const struct strs *arches, struct err *err)
{
	CLEAN_PACKAGE struct package_result res = { 0 };
	const struct package_request req = { .project = j->p,
					     .functions = functions,
					     .arches = arches,
					     .formats = PACKAGE_ZIP,
					     .profile = j->f->profile,
					     .level = j->f->level,
					     .step = on_step };
	int ret;

	progress_begin("packaging", 0);
	ret = package_run(&req, &res, err);
	progress_end();
	for (size_t i = 0; i < res.warnings.len; i++)
		if (!is_known(&res, res.warnings.ptr[i]))
			out_warn("%s", res.warnings.ptr[i]);
	for (size_t i = 0; ret == 0 && i < res.len; i++)
		VEC_EACH(&j->wants, w)
			if (w->function->name.s == res.ptr[i].function ||
			    strcmp(w->function->name.s, res.ptr[i].function) == 0)
				want_zip(w, res.ptr[i].path, res.ptr[i].size, digest_hex(&res.ptr[i].digest));
	return ret;
}

/* Those of one machine, together. */
static int make_zips(struct job *j, const char *arch, struct err *err)
{
	CLEAN_STRS struct strs functions = { 0 }, arches = { 0 };
	const struct stage_flags flags = { .file = NULL };
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	CLEAN_BUILD struct build_result res = { 0 };
	struct build_request req = { .profile = j->f->profile };
	int ret = 0;

	VEC_EACH(&j->wants, w)
		if (!w->image && strcmp(w->arch, arch) == 0)
			strs_add(&functions, w->function->name.s);
	if (!functions.len)
		return 0;
	strs_add(&arches, arch);
	req.functions = functions;
	req.arches = arches;
	if (!j->f->no_build) {
		toolchain_stages_init(&stages, &flags, 0, j->g, true);
		ui_build_request(&req, j->g);
		req.dry_run = false; /* what differs is known only of what is built */
		j->p->stages = &stages.keepers.stages;
		ret = ui_build(j->p, &req, &res, err);
		j->p->stages = NULL;
	}
	return ret < 0 ? -1 : pack(j, &functions, &arches, err);
}

/* ---- what came of it ---- */

static void add_json(struct job *j, const struct want *w, const struct deployed *d)
{
	struct buf *b = &j->json;

	member_open(b, NULL, '{');
	member_text(b, "function", w->function->name.s);
	member_text(b, "name", w->name);
	member_text(b, "arn", d->arn);
	member_text(b, "version", d->version);
	member_text(b, "code_sha256", d->code_sha256);
	member_text(b, "alias", w->alias);
	member_text(b, "routing", d->routing);
	member_text(b, "url", d->url);
	member_bool(b, "created", d->created && !j->g->dry_run);
	member_bool(b, "tried", d->smoked);
	member_open(b, "changes", '[');
	VEC_EACH(&d->changes, c) {
		member_open(b, NULL, '{');
		member_text(b, "field", c->field);
		member_text(b, "from", c->from);
		member_text(b, "to", c->to);
		buf_addc(b, '}');
	}
	buf_addz(b, "]}");
}

static void add_words(const struct job *j, const struct want *w, const struct deployed *d, struct buf *b)
{
	char size[32];

	buf_addf(b, "%s: %s\n", w->function->name.s,
		 !d->changes.len ? "nothing to do"
		 : j->g->dry_run ? (d->created ? "would be created" : "would change")
		 : d->created	 ? "created"
				 : "changed");
	VEC_EACH(&d->changes, c) {
		if (c->from && c->to)
			buf_addf(b, "  %s: %s -> %s\n", c->field, c->from, c->to);
		else
			buf_addf(b, "  %s: %s%s\n", c->field, c->to ? c->to : "(removed) ", c->to ? "" : c->from);
	}
	if (j->g->dry_run)
		return;
	buf_addf(b, "  arn      %s\n  version  %s\n  code     %s", d->arn, d->version, d->code_sha256);
	buf_addf(b, d->code_size ? "  %s\n" : "\n", str_human_size(d->code_size, size, sizeof(size)));
	if (d->routing)
		buf_addf(b, "  alias    %s -> %s\n", w->alias, d->routing);
	if (d->url && *d->url)
		buf_addf(b, "  url      %s\n", d->url);
}

/* Names and numbers come from who serves there: nothing of it is for a terminal to act on. */
static void make_plain(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		const size_t n = str_control((struct str){ b->ptr + i, b->len - i });

		if (n && b->ptr[i] != '\n')
			memset(b->ptr + i, '?', n);
	}
}

/* GET /, as a function URL tells it (payload format 2.0): what a function that speaks HTTP takes for an event. */
static const char get_root[] =
	"{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/\",\"rawQueryString\":\"\","
	"\"headers\":{\"user-agent\":\"slsc-deploy\"},\"requestContext\":{\"http\":{\"method\":\"GET\",\"path\":\"/\","
	"\"protocol\":\"HTTP/1.1\",\"sourceIp\":\"127.0.0.1\"},\"stage\":\"$default\"},\"isBase64Encoded\":false}";

/* --smoke, else deploy.smoke, else GET / or {}. */
static int event_of(const struct job *j, const struct want *w, struct buf *out, struct err *err)
{
	CLEAN_FREE char *path = w->smoke.s ? path_join(j->p->dir, w->smoke.s) : NULL;

	if (j->f->smoke) {
		buf_adds(out, buf_str(&j->event));
		return 0;
	}
	if (!path) {
		buf_addz(out, w->function->runtime == RUNTIME_HTTP ? get_root : "{}");
		return 0;
	}
	if (!fs_exists(path))
		return project_err(j->p, ERR_CONFIG, w->smoke, err, "there is no file '%s'", w->smoke.s);
	return event_read_option("deploy.smoke", path, out, err);
}

/* Read before anything is built; standard input can be read once. */
static int check_events(struct job *j, struct err *err)
{
	if (j->f->smoke && event_read_option("--smoke", j->f->smoke, &j->event, err) < 0)
		return -1;
	VEC_EACH(&j->wants, w) {
		CLEAN_BUF struct buf b = BUF_INIT;

		if (!j->f->no_smoke && event_of(j, w, &b, err) < 0)
			return -1;
	}
	return 0;
}

static int deploy_one(struct job *j, struct session *s, const struct want *w, struct err *err)
{
	CLEAN_DEPLOYED struct deployed d = DEPLOYED_INIT;
	CLEAN_BUF struct buf event = BUF_INIT, words = BUF_INIT;
	struct deploy_opts o = { .weight = j->weight, .smoke = !j->f->no_smoke, .dry_run = j->g->dry_run };
	int ret;

	if (o.smoke && event_of(j, w, &event, err) < 0)
		return -1;
	o.event = buf_str(&event);
	ret = deploy_function(s, w, &o, &d, err);
	/* what the function has printed says why */
	if (ret < 0 && err->code == ERR_FUNCTION && d.smoke.log.len) {
		out_raw(d.smoke.log.ptr, d.smoke.log.len);
		if (d.smoke.log.ptr[d.smoke.log.len - 1] != '\n')
			out_raw("\n", 1);
	}
	if (ret < 0)
		return -1;
	if (j->g->json) {
		add_json(j, w, &d);
		return 0;
	}
	add_words(j, w, &d, &words);
	make_plain(&words);
	return out_stdout(words.ptr, words.len, err);
}

static int deploy_all(struct job *j, struct session *s, struct err *err)
{
	VEC_EACH(&j->wants, w)
		if (deploy_one(j, s, w, err) < 0)
			return -1;
	return 0;
}

int deploy_lambda(const struct lambda_flags *f, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEANUP(job_release) struct job j = { .f = f, .g = g, .p = &p, .json = BUF_INIT, .event = BUF_INIT };
	CLEAN_SESSION struct session s = SESSION_INIT;
	CLEAN_FD int lock = -1;
	struct session_opts o = {
		.profile = f->aws_profile, .region = f->region, .endpoint = f->endpoint, .note = on_note
	};
	int ret;

	if (check_options(&j, argc, err) < 0 || project_load(&p, NULL, err) < 0 || choose(&j, argc, argv, err) < 0 ||
	    check_events(&j, err) < 0)
		return -1;
	o.fallback_region = p.deploy.region.s;
	/* before minutes of building are in vain */
	if (session_init(&s, &o, err) < 0)
		return -1;
	lock = build_lock(&p, "slsc deploy", ui_waiting, NULL, err);
	if (lock < 0 || make_zips(&j, "x86_64", err) < 0 || make_zips(&j, "arm64", err) < 0)
		return -1;
	ret = deploy_all(&j, &s, err);
	if (g->json && (ret == 0 || j.json.len)) {
		struct err second = ERR_INIT;
		CLEAN_FREE char *text = xasprintf("{\"dry_run\":%s,\"region\":\"%s\",\"functions\":[%s]}\n",
						  g->dry_run ? "true" : "false", s.region, j.json.ptr);

		if (out_stdout(text, strlen(text), ret < 0 ? &second : err) < 0)
			return -1;
	}
	return ret;
}
