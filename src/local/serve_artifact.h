/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SERVE_ARTIFACT_H
#define SLSC_LOCAL_SERVE_ARTIFACT_H

#include "local/serve.h"
#include "oci/origin.h"

/* Functions that are packaged already, by whoever: a Lambda zip, an image. */
struct serve_artifacts {
	const struct project *project;	/* what it says of a function of the same name counts; or NULL */
	const struct origin_env *env;	/* opens registries */
	void (*tell)(void *ctx, const char *message);
	void *ctx;
	bool told;			/* that an image's user is not taken */
};

/** serve_is_artifact - whether an argument is one, and no function's name. */
bool serve_is_artifact(const char *text);
/**
 * serve_artifact - @text: a zip's path, or an image's place (oci/place.h); the image for this machine's architecture,
 * else one that qemu can run. It is unpacked (local/unpack.h). Its function is named after the file or repository.
 * Heap; NULL with @err: ERR_NOTFOUND, ERR_FORMAT, ERR_LIMIT, ERR_TOOL, ERR_USAGE, ERR_IO, ERR_NET, ERR_INTR.
 */
struct lfn *serve_artifact(struct serve_artifacts *s, const char *text, struct err *err);

#endif
