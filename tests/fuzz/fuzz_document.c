/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, indexes and configs that others have written. */
#include <stddef.h>
#include <stdint.h>

#include "oci/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document d;
	struct doc_config c;
	struct err err;

	if (document_parse(&d, "document", NULL, data, size, &err) == 0) {
		document_for(&d, "amd64");
		document_release(&d);
	}
	if (doc_config_parse(&c, "config", data, size, &err) == 0)
		doc_config_release(&c);
	return 0;
}
