/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TRUST_H
#define SLSC_TRUST_H

#include "oci/attach.h"
#include "oci/place.h"
#include "registry_ui.h"

/* What the commands about signatures share. */

/* As REGISTRY_OPTS, but --key is another key here. */
#define TRUST_REGISTRY_OPTS(type, m)                                                                                   \
	{ OPT_GROUP, .help = "The way to the registry" },                                                              \
	{ OPT_STR, .long_name = "ca-file", .offset = offsetof(type, m.ca_file), .arg = "FILE",                         \
	  .complete = COMPLETE_FILE, .help = "trust these certificate authorities (PEM), too" },                       \
	{ OPT_STR, .long_name = "cert", .offset = offsetof(type, m.cert), .arg = "FILE", .complete = COMPLETE_FILE,    \
	  .help = "show this client certificate (PEM), which holds its key" },                                         \
	{ OPT_FLAG, .long_name = "insecure", .offset = offsetof(type, m.insecure),                                     \
	  .help = "take any certificate, and plain http where there is no https" }

/** An image as the user named it, open for reading or signing. */
struct trusted {
	struct place place;
	struct registry_opts registry;
	struct attach *attach;
	const char *ref;	/* tag or digest, borrowed from place; NULL: the only one, or "latest" */
};
#define CLEAN_TRUSTED __attribute__((cleanup(trusted_release)))
/** trusted_open - @write: a layout, whose lock is held, or a registry. ERR_USAGE for what cannot be signed. */
int trusted_open(struct trusted *t, const char *image, const struct registry_flags *f, bool write,
		 struct err *err) MUST_CHECK;
void trusted_release(struct trusted *t);
/** attach_place - what is attached to images at @pl; @opts is borrowed until it is freed. */
int attach_place(struct attach **out, const struct place *pl, const struct registry_opts *opts, bool write,
		 struct err *err) MUST_CHECK;
/** trusted_name - what a signature calls the image: its repository, or its layout's name without ".oci"; heap. */
char *trusted_name(const struct trusted *t);

#endif
