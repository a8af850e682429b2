/* SPDX-License-Identifier: Apache-2.0 */
/* Owners of files, package URLs, and the documents that are made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/owner.h"
#include "build/sbom.h"
#include "os/fs.h"

static void expect_purl(const char *want, const char *type, const char *namespace, const char *name,
			const char *version, const char *const *qualifiers)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	purl_add(&b, type, namespace, name, version, qualifiers);
	assert_string_equal(b.ptr, want);
}

#define Q(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void purls(void **state)
{
	(void)state;
	expect_purl("pkg:deb/debian/musl-dev@1.2.3-1?arch=amd64&distro=debian-12", "deb", "debian", "musl-dev",
		"1.2.3-1",
		    Q("arch", "amd64", "distro", "debian-12"));
	expect_purl("pkg:deb/debian/clang-14@1:14.0.6-12%2Bdeb12u1~x?arch=all", "deb", "debian", "clang-14",
		    "1:14.0.6-12+deb12u1~x", Q("arch", "all", "distro", NULL));
	expect_purl("pkg:generic/a%20b%2Fc", "generic", "", "a b/c", "", Q("x", ""));
	expect_purl("pkg:generic/g/libstdc%2B%2B@%40%3F%23%25%C3%A4", "generic", "g", "libstdc++", "@?#%\xc3\xa4",
		    (const char *const[]){ NULL });
}

static void expect_git(const char *want, const char *url)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	sbom_git_purl(&b, "dep", url, "0123");
	assert_string_equal(b.ptr, want);
}

static void git_purls(void **state)
{
	(void)state;
	expect_git("pkg:github/davegamble/cjson@0123", "https://github.com/DaveGamble/cJSON.git");
	expect_git("pkg:github/a/b@0123", "git@github.com:a/b");
	expect_git("pkg:github/a/b@0123", "ssh://git@github.com/a/b.git/");
	expect_git("pkg:generic/dep@0123?vcs_url=git%2Bhttps://github.com/a/b/c%400123", "https://github.com/a/b/c");
	expect_git("pkg:generic/dep@0123?vcs_url=git%2Bhttps://git.example.com/x%20y.git%400123",
		   "https://git.example.com/x y.git");
	expect_git("pkg:generic/dep@0123?vcs_url=git%2B../dep%400123", "../dep");
}

static char *scratch_dir(void)
{
	char *dir = xstrdup("/tmp/slsc-sbom.XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void put(const char *dir, const char *name, const char *text)
{
	CLEAN_FREE char *path = path_join(dir, name), *parent = path_dirname(path);
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdirs(parent, &err), 0);
	assert_int_equal(fs_write_file(path, text, strlen(text), 0644, &err), 0);
}

static void owners(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_FREE char *dir = scratch_dir();
	const char *const paths[] = { "/usr/lib/m/libc.a", "/usr/lib/none.a", "/usr/lib/x86_64-linux-gnu/libz.a",
				      "/usr/lib/m/libc", "/usr/lib/two.a" };
	struct owner o[5];
	struct err err = ERR_INIT;

	(void)state;
	put(dir, "info/musl-dev:amd64.list", "/.\n/usr\n/usr/lib/m/libc.a.old\n/usr/lib/m/libc.a\n");
	put(dir, "info/zlib1g-dev:amd64.list", "/lib/x86_64-linux-gnu/libz.a\n");
	put(dir, "info/two:arm64.list", "/usr/lib/two.a\n");
	put(dir, "info/two:amd64.md5sums", "/usr/lib/none.a\n");
	put(dir, "status",
	    "Package: musl\nVersion: 9\nArchitecture: amd64\n\n"
	    "Package: musl-dev\nStatus: install ok installed\nArchitecture: amd64\nVersion: "
	    "1.2.3-1\nDescription: a\n b\n\n"
	    "Package: two\nVersion: 1\nArchitecture: amd64\n\n"
	    "Package: two\nVersion: 2\nArchitecture: arm64\n\n"
	    "Package: zlib1g-dev\nVersion: 1:1.2.13\nArchitecture: amd64\n");
	assert_int_equal(owner_find(&a, NULL, dir, paths, ARRAY_LEN(paths), o, &err), 0);
	assert_string_equal(o[0].package, "musl-dev");
	assert_string_equal(o[0].version, "1.2.3-1");
	assert_string_equal(o[0].arch, "amd64");
	assert_null(o[1].package);
	/* a package from before /lib became a link */
	assert_string_equal(o[2].package, "zlib1g-dev");
	assert_string_equal(o[2].version, "1:1.2.13");
	assert_null(o[3].package);
	assert_string_equal(o[4].version, "2");
	assert_int_equal(fs_rmtree(dir, &err), 0);
	/* a host without dpkg */
	assert_int_equal(owner_find(&a, NULL, dir, paths, ARRAY_LEN(paths), o, &err), 0);
	assert_null(o[0].package);
}

static void names(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct owner o;

	(void)state;
	assert_true(owner_from_name(&a, STR("libgcc-12-dev_1%3a12.2.0-14+deb12u1_arm64"), &o));
	assert_string_equal(o.package, "libgcc-12-dev");
	assert_string_equal(o.version, "1:12.2.0-14+deb12u1");
	assert_string_equal(o.arch, "arm64");
	assert_false(owner_from_name(&a, STR("musl-dev_1.2.3-1"), &o));
	assert_false(owner_from_name(&a, STR("__"), &o));
	assert_false(owner_from_name(&a, STR(""), &o));
	assert_false(owner_from_name(&a, STR("a\xff_1_arm64"), &o));
}

static void distros(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_FREE char *dir = scratch_dir();
	CLEAN_FREE char *path = path_join(dir, "os-release");
	const char *id, *distro;
	struct err err = ERR_INIT;

	(void)state;
	put(dir, "os-release", "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n");
	owner_distro(&a, path, &id, &distro);
	assert_string_equal(id, "debian");
	assert_string_equal(distro, "debian-12");
	put(dir, "os-release", "ID='debian'\n");
	owner_distro(&a, path, &id, &distro);
	assert_string_equal(distro, "debian");
	put(dir, "os-release", "VERSION_ID=12\n");
	owner_distro(&a, path, &id, &distro);
	assert_null(id);
	assert_int_equal(fs_rmtree(dir, &err), 0);
	owner_distro(&a, path, &id, &distro);
	assert_null(distro);
}

static void expect_suite(const char *path, const char *suite, const char *want_id, const char *want)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	const char *id, *distro;

	owner_suite(&a, path, suite, &id, &distro);
	assert_string_equal(id, want_id);
	if (want)
		assert_string_equal(distro, want);
	else
		assert_null(distro);
}

/* As scanners have it, not as apt's sources do; and whatever host it is built on. */
static void suites(void **state)
{
	CLEAN_FREE char *dir = scratch_dir();
	CLEAN_FREE char *path = path_join(dir, "os-release");
	struct err err = ERR_INIT;

	(void)state;
	put(dir, "os-release", "VERSION_ID=\"99.04\"\nVERSION_CODENAME=noun\nID=other\n");
	expect_suite(path, "bookworm", "debian", "debian-12");
	expect_suite(path, "bookworm-security", "debian", "debian-12");
	expect_suite(path, "buster/updates", "debian", "debian-10");
	expect_suite(path, "trixie-updates", "debian", "debian-13");
	expect_suite(path, "sid", "debian", "sid");
	expect_suite(path, "book", "debian", "book");
	expect_suite(path, "noun-updates", "other", "other-99.04");
	expect_suite(path, "nou", "debian", "nou");
	expect_suite(path, "", "debian", NULL);
	put(dir, "os-release", "VERSION_CODENAME=noun\n");
	expect_suite(path, "noun", "debian", "noun");
	assert_int_equal(fs_rmtree(dir, &err), 0);
	expect_suite(path, "noun", "debian", "noun");
}

static void digest(struct digest *d, char c)
{
	snprintf(d->s, sizeof(d->s), "sha256:%064d", 0);
	memset(d->s + 7, c, 64);
}

/* A document with everything that one can have. */
static void sample(struct sbom *s, struct sbom_file *files, struct sbom_component *c)
{
	const struct sbom_file f[] = { { .path = "src/a.c" }, { .path = "src/b c.c" }, { .path = "/usr/lib/libc.a" },
				       { .path = "/usr/bin/cc" } };

	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		files[i] = f[i];
		digest(&files[i].sha256, (char)('1' + i));
		memset(files[i].sha1, (char)('a' + i), 40);
	}
	files[2].members = 28;
	c[0] = (struct sbom_component){ .relation = SBOM_LINKED, .name = "cJSON", .version = "0123",
					.purl = "pkg:github/a/cjson@0123",
					.vcs = "git+https://github.com/a/cJSON@0123" };
	c[1] = (struct sbom_component){ .relation = SBOM_LINKED, .name = "musl-dev", .version = "1.2.3-1",
					.purl = "pkg:deb/debian/musl-dev@1.2.3-1?arch=arm64", .files = &files[2],
					.nfiles = 1 };
	c[2] = (struct sbom_component){ .relation = SBOM_LINKED, .name = "slsc-runtime", .version = "1",
					.licence = "Apache-2.0" };
	c[3] = (struct sbom_component){ .relation = SBOM_BASE, .name = "tzdata", .purl = "pkg:deb/debian/tzdata" };
	c[4] = (struct sbom_component){ .relation = SBOM_TOOL, .name = "gcc-12", .version = "12.2", .files = &files[3],
					.nfiles = 1 };
	*s = (struct sbom){ .project = "shop", .function = "orders_1", .arch = "arm64", .profile = "release",
			    .toolchain = "musl", .cflags = "-O2", .ldflags = "-Wl,--gc-sections",
			    .root = { .name = "orders_1", .version = "1.0", .purl = "pkg:generic/shop/orders_1@1.0",
				      .vcs = "git+https://git.example.com/shop@4567", .files = files, .nfiles = 2 },
			    .ptr = c, .len = 5, .created = 1700000000, .revision = "4567" };
	digest(&s->root.sha256, '0');
}

static void compare(const char *name, const struct buf *got)
{
	CLEAN_FREE char *path = xasprintf(TEST_DATA "/sbom/%s.json", name);
	CLEAN_BUF struct buf want = BUF_INIT, mine = BUF_INIT;
	struct err err = ERR_INIT;
	const char *at = got->ptr, *v;

	/* of whatever version this is */
	for (; (v = strstr(at, SLSC_VERSION)); at = v + strlen(SLSC_VERSION)) {
		buf_add(&mine, at, (size_t)(v - at));
		buf_addz(&mine, "@VERSION@");
	}
	buf_addz(&mine, at);
	if (fs_read(path, 1u << 20, &want, &err) < 0) {
		fprintf(stderr, "%s, got:\n%s\n", err.msg, mine.ptr);
		fail();
	}
	/* the files end with a newline */
	buf_addc(&mine, '\n');
	assert_string_equal(mine.ptr, want.ptr);
}

/* The identifier is a hash of all else, also of slsc's version: it is taken out here, and looked at by itself. */
static void without_uuid(struct buf *b)
{
	char *at = strstr(b->ptr, "urn:uuid:");

	assert_non_null(at);
	assert_int_equal(strspn(at + 9, "0123456789abcdef-"), 36);
	assert_int_equal(at[9 + 14], '8');
	memset(at + 9, 'x', 36);
	assert_null(strstr(at + 9, "urn:uuid:"));
}

static void documents(void **state)
{
	CLEAN_BUF struct buf spdx = BUF_INIT, again = BUF_INIT, cdx = BUF_INIT, incomplete = BUF_INIT;
	struct sbom_file files[4];
	struct sbom_component c[5];
	struct sbom s;

	(void)state;
	sample(&s, files, c);
	sbom_add(&s, SBOM_SPDX, &spdx);
	sbom_add(&s, SBOM_SPDX, &again);
	assert_string_equal(spdx.ptr, again.ptr);
	sbom_add(&s, SBOM_CYCLONEDX, &cdx);
	/* what differs anywhere has another identifier */
	s.incomplete = "reason";
	sbom_add(&s, SBOM_CYCLONEDX, &incomplete);
	assert_string_not_equal(strstr(cdx.ptr, "urn:uuid:"), strstr(incomplete.ptr, "urn:uuid:"));
	without_uuid(&spdx);
	without_uuid(&cdx);
	without_uuid(&incomplete);
	compare("spdx", &spdx);
	compare("cyclonedx", &cdx);
	compare("cyclonedx_incomplete", &incomplete);
}

/* What git takes and is no URL is no download location; other documents may say it. */
static void locations(void **state)
{
	static const char *const vcs[][2] = {
		{ "git+https://git.example.com/a@0123", "\"downloadLocation\":\"git+https://git.example.com/a@0123\"" },
		{ "git+../dep@0123", "\"downloadLocation\":\"NOASSERTION\"" },
		{ "git+git@git.example.com:a@0123", "\"downloadLocation\":\"NOASSERTION\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vcs); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;
		struct sbom_file files[4];
		struct sbom_component c[5];
		struct sbom s;
		const char *at;

		sample(&s, files, c);
		c[0].vcs = vcs[i][0];
		sbom_add(&s, SBOM_SPDX, &b);
		at = strstr(b.ptr, "SPDXRef-Package-1-cJSON");
		assert_non_null(at);
		at = strstr(at, "\"downloadLocation\"");
		assert_non_null(at);
		assert_int_equal(strncmp(at, vcs[i][1], strlen(vcs[i][1])), 0);
	}
}

static void statement(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct sbom_file files[4];
	struct sbom_component c[5];
	struct image_layer layer = { .codec = CODEC_GZIP, .created_by = "slsc base static (ca-certificates 1)" };
	struct digest subject;
	struct sbom s;

	(void)state;
	sample(&s, files, c);
	digest(&subject, 'f');
	digest(&layer.digest, 'e');
	provenance_add(&s, &subject, &layer, 1, &b);
	compare("provenance", &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purls),   cmocka_unit_test(git_purls), cmocka_unit_test(owners),
		cmocka_unit_test(names),   cmocka_unit_test(distros),	cmocka_unit_test(documents),
		cmocka_unit_test(statement), cmocka_unit_test(suites), cmocka_unit_test(locations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
