/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "commands.h"
#include "os/fs.h"
#include "os/proc.h"
#include "os/secret.h"
#include "registry/client.h"
#include "registry_ui.h"

#define PASSWORD_MAX 65536u

struct login_ctx {
	const char *user;
	bool password_stdin;
	struct registry_flags registry;
};

#define AT(member) offsetof(struct login_ctx, member)

static const struct opt login_opts[] = {
	{ OPT_STR, 'u', "username", AT(user), .arg = "USER", .help = "who to log in as" },
	{ OPT_FLAG, .long_name = "password-stdin", .offset = AT(password_stdin),
	  .help = "read the password from stdin, which is no terminal" },
	REGISTRY_OPTS(struct login_ctx, registry),
	{ .type = OPT_END },
};

/* All of the input, without its line end. */
static int read_password(char **out, struct err *err)
{
	char *buf = xmalloc(PASSWORD_MAX);
	size_t n = 0;
	ssize_t got = 1;

	while (got != 0 && n < PASSWORD_MAX) {
		got = read(STDIN_FILENO, buf + n, PASSWORD_MAX - n);
		if (got < 0 && errno == EINTR && sig_check(err) == 0)
			continue;
		if (got < 0) {
			explicit_bzero(buf, n);
			free(buf);
			return sig_check(err) < 0 ? -1 : err_sys(err, "stdin");
		}
		n += (size_t)got;
	}
	if (n && n < PASSWORD_MAX && buf[n - 1] == '\n')
		n--;
	if (n && buf[n - 1] == '\r')
		n--;
	if (n >= PASSWORD_MAX || n == 0 || memchr(buf, '\0', n) || memchr(buf, '\n', n)) {
		explicit_bzero(buf, n);
		free(buf);
		return n ? err_set(err, ERR_USAGE, "stdin: that is no password: it has several lines, or no end")
			 : err_set(err, ERR_USAGE, "stdin: the password is empty");
	}
	buf[n] = '\0';
	*out = buf;
	return 0;
}

static int ask_password(char **out, struct err *err)
{
	CLEAN_BUF struct buf word = BUF_INIT;
	int ret = secret_tty("Password: ", &word, err);

	if (ret == 0 && (!word.len || memchr(word.ptr, '\0', word.len)))
		ret = err_set(err, ERR_USAGE,
			      word.len ? "that is no password: it has a NUL in it" : "the password is empty");
	if (ret == 0)
		*out = xstrndup(word.ptr, word.len);
	explicit_bzero(word.ptr, word.len);
	return ret;
}

static int get_password(const struct login_ctx *c, char **out, struct err *err)
{
	if (c->password_stdin)
		return read_password(out, err);
	if (isatty(STDIN_FILENO))
		return ask_password(out, err);
	err_set(err, ERR_USAGE, "stdin is no terminal to ask for the password on");
	return err_hint(err, "--password-stdin takes it from stdin: slsc login HOST -u USER --password-stdin < FILE");
}

static int verify(const char *host, const struct login_ctx *c, const struct creds *creds, bool *asked,
		  struct err *err)
{
	struct registry_opts o = registry_opts_of(&c->registry);
	struct client_spec spec = { .host = host };
	struct client *client;
	int ret;

	o.creds = creds;
	if (client_open(&client, &spec, &o, err) < 0)
		return -1;
	ret = client_ping(client, err);
	*asked = client_is_logged_in(client);
	client_free(client);
	return ret;
}

static int report(const char *host, const char *key, const char *where, const struct globals *g, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (!g->json)
		return 0;
	buf_addc(&b, '{');
	member_text(&b, "registry", host);
	member_text(&b, key, where);
	buf_addz(&b, "}\n");
	return out_stdout(b.ptr, b.len, err);
}

static int login(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct login_ctx *c = ctx;
	CLEAN_CREDS struct creds creds = { .user = NULL };
	CLEAN_FREE char *where = NULL;
	const char *host = argv[0];
	bool asked;

	(void)argc;
	if (registry_host(host, err) < 0)
		return -1;
	if (!c->user || !*c->user || strchr(c->user, ':')) {
		err_set(err, ERR_USAGE, c->user && *c->user ? "a user's name has no ':'" : "say who logs in");
		return err_hint(err, "slsc login %.100s -u USER --password-stdin", host);
	}
	creds.user = xstrdup(c->user);
	if (get_password(c, &creds.password, err) < 0 || verify(host, c, &creds, &asked, err) < 0)
		return -1;
	if (!asked)
		out_warn("%s lets everyone in: the password was not tried", host);
	if (g->dry_run) {
		out_note("%s: the login works; nothing is stored", host);
		return report(host, "stored", NULL, g, err);
	}
	if (creds_store(host, &creds, &where, err) < 0)
		return err_wrap(err, "cannot keep the login");
	out_note("%s: logged in; stored in %s", host, where);
	return report(host, "stored", where, g, err);
}

static int logout(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_FREE char *where = NULL;
	bool was;

	(void)ctx;
	(void)argc;
	if (registry_host(argv[0], err) < 0 || creds_erase(argv[0], &was, &where, err) < 0)
		return -1;
	if (was)
		out_note("%s: logged out; removed from %s", argv[0], where);
	else
		out_note("%s: there was no login in %s", argv[0], where);
	return report(argv[0], "removed", was ? where : NULL, g, err);
}

const struct cmd cmd_login = {
	.name = "login",
	.args = "REGISTRY",
	.summary = "Keep a user's name and password for a registry",
	.description =
		"Tries them on the registry, then keeps them where docker and podman look: in $REGISTRY_AUTH_FILE, "
		"else in ${DOCKER_CONFIG:-~/.docker}/config.json, mode 0600; or in the credential helper that this "
		"file names.\n\n"
		"The password comes from stdin, or is asked for on a terminal; there is no option for it, which others "
		"on this machine could read.",
	.examples = "$ slsc login registry.example.com -u me --password-stdin < password\n"
		    "$ aws ecr get-login-password | slsc login registry.example.com -u AWS "
		    "--password-stdin\n",
	.opts = login_opts,
	.ctx_size = sizeof(struct login_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = login,
};

const struct cmd cmd_logout = {
	.name = "logout",
	.args = "REGISTRY",
	.summary = "Forget the login for a registry",
	.description = "Removes what `slsc login` keeps, from the same file or credential helper.",
	.examples = "$ slsc logout registry.example.com\n",
	.flags = CMD_JSON,
	.run = logout,
};
