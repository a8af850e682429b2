/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_UI_H
#define SLSC_REGISTRY_UI_H

#include "cli/opt.h"
#include "registry/transfer.h"

/* What push, pull, copy, login and logout share: options, the run of a transfer, and what is said about it. */

struct registry_flags {
	bool insecure;
	const char *ca_file, *cert, *key;
};

/* Options of a context with a member @m of that type. */
#define REGISTRY_OPTS(type, m)                                                                                         \
	{ OPT_GROUP, .help = "The way to the registry" },                                                              \
	{ OPT_STR, .long_name = "ca-file", .offset = offsetof(type, m.ca_file), .arg = "FILE",                         \
	  .complete = COMPLETE_FILE, .help = "trust these certificate authorities (PEM), too" },                       \
	{ OPT_STR, .long_name = "cert", .offset = offsetof(type, m.cert), .arg = "FILE", .complete = COMPLETE_FILE,    \
	  .help = "show this client certificate (PEM)" },                                                              \
	{ OPT_STR, .long_name = "key", .offset = offsetof(type, m.key), .arg = "FILE", .complete = COMPLETE_FILE,      \
	  .help = "its private key, if that is in another file" },                                                     \
	{ OPT_FLAG, .long_name = "insecure", .offset = offsetof(type, m.insecure),                                     \
	  .help = "take any certificate, and plain http where there is no https" }

struct registry_opts registry_opts_of(const struct registry_flags *f);

struct transfer_flags {
	const char *arch;
	const char *image_refs;
	bool attachments;
	struct registry_flags registry;
};
extern const char *const registry_arches[];
#define TRANSFER_OPTS(type, m)                                                                                         \
	{ OPT_CHOICE, 'a', "arch", offsetof(type, m.arch), .arg = "ARCH", .choices = registry_arches,                  \
	  .complete = COMPLETE_ARCH, .help = "only this architecture's image, by itself: x86_64, arm64 or wasm32" },  \
	{ OPT_STR, .long_name = "image-refs", .offset = offsetof(type, m.image_refs), .arg = "FILE",                   \
	  .complete = COMPLETE_FILE, .help = "also write the lines that name the images to FILE" },                    \
	{ OPT_FLAG, .long_name = "attachments", .offset = offsetof(type, m.attachments),                               \
	  .help = "also signatures, SBOMs and provenance; those in a layout always go along" },                        \
	REGISTRY_OPTS(type, m.registry)

struct transfer_words {
	const char *doing, *done, *would;	/* "pushing", "pushed", "would push" */
};
/** transfer_ui - copy @from to each of @to, with progress, and print "repo@digest" for each. */
int transfer_ui(const struct place *from, const struct place *to, size_t n, const struct transfer_flags *f,
		const struct globals *g, const struct transfer_words *w, struct err *err) MUST_CHECK;

/**
 * image_source - what a command reads: place_parse(), or the name of a function, which stands for the layout that
 * `slsc package --oci` has made of it. ERR_NOTFOUND for an unknown function, or one without that.
 */
int image_source(struct place *pl, const char *text, struct err *err) MUST_CHECK;
/** image_target - place_parse() for what a command writes; the hint says how a new layout is named. */
int image_target(struct place *pl, const char *text, struct err *err) MUST_CHECK;

/** registry_host - ERR_USAGE if @host is no registry's name: HOST[:PORT]. */
int registry_host(const char *host, struct err *err) MUST_CHECK;

#endif
