/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"
#include "registry/attach.h"

int attach_place(struct attach **out, const struct place *pl, const struct registry_opts *opts, bool write,
		 struct err *err)
{
	struct origin *o;

	if (pl->kind == PLACE_LAYOUT)
		return attach_layout(out, pl->path, write, err);
	if (pl->kind == PLACE_REGISTRY)
		return attach_registry(out, pl, opts, write, err);
	*out = NULL;
	if (origin_open(&o, pl, NULL, err) < 0)
		return -1;
	*out = attach_origin(o, NULL);
	return 0;
}

int trusted_open(struct trusted *t, const char *image, const struct registry_flags *f, bool write, struct err *err)
{
	*t = (struct trusted){ .registry = registry_opts_of(f) };
	if (image_source(&t->place, image, err) < 0)
		return -1;
	t->ref = t->place.digest ? t->place.digest : t->place.tag;
	if (write && t->place.kind != PLACE_LAYOUT && t->place.kind != PLACE_REGISTRY) {
		err_set(err, ERR_USAGE, "%.300s: an image in an archive cannot be signed", image);
		return err_hint(err, "sign it as oci:DIR:TAG, or in a registry");
	}
	return attach_place(&t->attach, &t->place, &t->registry, write, err);
}

void trusted_release(struct trusted *t)
{
	attach_free(&t->attach);
	place_release(&t->place);
	*t = (struct trusted){ .attach = NULL };
}

char *trusted_name(const struct trusted *t)
{
	char *name;

	if (t->place.kind == PLACE_REGISTRY)
		return xasprintf("%s/%s", t->place.host, t->place.repo);
	name = xstrdup(path_basename(t->place.path));
	if (ends_with(name, ".oci") && strlen(name) > strlen(".oci"))
		name[strlen(name) - strlen(".oci")] = '\0';
	return name;
}
