/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX 2.3 (spdx.github.io/spdx-spec/v2.3) and CycloneDX 1.5 (cyclonedx.org/docs/1.5/json), as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "build/sbom.h"
#include "oci/js.h"

#define NOASSERTION "NOASSERTION"

void sbom_uuid(struct str text, char out[46])
{
	struct digest d;
	struct err err;
	char *hex;

	if (digest_of(text.ptr, text.len, &d, &err) < 0)
		BUG("%s", err.msg);
	hex = d.s + strlen("sha256:");
	hex[12] = '8';		/* version: "vendor-specific" */
	hex[16] = "89ab"[hex[16] % 4];
	snprintf(out, 46, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* Put under @key what identifies the document: a hash of all else that is in it. */
static void identify(json_t *j, const char *key)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	char uuid[46];

	js_dump(j, &text);
	sbom_uuid(buf_str(&text), uuid);
	js_set(j, key, json_string(uuid));
}

/* ---- SPDX ---- */

/* An identifier may hold letters, digits, "." and "-"; the number makes it unique. */
static const char *spdx_id(struct arena *a, const char *kind, size_t n, const char *name)
{
	char *id = arena_printf(a, "SPDXRef-%s-%zu-%s", kind, n, name);

	for (char *p = id; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", *p))
			*p = '-';
	return id;
}

static json_t *spdx_sum(const char *algorithm, const char *hex)
{
	return js_must(json_pack("{s:s, s:s}", "algorithm", algorithm, "checksumValue", hex));
}

static void relate(json_t *list, const char *from, const char *type, const char *to)
{
	js_push(list, json_pack("{s:s, s:s, s:s}", "spdxElementId", from, "relationshipType", type,
				"relatedSpdxElement", to));
}

/*
 * Which files of a package were linked is said in words: with filesAnalyzed false a package contains no file elements
 * (7.8), and a few of its files are not what it contains.
 */
static void spdx_files(const struct sbom_component *c, json_t *package)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; i < c->nfiles; i++) {
		const struct sbom_file *f = &c->files[i];

		buf_addf(&b, "%s%s %s (%s", i ? "; " : "", c->relation == SBOM_TOOL ? "runs" : "linked", f->path,
			 f->sha256.s);
		if (f->members)
			buf_addf(&b, ", %u member%s", f->members, f->members == 1 ? "" : "s");
		buf_addc(&b, ')');
	}
	if (b.len)
		js_set(package, "sourceInfo", json_string(b.ptr));
}

/* A location is <vcs>+<transport>://... (7.7): a path, or git's own "user@host:path", is none. */
static bool is_url(const char *vcs)
{
	return vcs && strstr(vcs, "://");
}

/* An image of others is a base without a package's name. */
static bool is_image(const struct sbom_component *c)
{
	return c->relation == SBOM_BASE && !c->purl;
}

static json_t *spdx_package(const struct sbom_component *c, const char *id)
{
	json_t *p = js_must(json_object());

	js_set(p, "SPDXID", json_string(id));
	js_set(p, "name", json_string(c->name));
	if (c->version)
		js_set(p, "versionInfo", json_string(c->version));
	js_set(p, "downloadLocation", json_string(is_url(c->vcs) ? c->vcs : NOASSERTION));
	js_set(p, "filesAnalyzed", json_false());
	js_set(p, "licenseConcluded", json_string(NOASSERTION));
	js_set(p, "licenseDeclared", json_string(c->licence ? c->licence : NOASSERTION));
	js_set(p, "copyrightText", json_string(NOASSERTION));
	js_set(p, "primaryPackagePurpose",
	       json_string(c->relation == SBOM_LINKED ? "LIBRARY"
			   : is_image(c)	      ? "CONTAINER"
			   : c->relation == SBOM_BASE ? "OTHER"
						      : "APPLICATION"));
	if (c->sha256.s[0])
		js_set(p, "checksums", json_pack("[o]", spdx_sum("SHA256", digest_hex(&c->sha256))));
	if (c->purl)
		js_set(p, "externalRefs",
		       json_pack("[{s:s, s:s, s:s}]", "referenceCategory", "PACKAGE-MANAGER", "referenceType", "purl",
				 "referenceLocator", c->purl));
	return p;
}

static void spdx_components(const struct sbom *s, struct arena *a, const char *root, json_t *packages,
			    json_t *relations)
{
	for (size_t i = 0; i < s->len; i++) {
		const struct sbom_component *c = &s->ptr[i];
		const char *id = spdx_id(a, "Package", i + 1, c->name);
		json_t *p = spdx_package(c, id);

		spdx_files(c, p);
		js_push(packages, p);
		if (c->relation == SBOM_TOOL)
			relate(relations, id, "BUILD_TOOL_OF", root);
		else
			relate(relations, root, c->relation == SBOM_BASE ? "CONTAINS" : "STATIC_LINK", id);
	}
}

static void spdx(const struct sbom *s, struct buf *out)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	json_t *j = js_must(json_object()), *packages = js_must(json_array()), *files = js_must(json_array());
	json_t *relations = js_must(json_array()), *package;
	const char *root = spdx_id(&a, "Package", 0, s->function);
	char when[24];

	image_time(s->created, when);
	package = spdx_package(&s->root, root);
	if (s->revision)
		js_set(package, "sourceInfo", json_string(arena_printf(&a, "built from commit %s", s->revision)));
	if (s->incomplete)
		js_set(package, "comment", json_string(arena_printf(&a, "incomplete: %s", s->incomplete)));
	js_push(packages, package);
	relate(relations, "SPDXRef-DOCUMENT", "DESCRIBES", root);
	for (size_t i = 0; i < s->root.nfiles; i++) {
		const struct sbom_file *f = &s->root.files[i];
		const char *id = spdx_id(&a, "File", i, f->path);

		js_push(files, json_pack("{s:s, s:s, s:[o, o], s:s, s:s}", "SPDXID", id, "fileName",
					 arena_printf(&a, "./%s", f->path), "checksums", spdx_sum("SHA1", f->sha1),
					 spdx_sum("SHA256", digest_hex(&f->sha256)), "licenseConcluded", NOASSERTION,
					 "copyrightText", NOASSERTION));
		relate(relations, root, "GENERATED_FROM", id);
	}
	spdx_components(s, &a, root, packages, relations);
	js_set(j, "spdxVersion", json_string("SPDX-2.3"));
	js_set(j, "dataLicense", json_string("CC0-1.0"));
	js_set(j, "SPDXID", json_string("SPDXRef-DOCUMENT"));
	js_set(j, "name", json_string(arena_printf(&a, "%s-%s", s->function, s->arch)));
	js_set(j, "creationInfo", json_pack("{s:s, s:[s]}", "created", when, "creators", "Tool: slsc-" SLSC_VERSION));
	js_set(j, "packages", packages);
	if (json_array_size(files))
		js_set(j, "files", files);
	else
		json_decref(files);
	js_set(j, "relationships", relations);
	identify(j, "documentNamespace");
	js_dump(j, out);
	json_decref(j);
}

/* ---- CycloneDX ---- */

static json_t *cdx_hashes(const struct digest *d)
{
	return js_must(json_pack("[{s:s, s:s}]", "alg", "SHA-256", "content", digest_hex(d)));
}

static json_t *property(const char *name, const char *value)
{
	return js_must(json_pack("{s:s, s:s}", "name", name, "value", value));
}

static json_t *cdx_file(struct arena *a, const struct sbom_file *f, const char *ref)
{
	json_t *j = js_must(json_pack("{s:s, s:s, s:s, s:o}", "type", "file", "bom-ref", ref, "name", f->path, "hashes",
				      cdx_hashes(&f->sha256)));

	if (f->members)
		js_set(j, "properties", json_pack("[o]", property("slsc:members", arena_printf(a, "%u", f->members))));
	return j;
}

static const char *cdx_type(const struct sbom_component *c)
{
	if (c->relation == SBOM_ROOT || c->relation == SBOM_TOOL)
		return "application";
	return is_image(c) ? "container" : "library";
}

static json_t *cdx_component(struct arena *a, const struct sbom_component *c, const char *ref)
{
	static const char *const relation[] = {
		[SBOM_ROOT] = "function", [SBOM_LINKED] = "linked", [SBOM_BASE] = "base", [SBOM_TOOL] = "build-tool"
	};
	json_t *j = js_must(json_object()), *files;

	js_set(j, "type", json_string(cdx_type(c)));
	js_set(j, "bom-ref", json_string(ref));
	js_set(j, "name", json_string(c->name));
	if (c->version)
		js_set(j, "version", json_string(c->version));
	if (c->relation != SBOM_ROOT)
		js_set(j, "scope", json_string(c->relation == SBOM_TOOL ? "excluded" : "required"));
	if (c->purl)
		js_set(j, "purl", json_string(c->purl));
	if (c->licence)
		js_set(j, "licenses", json_pack("[{s:{s:s}}]", "license", "id", c->licence));
	if (c->sha256.s[0])
		js_set(j, "hashes", cdx_hashes(&c->sha256));
	if (c->vcs)
		js_set(j, "externalReferences", json_pack("[{s:s, s:s}]", "type", "vcs", "url", c->vcs));
	js_set(j, "properties", json_pack("[o]", property("slsc:relation", relation[c->relation])));
	files = js_must(json_array());
	for (size_t i = 0; i < c->nfiles && c->relation != SBOM_ROOT; i++)
		js_push(files, cdx_file(a, &c->files[i], arena_printf(a, "%s#%s", ref, c->files[i].path)));
	if (json_array_size(files))
		js_set(j, "components", files);
	else
		json_decref(files);
	return j;
}

static json_t *cdx_metadata(struct arena *a, const struct sbom *s)
{
	json_t *root = cdx_component(a, &s->root, "function"), *tools;
	char when[24];

	js_push(json_object_get(root, "properties"), property("slsc:profile", s->profile));
	js_push(json_object_get(root, "properties"), property("slsc:toolchain", s->toolchain));
	if (s->revision)
		js_push(json_object_get(root, "properties"), property("slsc:revision", s->revision));
	image_time(s->created, when);
	tools = js_must(json_pack("{s:[{s:s, s:s, s:s}]}", "components", "type", "application", "name", "slsc",
				  "version", SLSC_VERSION));
	return js_must(json_pack("{s:s, s:o, s:o}", "timestamp", when, "tools", tools, "component", root));
}

static void cyclonedx(const struct sbom *s, struct buf *out)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	json_t *j = js_must(json_object()), *list = js_must(json_array()), *on = js_must(json_array());
	json_t *dependencies = js_must(json_array());

	js_push(dependencies, json_pack("{s:s, s:O}", "ref", "function", "dependsOn", on));
	for (size_t i = 0; i < s->len; i++) {
		const char *ref = arena_printf(&a, "%zu-%s", i + 1, s->ptr[i].name);

		js_push(list, cdx_component(&a, &s->ptr[i], ref));
		js_push(dependencies, json_pack("{s:s}", "ref", ref));
		if (s->ptr[i].relation != SBOM_TOOL)
			js_push(on, json_string(ref));
	}
	json_decref(on);
	for (size_t i = 0; i < s->root.nfiles; i++)
		js_push(list, cdx_file(&a, &s->root.files[i], arena_printf(&a, "source:%s", s->root.files[i].path)));
	js_set(j, "bomFormat", json_string("CycloneDX"));
	js_set(j, "specVersion", json_string("1.5"));
	js_set(j, "version", json_integer(1));
	js_set(j, "metadata", cdx_metadata(&a, s));
	js_set(j, "components", list);
	js_set(j, "dependencies", dependencies);
	js_set(j, "compositions",
	       json_pack("[{s:s, s:[s]}]", "aggregate", s->incomplete ? "incomplete" : "complete", "dependencies",
			 "function"));
	if (s->incomplete)
		js_set(j, "annotations",
		       json_pack("[{s:[s], s:{s:{s:s, s:s}}, s:o, s:s}]", "subjects", "function", "annotator",
				 "component", "type", "application", "name", "slsc", "timestamp",
				 json_incref(json_object_get(json_object_get(j, "metadata"), "timestamp")), "text",
				 s->incomplete));
	identify(j, "serialNumber");
	js_dump(j, out);
	json_decref(j);
}

void sbom_add(const struct sbom *s, enum sbom_format format, struct buf *out)
{
	if (format == SBOM_SPDX)
		spdx(s, out);
	else
		cyclonedx(s, out);
}
