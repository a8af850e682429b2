/* SPDX-License-Identifier: Apache-2.0 */
#include "build/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/net.h"
#include "os/proc.h"

#define REMOTE_ENV "SLSC_LAUNCHER_REMOTE"
#define SCCACHE_STARTS 3	/* of ten seconds each, at most */

static const struct preset {
	const char *name, *package;
} presets[] = {
	{ "ccache", "ccache" }, { "sccache", "sccache" }, { "distcc", "distcc" }, { "icecc", "icecc" },
	{ "recc", NULL },
};

static const struct preset *find_preset(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	return NULL;
}

bool launcher_is_preset(const char *name)
{
	return find_preset(name) != NULL;
}

/* What is being put together. */
struct making {
	struct launcher *l;
	const struct project *p;
	struct launcher_def def;
	const char *remote;	/* with a password, if the environment has one; NULL: none, or it does not answer */
	const struct launcher_opts *o;
	struct err *err;
};

static void set(struct making *m, const char *name, const char *value)
{
	strs_addf(&m->l->env, "%s=%s", name, value);
}

/* What the user's environment says counts for more. */
static void set_default(struct making *m, const char *name, const char *value)
{
	if (!getenv(name))
		set(m, name, value);
}

static int need(struct making *m, const char *name)
{
	const struct preset *s = find_preset(name);
	CLEAN_FREE char *path = proc_which(name);

	if (path)
		return 0;
	if (m->def.name.line)
		project_err(m->p, ERR_TOOL, m->def.name, m->err, "launcher '%s' is not found on PATH", name);
	else
		err_set(m->err, ERR_USAGE, "--launcher: '%s' is not found on PATH", name);
	if (s->package)
		return err_hint(m->err, "apt-get install %s", s->package);
	return err_hint(m->err, "Debian 12 has no package of it: it is built from BuildBox's sources");
}

static void add_attribute(struct buf *b, const char *name, unsigned ms)
{
	if (!strstr(b->ptr, name))
		buf_addf(b, "|%s=%u", name, ms);
}

static void use_distcc(struct making *m)
{
	CLEAN_BUF struct buf hosts = BUF_INIT;

	for (size_t i = 0; i < m->def.hosts.len; i++)
		buf_addf(&hosts, "%s%s", i ? " " : "", m->def.hosts.ptr[i].s);
	if (hosts.len)
		set(m, "DISTCC_HOSTS", hosts.ptr);
	/* a host that hangs: distcc's own limit is five minutes */
	set_default(m, "DISTCC_IO_TIMEOUT", "60");
	/* else each compile that is done here after all says so */
	set(m, "DISTCC_LOG", m->l->log);
	if (m->o->wordy)
		set(m, "DISTCC_VERBOSE", "1");
}

/* Paths are no part of a key, since none is in an object; two compilers of one date and size are not the same. */
static void use_ccache(struct making *m)
{
	set(m, "CCACHE_NOHASHDIR", "1");
	set_default(m, "CCACHE_COMPILERCHECK", "content");
	set(m, "CCACHE_STATSLOG", m->l->log);
	if (m->o->fresh) {
		CLEAN_FREE char *dir = xasprintf("%s.cache", m->l->log);

		set(m, "CCACHE_DIR", dir);
	}
	if (m->remote) {
		CLEAN_BUF struct buf b = BUF_INIT;

		buf_addz(&b, m->remote);
		if (!starts_with(m->remote, "file:")) {
			add_attribute(&b, "connect-timeout", LAUNCHER_CONNECT_MS);
			add_attribute(&b, "operation-timeout", LAUNCHER_ANSWER_MS);
		}
		if (m->def.read_only)
			buf_addz(&b, "|read-only=true");
		set(m, "CCACHE_REMOTE_STORAGE", b.ptr);
	} else if (m->def.remote.s) {
		set(m, "CCACHE_REMOTE_STORAGE", "");
	}
}

/*
 * sccache is a client of a server that keeps the environment it was started with: this build has one of its own, which
 * is not a child of ninja's, and whose statistics are this build's.
 */
static int start_sccache(struct making *m, struct err *why)
{
	const char *const argv[] = { "sccache", "--start-server", NULL };
	CLEAN_BUF struct buf said = BUF_INIT;
	struct proc_opts o = { .out = &said, .errout = &said, .null_stdin = true, .timeout_ms = 30000 };
	struct str last, rest;
	int status;

	o.env = (const char *const *)strs_argv(&m->l->env);
	for (unsigned n = 1;; n++) {
		buf_reset(&said);
		if (proc_run(argv, &o, &status, why) < 0)
			return -1;
		/* the one that was given up before has come up meanwhile: nobody else knows this port */
		if (status == 0 || (n > 1 && strstr(said.ptr, "Address in use")))
			return 0;
		/* what it says after ten seconds, on however busy a machine; anything else will not get better */
		if (n == SCCACHE_STARTS || !strstr(said.ptr, "Timed out waiting for server startup"))
			break;
	}
	last = str_trim(buf_str(&said));
	for (rest = last; (rest = str_cut(&last, '\n')).len; last = rest)
		;
	return err_set(why, ERR_TOOL, "its server does not start: " STR_FMT, STR_ARG(last));
}

static int warn_of(struct making *m, const char *what, const struct err *why)
{
	CLEAN_FREE char *line = xasprintf("launcher %s%s%s is left out: %s", m->def.name.s, what ? ": " : "",
					  what ? what : "", why->msg);

	if (why->code == ERR_INTR) {
		*m->err = *why;
		return -1;
	}
	if (m->o->warn)
		m->o->warn(line);
	return 0;
}

/* The build goes on as with none. */
static int leave_out(struct making *m, const struct err *why)
{
	m->l->name = NULL;
	free(m->l->command);
	m->l->command = xstrdup("");
	return warn_of(m, NULL, why);
}

static int use_sccache(struct making *m)
{
	CLEAN_FREE char *port = NULL;
	struct err why;
	uint16_t free_port;
	int fd = net_listen_loopback(&free_port, m->err);

	if (fd < 0)
		return -1;
	close(fd);
	port = xasprintf("%u", free_port);
	set(m, "SCCACHE_SERVER_PORT", port);
	set(m, "SCCACHE_IDLE_TIMEOUT", "600");
	if (m->remote && starts_with(m->remote, "redis:"))
		set(m, "SCCACHE_REDIS", m->remote);
	else if (m->remote) {
		CLEAN_FREE char *tcp = xasprintf("tcp%s", strchr(m->remote, ':'));

		set(m, "SCCACHE_MEMCACHED", tcp);
	}
	if (start_sccache(m, &why) == 0)
		return 0;
	/* it refuses to start with a server that refuses it, and Debian's with any */
	if (m->l->shown) {
		if (warn_of(m, m->l->shown, &why) < 0)
			return -1;
		free(steal(&m->l->shown));
		free(m->l->env.ptr[--m->l->env.len]);
		if (start_sccache(m, &why) == 0)
			return 0;
	}
	return leave_out(m, &why);
}

static void use_icecc(struct making *m)
{
	set(m, "ICECC_LOGFILE", m->l->log);
	set(m, "ICECC_DEBUG", "debug");
	/* what is sent is what we send: see distribute.c */
	set(m, "ICECC_REMOTE_CPP", "0");
	/* what is compiled again to compare is compiled twice */
	set_default(m, "ICECC_REPEAT_RATE", "0");
}

/* Several processes add to it; what else one of them may have made there is in the way. */
static int empty(const char *log, struct err *err)
{
	return fs_rmtree(log, err);
}

/* Found below the project, whatever blanks are in the path of slsc. */
static int link_self(struct making *m)
{
	CLEAN_FREE char *self = dirs_self();
	CLEAN_FREE char *link = xasprintf("%s.slsc", m->l->log);

	if (empty(link, m->err) < 0)
		return -1;
	if (symlink(self, link) < 0)
		return err_sys(m->err, "cannot create %s", link);
	m->l->command = xasprintf(".slsc/%s _distribute %s --", path_basename(link), m->l->name);
	return 0;
}

/* As many at a time as its hosts take. */
static int count_slots(struct making *m)
{
	const char *const argv[] = { "distcc", "-j", NULL };
	CLEAN_BUF struct buf out = BUF_INIT, ignored = BUF_INIT;
	struct proc_opts o = { .out = &out, .errout = &ignored, .null_stdin = true, .timeout_ms = 10000 };
	struct err why;
	uint64_t n;
	int status;

	o.env = (const char *const *)strs_argv(&m->l->env);
	if (proc_run(argv, &o, &status, &why) < 0)
		return leave_out(m, &why);
	if (status == 0 && str_parse_u64(str_trim(buf_str(&out)), &n) == 0 && n < 4096)
		m->l->jobs = (unsigned)n;
	return 0;
}

/* Asked before anything is compiled: then it is said once, and no compile waits for what is not there. */
static int open_remote(struct making *m)
{
	const char *env = getenv(REMOTE_ENV);
	CLEAN_LAUNCHER_URL struct launcher_url u = { .host = NULL };
	struct err why;

	m->remote = env && *env ? env : m->def.remote.s;
	if (!m->remote)
		return 0;
	if (launcher_url_parse(&u, m->remote, &why) < 0) {
		if (env && *env)
			return err_set(m->err, ERR_USAGE, REMOTE_ENV ": %s", why.msg);
		return project_err(m->p, ERR_CONFIG, m->def.remote, m->err, "launcher.remote: %s", why.msg);
	}
	/* slsc.yaml's was looked at when it was read */
	if (!launcher_takes_remote(m->def.name.s, m->remote)) {
		err_set(m->err, ERR_USAGE, REMOTE_ENV ": %s cannot use '%s'", m->def.name.s, u.shown);
		return err_hint(m->err, "docs/LAUNCHERS.md lists what each launcher takes");
	}
	/* without one in slsc.yaml the empty value is not set: then CCACHE_REMOTE_STORAGE may be the user's own */
	if (!m->def.remote.s)
		m->def.remote.s = m->remote;
	if (launcher_probe(&u, &why) < 0) {
		m->remote = NULL;
		return warn_of(m, u.shown, &why);
	}
	m->l->shown = xstrdup(u.shown);
	return 0;
}

static int use_preset(struct making *m)
{
	struct launcher *l = m->l;

	l->name = find_preset(m->def.name.s)->name;
	if (empty(l->log, m->err) < 0)
		return -1;
	if ((strcmp(l->name, "ccache") == 0 || strcmp(l->name, "sccache") == 0 || strcmp(l->name, "recc") == 0) &&
	    open_remote(m) < 0)
		return -1;
	if (strcmp(l->name, "sccache") == 0)
		return use_sccache(m);
	if (strcmp(l->name, "icecc") == 0) {
		use_icecc(m);
		return link_self(m);
	}
	if (strcmp(l->name, "ccache") == 0)
		use_ccache(m);
	if (strcmp(l->name, "recc") == 0 && m->remote)
		set(m, "RECC_SERVER", m->remote);
	if (strcmp(l->name, "distcc") != 0)
		return 0;
	use_distcc(m);
	return link_self(m) < 0 ? -1 : count_slots(m);
}

/* The shell splits it: its first word is the program. */
static int check_command(const char *command, struct err *err)
{
	const char *first = command + strspn(command, " \t");
	CLEAN_FREE char *word = xstrndup(first, strcspn(first, " \t"));
	CLEAN_FREE char *path = proc_which(word);

	if (!path && strchr(word, '/'))
		return err_set(err, ERR_USAGE, "--launcher: '%s' is not an executable file", word);
	if (!path)
		return err_set(err, ERR_USAGE, "--launcher: '%s' is not found on PATH", word);
	return 0;
}

/* What is meant: slsc.yaml's settings stand for its own launcher only. name.s NULL: none. */
static struct launcher_def choose(const struct project *p, const char *command)
{
	struct launcher_def d = p->launcher;

	if (command && (!d.name.s || strcmp(d.name.s, command) != 0))
		d = (struct launcher_def){ .name.s = command };
	if (d.name.s && (strcmp(d.name.s, "none") == 0 || !d.name.s[strspn(d.name.s, " \t")]))
		d = (struct launcher_def){ .name.s = NULL };
	return d;
}

int launcher_check(const struct project *p, const char *command, struct err *err)
{
	struct making m = { .p = p, .def = choose(p, command), .err = err };

	if (!m.def.name.s)
		return 0;
	if (!find_preset(m.def.name.s))
		return check_command(m.def.name.s, err);
	return need(&m, m.def.name.s);
}

int launcher_open(struct launcher *l, const struct project *p, const struct launcher_opts *o, struct err *err)
{
	struct making m = { .l = l, .p = p, .def = choose(p, o->command), .o = o, .err = err };
	int r = launcher_check(p, o->command, err);

	*l = (struct launcher){ .log = xstrdup(o->log) };
	if (r == 0 && m.def.name.s && find_preset(m.def.name.s))
		r = use_preset(&m);
	if (!l->command)
		l->command = xstrdup(m.def.name.s ? m.def.name.s : "");
	strs_addf(&l->env, "SLSC_LAUNCHER=%s", l->command);
	return r;
}

void launcher_leave(struct launcher *l)
{
	/* as launcher_open() has put it: the last one */
	free(l->env.ptr[--l->env.len]);
	strs_add(&l->env, "SLSC_LAUNCHER=");
	l->jobs = 0;
}

/* Leaves nothing running. */
static void stop_sccache(struct launcher *l)
{
	const char *const argv[] = { "sccache", "--stop-server", NULL };
	CLEAN_BUF struct buf said = BUF_INIT;
	struct proc_opts o = { .out = &said, .errout = &said, .null_stdin = true, .timeout_ms = 10000 };
	struct err ignored;
	int status;

	o.env = (const char *const *)strs_argv(&l->env);
	if (proc_run(argv, &o, &status, &ignored) < 0)
		return;	/* it ends by itself when it has been idle */
}

void launcher_release(struct launcher *l)
{
	if (l->name && strcmp(l->name, "sccache") == 0)
		stop_sccache(l);
	free(l->command);
	free(l->log);
	free(l->shown);
	strs_release(&l->env);
	*l = (struct launcher)LAUNCHER_INIT;
}
