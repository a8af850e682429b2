/* SPDX-License-Identifier: Apache-2.0 */
/* Provenance and fetching, on real repositories that the git program makes. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/fs.h"
#include "os/proc.h"
#include "vcs/git.h"
#include "vcs/link.h"

static char root[64];
static pid_t daemon_pid;

/* run a shell script in the test's directory; what it printed, without the last newline */
static char *sh(const char *script)
{
	const char *argv[] = { "sh", "-euc", script, NULL };
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int status = -1;

	if (proc_run(argv, &(struct proc_opts){ .out = &out }, &status, &err) < 0 || status != 0)
		fail_msg("'%s' failed: %d %s", script, status, err.msg);
	if (out.len && out.ptr[out.len - 1] == '\n')
		out.ptr[--out.len] = '\0';
	return out.cap ? buf_detach(&out) : xstrdup("");
}

static void do_sh(const char *script)
{
	free(sh(script));
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/slsc-test-git.XXXXXX");
	if (!mkdtemp(root) || chdir(root) < 0)
		return -1;
	setenv("HOME", root, 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	setenv("GIT_AUTHOR_NAME", "A", 1);
	setenv("GIT_AUTHOR_EMAIL", "a@example.com", 1);
	setenv("GIT_COMMITTER_NAME", "A", 1);
	setenv("GIT_COMMITTER_EMAIL", "a@example.com", 1);
	setenv("GIT_COMMITTER_DATE", "1700000000 +0100", 1);
	setenv("GIT_AUTHOR_DATE", "1600000000 +0000", 1);
	unsetenv("XDG_CONFIG_HOME");
	do_sh("git config --global init.defaultBranch main;"
	      "git config --global protocol.file.allow always;"
	      "git config --global safe.directory '*';"
	      "git config --global uploadpack.allowFilter true");
	sig_install();
	return 0;
}

static int tear_down(void **state)
{
	struct err err;

	(void)state;
	if (daemon_pid > 0)
		kill(daemon_pid, SIGTERM);
	return chdir("/") < 0 || fs_rmtree(root, &err) < 0 ? -1 : 0;
}

static struct git_provenance ask(const char *dir)
{
	struct git_provenance p;
	struct err err = ERR_INIT;

	if (git_provenance(dir, &p, &err) < 0)
		fail_msg("%s: %s", dir, err.msg);
	return p;
}

static void assert_tag(const char *dir, const char *want)
{
	struct git_provenance p = ask(dir);

	assert_string_equal(p.tag, want);
	git_provenance_release(&p);
}

/* "-": none is told */
static void assert_source(const char *dir, const char *want)
{
	struct git_provenance p = ask(dir);

	assert_string_equal(p.source ? p.source : "-", want);
	git_provenance_release(&p);
}

static void assert_dirty(const char *dir, bool want)
{
	struct git_provenance p = ask(dir);

	assert_true(p.present);
	assert_int_equal(p.dirty, want);
	git_provenance_release(&p);
}

static void assert_head(const char *dir, const struct git_provenance *p)
{
	CLEAN_FREE char *cmd = xasprintf("git -C %s rev-parse HEAD", dir);
	CLEAN_FREE char *head = sh(cmd);

	assert_string_equal(p->revision, head);
}

static void test_absent(void **state)
{
	struct git_provenance p;
	struct err err = ERR_INIT;

	(void)state;
	/* an empty .git directory is passed over, as git does */
	do_sh("mkdir -p absent/a/.git");
	p = ask("absent/a");
	assert_false(p.present);
	assert_null(p.source);
	assert_int_equal(git_provenance("absent/none", &p, &err), -1);
	assert_string_equal(err.msg, "cannot find absent/none: No such file or directory");
}

static void test_unborn(void **state)
{
	struct git_provenance p;

	(void)state;
	do_sh("git init -q unborn");
	p = ask("unborn");
	assert_true(p.present && p.unborn && !p.dirty && !p.shallow);
	assert_string_equal(p.revision, "");
	assert_string_equal(p.branch, "main");
	assert_null(p.source);
	assert_null(p.tag);
	assert_int_equal(p.time, 0);
	git_provenance_release(&p);
	do_sh("touch unborn/x");
	assert_dirty("unborn", true);
	do_sh("git -C unborn add x");
	assert_dirty("unborn", true);
}

static void test_commit(void **state)
{
	struct git_provenance p;

	(void)state;
	do_sh("git init -q one && cd one && mkdir -p proj/src other && echo a >proj/src/a.c &&"
	      "echo o >other/o && echo '*.log' >.gitignore && git add . && git commit -qm 1 &&"
	      "git remote add origin https://user:secret@example.com/o/r.git");
	p = ask("one/proj/src");
	assert_true(p.present && !p.unborn && !p.dirty && !p.shallow);
	assert_head("one", &p);
	assert_string_equal(p.branch, "main");
	assert_string_equal(p.source, "https://example.com/o/r.git");
	assert_null(p.tag);
	assert_int_equal(p.time, 1700000000);
	git_provenance_release(&p);
}

static void test_dirty(void **state)
{
	CLEAN_FREE char *before = NULL;
	CLEAN_FREE char *after = NULL;

	(void)state;
	do_sh("git init -q dirt && cd dirt && mkdir -p proj/src 'p[a]*' pro && echo a >proj/src/a.c &&"
	      "echo b >'p[a]*/b' && echo c >pro/c && echo '*.log' >.gitignore && git add . &&"
	      "git commit -qm 1");
	before = sh("sha256sum dirt/.git/index; stat -c %Y.%i dirt/.git/index");
	assert_dirty("dirt", false);
	/* same bytes, new time: not dirty, and the index is not refreshed */
	do_sh("touch -d '+1 hour' dirt/proj/src/a.c");
	assert_dirty("dirt/proj", false);
	after = sh("sha256sum dirt/.git/index; stat -c %Y.%i dirt/.git/index");
	assert_string_equal(before, after);

	do_sh("echo x >dirt/proj/x.log; mkdir -p dirt/proj/.slsc dirt/proj/dist;"
	      "echo x >dirt/proj/.slsc/build.ninja; echo x >dirt/proj/dist/a.zip;"
	      "echo x >dirt/proj/compile_commands.json");
	assert_dirty("dirt/proj", false);
	/* above the project those are nobody's output */
	assert_dirty("dirt", true);
	/* names that begin alike, and glob characters, are other directories */
	do_sh("echo y >dirt/proj2; echo y >dirt/pro/y");
	assert_dirty("dirt/proj", false);
	assert_dirty("dirt/p[a]*", false);
	assert_dirty("dirt/pro", true);
	do_sh("echo b2 >'dirt/p[a]*/b'");
	assert_dirty("dirt/p[a]*", true);
	do_sh("echo z >dirt/proj/dist2");
	assert_dirty("dirt/proj", true);
	do_sh("rm dirt/proj/dist2; echo changed >dirt/proj/src/a.c");
	assert_dirty("dirt/proj", true);
	do_sh("cd dirt && git add proj/src");
	assert_dirty("dirt/proj", true);
	do_sh("cd dirt && git commit -qm 2 proj/src");
	assert_dirty("dirt/proj", false);
	do_sh("chmod +x dirt/proj/src/a.c");
	assert_dirty("dirt/proj", true);
	do_sh("chmod -x dirt/proj/src/a.c && rm dirt/proj/src/a.c");
	assert_dirty("dirt/proj", true);
	do_sh("cd dirt && git checkout -q proj && mkdir new && echo n >new/slsc.yaml");
	assert_dirty("dirt/new", true);
	do_sh("cd dirt && git rm -q --cached proj/src/a.c");
	assert_dirty("dirt/proj", true);
}

static void test_tags_and_detached(void **state)
{
	struct git_provenance p;

	(void)state;
	do_sh("git init -q tags && cd tags && git commit -q --allow-empty -m 0 && git tag old &&"
	      "git commit -q --allow-empty -m 1 && git tag zz");
	assert_tag("tags", "zz");
	do_sh("cd tags && git tag -am x v1.9 && git tag -am x v1.10 && git tag v2");
	assert_tag("tags", "v1.10");
	do_sh("cd tags && git pack-refs --all && git checkout -q --detach");
	p = ask("tags");
	assert_string_equal(p.tag, "v1.10");
	assert_null(p.branch);
	assert_head("tags", &p);
	git_provenance_release(&p);
}

static void test_shallow_bare_worktree_submodule(void **state)
{
	struct git_provenance p;

	(void)state;
	do_sh("git init -q src && cd src && for i in 1 2 3; do echo $i >f; git add f;"
	      "git commit -qm $i; done; cd .. && git clone -q --depth 1 file://$PWD/src shallow;"
	      "git clone -q --bare src bare.git; git -C src worktree add -q ../wt -b side;"
	      "git init -q super && git -C super submodule --quiet add $PWD/src sub &&"
	      "git -C super commit -qm 1");
	p = ask("shallow");
	assert_true(p.shallow && !p.dirty);
	assert_head("shallow", &p);
	assert_null(p.source); /* a path of this machine */
	git_provenance_release(&p);
	p = ask("bare.git");
	assert_true(p.present && !p.dirty);
	assert_head("bare.git", &p);
	git_provenance_release(&p);
	assert_dirty("src/.git/refs", false);
	p = ask("wt");
	assert_true(p.present && !p.dirty);
	assert_string_equal(p.branch, "side");
	git_provenance_release(&p);
	p = ask("super/sub");
	assert_true(p.present && !p.dirty);
	assert_head("src", &p);
	git_provenance_release(&p);
	assert_dirty("super", false);
}

static void test_newer_formats(void **state)
{
	(void)state;
	do_sh("git init -q many && cd many && mkdir a b && echo 1 >a/x && echo 2 >b/y && git add . &&"
	      "git commit -qm 1 && cd .. &&"
	      "git clone -q --filter=blob:none --sparse file://$PWD/many sparse &&"
	      "git -C sparse sparse-checkout set a");
	assert_dirty("sparse", false);
	do_sh("echo 3 >sparse/a/x");
	assert_dirty("sparse", true);
}

static void test_remotes(void **state)
{
	(void)state;
	do_sh("git init -q rem && cd rem && git remote add up git@example.com:o/r.git &&"
	      "git config --global url.https://elsewhere/.insteadOf git@example.com:");
	assert_source("rem", "git@example.com:o/r.git");
	do_sh("cd rem && git remote set-url --add up https://second/ &&"
	      "printf '[remote \"up\"]\\n\\turl\\n' >>.git/config");
	assert_source("rem", "git@example.com:o/r.git");
	do_sh("printf '[remote \"two\"]\\n\\turl = https://example.com/two\\n' >>rem/.git/config");
	assert_source("rem", "-");
	do_sh("printf '[remote \"origin\"]\\n\\turl = https://example.com/three\\n' >>rem/.git/config");
	assert_source("rem", "https://example.com/three");
	do_sh("git config --file rem/.git/config remote.origin.url file:///srv/x.git");
	assert_source("rem", "-");
}

/* @want: %s stands for the test's directory */
static void assert_broken(const char *dir, const char *want)
{
	struct git_provenance p;
	struct err err = ERR_INIT;
	struct buf full = BUF_INIT;

	for (const char *s = want; *s; s++) {
		if (s[0] == '%' && s[1] == 's') {
			buf_addz(&full, root);
			s++;
		} else {
			buf_addc(&full, *s);
		}
	}
	assert_int_equal(git_provenance(dir, &p, &err), -1);
	assert_int_equal(err.code, ERR_GIT);
	assert_string_equal(err.msg, full.ptr);
	buf_release(&full);
	assert_false(p.present);
}

static void test_broken(void **state)
{
	(void)state;
	do_sh("git init -q brk && cd brk && git commit -q --allow-empty -m 1 && echo garbage >.git/HEAD");
	assert_broken("brk", "cannot read HEAD of the git repository of %s/brk: corrupted loose "
			     "reference file: HEAD");
	do_sh("cd brk && echo 'ref: refs/heads/main' >.git/HEAD && echo 'x' >.git/refs/heads/main");
	assert_broken("brk", "cannot read HEAD of the git repository of %s/brk: corrupted loose "
			     "reference file: refs/heads/main");
	do_sh("cd brk && echo 1111111111111111111111111111111111111111 >.git/refs/heads/main");
	assert_broken("brk", "cannot read the commit of HEAD in the git repository of %s/brk: the "
			     "reference 'refs/heads/main' cannot be peeled - Cannot retrieve reference "
			     "target");
	do_sh("mkdir -p brk2 && echo 'gitdir: nowhere' >brk2/.git");
	assert_broken("brk2",
		      "cannot open the git repository of %s/brk2: failed to resolve path "
			      "'%s/brk2/nowhere': No such file or directory");
	do_sh("git init -q brk3 && cd brk3 && echo a >a && git add a && git commit -qm 1 &&"
	      "head -c 20 .git/index >i && mv i .git/index");
	assert_broken("brk3", "cannot read the git index of %s/brk3/: "
			      "invalid data in index - insufficient buffer space");
}

static void test_foreign_owner(void **state)
{
	(void)state;
	if (getuid() != 0)
		return; /* only root can give files away; the e2e tests run as both */
	do_sh("git init -q foreign && cd foreign && echo a >a && git add a && git commit -qm 1 &&"
	      "chown -R 65534:65534 .");
	assert_dirty("foreign", false);
}

static void *in_thread(void *arg)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 20; i++) {
		struct git_provenance p;

		if (git_provenance(arg, &p, &err) < 0 || !p.present || p.dirty)
			return arg;
		git_provenance_release(&p);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static char dirs[4][8] = { "one", "one", "tags", "wt" };
	pthread_t t[4];
	void *bad;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, in_thread, dirs[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
}

/* fetch */

static void no_leftovers(void)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err err;

	assert_int_equal(fs_list(".", &names, &err), 0);
	VEC_EACH(&names, n)
		assert_false(starts_with(*n, ".slsc-tmp."));
}

static void fetch_ok(const char *url, const char *ref, const char *want_rev)
{
	struct err err = ERR_INIT;
	char commit[65] = "";
	CLEAN_FREE char *cmd = xasprintf("git -C origin rev-parse '%s^{commit}'", want_rev);
	CLEAN_FREE char *want = sh(cmd);
	CLEAN_FREE char *diff = xasprintf("mkdir want && git -C origin archive %s | tar -C want -xf - &&"
					  "diff -r --no-dereference want got && rm -r want got", want);

	if (git_fetch_tree(url, ref, "got", commit, NULL, NULL, &err) < 0)
		fail_msg("%s#%s: %s", url, ref ? ref : "", err.msg);
	assert_string_equal(commit, want);
	do_sh(diff);
	no_leftovers();
}

static void fetch_bad(const char *url, const char *ref, enum err_code code, const char *msg,
		      const char *hint)
{
	struct err err = ERR_INIT;
	char commit[65];

	assert_int_equal(git_fetch_tree(url, ref, "got", commit, NULL, NULL, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, code);
	assert_false(fs_exists("got"));
	no_leftovers();
}

static void make_origin(void)
{
	if (fs_exists("origin"))
		return;
	do_sh("git init -q origin && cd origin && mkdir -p src/deep && echo one >src/a.c &&"
	      "printf 'x\\ny\\n' >lf.txt && echo '*.txt text' >.gitattributes &&"
	      "ln -s ../a.c src/deep/link && ln -s deep src/dir && echo '#!/bin/sh' >run &&"
	      "chmod +x run && git add . && git commit -qm 1 && git tag light &&"
	      "git tag -am x v1.0 && echo two >src/a.c && git commit -qam 2 &&"
	      "git checkout -qb feature/x && echo three >src/a.c && git commit -qam 3 &&"
	      "git checkout -q main");
}

static void test_fetch_local(void **state)
{
	CLEAN_FREE char *url = xasprintf("file://%s/ori%%67in", root);
	CLEAN_FREE char *full = NULL, *part = NULL;

	(void)state;
	make_origin();
	full = sh("git -C origin rev-parse feature/x");
	part = xstrndup(full, 9);
	fetch_ok("origin", NULL, "main");
	fetch_ok("origin", "HEAD", "main");
	fetch_ok(url, NULL, "main");
	fetch_ok(url, "feature/x", "feature/x");
	fetch_ok("origin/.git", "v1.0", "v1.0");
	fetch_ok("origin", "refs/tags/light", "light");
	fetch_ok("origin", "tags/light", "light");
	fetch_ok("origin", full, full);
	fetch_ok("origin", part, full);
	/* shallow: nothing is cloned, so its missing parents do not matter */
	do_sh("git clone -q --depth 1 file://$PWD/origin thin");
	fetch_ok("thin", NULL, "main");
}

/* what the user's git would do to line endings does not matter */
static void test_fetch_bytes(void **state)
{
	CLEAN_FREE char *text = NULL;
	struct err err = ERR_INIT;
	char commit[65];

	(void)state;
	make_origin();
	do_sh("git config --global core.autocrlf true; git config --global core.eol crlf");
	assert_int_equal(git_fetch_tree("origin", NULL, "bytes", commit, NULL, NULL, &err), 0);
	do_sh("git config --global --unset core.autocrlf; git config --global --unset core.eol");
	text = sh("od -An -c bytes/lf.txt | tr -d ' '; stat -c %a bytes/run bytes/lf.txt bytes/src; ls -A bytes");
	assert_string_equal(text, "x\\ny\\n\n755\n644\n755\n.gitattributes\nlf.txt\nrun\nsrc");
}

static void test_fetch_errors(void **state)
{
	struct err err = ERR_INIT;
	char commit[65];

	(void)state;
	make_origin();
	fetch_bad("origin", "feature/y", ERR_NOTFOUND, "origin: no branch, tag or commit 'feature/y'",
		  "did you mean 'feature/x'?");
	fetch_bad("origin", "nothing-like", ERR_NOTFOUND,
		  "origin: no branch, tag or commit 'nothing-like'",
		  "there are: feature/x, main, light, v1.0");
	fetch_bad("origin", "deadbeef", ERR_NOTFOUND, "origin: no branch, tag or commit 'deadbeef'",
		  "there are: feature/x, main, light, v1.0");
	do_sh("git init -q empty");
	fetch_bad("empty", NULL, ERR_NOTFOUND, "empty: the repository has no commit", "");
	do_sh("mkdir -p plain");
	fetch_bad("plain", NULL, ERR_GIT, "plain: could not find repository from 'plain'", "");
	fetch_bad("file:///nonexistent/r", NULL, ERR_GIT,
		  "file:///nonexistent/r: failed to resolve path '/nonexistent/r': No such file or directory", "");
	fetch_bad("http://u:secret@127.0.0.1:1/x.git?token=secret", "main", ERR_GIT,
		  "http://127.0.0.1:1/x.git: failed to connect to 127.0.0.1: Connection refused", "");
	fetch_bad("nope://u:secret@h/x", NULL, ERR_GIT,
		  "nope://h/x: unknown scheme for URL 'nope://h/x'", "");
	do_sh("mkdir there");
	assert_int_equal(git_fetch_tree("origin", NULL, "there", commit, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_string_equal(err.msg, "there exists");
}

/* A tree that only plumbing can make: one entry, named by a script's $tree. */
static void test_fetch_hostile(void **state)
{
	static const struct {
		const char *make, *msg;
	} cases[] = {
		{ "ln -s ../up evil", "evil: evil: the symlink leads out of the tree" },
		{ "mkdir d; ln -s ../../up d/evil", "evil: d/evil: the symlink leads out of the tree" },
		{ "ln -s /etc/passwd evil", "evil: evil: the symlink leads out of the tree" },
		{ "mkdir d; ln -s d/../../up evil", "evil: evil: the symlink leads out of the tree" },
	};
	static const struct {
		const char *name, *msg;
	} names[] = {
		{ "..", "evil: cannot checkout to invalid path '..'" },
		{ ".git", "evil: cannot checkout to invalid path '.git'" },
		{ ".GIT", "evil: cannot checkout to invalid path '.GIT'" },
		{ "git~1", "evil: cannot checkout to invalid path 'git~1'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_FREE char *cmd = xasprintf("rm -rf evil; git init -q evil && cd evil && %s &&"
						 "git add . && git commit -qm 1", cases[i].make);

		do_sh(cmd);
		fetch_bad("evil", NULL, ERR_GIT, cases[i].msg, "");
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_FREE char *cmd = xasprintf(
			"rm -rf evil; git init -q evil && cd evil && b=$(echo hi | git hash-object -w --stdin) &&"
			"t=$( (printf '100644 %s\\0'; printf %%s $b | xxd -r -p) |"
			"git hash-object -t tree --literally -w --stdin) &&"
			"git update-ref refs/heads/main $(git commit-tree -m x $t)", names[i].name);

		do_sh(cmd);
		fetch_bad("evil", NULL, ERR_GIT, names[i].msg, "");
	}
}

/* ten directories in ten directories, ten levels deep: 10^10 files in eleven objects */
static void test_fetch_bomb(void **state)
{
	(void)state;
	do_sh("rm -rf evil; git init -q evil && cd evil && b=$(echo hi | git hash-object -w --stdin) &&"
	      "l=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '100644 blob %s\\t%s\\n' $b $i; done) &&"
	      "for d in 1 2 3 4 5 6 7 8 9; do t=$(echo \"$l\" | git mktree);"
	      "l=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '040000 tree %s\\t%s\\n' $t $i; done); done &&"
	      "git update-ref refs/heads/main $(git commit-tree -m x $t)");
	fetch_bad("evil", NULL, ERR_LIMIT,
		  "evil: 0/0/0/1/7/9/9/9/7: limit exceeded: more than 200,000 entries", "");
}

static unsigned progress_calls;
static void on_progress(unsigned received, unsigned total, void *ctx)
{
	(void)ctx;
	assert_true(received <= total);
	progress_calls++;
}

static void on_progress_interrupt(unsigned received, unsigned total, void *ctx)
{
	(void)received;
	(void)total;
	(void)ctx;
	raise(SIGINT);
}

/* git daemon on the loopback: a real transfer */
static void test_fetch_daemon(void **state)
{
	CLEAN_FREE char *port = NULL, *pid = NULL, *url = NULL, *full = NULL, *part = NULL;
	CLEAN_FREE char *missing = NULL, *want = NULL;
	struct err err = ERR_INIT;
	char commit[65];

	(void)state;
	make_origin();
	/* below those that the kernel gives to whoever asks for any */
	port = xasprintf("%d", 20000 + (int)(getpid() % 12000));
	setenv("PORT", port, 1);
	pid = sh("\"$(git --exec-path)/git-daemon\" --listen=127.0.0.1 --port=$PORT --base-path=."
		 " --export-all --reuseaddr"
		 " >/dev/null 2>&1 & echo $!; while kill -0 $!; do"
		 " git ls-remote git://127.0.0.1:$PORT/origin >/dev/null 2>&1 && break; sleep .05; done");
	url = xasprintf("git://127.0.0.1:%s/origin", port);
	daemon_pid = (pid_t)strtol(pid, NULL, 10);
	full = sh("git -C origin rev-parse feature/x~1");
	part = xstrndup(full, 7);

	fetch_ok(url, NULL, "main");
	fetch_ok(url, "feature/x", "feature/x");
	fetch_ok(url, "v1.0", "v1.0");
	fetch_ok(url, full, full);
	fetch_ok(url, part, full);
	want = sh("git -C origin rev-parse v1.0~0");
	fetch_ok(url, want, want);
	missing = xasprintf("%s: no branch, tag or commit 'v1.1'", url);
	fetch_bad(url, "v1.1", ERR_NOTFOUND, missing, "did you mean 'v1.0'?");
	free(missing);
	missing = xasprintf("%s: no branch, tag or commit "
			    "'1111111111111111111111111111111111111111'", url);
	fetch_bad(url, "1111111111111111111111111111111111111111", ERR_NOTFOUND, missing,
		  "there are: feature/x, main, light, v1.0");

	assert_int_equal(git_fetch_tree(url, NULL, "new/dir/got", commit, on_progress, NULL, &err), 0);
	assert_true(progress_calls > 0);
	assert_true(fs_exists("new/dir/got/src/a.c"));

	/* last, for a signal is never forgotten */
	assert_int_equal(git_fetch_tree(url, NULL, "got", commit, on_progress_interrupt, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INTR);
	assert_string_equal(err.msg, "interrupted");
	assert_false(fs_exists("got"));
	no_leftovers();
}

static void test_url_clean(void **state)
{
	static const char *const cases[][2] = {
		{ "https://example.com/r.git", "https://example.com/r.git" },
		{ "https://u:p@example.com/r.git", "https://example.com/r.git" },
		{ "https://token@example.com:8443/r", "https://example.com:8443/r" },
		{ "https://u:p@ss@example.com/r", "https://example.com/r" },
		{ "https://u:p/ss@example.com/r", "https://example.com/r" },
		{ "https://example.com/r?private_token=x#y", "https://example.com/r" },
		{ "https://example.com/@scope/r", "https://example.com/@scope/r" },
		{ "https://example.com:443/@scope/r", "https://example.com:443/@scope/r" },
		{ "https://[::1]:80/a@b", "https://[::1]:80/a@b" },
		{ "https://u:p@[::1]:80/a", "https://[::1]:80/a" },
		{ "https://u:p@", "https://" },
		{ "ssh://git@example.com/r", "ssh://example.com/r" },
		{ "ssh://git@example.com/r?token=x#y", "ssh://example.com/r" },
		{ "HTTPS://example.com/r?token=x", "HTTPS://example.com/r" },
		{ "file:///srv/a?b#c", "file:///srv/a?b#c" },
		{ "git@example.com:o/r.git", "git@example.com:o/r.git" },
		{ "u:secret@example.com:o/r.git", "example.com:o/r.git" },
		{ "file:///srv/a@b", "file:///srv/a@b" },
		{ "/srv/a:b@c", "/srv/a:b@c" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_FREE char *got = git_url_clean(cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
}

static void test_url_looks_like(void **state)
{
	static const char *const yes[] = { "https://h/r", "file:///x", "git@h:o/r", "h:o/r", "r.git",
					   "../a/r.git", "ssh://h/r" };
	static const char *const no[] = { "hello", "./hello", "/a/b", "a/b:c", ":x", "x:", ".git",
					  "a/.git", "", "://x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(git_url_looks_like(yes[i]));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(git_url_looks_like(no[i]));
}

static void test_links(void **state)
{
	(void)state;
	assert_true(link_stays_inside("a", "b/c"));
	assert_true(link_stays_inside("a/b/c", "../../x"));
	assert_true(link_stays_inside("a/b", ".././x//y"));
	assert_true(link_stays_inside("a", "."));
	assert_false(link_stays_inside("a", ".."));
	assert_false(link_stays_inside("a/b", "../.."));
	assert_false(link_stays_inside("a/b", "x/../../../y"));
	assert_false(link_stays_inside("a/b/c", "l/../x"));
	assert_false(link_stays_inside("a", "/etc"));
	assert_false(link_stays_inside("a", ""));
}

/* The paths that differ, a blank between them; the sides of "f" as "before|after", "-" for none. */
static void assert_changes(const char *dir, const char *range, const char *want, const char *sides)
{
	static const char *const names[] = { "f" };
	CLEAN_CHANGES struct git_changes c = { .nfiles = 0 };
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *files = NULL;
	struct err err = ERR_INIT;

	if (git_changes(dir, range, names, 1, &c, &err) < 0)
		fail_msg("%s", err.msg);
	VEC_EACH(&c.paths, p)
		buf_addf(&text, "%s%s", text.len ? " " : "", *p);
	assert_string_equal(text.ptr, want);
	files = xasprintf("%s|%s", c.files[0].before.text ? c.files[0].before.text : "-",
			  c.files[0].after.text ? c.files[0].after.text : "-");
	assert_string_equal(files, sides);
	assert_int_equal(c.worktree, strstr(range, "..") == NULL);
}

static void test_changes(void **state)
{
	CLEAN_FREE char *before = NULL;
	CLEAN_FREE char *after = NULL;

	(void)state;
	do_sh("git init -q chg && cd chg && mkdir -p p/q x && printf 1 >p/f && printf 1 >p/g && printf 1 >x/h &&"
	      "printf 1 >top && echo '*.log' >.gitignore && git add . && git commit -qm 1 && git tag one &&"
	      "printf 2 >p/f && git mv p/g x/g && git commit -qam 2 && git tag two &&"
	      "git rm -q p/f && git commit -qm 3 && git tag three");
	assert_changes("chg/p", "one..two", "../x/g f g", "1|2");
	assert_changes("chg", "one..two", "p/f p/g x/g", "-|-");
	assert_changes("chg/p", "two..three", "f", "2|-");
	assert_changes("chg/p", "one...two", "../x/g f g", "1|2");
	assert_changes("chg/p", "two...one", "", "1|1");
	assert_changes("chg/p", "three..", "", "-|-");
	assert_changes("chg/p", "..one", "../x/g f g", "-|1");
	assert_changes("chg/p", "three", "", "-|-");
	before = sh("sha256sum chg/.git/index; stat -c %Y.%i chg/.git/index");
	do_sh("cd chg && touch -d '+1 hour' top && mkdir -p p/dist p/.slsc dist && for f in 'p/a b' p/x.log p/dist/z"
	      "  p/.slsc/z dist/z p/compile_commands.json; do printf n >\"$f\"; done &&"
	      "printf n >\"$(printf 'p/\\377\\nx')\" && printf n >x/h");
	assert_changes("chg/p", "HEAD", "../dist/z ../x/h a b \377\nx", "-|-");
	assert_changes("chg/p", "two", "../dist/z ../x/h a b f \377\nx", "2|-");
	after = sh("sha256sum chg/.git/index; stat -c %Y.%i chg/.git/index");
	assert_string_equal(before, after);
}

static void assert_no_changes(const char *dir, const char *range, enum err_code code, const char *msg)
{
	CLEAN_CHANGES struct git_changes c = { .nfiles = 0 };
	struct err err = ERR_INIT;

	assert_int_equal(git_changes(dir, range, NULL, 0, &c, &err), -1);
	assert_int_equal(err.code, code);
	assert_string_equal(err.msg, msg);
}

static void test_changes_errors(void **state)
{
	CLEAN_FREE char *none = xasprintf("%s/chge: there is no commit 'none'", root);
	CLEAN_FREE char *bare = xasprintf("%s/chgb.git: is in no work tree of a git repository", root);
	CLEAN_FREE char *unborn = xasprintf("%s/chgu: there is no commit 'HEAD'", root);

	(void)state;
	do_sh("git init -q chge && cd chge && touch f && git add . && git commit -qm 1 && cd .. &&"
	      "git clone -q --bare chge chgb.git && git init -q chgu && mkdir chgn");
	assert_no_changes("chge", "none", ERR_NOTFOUND, none);
	assert_no_changes("chge", "HEAD..none", ERR_NOTFOUND, none);
	assert_no_changes("chge", "none...HEAD", ERR_NOTFOUND, none);
	assert_no_changes("chge", "", ERR_USAGE, "the revision is empty");
	assert_no_changes("chgb.git", "HEAD", ERR_NOTFOUND, bare);
	assert_no_changes("chgu", "..HEAD", ERR_NOTFOUND, unborn);
	assert_no_changes("chgn", "HEAD", ERR_NOTFOUND, "chgn: is in no git repository, and so there is no 'HEAD'");
	/* what a sparse checkout leaves out is there all the same */
	do_sh("cd chge && mkdir a b && touch a/x b/x && git add . && git commit -qm 2 && git sparse-checkout set a");
	assert_changes("chge", "HEAD", "", "|-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_clean),
		cmocka_unit_test(test_url_looks_like),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_unborn),
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_dirty),
		cmocka_unit_test(test_tags_and_detached),
		cmocka_unit_test(test_shallow_bare_worktree_submodule),
		cmocka_unit_test(test_newer_formats),
		cmocka_unit_test(test_remotes),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_foreign_owner),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_changes_errors),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_fetch_local),
		cmocka_unit_test(test_fetch_bytes),
		cmocka_unit_test(test_fetch_errors),
		cmocka_unit_test(test_fetch_hostile),
		cmocka_unit_test(test_fetch_bomb),
		cmocka_unit_test(test_fetch_daemon),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
