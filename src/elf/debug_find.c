/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf/bytes.h"
#include "elf/image.h"
#include "elf/internal.h"

/* Where distributions have the files of their debug packages (GDB manual, "Separate Debug Files"). */
#define SYSTEM_DEBUG "/usr/lib/debug"
#define BUILD_ID_MAX 64

/** What a program says of its debug file. */
struct link {
	struct elf_file f;
	char *name;	/* .gnu_debuglink's, or NULL */
	uint32_t crc;
};

static void link_release(struct link *l)
{
	free(l->name);
	elf_close(&l->f);
}

static int link_read(struct link *l, const char *path, struct err *err)
{
	struct elf_sections all = { 0 };
	int rc;

	if (elf_open(&l->f, path, err) < 0)
		return -1;
	rc = l->f.priv->elf ? elf_sections(&l->f, &all, err) : 0;
	VEC_EACH(&all, s) {
		const char *p, *nul;

		if (strcmp(s->name, ".gnu_debuglink") != 0 || s->type != SHT_PROGBITS || s->size < 8 || l->name)
			continue;
		p = (const char *)l->f.priv->map.ptr + s->offset;
		nul = memchr(p, '\0', s->size - 4);
		/* a name, never a path: it is looked for in directories that the caller knows */
		if (!nul || nul == p || memchr(p, '/', (size_t)(nul - p)))
			continue;
		l->name = xstrdup(p);
		memcpy(&l->crc, p + s->size - 4, sizeof(l->crc));
	}
	VEC_FREE(&all);
	return rc;
}

static bool has_crc(const struct elf_file *f, uint32_t crc)
{
	CLEAN_IMAGE struct elf_image img = { 0 };

	elf_image_add(&img, f->priv->map.ptr, f->priv->map.len);
	return elf_image_crc32(&img) == crc;
}

/* Whether the file at @debug belongs to the program. @path: the program's own file is not its debug file. */
static bool belongs(const struct link *l, const char *debug)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };
	struct err ignored;

	if (elf_open(&f, debug, &ignored) < 0 || !f.priv->elf)
		return false;
	if (l->f.build_id_len)
		return f.build_id_len == l->f.build_id_len && memcmp(f.build_id, l->f.build_id, f.build_id_len) == 0 &&
		       (f.priv->map.st.st_ino != l->f.priv->map.st.st_ino ||
			f.priv->map.st.st_dev != l->f.priv->map.st.st_dev);
	return l->name && has_crc(&f, l->crc);
}

/* Takes @file; true: it is the one. */
static bool try(const struct link *l, char *file, char **out)
{
	if (fs_exists(file) && belongs(l, file)) {
		*out = file;
		return true;
	}
	free(file);
	return false;
}

static bool try_build_id(const struct link *l, const char *dir, char **out)
{
	char hex[2 * BUILD_ID_MAX + 1];

	if (l->f.build_id_len < 2)
		return false;
	for (size_t i = 0; i < l->f.build_id_len; i++)
		snprintf(hex + 2 * i, 3, "%02x", l->f.build_id[i]);
	return try(l, xasprintf("%s/.build-id/%.2s/%s.debug", dir, hex, hex + 2), out);
}

int elf_debug_find(const char *path, const char *const *dirs, char **out, struct err *err)
{
	CLEANUP(link_release) struct link l = { .name = NULL };
	CLEAN_FREE char *dir = path_dirname(path);

	*out = NULL;
	if (link_read(&l, path, err) < 0)
		return -1;
	if (l.name && (try(&l, path_join(dir, l.name), out) || try(&l, xasprintf("%s/.debug/%s", dir, l.name), out)))
		return 0;
	for (; l.name && dirs && *dirs; dirs++)
		if (try(&l, path_join(*dirs, l.name), out))
			return 0;
	if (!try(&l, xasprintf("%s.debug", path), out) && !try_build_id(&l, dir, out))
		try_build_id(&l, SYSTEM_DEBUG, out);
	return 0;
}

int elf_debug_check(const char *path, const char *debug, struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL }, d = { .path = NULL };

	if (!fs_exists(debug))
		return err_set(err, ERR_NOTFOUND, "%s: there is no such debug file", debug);
	if (elf_open(&f, path, err) < 0 || elf_open(&d, debug, err) < 0)
		return -1;
	if (f.build_id_len && d.build_id_len &&
	    (f.build_id_len != d.build_id_len || memcmp(f.build_id, d.build_id, f.build_id_len) != 0)) {
		err_set(err, ERR_VERIFY, "%s: is the debug file of another build than %s: the build-ids differ", debug,
			path);
		return err_hint(err, "build again, or give the one that was made with it");
	}
	return 0;
}
