/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/member.h"
#include "cli/opt.h"
#include "cli/out.h"
#include "commands.h"
#include "oci/sign.h"
#include "os/fs.h"
#include "os/secret.h"
#include "trust.h"

struct sign_ctx {
	struct registry_flags registry;
	const char *key, *generate, *reference;
	struct strs annotations;
	bool recursive, password_stdin;
};

#define AT(member) offsetof(struct sign_ctx, member)

static const struct opt opts[] = {
	{ OPT_STR, 'k', "key", AT(key), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "the private key: cosign's, or PKCS#8 or SEC 1 in PEM" },
	{ OPT_FLAG, 'r', "recursive", AT(recursive), .help = "of an index, also each of its images" },
	{ OPT_MULTI, 'A', "annotation", AT(annotations), .arg = "NAME=VALUE",
	  .help = "say this, too, in the signature" },
	{ OPT_STR, 0, "reference", AT(reference), .arg = "NAME",
	  .help = "the repository that the signature names (default: the image's)" },
	{ OPT_FLAG, 0, "password-stdin", AT(password_stdin), .help = "read the key's password from stdin" },
	{ OPT_STR, 0, "generate-key", AT(generate), .arg = "PREFIX",
	  .help = "make a key pair instead: PREFIX.key (encrypted) and PREFIX.pub" },
	TRUST_REGISTRY_OPTS(struct sign_ctx, registry),
	{ .type = OPT_END },
};

/* COSIGN_PASSWORD may be empty, as cosign has it: a key without a password. */
static int ask(const struct sign_ctx *c, bool fresh, struct buf *out, struct err *err)
{
	CLEAN_BUF struct buf again = BUF_INIT;
	const char *env = getenv("COSIGN_PASSWORD");

	if (c->password_stdin)
		return secret_stdin(out, err);
	if (env && strlen(env) > KEY_PASSWORD_MAX)
		return err_set(err, ERR_LIMIT, "COSIGN_PASSWORD: limit exceeded: more than %u bytes", KEY_PASSWORD_MAX);
	if (env) {
		buf_addz(out, env);
		return 0;
	}
	if (secret_tty(fresh ? "Password for the new key: " : "Password of the key: ", out, err) < 0 ||
	    (fresh && secret_tty("Once more: ", &again, err) < 0))
		return err->code == ERR_NOTFOUND ? err_hint(err, "set COSIGN_PASSWORD, or use --password-stdin") : -1;
	if (fresh && !str_eq(buf_str(out), buf_str(&again)))
		return err_set(err, ERR_USAGE, "the two passwords differ");
	return 0;
}

static int password(struct buf *out, void *ctx, struct err *err)
{
	return ask(ctx, false, out, err);
}

static int generate(const struct sign_ctx *c, const struct globals *g, struct err *err)
{
	CLEAN_FREE char *key = xasprintf("%s.key", c->generate), *pub = xasprintf("%s.pub", c->generate);
	CLEAN_BUF struct buf word = BUF_INIT, private_pem = BUF_INIT, public_pem = BUF_INIT, out = BUF_INIT;
	const char *there = fs_exists(key) ? key : fs_exists(pub) ? pub : NULL;

	if (there) {
		err_set(err, ERR_EXISTS, "%s is there already", there);
		return err_hint(err, "what it has signed can only be verified with it: choose another name");
	}
	if (!g->dry_run) {
		if (ask(c, true, &word, err) < 0 || key_generate(buf_str(&word), &private_pem, &public_pem, err) < 0)
			return -1;
		if (fs_write_file(key, private_pem.ptr, private_pem.len, 0600, err) < 0)
			return -1;
		if (fs_write_file(pub, public_pem.ptr, public_pem.len, 0644, err) < 0) {
			unlink(key);
			return -1;
		}
	}
	if (g->json) {
		buf_addc(&out, '{');
		member_text(&out, "private", key);
		member_text(&out, "public", pub);
		buf_addf(&out, "%s}\n", g->dry_run ? ",\"dry_run\":true" : "");
	} else {
		buf_addf(&out, "%s%s\n%s%s\n", g->dry_run ? "would write " : "", key, g->dry_run ? "would write " : "",
			 pub);
	}
	return out_stdout(out.ptr, out.len, err);
}

static int parse_annotations(const struct strs *list, struct map *out, struct err *err)
{
	for (size_t i = 0; i < list->len; i++) {
		char *value = strchr(list->ptr[i], '=');
		CLEAN_FREE char *name = xstrndup(list->ptr[i], strcspn(list->ptr[i], "="));

		if (!value || !*name || !str_is_utf8(str_from(list->ptr[i])))
			return err_set(err, ERR_USAGE, "--annotation: '%.100s' is not NAME=VALUE", list->ptr[i]);
		map_put(out, name, value + 1);
	}
	return 0;
}

static void report(const struct signed_images *list, const struct globals *g, struct buf *out)
{
	if (g->json)
		buf_addz(out, "{\"signed\":[");
	VEC_EACH(list, si) {
		if (g->json) {
			buf_addf(out, "%s{\"digest\":\"%s\",\"tag\":\"%s\",", si == list->ptr ? "" : ",", si->digest.s,
				 si->tag);
			if (!g->dry_run)
				buf_addf(out, "\"manifest\":\"%s\",", si->manifest.s);
			buf_addf(out, "\"attestations\":%u}", si->statements);
			continue;
		}
		buf_addf(out, "%s %s", g->dry_run ? "would sign" : "signed", si->digest.s);
		if (si->statements)
			buf_addf(out, " and %u attestation%s", si->statements, si->statements == 1 ? "" : "s");
		buf_addc(out, '\n');
	}
	if (g->json)
		buf_addf(out, "]%s}\n", g->dry_run ? ",\"dry_run\":true" : "");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct sign_ctx *c = ctx;
	CLEAN_TRUSTED struct trusted t = { .attach = NULL };
	CLEAN_KEY struct crypto_key *key = NULL;
	CLEAN_MAP struct map annotations = { 0 };
	CLEANUP(signed_images_release) struct signed_images list = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FREE char *name = NULL;
	struct sign_request req = { .annotations = &annotations, .recursive = c->recursive, .dry_run = g->dry_run };

	if (c->generate && (argc || c->key))
		return err_set(err, ERR_USAGE, "--generate-key takes neither an image nor --key");
	if (c->generate)
		return generate(c, g, err);
	if (!argc || !c->key) {
		err_set(err, ERR_USAGE, argc ? "say with what to sign: --key FILE" : "say what to sign");
		return err_hint(err, "slsc sign --key slsc.key oci:dist/hello.oci:latest; --generate-key makes a key");
	}
	if (c->reference && !str_is_utf8(str_from(c->reference)))
		return err_set(err, ERR_USAGE, "--reference: is not UTF-8");
	if (parse_annotations(&c->annotations, &annotations, err) < 0 ||
	    key_load(c->key, password, c, &key, err) < 0 ||
	    trusted_open(&t, argv[0], &c->registry, !g->dry_run, err) < 0)
		return -1;
	name = c->reference ? xstrdup(c->reference) : trusted_name(&t);
	req.ref = t.ref;
	req.reference = name;
	if (sign_image(t.attach, key, &req, &list, err) < 0)
		return -1;
	report(&list, g, &out);
	return out_stdout(out.ptr, out.len, err);
}

static void release(void *ctx)
{
	struct sign_ctx *c = ctx;

	strs_release(&c->annotations);
}

const struct cmd cmd_sign = {
	.name = "sign",
	.args = "[IMAGE]",
	.summary = "Sign an image with a key pair, as cosign does",
	.description =
		"Signs the digest of an image in a layout or a registry (ECDSA P-256 over SHA-256) and stores the "
		"signature beside it as cosign does, under the tag sha256-<digest>.sig: the image stays as it is, and "
		"`cosign verify --key` takes it from a registry. Provenance that is attached to the image is signed as "
		"well, as an attestation under sha256-<digest>.att. What this key has signed already is left "
		"alone.\n\n"
		"IMAGE is oci:DIR[:TAG], HOST/REPOSITORY[:TAG][@DIGEST], or a function, whose image is "
		"dist/FUNCTION.oci. Without a tag it is the one tagged latest.\n\n"
		"A key's password is taken from COSIGN_PASSWORD, from stdin with --password-stdin, or asked for on the "
		"terminal; never from the command line. slsc package makes a layout anew, without signatures. slsc "
		"push sends signatures and attestations of a layout along.",
	.examples = "$ slsc sign --generate-key slsc\n"
		    "$ slsc sign --key slsc.key --recursive hello\n"
		    "$ slsc verify-signature --key slsc.pub oci:dist/hello.oci:arm64\n",
	.opts = opts,
	.complete = COMPLETE_DIR,
	.ctx_size = sizeof(struct sign_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
	.release = release,
};
