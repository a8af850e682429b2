/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_TRANSFER_H
#define SLSC_REGISTRY_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/place.h"
#include "registry/client.h"

struct transfer_opts {
	const struct registry_opts *registry;
	const char *arch;	/* "amd64", "arm64": only that image of an index, by itself; NULL: all of it */
	bool dry_run;
	bool distrust;		/* a registry that has the manifest may lack its blobs: each is looked for */
	/* Bytes of blobs sent or received so far; from any thread; may be NULL. */
	void (*progress)(uint64_t done, uint64_t total, void *ctx);
	void *ctx;
};

struct transfer_result {
	char *name;		/* heap: "host/repo" or as place_show(): what stands before "@" and the digest */
	char *to;		/* heap: the destination as the user would write it */
	struct digest digest;	/* of the manifest or index */
	uint64_t manifests, blobs;	/* of the image */
	uint64_t copied, copied_bytes;	/* blobs that were not there; with dry_run: would be */
	uint64_t mounted;
	bool unchanged;		/* all of it was there */
};
#define CLEAN_TRANSFER __attribute__((cleanup(transfer_result_release)))
void transfer_result_release(struct transfer_result *r);

/**
 * transfer_run - copy the image at @from to @to. Manifests go as they are, byte for byte, and after all that they name;
 * an index last. Each blob goes once, and only if it is not there; its digest is verified. Memory does not depend on
 * the blobs' sizes. A layout keeps its other images; a failure or a kill leaves it, or a file, as it was.
 */
int transfer_run(const struct place *from, const struct place *to, const struct transfer_opts *o,
		 struct transfer_result *r, struct err *err) MUST_CHECK;

#endif
