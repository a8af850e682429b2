/* SPDX-License-Identifier: Apache-2.0 */
/* in-toto Statement v1 (github.com/in-toto/attestation, spec/v1) with SLSA provenance v1. */
#include <string.h>

#include "base/mem.h"
#include "build/sbom.h"
#include "oci/js.h"

#define STATEMENT "https://in-toto.io/Statement/v1"
#define PREDICATE "https://slsa.dev/provenance/v1"
/* A name that only has to be unique: docs/IMAGES.md says what the statement holds. */
#define BUILD_TYPE "urn:x-slsc:package:1"
#define BUILDER "urn:x-slsc:builder:local"

static json_t *sha256(const struct digest *d)
{
	return js_must(json_pack("{s:s}", "sha256", digest_hex(d)));
}

/* A ResourceDescriptor of a file: a source, or what a package's file was. */
static void push_file(json_t *list, const struct sbom_file *f, const char *uri)
{
	json_t *j = js_must(json_pack("{s:s, s:o}", "name", f->path, "digest", sha256(&f->sha256)));

	if (uri)
		js_set(j, "uri", json_string(uri));
	js_push(list, j);
}

static void push_component(json_t *list, const struct sbom_component *c)
{
	json_t *j;

	/* a file says more than the package it is from, since it has a digest */
	for (size_t i = 0; i < c->nfiles; i++)
		push_file(list, &c->files[i], c->purl);
	if (c->nfiles)
		return;
	j = js_must(json_pack("{s:s}", "name", c->name));
	if (c->vcs)
		js_set(j, "digest", json_pack("{s:s}", "gitCommit", c->version));
	else if (c->sha256.s[0])
		js_set(j, "digest", sha256(&c->sha256));
	if (c->vcs || c->purl)
		js_set(j, "uri", json_string(c->vcs ? c->vcs : c->purl));
	else
		js_set(j, "annotations", json_pack("{s:s*}", "version", c->version));
	js_push(list, j);
}

static json_t *materials(const struct sbom *s, const struct image_layer *layers, size_t n)
{
	json_t *list = js_must(json_array());

	if (s->revision && s->root.vcs && !strchr(s->revision, '-'))
		js_push(list, json_pack("{s:s, s:{s:s}}", "uri", s->root.vcs, "digest", "gitCommit", s->revision));
	for (size_t i = 0; i < s->root.nfiles; i++)
		push_file(list, &s->root.files[i], NULL);
	for (size_t i = 0; i < s->len; i++)
		/* what a built-in base is made of has no digest of its own: its layer has */
		if (s->ptr[i].relation != SBOM_BASE || s->ptr[i].sha256.s[0])
			push_component(list, &s->ptr[i]);
	for (size_t i = 0; i < n; i++)
		js_push(list,
			json_pack("{s:s, s:o, s:s}", "name", layers[i].created_by ? layers[i].created_by : "base layer",
				  "digest", sha256(&layers[i].digest), "mediaType", layer_media_type(layers[i].codec)));
	return list;
}

void provenance_add(const struct sbom *s, const struct digest *subject, const struct image_layer *layers, size_t n,
		    struct buf *out)
{
	json_t *parameters, *builder, *definition, *j;

	parameters = js_must(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "project", s->project, "function",
				       s->function, "arch", s->arch, "profile", s->profile, "toolchain", s->toolchain,
				       "cflags", s->cflags, "ldflags", s->ldflags, "revision", s->revision));
	builder = js_must(json_pack("{s:s, s:{s:s}}", "id", BUILDER, "version", "slsc", SLSC_VERSION));
	definition =
		js_must(json_pack("{s:s, s:o, s:{}, s:o}", "buildType", BUILD_TYPE, "externalParameters", parameters,
				  "internalParameters", "resolvedDependencies", materials(s, layers, n)));
	j = js_must(json_pack("{s:s, s:[{s:s, s:o}], s:s, s:{s:o, s:{s:o, s:{}}}}", "_type", STATEMENT, "subject",
			      "name", s->function, "digest", sha256(subject), "predicateType", PREDICATE, "predicate",
			      "buildDefinition", definition, "runDetails", "builder", builder, "metadata"));
	js_dump(j, out);
	json_decref(j);
}
