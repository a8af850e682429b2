/* SPDX-License-Identifier: Apache-2.0 */
/* One tree, tests/golden/archive.tree, gives the bytes of tests/golden/archive.sha256 however it comes about. */
#include "test_tree_util.h"

#include <locale.h>
#include <time.h>

#include "archive/codec.h"
#include "archive/zip.h"
#include "oci/digest.h"

#define MTIME 1700000000

struct line {
	char type;
	mode_t mode;
	char *path, *text;
};
static struct line lines[64];
static size_t nlines;
static char zip_want[72], tar_want[72];

static int load(void **state)
{
	FILE *f = fopen(TEST_DATA "/../../golden/archive.tree", "r");
	char row[512];
	int r;

	if (!f)
		return -1;
	while (fgets(row, sizeof(row), f)) {
		struct line *l = &lines[nlines];
		char *save, *s;

		row[strcspn(row, "\n")] = '\0';
		if (row[0] == '#')
			continue;
		l->type = row[0];
		l->mode = (mode_t)strtoul(row + 2, NULL, 8);
		s = strtok_r(row + 7, " ", &save);
		l->path = xstrdup(s);
		s = strtok_r(NULL, "", &save);
		l->text = xstrdup(s ? s : "");
		nlines++;
	}
	fclose(f);
	f = fopen(TEST_DATA "/../../golden/archive.sha256", "r");
	r = f ? fscanf(f, "%71s tar %71s zip", tar_want, zip_want) : 0;
	if (f)
		fclose(f);
	return r == 2 ? enter_tmp(state) : -1;
}

static int unload(void **state)
{
	for (size_t i = 0; i < nlines; i++) {
		free(lines[i].path);
		free(lines[i].text);
	}
	return leave_tmp(state);
}

static int to_buf(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void check(struct tree *t)
{
	CLEAN_BUF struct buf tar = BUF_INIT, zip = BUF_INIT;
	struct codec_enc *x = codec_enc_new(CODEC_NONE, CODEC_DEFAULT, to_buf, &tar);
	struct err e = ERR_INIT;
	struct digest d;

	OK(tree_finish(t, &e));
	OK(tar_write(t, MTIME, (sink_fn)codec_enc_write, x, &e));
	OK(codec_enc_finish(x, &e));
	codec_enc_free(x);
	OK(digest_of(tar.ptr, tar.len, &d, &e));
	assert_string_equal(digest_hex(&d), tar_want);
	OK(zip_write(t, "golden.zip", ZIP_STORE, MTIME, NULL, &e));
	get_file("golden.zip", &zip);
	OK(digest_of(zip.ptr, zip.len, &d, &e));
	assert_string_equal(digest_hex(&d), zip_want);
}

static void add_line(struct tree *t, const struct line *l)
{
	struct err e = ERR_INIT;

	if (l->type == 'd')
		OK(tree_add_dir(t, l->path, l->mode, 0, 0, &e));
	else if (l->type == 'l')
		OK(tree_add_link(t, l->path, l->text, &e));
	else
		OK(tree_add_data(t, l->path, l->text, strlen(l->text), l->mode, 0, 0, &e));
}

/* The environment that must not matter. */
static void set_env(unsigned turn)
{
	static const char *const zones[] = { "UTC", "Pacific/Kiritimati", "America/St_Johns", "<-11>11" };
	static const char *const locales[] = { "C", "C.UTF-8", "POSIX", "" };
	static const mode_t masks[] = { 022, 077, 0, 027 };

	setenv("TZ", zones[turn % 4], 1);
	tzset();
	setlocale(LC_ALL, locales[turn % 4]);
	umask(masks[turn % 4]);
}

static void from_memory_in_any_order(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 8; turn++) {
		CLEAN_TREE struct tree t = TREE_INIT;

		set_env(turn);
		/* Each stride is prime to the number of lines. */
		for (size_t i = 0; i < nlines; i++)
			add_line(&t, &lines[(i * (turn % 2 ? nlines - 1 : 1) + turn) % nlines]);
		check(&t);
	}
}

/* Files of the host, created in two orders; directory modes are not read, so those are given. */
static void from_the_host(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 4; turn++) {
		CLEAN_FREE char *root = xasprintf("root%u", turn);
		CLEAN_TREE struct tree t = TREE_INIT;
		struct err e = ERR_INIT;

		set_env(turn);
		for (size_t i = 0; i < nlines; i++) {
			const struct line *l = &lines[turn % 2 ? nlines - 1 - i : i];
			CLEAN_FREE char *path = path_join(root, l->path);
			CLEAN_FREE char *dir = path_dirname(path);

			OK(fs_mkdirs(dir, &e));
			if (l->type == 'd' || l->mode == 0600) {
				add_line(&t, l);
				continue;
			}
			if (l->type == 'l') {
				assert_int_equal(symlink(l->text, path), 0);
				continue;
			}
			put_file(path, l->text, strlen(l->text));
			if (l->mode == 0755)
				chmod(path, 0700);
		}
		OK(tree_add_host(&t, "", root, 0, &e));
		check(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_memory_in_any_order),
		cmocka_unit_test(from_the_host),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
