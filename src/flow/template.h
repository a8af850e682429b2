/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_TEMPLATE_H
#define SLSC_FLOW_TEMPLATE_H

#include "flow/intrinsic.h"

/* Payload templates: JSON in which each field "name.$" gives way to "name" with what its path or function is. */

struct template;

/**
 * template_compile - read @json, which has to outlive the result.
 * Returns it, living in @a, or NULL: the string *@bad inside of @json is wrong by *@why at its byte *@at.
 */
const struct template *template_compile(struct arena *a, const json_t *json, const json_t **bad, const char **why,
					size_t *at);
/** template_fill - as intrinsic_call(). */
json_t *template_fill(const struct template *t, const struct flow_data *d, struct flow_fault *f);

#endif
