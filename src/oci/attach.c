/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci/document.h"
#include "oci/js.h"

/* The config of an artifact that needs none (image-spec v1.1, manifest.md, "Guidance for an Empty Descriptor"). */
#define EMPTY "{}"
#define EMPTY_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

void attach_free(struct attach **a)
{
	if (*a)
		(*a)->ops->free(*a);
	*a = NULL;
}

void attach_tag(const struct digest *digest, const char *suffix, char out[80])
{
	snprintf(out, 80, "sha256-%.64s.%s", digest_hex(digest), suffix);
}

bool attach_is_tag(const char *tag)
{
	size_t n;

	if (strncmp(tag, "sha256-", 7) != 0)
		return false;
	n = strspn(tag + 7, "0123456789abcdef");
	return n == 64 && (tag[7 + n] == '\0' || tag[7 + n] == '.');
}

const char *attach_media_type(const char *s)
{
	static const char *const known[] = { MEDIA_MANIFEST, MEDIA_INDEX, MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_INDEX };

	for (size_t i = 0; s && i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], s) == 0)
			return known[i];
	return NULL;
}

const char *attach_text_type(struct str text)
{
	json_t *j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	const char *type = attach_media_type(json_string_value(json_object_get(j, "mediaType")));

	if (!type && j)
		type = json_object_get(j, "manifests") ? MEDIA_INDEX : MEDIA_MANIFEST;
	json_decref(j);
	return type;
}

const char *attach_artifact_type(const json_t *j)
{
	const char *type = json_string_value(json_object_get(j, "artifactType"));

	if (type && *type)
		return type;
	return json_string_value(json_object_get(json_object_get(j, "config"), "mediaType"));
}

void attachment_manifest(const struct attachment *at, const struct digest *blob, const struct descriptor *subject,
			 struct buf *out)
{
	char when[24];
	json_t *j;

	image_time(at->created, when);
	j = json_pack(
		"{s:i, s:s, s:s, s:{s:s, s:s, s:i, s:s}, s:[{s:s, s:s, s:I, s:{s:s}}], s:{s:s, s:s, s:I}, s:{s:s}}",
		"schemaVersion", 2, "mediaType", MEDIA_MANIFEST, "artifactType", at->artifact_type, "config",
		"mediaType", MEDIA_ARTIFACT_CONFIG, "digest", EMPTY_DIGEST, "size", 2, "data", "e30=", "layers",
		"mediaType", at->artifact_type, "digest", blob->s, "size", (json_int_t)at->len, "annotations",
		"org.opencontainers.image.title", at->name, "subject", "mediaType", subject->media_type, "digest",
		subject->digest.s, "size", (json_int_t)subject->size, "annotations", "org.opencontainers.image.created",
		when);
	js_dump(j, out);
	json_decref(j);
}

int attach_put(struct attach *a, const struct attachment *at, const struct descriptor *subject,
	       struct digest *manifest, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct digest blob, empty;

	if (a->ops->put_blob(a, EMPTY, strlen(EMPTY), &empty, err) < 0 ||
	    a->ops->put_blob(a, at->data, at->len, &blob, err) < 0)
		return -1;
	attachment_manifest(at, &blob, subject, &text);
	return a->ops->put_manifest(a, text.ptr, text.len, at->artifact_type, NULL, manifest, err);
}
