/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile tar as a layer's directory: nothing appears outside of it, and what is in it comes out again. */
#include <linux/capability.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fs.h"
#include "stage/snapshot.h"
#include "tests/unit/test_rootfs_util.h"

#define SENTINEL "what nobody may touch"

static char top[64];

/* Devices are to be stood for, as without root: none of the machine's is wanted in /tmp. */
static void drop_mknod(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		abort();
	d[0].effective &= ~(1u << CAP_MKNOD);
	d[0].permitted &= ~(1u << CAP_MKNOD);
	if (syscall(SYS_capset, &h, d) < 0)
		abort();
}

static void remove_top(void)
{
	struct err err;

	if (fs_rmtree(top, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
}

static void start(void)
{
	CLEAN_FREE char *file = NULL;
	struct err err;

	drop_mknod();
	snprintf(top, sizeof(top), "/tmp/slsc-fuzz.XXXXXX");
	if (!mkdtemp(top))
		abort();
	atexit(remove_top);
	file = xasprintf("%s/sentinel", top);
	if (fs_write_file(file, SENTINEL, strlen(SENTINEL), 0600, &err) < 0)
		abort();
}

/* Beside the layer there is what was there, and the file is the one it was. */
static void check_outside(bool there)
{
	CLEAN_FREE char *file = xasprintf("%s/sentinel", top), *layer = xasprintf("%s/l", top);
	CLEAN_STRS struct strs above = { .ptr = NULL }, beside = { .ptr = NULL };
	CLEAN_BUF struct buf text = BUF_INIT;
	struct stat st;
	struct err err;

	if (fs_list(top, &above, &err) < 0 || fs_list(layer, &beside, &err) < 0)
		BUG("%s", err.msg);
	if (above.len != 2 || beside.len != (there ? 1 : 0))
		BUG("%zu names above and %zu beside", above.len, beside.len);
	if (lstat(file, &st) < 0 || st.st_nlink != 1 || st.st_mode != (S_IFREG | 0600) || st.st_uid != geteuid())
		BUG("the file outside is another");
	if (fs_read(file, 100, &text, &err) < 0 || strcmp(text.ptr, SENTINEL) != 0)
		BUG("the file outside has other bytes");
}

static int to_buf(void *ctx, const void *p, size_t n, struct err *err)
{
	struct buf *b = ctx;

	if (b->len + n > (64u << 20))
		return err_set(err, ERR_LIMIT, "enough");
	buf_add(b, p, n);
	return 0;
}

static int unpack(const char *dir, const void *p, size_t n, struct err *err)
{
	struct memory_image im;
	int r;

	memory_image_init(&im);
	buf_add(&im.blob[0], p, n);
	memory_image_seal(&im, 1, "application/vnd.oci.image.layer.v1.tar");
	r = snap_unpack(dir, &im.origin, &im.d[0], NULL, err);
	memory_image_release(&im);
	return r;
}

/* The whole as a tar: 0, or -1 where one of no interest is to be expected. */
static int whole(const char *dir, struct buf *tar)
{
	const struct snap_stack s = { &dir, 1 };
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err err;

	if (snap_squash(&s, INT64_MAX, &t, &err) < 0 || tree_total(&t) > (32u << 20) ||
	    tar_write(&t, 0, to_buf, tar, &err) < 0)
		return -1;
	if (tar->len != tar_size(&t))
		BUG("%zu bytes, not %llu", tar->len, (unsigned long long)tar_size(&t));
	return 0;
}

static void check_inside(const char *dir)
{
	CLEAN_BUF struct buf first = BUF_INIT, second = BUF_INIT;
	CLEAN_FREE char *again = xasprintf("%s/l/again", top);
	struct err err;

	if (whole(dir, &first) < 0)
		return;
	if (unpack(again, first.ptr, first.len, &err) < 0)
		BUG("what was made cannot be read: %s", err.msg);
	if (whole(again, &second) < 0 || first.len != second.len || memcmp(first.ptr, second.ptr, first.len) != 0)
		BUG("it is another the second time");
	if (fs_rmtree(again, &err) < 0)
		BUG("%s", err.msg);
}

/* A changed header would be refused for its checksum alone. */
static void mend(uint8_t *p, size_t size)
{
	for (; size >= 512; p += 512, size -= 512) {
		unsigned sum = 0;
		char text[8];

		if (memcmp(p + 257, "ustar", 5) != 0)
			continue;
		memset(p + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += p[i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(p + 148, text, 7);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE uint8_t *own = NULL;
	CLEAN_FREE char *dir = NULL;
	struct err err;
	bool ok;

	if (!*top) {
		setlocale(LC_CTYPE, "C.UTF-8");
		start();
	}
	own = xmalloc(size + 1);
	memcpy(own, data, size);
	mend(own, size);
	dir = xasprintf("%s/l/fs", top);
	ok = unpack(dir, own, size, &err) == 0;
	check_outside(ok);
	if (ok)
		check_inside(dir);
	if (fs_rmtree(dir, &err) < 0)
		BUG("%s", err.msg);
	return 0;
}
