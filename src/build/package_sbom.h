/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_PACKAGE_SBOM_H
#define SLSC_BUILD_PACKAGE_SBOM_H

#include "build/package_internal.h"
#include "build/sbom.h"
#include "oci/attach.h"
#include "oci/base.h"
#include "oci/layout.h"

/** Which packages a built-in base is made from, for struct sbom_request. */
struct sbom_base {
	struct base_set set;
	const char *names[BASE_MAX_LAYERS + 1];		/* of its layers: created_by; ends with NULL */
};
/** sbom_base_load - of @base ("static", "scratch") with @tzdata. ERR_NOTFOUND, ERR_FORMAT as base_load(). */
int sbom_base_load(struct sbom_base *b, const char *base, bool tzdata, struct err *err) MUST_CHECK;
void sbom_base_release(struct sbom_base *b);

/** unit_sbom - add usr/share/sbom/<function>.spdx.json to @u's image tree; its binary is built. */
int unit_sbom(struct packager *pk, struct unit *u, enum arch arch, struct err *err) MUST_CHECK;

/* two SBOMs and a provenance for each architecture */
#define ATTACHED_MAX (3 * ARCH_COUNT)
struct attached {
	struct descriptor ptr[ATTACHED_MAX];
	size_t len;
	uint64_t size;			/* bytes of all blobs */
};
/**
 * package_attach - what @u wants attached to the manifest of @m, put into @l; the descriptors are for its index.json.
 */
int package_attach(struct packager *pk, struct unit *u, struct layout *l, const struct packaged_image *m,
		   int64_t created, struct attached *out, struct err *err) MUST_CHECK;

#endif
