/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_ATTACH_H
#define SLSC_REGISTRY_ATTACH_H

#include "oci/attach.h"
#include "registry/client.h"

/**
 * attach_registry - what is attached to images of the repository that @pl names. Blobs are sent at once, manifests at
 * the commit, in the order they were put. Of those with a subject a registry without the referrers API is told by the
 * index under the tag sha256-<hex> (distribution-spec v1.1, "Referrers Tag Schema"). @write: ask for the right to push.
 * Everything in @opts is borrowed until it is freed.
 */
int attach_registry(struct attach **out, const struct place *pl, const struct registry_opts *opts, bool write,
		    struct err *err) MUST_CHECK;

#endif
