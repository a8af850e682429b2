/* SPDX-License-Identifier: Apache-2.0 */
#include "local/serve_artifact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "elf/elf.h"
#include "local/unpack.h"
#include "os/fs.h"
#include "report/artifact.h"
#include "stage/copy.h"
#include "stage/snapshot.h"

#define NAME_MAX_ 64u
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin:/opt/bin"
#define TIMEOUT_MAX_MS 900000u		/* as in slsc.yaml */
#define QEMU "/.slsc-qemu"		/* where it lies in a root */

bool serve_is_artifact(const char *text)
{
	return strpbrk(text, "./:") != NULL;
}

/* ---- its name, and what slsc.yaml says of it ---- */

static bool cut(char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	if (n <= k || strcmp(s + n - k, tail) != 0)
		return false;
	s[n - k] = '\0';
	return true;
}

/* As slsc.yaml would have it: dist/Hello-x86_64.zip is hello. */
static char *name_of(const char *file)
{
	static const char *const forms[] = { ".zip", ".tar", ".gz", ".oci", ".docker" };
	static const char *const arches[] = { "-x86_64", "-arm64", "-amd64", "-aarch64" };
	CLEAN_FREE char *whole = xstrdup(path_basename(file)), *name = NULL;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(forms); i++)
			more = cut(whole, forms[i]) || more;
	}
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		if (cut(whole, arches[i]))
			break;
	for (char *s = whole; *s; s++)
		*s = isalnum((unsigned char)*s) || *s == '_' ? (char)tolower((unsigned char)*s) : '-';
	name = xstrndup(whole + strspn(whole, "-_"), NAME_MAX_);
	return *name ? steal(&name) : xstrdup("function");
}

static const struct function *function_of(const struct serve_artifacts *s, const char *name)
{
	for (size_t i = 0; s->project && i < s->project->nfunctions; i++)
		if (strcmp(s->project->functions[i]->name.s, name) == 0)
			return s->project->functions[i];
	return NULL;
}

/* Images of slsc's for HTTP have the first; nobody says otherwise that one is for Lambda. */
static bool is_http(const struct doc_config *c)
{
	return doc_kvs_get(&c->env, "SLSC_TIMEOUT_MS") || doc_kvs_get(&c->env, "PORT") || (c->ports && c->ports[0]);
}

/* @c: of an image, or NULL. */
static struct lfn *new_of(const struct serve_artifacts *s, const char *file, const struct doc_config *c)
{
	CLEAN_FREE char *name = name_of(file);
	const struct function *f = function_of(s, name);
	enum runtime runtime = c && is_http(c) ? RUNTIME_HTTP : RUNTIME_LAMBDA;
	struct lfn *fn = serve_new(name, f && f->runtime != RUNTIME_NONE ? f->runtime : runtime);
	const char *timeout = c ? doc_kvs_get(&c->env, "SLSC_TIMEOUT_MS") : NULL;
	uint64_t ms;

	if (f)
		serve_settings(fn, s->project, f);
	else if (timeout && str_parse_u64(str_from(timeout), &ms) == 0 && ms && ms <= TIMEOUT_MAX_MS)
		fn->timeout_ms = ms;
	return fn;
}

/* ---- what it starts ---- */

/* Whose machine a program is for; of a script @arch is left. @shown: "x.zip: bootstrap". */
static int program_arch(const char *path, const char *shown, enum arch *arch, bool *script, struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };
	struct stat st;
	CLEAN_FD int fd = fs_open(path, &st, err);
	char head[2] = "";

	if (fd < 0)
		return -1;
	if (!(st.st_mode & 0111)) {
		err_set(err, ERR_FORMAT, "%s: is not executable", shown);
		return err_hint(err, "pack it with its mode 0755");
	}
	*script = pread(fd, head, 2, 0) == 2 && memcmp(head, "#!", 2) == 0;
	if (*script)
		return 0;
	if (elf_open(&f, path, err) < 0) {
		if (err->code != ERR_FORMAT)
			return -1;
		err_set(err, ERR_FORMAT, "%s: is neither an ELF file nor a script", shown);
		return err_hint(err, "a script begins with #! and its interpreter");
	}
	if (f.arch == ELF_ARCH_UNKNOWN)
		return err_set(err, ERR_FORMAT, "%s: is for another machine than x86_64 and arm64", shown);
	*arch = f.arch == ELF_ARCH_ARM64 ? ARCH_ARM64 : ARCH_X86_64;
	return 0;
}

static void tell_qemu(const struct serve_artifacts *s, const struct lfn *fn, enum arch arch)
{
	CLEAN_FREE char *msg = xasprintf("%s is for %s, and runs under %s: slowly", fn->name, arch_name(arch),
					 arch_qemu(arch));

	s->tell(s->ctx, msg);
}

/* ---- zips ---- */

static int open_zip(struct serve_artifacts *s, struct lfn *fn, const char *text, struct err *err)
{
	CLEAN_FREE char *program = NULL, *extensions = NULL, *shown = xasprintf("%s: bootstrap", text);
	enum arch arch = arch_host();
	bool script;

	if (unpack_zip(text, &fn->dir, err) < 0)
		return -1;
	program = path_join(fn->dir, "bootstrap");
	if (!fs_exists(program)) {
		err_set(err, ERR_NOTFOUND, "%s: there is no bootstrap in it", text);
		return err_hint(err, "the program of a Lambda zip is the file bootstrap at its root");
	}
	if (program_arch(program, shown, &arch, &script, err) < 0 || serve_qemu(fn, text, arch, err) < 0)
		return -1;
	if (arch != arch_host())
		tell_qemu(s, fn, arch);
	strs_add(&fn->argv, program);
	extensions = path_join(fn->dir, "opt/extensions");
	if (fs_is_dir(extensions))
		fn->extensions = steal(&extensions);
	fn->read_only = true;
	return 0;
}

/* ---- images ---- */

struct image_of {
	const char *text;
	struct place place;
	struct origin *origin;
	struct document manifest;
	struct doc_config config;
	struct digest digest;
	enum arch arch;
};

static void image_of_release(struct image_of *im)
{
	document_release(&im->manifest);
	doc_config_release(&im->config);
	origin_free(&im->origin);
	place_release(&im->place);
}

/* Our own architecture, else one that qemu may run. NULL: there is no choice. */
static int choose(const char *text, const struct origin_env *env, const char **oci, struct err *err)
{
	CLEAN_STRS struct strs arches = { 0 };
	CLEAN_BUF struct buf list = BUF_INIT;

	if (artifact_arches(text, env, &arches, err) < 0)
		return -1;
	for (size_t i = 0; i < arches.len; i++) {
		int a = arch_parse(arches.ptr[i]);

		buf_addf(&list, "%s%s", i ? ", " : "", arches.ptr[i]);
		if (a >= 0 && (!*oci || (enum arch)a == arch_host()))
			*oci = arch_oci((enum arch)a);
	}
	if (*oci || !arches.len)
		return 0;
	return err_set(err, ERR_NOTFOUND, "%s: holds no image for %s, but for %s", text, arch_name(arch_host()),
		       list.ptr);
}

static int read_image(struct image_of *im, const struct origin_env *env, struct err *err)
{
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf config = BUF_INIT;
	const struct doc_config *c = &im->config;
	struct doc_descriptor d;
	const char *oci = NULL;
	int arch;

	if (artifact_place(&im->place, im->text, err) < 0 || choose(im->text, env, &oci, err) < 0 ||
	    origin_open(&im->origin, &im->place, env, err) < 0)
		return -1;
	if (im->place.kind == PLACE_REGISTRY)
		im->origin = origin_stored(im->origin);
	if (origin_manifest(im->origin, NULL, oci, &im->manifest, NULL, &d, &arena, err) < 0 ||
	    origin_bytes(im->origin, &im->manifest.config, DOCUMENT_MAX, &config, err) < 0 ||
	    doc_config_parse(&im->config, im->text, config.ptr, config.len, err) < 0)
		return -1;
	im->digest = d.digest;
	if (c->os && *c->os && strcmp(c->os, "linux") != 0)
		return err_set(err, ERR_FORMAT, "%s: is for %s", im->text, c->os);
	arch = c->architecture && *c->architecture ? arch_parse(c->architecture) : (int)arch_host();
	if (arch < 0)
		return err_set(err, ERR_FORMAT, "%s: is for %s", im->text, c->architecture);
	im->arch = (enum arch)arch;
	for (size_t i = 0; i < im->manifest.len; i++) {
		const char *type = im->manifest.ptr[i].media_type;

		if (media_layer_codec(type) < 0)
			return err_set(err, ERR_FORMAT, "%s: layer %zu is no layer of an image, but %s", im->text,
				       i + 1, *type ? type : "of no media type");
	}
	return 0;
}

/* 1: @out is what @name starts; 0: nothing is. */
static int find_program(const struct snap_stack *root, const struct doc_config *c, const char *workdir,
			const char *name, struct snap_node *out, char **real, struct err *err)
{
	const char *path = doc_kvs_get(&c->env, "PATH");
	struct str rest = str_from(path ? path : PATH_DEFAULT);

	if (strchr(name, '/')) {
		CLEAN_FREE char *whole = path_join(workdir, name);

		return snap_lookup(root, whole, true, out, real, err);
	}
	while (rest.len) {
		struct str dir = rest;
		CLEAN_FREE char *whole = NULL;
		int ret;

		rest = str_cut(&dir, ':');
		whole = xasprintf(STR_FMT "/%s", STR_ARG(dir), name);
		ret = snap_lookup(root, whole, true, out, real, err);
		if (ret < 0 || (ret && S_ISREG(out->mode)))
			return ret;
		snap_node_release(out);
		clean_free_(real);
	}
	return 0;
}

/* It has to lie where the program does. */
static int place_qemu(struct lfn *fn, struct err *err)
{
	CLEAN_FREE char *to = xasprintf("%s" QEMU, fn->root);
	struct stat from_st, to_st;

	if (stat(fn->argv.ptr[0], &from_st) < 0)
		return err_sys(err, "%s", fn->argv.ptr[0]);
	if ((lstat(to, &to_st) < 0 || to_st.st_size != from_st.st_size || to_st.st_mtime < from_st.st_mtime) &&
	    fs_copy(fn->argv.ptr[0], to, 0755, false, err) < 0)
		return -1;
	free(fn->argv.ptr[0]);
	fn->argv.ptr[0] = xstrdup(QEMU);
	return 0;
}

static int take_program(const struct image_of *im, struct lfn *fn, const struct snap_stack *root, struct err *err)
{
	const struct doc_config *c = &im->config;
	const char **entry = c->entrypoint && c->entrypoint[0] ? c->entrypoint : c->cmd;
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_FREE char *real = NULL, *shown = NULL;
	enum arch arch = im->arch;
	bool script = false, foreign = im->arch != arch_host();
	int ret;

	if (!entry || !entry[0]) {
		err_set(err, ERR_NOTFOUND, "%s: says nothing of what to start", im->text);
		return err_hint(err, "an image needs an ENTRYPOINT, or a CMD");
	}
	shown = xasprintf("%s: %s", im->text, entry[0]);
	ret = find_program(root, c, fn->dir, entry[0], &node, &real, err);
	if (ret < 0)
		return err_wrap(err, "%s", im->text);
	if (!ret || !S_ISREG(node.mode))
		return err_set(err, ERR_NOTFOUND, "%s: its program is %s", shown, ret ? "no file" : "not in the image");
	if (program_arch(node.host, shown, &arch, &script, err) < 0)
		return -1;
	if (arch != im->arch)
		return err_set(err, ERR_FORMAT, "%s: is for %s, but the image says %s", shown, arch_name(arch),
			       arch_name(im->arch));
	if (foreign && script)
		return err_set(err, ERR_TOOL, "%s: is a script for %s, and %s starts none", shown, arch_name(arch),
			       arch_qemu(arch));
	if (foreign && place_qemu(fn, err) < 0)
		return -1;
	if (foreign)
		strs_addf(&fn->argv, "/%s", real);
	for (size_t i = foreign; entry[i]; i++)
		strs_add(&fn->argv, entry[i]);
	for (size_t i = 0; entry == c->entrypoint && c->cmd && c->cmd[i]; i++)
		strs_add(&fn->argv, c->cmd[i]);
	return 0;
}

/* Another user takes rights; without them it is said once. */
static int take_user(struct serve_artifacts *s, const struct image_of *im, struct lfn *fn,
		     const struct snap_stack *root, struct err *err)
{
	struct owner_ids ids;

	if (!im->config.user || !*im->config.user)
		return 0;
	if (geteuid() != 0) {
		if (!s->told)
			s->tell(s->ctx, "images run as you, not as the users that they name: that takes root");
		s->told = true;
		return 0;
	}
	if (owner_resolve(im->config.user, root, &ids, err) < 0)
		return err_wrap(err, "%s: USER %s", im->text, im->config.user);
	fn->user = (struct spawn_user){ ids.uid, ids.gid, ids.groups, ids.ngroups };
	fn->has_user = true;
	free(ids.home);
	return 0;
}

static int take_extensions(struct lfn *fn, const struct snap_stack *root, struct err *err)
{
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_FREE char *real = NULL;
	int ret = snap_lookup(root, "opt/extensions", true, &node, &real, err);

	if (ret > 0 && S_ISDIR(node.mode))
		fn->extensions = xasprintf("/%s", real);
	return ret < 0 ? -1 : 0;
}

/* The image's, then what slsc.yaml says. */
static void take_env(const struct doc_config *c, struct lfn *fn)
{
	struct strs own = fn->env;

	fn->env = (struct strs){ 0 };
	for (size_t i = 0; i < c->env.len; i++)
		strs_addf(&fn->env, "%s=%s", c->env.ptr[i].key, c->env.ptr[i].val);
	for (size_t i = 0; i < own.len; i++)
		strs_add(&fn->env, own.ptr[i]);
	strs_release(&own);
}

static int open_image(struct serve_artifacts *s, struct image_of *im, struct lfn *fn, struct err *err)
{
	const struct doc_config *c = &im->config;
	const char *dirs[1];
	struct snap_stack root = { dirs, 1 };

	if (serve_qemu(fn, im->text, im->arch, err) < 0 ||
	    unpack_image(im->origin, &im->manifest, c, &im->digest, &fn->root, err) < 0)
		return -1;
	dirs[0] = fn->root;
	fn->dir = xasprintf("/%s", c->workdir ? c->workdir + strspn(c->workdir, "/") : "");
	if (root_dir(fn->root, fn->dir, err) < 0 || root_network(fn->root, err) < 0)
		return err_wrap(err, "%s", im->text);
	take_env(c, fn);
	if (take_program(im, fn, &root, err) < 0 || take_user(s, im, fn, &root, err) < 0 ||
	    take_extensions(fn, &root, err) < 0)
		return -1;
	if (im->arch != arch_host())
		tell_qemu(s, fn, im->arch);
	return 0;
}

/* ---- */

static struct lfn *serve_image(struct serve_artifacts *s, const char *text, struct err *err)
{
	CLEANUP(image_of_release) struct image_of im = { .text = text };
	struct lfn *fn;

	if (read_image(&im, s->env, err) < 0) {
		if (!starts_with(err->msg, text) && err->code != ERR_INTR)
			err_wrap(err, "%s", text);
		return NULL;
	}
	fn = new_of(s, im.place.kind == PLACE_REGISTRY ? im.place.repo : im.place.path, &im.config);
	if (open_image(s, &im, fn, err) == 0)
		return fn;
	lfn_free(fn);
	return NULL;
}

struct lfn *serve_artifact(struct serve_artifacts *s, const char *text, struct err *err)
{
	enum artifact_kind kind;
	struct lfn *fn;

	if (artifact_kind_of(text, &kind, err) < 0)
		return NULL;
	if (kind == ARTIFACT_IMAGE)
		return serve_image(s, text, err);
	if (kind == ARTIFACT_BINARY) {
		err_set(err, ERR_USAGE, "%s: is a program: a zip or an image of it can be served", text);
		err_hint(err, "slsc package --zip --oci");
		return NULL;
	}
	if (kind == ARTIFACT_WASM) {
		err_set(err, ERR_USAGE, "%s: is a WebAssembly module, which slsc does not run", text);
		err_hint(err, "build the function for this machine");
		return NULL;
	}
	fn = new_of(s, text, NULL);
	if (open_zip(s, fn, text, err) == 0)
		return fn;
	lfn_free(fn);
	return NULL;
}
