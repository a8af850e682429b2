/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/tar.h"
#include "base/buf.h"
#include "base/mem.h"
#include "oci/base.h"
#include "os/fs.h"

#define EPOCH_1980 315532800
#define NONROOT 65532
#define CERT_MAX (1u << 20)

/* As gcr.io/distroless/static has them: nonroot is who a function runs as, tty and staff are what programs ask for. */
static const char passwd[] = "root:x:0:0:root:/root:/sbin/nologin\n"
			     "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
			     "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";
static const char group[] = "root:x:0:\n"
			    "nobody:x:65534:\n"
			    "tty:x:5:\n"
			    "staff:x:50:\n"
			    "nonroot:x:65532:\n";
static const char nsswitch[] = "hosts: files dns\n";
/* ID and VERSION_ID are whose packages the files come from: scanners look there for advisories. */
static const char os_release[] = "PRETTY_NAME=\"slsc static\"\n"
				 "NAME=\"Debian GNU/Linux\"\n"
				 "ID=\"" BASE_DISTRO_ID "\"\n"
				 "VERSION_ID=\"" BASE_DISTRO_VERSION "\"\n"
				 "VERSION=\"Debian GNU/Linux 12 (bookworm)\"\n";

/* One file of all certificates, sorted by file name, as update-ca-certificates makes it. */
static int bundle(const char *dir, struct buf *out, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *path = path_join(dir, names.ptr[i]);

		if (!ends_with(path, ".crt"))
			continue;
		if (fs_read(path, CERT_MAX, out, err) < 0)
			return -1;
		if (out->len && out->ptr[out->len - 1] != '\n')
			buf_addc(out, '\n');
	}
	if (!out->len) {
		err_set(err, ERR_NOTFOUND, "%s: no certificates", dir);
		return err_hint(err, "apt-get install ca-certificates");
	}
	return 0;
}

int base_users(struct tree *t, struct err *err)
{
	static const struct {
		const char *path;
		mode_t mode;
		uint32_t owner;
	} dirs[] = {
		{ "root", 0700, 0 },
		{ "home", 0755, 0 },
		{ "home/nonroot", 0700, NONROOT },
		{ "tmp", 01777, 0 },
	};
	static const struct {
		const char *path, *data;
		size_t size;
	} files[] = {
		{ "etc/passwd", passwd, sizeof(passwd) - 1 },
		{ "etc/group", group, sizeof(group) - 1 },
		{ "etc/nsswitch.conf", nsswitch, sizeof(nsswitch) - 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (tree_add_dir(t, dirs[i].path, dirs[i].mode, dirs[i].owner, dirs[i].owner, err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (tree_add_data(t, files[i].path, files[i].data, files[i].size, 0644, 0, 0, err) < 0)
			return -1;
	return 0;
}

static int static_tree(struct tree *t, const struct buf *certs, struct err *err)
{
	if (base_users(t, err) < 0 ||
	    tree_add_data(t, "etc/os-release", os_release, sizeof(os_release) - 1, 0644, 0, 0, err) < 0 ||
	    tree_add_data(t, "etc/ssl/certs/ca-certificates.crt", certs->ptr, certs->len, 0644, 0, 0, err) < 0)
		return -1;
	return tree_finish(t, err);
}

/* posix/ and right/ would treble it; localtime is the build machine's own. */
static int zone_tree(struct tree *t, const char *dir, struct err *err)
{
	static const char *const leave[] = { "posix", "right", "localtime", "posixrules" };
	CLEAN_STRS struct strs names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *from = path_join(dir, names.ptr[i]);
		CLEAN_FREE char *to = path_join("usr/share/zoneinfo", names.ptr[i]);
		bool skip = false;

		for (size_t k = 0; k < ARRAY_LEN(leave); k++)
			skip = skip || strcmp(names.ptr[i], leave[k]) == 0;
		if (!skip && tree_add_host(t, to, from, 0644, err) < 0)
			return -1;
	}
	return tree_finish(t, err);
}

/* Through a layout, which hashes and compresses; its blobs then get their names here. */
static int make_layer(const char *dir, const char *name, const char *created_by, const struct tree *tree, json_t *list,
		      struct err *err)
{
	static const char *const suffix[] = { [CODEC_NONE] = "tar", [CODEC_GZIP] = "tar.gz", [CODEC_ZSTD] = "tar.zst" };
	CLEAN_FREE char *work = xasprintf("%s/.work", dir);
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	json_t *j = json_object();

	if (layout_open(&l, work, false, err) < 0)
		return -1;
	json_object_set_new(j, "name", json_string(name));
	json_object_set_new(j, "created_by", json_string(created_by));
	for (size_t c = 0; c < ARRAY_LEN(suffix); c++) {
		struct image_layer out;
		CLEAN_FREE char *from = NULL;
		CLEAN_FREE char *to = xasprintf("%s/%s.%s", dir, name, suffix[c]);

		if (layer_write(&l, tree, EPOCH_1980, (enum codec)c, CODEC_MAX, &out, err) < 0) {
			json_decref(j);
			return -1;
		}
		from = path_join(l.blobs, digest_hex(&out.digest));
		if (rename(from, to) < 0) {
			json_decref(j);
			return err_sys(err, "%s", to);
		}
		json_object_set_new(j, "diff_id", json_string(out.diff_id.s));
		json_object_set_new(j, suffix[c], json_pack("{s:s, s:I}", "digest", out.digest.s, "size",
							    (json_int_t)out.size));
	}
	json_array_append_new(list, j);
	return 0;
}

int base_make(const char *dir, const struct base_sources *src, struct err *err)
{
	CLEAN_TREE struct tree root = TREE_INIT;
	CLEAN_TREE struct tree zones = TREE_INIT;
	CLEAN_BUF struct buf certs = BUF_INIT;
	CLEAN_FREE char *root_by = xasprintf("slsc base static (%s)", src->certs_version);
	CLEAN_FREE char *zones_by = xasprintf("slsc base tzdata (%s)", src->zoneinfo_version);
	CLEAN_FREE char *path = path_join(dir, "base.json");
	json_t *list = json_array(), *j = json_pack("{s:o}", "layers", list);
	char *text = NULL;
	int ret = -1;

	if (bundle(src->certs, &certs, err) < 0 || static_tree(&root, &certs, err) < 0 ||
	    zone_tree(&zones, src->zoneinfo, err) < 0 || fs_mkdirs(dir, err) < 0 ||
	    make_layer(dir, "static", root_by, &root, list, err) < 0 ||
	    make_layer(dir, "tzdata", zones_by, &zones, list, err) < 0)
		goto out;
	text = json_dumps(j, JSON_SORT_KEYS | JSON_INDENT(2));
	if (!text)
		BUG("jansson: out of memory, or a version that is not UTF-8");
	ret = fs_write_file(path, text, strlen(text), 0644, err);
out:
	free(text);
	json_decref(j);
	return ret;
}
