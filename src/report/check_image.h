/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_IMAGE_H
#define SLSC_REPORT_CHECK_IMAGE_H

#include "oci/document.h"
#include "oci/place.h"
#include "report/check_internal.h"

/** One architecture's image. All borrowed. */
struct image_check {
	struct check *c;
	struct origin *origin;
	const struct document *manifest;
	const struct doc_descriptor *descriptor;	/* that led to the manifest, with the index's platform */
	bool docker_archive;				/* plain by nature: docker compresses at a push */
};

/** check_one_image - its documents, then its files. What is foreign and malformed is a finding. */
int check_one_image(const struct image_check *ic, struct err *err) MUST_CHECK;

/** check_module_artifact - the same of one whose config is MEDIA_WASM_CONFIG. */
int check_module_artifact(const struct image_check *ic, struct err *err) MUST_CHECK;

/** check_layout_index - index.json of a layout or of an OCI archive, as it is and parsed. */
int check_layout_index(const struct place *pl, struct buf *bytes, struct document *list, struct err *err) MUST_CHECK;

/** check_is_foreign - an error of the artifact's content rather than of this machine. */
bool check_is_foreign(const struct err *err);

#endif
