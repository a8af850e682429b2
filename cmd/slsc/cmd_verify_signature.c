/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "cli/opt.h"
#include "cli/out.h"
#include "commands.h"
#include "oci/sign.h"
#include "trust.h"

struct verify_ctx {
	struct registry_flags registry;
	const char *key;
	bool attestation;
};

#define AT(member) offsetof(struct verify_ctx, member)

static const struct opt opts[] = {
	{ OPT_STR, 'k', "key", AT(key), .arg = "FILE", .complete = COMPLETE_FILE, .help = "the public key, in PEM" },
	{ OPT_FLAG, 0, "attestation", AT(attestation), .help = "demand signed provenance, too" },
	TRUST_REGISTRY_OPTS(struct verify_ctx, registry),
	{ .type = OPT_END },
};

static void report(const struct signed_image *si, bool json, struct buf *out)
{
	if (!json) {
		buf_addf(out, "%s: %u good signature%s", si->digest.s, si->signatures, si->signatures == 1 ? "" : "s");
		if (si->statements)
			buf_addf(out, ", %u good attestation%s", si->statements, si->statements == 1 ? "" : "s");
		buf_addc(out, '\n');
		return;
	}
	buf_addf(out, "{\"digest\":\"%s\",\"signatures\":%u,\"attestations\":%u,\"reference\":", si->digest.s,
		 si->signatures, si->statements);
	buf_add_json(out, str_from(si->reference));
	buf_addz(out, "}\n");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct verify_ctx *c = ctx;
	CLEAN_TRUSTED struct trusted t = { .attach = NULL };
	CLEAN_KEY struct crypto_key *key = NULL;
	CLEAN_BUF struct buf out = BUF_INIT;
	struct signed_image si;

	(void)argc;
	if (!c->key) {
		err_set(err, ERR_USAGE, "say by whose key it has to be signed: --key FILE");
		return err_hint(err, "the public one, cosign.pub or PREFIX.pub of slsc sign --generate-key");
	}
	if (key_load_public(c->key, &key, err) < 0 || trusted_open(&t, argv[0], &c->registry, false, err) < 0 ||
	    verify_image(t.attach, key, t.ref, c->attestation, &si, err) < 0)
		return -1;
	report(&si, g->json, &out);
	return out_stdout(out.ptr, out.len, err);
}

const struct cmd cmd_verify_signature = {
	.name = "verify-signature",
	.args = "IMAGE",
	.summary = "Check who signed an image",
	.description =
		"Succeeds if one of the signatures stored beside the image is by the key and names the image's digest. "
		"Else it says why not, and exits with 3. Signatures are those of slsc sign and of cosign sign "
		"--key.\n\n"
		"IMAGE is HOST/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG], an archive, or a function, whose image is "
		"dist/FUNCTION.oci. Without a tag it is the one tagged latest.",
	.examples = "$ slsc verify-signature --key slsc.pub registry.example.com/hello:1.0\n"
		    "$ slsc verify-signature --key slsc.pub hello\n"
		    "$ slsc verify-signature --key slsc.pub --attestation --json oci:dist/hello.oci:amd64\n",
	.opts = opts,
	.complete = COMPLETE_DIR,
	.ctx_size = sizeof(struct verify_ctx),
	.flags = CMD_JSON,
	.run = run,
};
