/* SPDX-License-Identifier: Apache-2.0 */
/* A binary, its debug file and its link map as one blob, and back. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/decode.h"
#include "base/mem.h"
#include "build/remote_internal.h"
#include "elf/elf.h"
#include "oci/layout.h"
#include "os/fs.h"
#include "wasm/wasm.h"

#define BLOCK (1u << 16)

static const char *out_of(const struct target *t, int part)
{
	return part == REMOTE_BINARY ? t->out : part == REMOTE_DEBUG ? t->debug : t->map;
}

/* ---- there ---- */

static int put_part(struct codec_enc *e, struct str bytes, struct remote_part *part, struct err *err)
{
	part->there = true;
	part->size = bytes.len;
	if (digest_of(bytes.ptr, bytes.len, &part->digest, err) < 0)
		return -1;
	return codec_enc_write(e, bytes.ptr, bytes.len, err);
}

static int put_parts(const struct graph *g, const struct target *t, struct codec_enc *e, struct remote_binary *b,
		     struct err *err)
{
	for (int i = 0; i < REMOTE_PARTS; i++) {
		CLEAN_FREE char *path = out_of(t, i) ? path_join(g->p->dir, out_of(t, i)) : NULL;
		CLEAN_BUF struct buf bytes = BUF_INIT, map = BUF_INIT;

		if (!path)
			continue;
		if (fs_read(path, REMOTE_PART_MAX, &bytes, err) < 0)
			return -1;
		/* it names files of this machine */
		if (i == REMOTE_MAP)
			remote_place(g, bytes.ptr, bytes.len, false, &map);
		if (put_part(e, buf_str(i == REMOTE_MAP ? &map : &bytes), &b->part[i], err) < 0)
			return -1;
	}
	return codec_enc_finish(e, err);
}

int remote_pack(const struct graph *g, const struct target *t, struct layout *l, struct remote_binary *b,
		struct err *err)
{
	struct codec_enc *e;
	struct blob blob;
	int ret;

	if (blob_begin(&blob, l, err) < 0)
		return -1;
	e = codec_enc_new(CODEC_ZSTD, CODEC_DEFAULT, blob_write, &blob);
	ret = put_parts(g, t, e, b, err);
	if (ret == 0)
		ret = blob_end(&blob, &b->blob, &b->blob_size, err);
	codec_enc_free(e);
	blob_abort(&blob);
	return ret;
}

/* ---- back ---- */

struct reading {
	int fd;
	const char *path;
	char block[BLOCK];
};

static ssize_t read_file(void *ctx, const void **p, struct err *err)
{
	struct reading *in = ctx;
	const ssize_t n = read(in->fd, in->block, sizeof(in->block));

	*p = in->block;
	return n < 0 ? err_sys(err, "%s", in->path) : n;
}

/** What the decoder has given and no part has taken. */
struct stream {
	struct decoder *d;
	const char *p;
	size_t left;
};

static int fill(struct stream *s, struct err *err)
{
	const void *p;
	const ssize_t n = decoder_read(s->d, &p, err);

	if (n < 0)
		return -1;
	s->p = p;
	s->left = (size_t)n;
	return n > 0;
}

static int get_part(struct stream *s, const struct remote_part *part, struct buf *out, struct err *err)
{
	struct digest got;

	while (out->len < part->size) {
		const uint64_t need = part->size - out->len;
		size_t n;

		if (!s->left) {
			const int ret = fill(s, err);

			if (ret < 0)
				return -1;
			if (!ret)
				return err_set(err, ERR_FORMAT, "it is too short");
		}
		n = need < s->left ? (size_t)need : s->left;
		buf_add(out, s->p, n);
		s->p += n;
		s->left -= n;
	}
	if (digest_of(out->ptr, out->len, &got, err) < 0)
		return -1;
	return strcmp(got.s, part->digest.s) == 0 ? 0 : err_set(err, ERR_FORMAT, "its bytes are others than it says");
}

/** The files that are to appear, under no name yet. */
struct arrival {
	struct fs_tmp tmp[REMOTE_PARTS];
};

static void arrival_abort(struct arrival *a)
{
	for (int i = 0; i < REMOTE_PARTS; i++)
		fs_tmp_abort(&a->tmp[i]);
}

static int write_part(const struct graph *g, const struct target *t, int i, const struct buf *bytes, struct fs_tmp *tmp,
		      struct err *err)
{
	CLEAN_FREE char *path = path_join(g->p->dir, out_of(t, i)), *dir = path_dirname(path);
	CLEAN_BUF struct buf map = BUF_INIT;

	if (i == REMOTE_MAP)
		remote_place(g, bytes->ptr, bytes->len, true, &map);
	else
		buf_adds(&map, buf_str(bytes));
	if (fs_mkdirs(dir, err) < 0 || fs_tmp_open(tmp, path, i == REMOTE_BINARY ? 0755 : 0644, err) < 0)
		return -1;
	return fs_write_all(tmp->fd, map.ptr, map.len, path, err);
}

/* The verdict that a build's own binaries have to pass. */
static int verify(const struct graph *g, const struct target *t, const struct fs_tmp *tmp, struct err *err)
{
	CLEAN_FREE char *path = xasprintf("/proc/self/fd/%d", tmp->fd);
	const struct elf_rules elf = { .arch = t->arch == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64,
				       .allow_symbols = !g->profile->strip };
	const struct wasm_rules wasm = { .allow_custom = !g->profile->strip };

	return t->arch == ARCH_WASM32 ? wasm_verify(path, &wasm, err) : elf_verify(path, &elf, err);
}

static int unpack(const struct graph *g, const struct target *t, const struct remote_binary *b, struct stream *s,
		  struct arrival *a, struct err *err)
{
	for (int i = 0; i < REMOTE_PARTS; i++) {
		CLEAN_BUF struct buf bytes = BUF_INIT;

		if (b->part[i].there != (out_of(t, i) != NULL))
			return err_set(err, ERR_FORMAT, "it has %s %s", b->part[i].there ? "a" : "no",
				       remote_part_names[i]);
		if (b->part[i].there &&
		    (get_part(s, &b->part[i], &bytes, err) < 0 || write_part(g, t, i, &bytes, &a->tmp[i], err) < 0))
			return -1;
	}
	return verify(g, t, &a->tmp[REMOTE_BINARY], err);
}

/* The binary last: what a kill leaves is a state that says nothing, and all is made anew. */
static int settle(const struct graph *g, const struct target *t, struct arrival *a, struct err *err)
{
	if (remote_state_void(g, t, err) < 0)
		return -1;
	for (int i = REMOTE_PARTS - 1; i >= 0; i--)
		if (out_of(t, i) && fs_tmp_commit(&a->tmp[i], false, err) < 0)
			return -1;
	return 0;
}

int remote_unpack(const struct graph *g, const struct target *t, const struct remote_binary *b, const char *blob,
		  struct err *err)
{
	CLEANUP(arrival_abort) struct arrival a = { .tmp = { FS_TMP_INIT, FS_TMP_INIT, FS_TMP_INIT } };
	CLEAN_FREE struct reading *in = xcalloc(1, sizeof(*in));
	struct stream s = { .left = 0 };
	uint64_t limit = 1;
	int ret;

	for (int i = 0; i < REMOTE_PARTS; i++)
		limit += b->part[i].size;
	in->path = blob;
	in->fd = open(blob, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0)
		return err_sys(err, "%s", blob);
	s.d = decoder_new(CODEC_ZSTD, "its blob", read_file, in, limit);
	ret = unpack(g, t, b, &s, &a, err);
	decoder_free(s.d);
	close(in->fd);
	return ret < 0 ? -1 : settle(g, t, &a, err);
}
