/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_PLACE_H
#define SLSC_OCI_PLACE_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/digest.h"

/*
 * Where an image is, as users write it:
 *
 *	oci:DIR[:TAG]  oci-archive:FILE[:TAG]  docker-archive:FILE[:TAG]  HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]
 *
 * "docker://" before a registry's name is taken off. What names an existing directory with an oci-layout, or an
 * existing file that ends in .oci.tar or .docker.tar, is that without a prefix. A registry is always named: there is no
 * default one. A host has a dot, a port or is localhost (distribution/reference's grammar for the rest).
 *
 * A path ends at the first colon. TAG of a file or directory is any name that org.opencontainers.image.ref.name may be,
 * such as "localhost/hello:1"; "@sha256:..." in its place, or behind it, is a digest.
 */
enum place_kind { PLACE_LAYOUT, PLACE_OCI_ARCHIVE, PLACE_DOCKER_ARCHIVE, PLACE_REGISTRY };

struct place {
	enum place_kind kind;
	char *path;		/* of a directory or file; NULL: registry */
	char *host, *repo;	/* of a registry; host with its port */
	char *tag;		/* NULL: none said */
	char *digest;		/* "sha256:..."; NULL: none said */
};
#define CLEAN_PLACE __attribute__((cleanup(place_release)))

/** place_parse - ERR_USAGE with what is wrong and, as the hint, the forms there are. Heap strings of @pl's own. */
int place_parse(struct place *pl, const char *text, struct err *err) MUST_CHECK;
/** place_parse_artifact - also DIR:TAG without a prefix, of a directory that is there, as `slsc package` prints it. */
int place_parse_artifact(struct place *pl, const char *text, struct err *err) MUST_CHECK;
/** place_parse_in - the same for a text in a file: a relative path is relative to the directory @dir. */
int place_parse_in(struct place *pl, const char *text, const char *dir, struct err *err) MUST_CHECK;
void place_release(struct place *pl);
/** place_ref_is_valid - whether @s is what org.opencontainers.image.ref.name may be, at most 255 bytes. */
bool place_ref_is_valid(const char *s);
/** place_beside - of a text that place_parse() takes: the tag with "-@what" at its end. NULL: it has a digest; heap. */
char *place_beside(const char *text, const char *what);
/** place_show - as the user would write it; heap. */
char *place_show(const struct place *pl);

#endif
