/* SPDX-License-Identifier: Apache-2.0 */
/* pack zip|tar|gzip|zstd SRC DEST - one host file into an archive; prints bytes and the peak of memory. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "archive/codec.h"
#include "archive/zip.h"
#include "os/fs.h"

static int to_file(void *ctx, const void *p, size_t n, struct err *err)
{
	return fs_write_all(*(int *)ctx, p, n, "archive", err);
}

static int write_tar(const struct tree *t, enum codec c, const char *path, struct err *err)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644), r;
	struct codec_enc *x = codec_enc_new(c, CODEC_DEFAULT, to_file, &fd);

	codec_enc_hint(x, tar_size(t));
	r = tar_write(t, 0, (sink_fn)codec_enc_write, x, err) < 0 || codec_enc_finish(x, err) < 0 ? -1 : 0;
	codec_enc_free(x);
	close(fd);
	return r;
}

int main(int argc, char **argv)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	struct rusage u;
	struct stat st;
	int r;

	if (argc != 4)
		return 2;
	if (tree_add_file(&t, "big", argv[2], 0644, &e) < 0 || tree_finish(&t, &e) < 0)
		goto fail;
	if (strcmp(argv[1], "zip") == 0)
		r = zip_write(&t, argv[3], ZIP_DEFAULT, 0, NULL, &e);
	else
		r = write_tar(&t, strcmp(argv[1], "gzip") == 0 ? CODEC_GZIP :
				  strcmp(argv[1], "zstd") == 0 ? CODEC_ZSTD : CODEC_NONE, argv[3], &e);
	if (r < 0)
		goto fail;
	getrusage(RUSAGE_SELF, &u);
	if (stat(argv[3], &st) < 0)
		return 1;
	printf("%s: %lld bytes, peak %ld MiB\n", argv[1], (long long)st.st_size, u.ru_maxrss / 1024);
	return 0;
fail:
	fprintf(stderr, "pack: %s\n", e.msg);
	return 1;
}
