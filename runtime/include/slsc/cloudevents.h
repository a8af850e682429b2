/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/cloudevents.h - CloudEvents 1.0 over HTTP; a part of <slsc.h>, which is what to include.
 *
 * Both content modes of the HTTP binding (cloudevents.io, http-protocol-binding 1.0.2):
 * binary (ce-* fields, the data is the body) and structured (application/cloudevents+json).
 * A batch is refused.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_CLOUDEVENTS_H
#define SLSC_CLOUDEVENTS_H

#include <slsc/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most extension attributes that are kept; more make the event invalid. */
#define SLSC_CLOUDEVENT_EXTENSIONS_MAX 16u

/**
 * struct slsc_cloudevent - an event.
 * @id, @source, @type, @specversion: always there, never empty; @specversion is "1.0".
 * @subject, @time, @datacontenttype, @dataschema: or absent. @time is RFC 3339 text.
 * @data:       the payload's bytes, decoded from data_base64; absent when there is none. In
 *              structured mode JSON data is its JSON text: a JSON string keeps its quotes
 *              unless datacontenttype says that it is not JSON.
 * @extensions: other attributes, names in lower case; values of structured mode that are
 *              numbers or booleans are their text.
 *
 * Slices of the request or of slsc_alloc() memory.
 */
struct slsc_cloudevent {
	struct slsc_str id;
	struct slsc_str source;
	struct slsc_str type;
	struct slsc_str specversion;
	struct slsc_str subject;
	struct slsc_str time;
	struct slsc_str datacontenttype;
	struct slsc_str dataschema;
	struct slsc_str data;
	struct slsc_field extensions[SLSC_CLOUDEVENT_EXTENSIONS_MAX];
	size_t extension_count;
};

/**
 * slsc_cloudevent_decode - the event that @req carries, in either mode.
 * Returns 1 with @event, 0 when @req is no CloudEvent, -1 after slsc_fail() with the type
 * InvalidCloudEvent and a message for the sender: answer it with 400.
 */
int slsc_cloudevent_decode(struct slsc_ctx *ctx, const struct slsc_request *req,
			   struct slsc_cloudevent *event);

/** slsc_cloudevent_extension - the extension attribute @name (lower case); absent without one. */
struct slsc_str slsc_cloudevent_extension(const struct slsc_cloudevent *event, const char *name);

#ifdef __cplusplus
}
#endif

#endif
