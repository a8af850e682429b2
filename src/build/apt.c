/* SPDX-License-Identifier: Apache-2.0 */
#include "build/apt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define OUTPUT_MAX (16u << 20)	/* bytes of what apt prints */

void apt_release(struct apt *apt)
{
	free(apt->root);
	free(apt->config);
	*apt = (struct apt){ .root = NULL };
}

/* A URL's password is nobody's business. */
static char *shown_line(struct str line)
{
	char *why = xstrndup(line.ptr, line.len);
	char *scheme = strstr(why, "://");
	char *at = scheme ? memchr(scheme + 3, '@', strcspn(scheme + 3, "/ ")) : NULL;

	if (at)
		memmove(scheme + 3, at + 1, strlen(at + 1) + 1);
	return why;
}

/* "The following packages have unmet dependencies:\n foo : Depends: bar but it is not installable" */
static char *unmet(const struct buf *out)
{
	static const char head[] = "have unmet dependencies:\n";
	const char *at = strstr(out->ptr, head);
	struct str line;

	if (!at)
		return NULL;
	line = str_from(at + sizeof(head) - 1);
	str_cut(&line, '\n');
	line = str_trim(line);
	return line.len ? xstrndup(line.ptr, line.len) : NULL;
}

/* The line of apt's that says why: what could not be fetched rather than that something could not. */
static char *reason_of(const struct buf *errout)
{
	struct str rest = str_trim(buf_str(errout)), best = { "no reason given", 15 };
	int rank = 0;

	while (rest.len) {
		struct str line = rest;
		int r;

		rest = str_cut(&line, '\n');
		r = str_starts(line, "W: Failed to fetch") || str_starts(line, "E: Failed to fetch") ? 3 :
		    str_starts(line, "E: ")							       ? 2 : 1;
		if (line.len && (r > rank || r == 1))
			best = r >= rank ? line : best;
		rank = r > rank ? r : rank;
	}
	if (str_starts(best, "W: ") || str_starts(best, "E: "))
		best = (struct str){ best.ptr + 3, best.len - 3 };
	return shown_line(best);
}

int apt_runv(const struct apt *apt, const char *dir, struct buf *out, const struct strs *argv, struct err *err)
{
	const char *env[] = { apt->config, "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", NULL };
	CLEAN_BUF struct buf errout = BUF_INIT, unwanted = BUF_INIT;
	struct proc_opts o = { .dir = dir, .env = env, .out = out ? out : &unwanted, .errout = &errout,
			       .null_stdin = true, .limit = OUTPUT_MAX, .die_with_us = true, .pass_fd = apt->lock };
	CLEAN_STRS struct strs args = { 0 };
	CLEAN_FREE char *why = NULL;
	int status;

	VEC_EACH(argv, a)
		strs_add(&args, *a);
	if (proc_run((const char *const *)strs_argv(&args), &o, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	why = unmet(o.out);
	if (!why)
		why = reason_of(&errout);
	return err_set(err, ERR_TOOL, "%s %s: %s", path_basename(args.ptr[0]), args.ptr[1], why);
}

int apt_run(const struct apt *apt, const char *dir, struct buf *out, struct err *err, ...)
{
	CLEAN_STRS struct strs argv = { 0 };
	const char *a;
	va_list ap;

	va_start(ap, err);
	while ((a = va_arg(ap, const char *)))
		strs_add(&argv, a);
	va_end(ap);
	return apt_runv(apt, dir, out, &argv, err);
}

/* The file that the user says instead of the host's sources. */
static int add_sources(struct buf *conf, struct err *err)
{
	const char *file = getenv("SLSC_APT_SOURCES");
	CLEAN_FREE char *abs = NULL;

	if (!file || !*file)
		return 0;
	abs = realpath(file, NULL);
	if (!abs || fs_is_dir(abs)) {
		err_set(err, ERR_NOTFOUND, "SLSC_APT_SOURCES is '%s': there is no such file", file);
		return err_hint(err, "name a .list or .sources file of apt's, or unset it for the host's sources");
	}
	if (strpbrk(abs, "\"\\\n;"))
		return err_set(err, ERR_USAGE, "SLSC_APT_SOURCES: a path with a quote or a backslash");
	buf_addf(conf, "Dir::Etc::sourcelist \"%s\";\nDir::Etc::sourceparts \"-\";\n", abs);
	return 0;
}

/* Of the host's apt.conf only what says how to reach the mirror is kept: its hooks are for its own state. */
static void add_host(struct buf *conf, const struct buf *host)
{
	struct str rest;

	for (struct str line = buf_str(host); line.len; line = rest) {
		rest = str_cut(&line, '\n');
		if (str_starts(line, "Acquire::http") || str_starts(line, "Acquire::ftp") ||
		    str_starts(line, "Acquire::ForceIPv")) {
			buf_adds(conf, line);
			buf_addc(conf, '\n');
		}
	}
}

int apt_open(struct apt *apt, const char *root, const char *arch, struct err *err)
{
	static const char *const dirs[] = { "state/lists/partial", "cache/archives/partial", "etc" };
	const char *dump[] = { "apt-config", "dump", NULL };
	CLEAN_BUF struct buf host = BUF_INIT, conf = BUF_INIT;
	CLEAN_FREE char *path = path_join(root, "apt.conf"), *status_path = path_join(root, "state/status");
	struct proc_opts o = { .out = &host, .null_stdin = true };
	int status;

	*apt = (struct apt){ .arch = arch };
	if (proc_run(dump, &o, &status, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		CLEAN_FREE char *d = path_join(root, dirs[i]);

		if (fs_mkdirs(d, err) < 0)
			return -1;
	}
	buf_addf(&conf, "APT::Architecture \"%s\";\nAPT::Architectures { \"%s\"; };\n", arch, arch);
	buf_addf(&conf, "Dir::State \"%s/state\";\nDir::State::status \"%s/state/status\";\n", root, root);
	buf_addf(&conf, "Dir::Cache \"%s/cache\";\nDir::Etc::parts \"%s/etc\";\nDir::Etc::main \"none\";\n", root,
		 root);
	/* what is kept between runs is a tenth so */
	buf_addz(&conf, "Acquire::GzipIndexes \"true\";\nDir::Cache::srcpkgcache \"\";\n");
	buf_addz(&conf, "Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n");
	/* a mirror that cannot be reached is a warning otherwise */
	buf_addz(&conf, "APT::Update::Error-Mode \"any\";\n");
	if (geteuid() == 0)
		buf_addz(&conf, "APT::Sandbox::User \"root\";\n");
	if (add_sources(&conf, err) < 0)
		return -1;
	add_host(&conf, &host);
	apt->root = xstrdup(root);
	apt->config = xasprintf("APT_CONFIG=%s", path);
	if (fs_write_file(status_path, "", 0, 0644, err) < 0 ||
	    fs_write_file(path, conf.ptr, conf.len, 0644, err) < 0) {
		apt_release(apt);
		return -1;
	}
	return 0;
}
