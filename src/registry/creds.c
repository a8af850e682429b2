/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/creds.h"

#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define FILE_MAX (1u << 20)
#define HELPER_MAX (64u << 10)		/* bytes that a helper may say */
#define HELPER_MS 60000			/* it may ask the user something */
#define DOCKER_HUB "https://index.docker.io/v1/"

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(steal(s));
}

void creds_release(struct creds *c)
{
	wipe(&c->user);
	wipe(&c->password);
	wipe(&c->identity_token);
}

static bool is_found(const struct creds *c)
{
	return c->user || c->identity_token;
}

/* where the files are */

static char *home(void)
{
	const char *h = getenv("HOME");
	const struct passwd *pw;

	if (h && *h)
		return xstrdup(h);
	pw = getpwuid(getuid());
	return xstrdup(pw ? pw->pw_dir : "/");
}

static char *env_or_home(const char *name, const char *below_home)
{
	const char *v = getenv(name);
	CLEAN_FREE char *h = NULL;

	if (v && *v)
		return xstrdup(v);
	h = home();
	return path_join(h, below_home);
}

static char *explicit_file(void)
{
	const char *v = getenv("REGISTRY_AUTH_FILE");

	return v && *v ? xstrdup(v) : NULL;
}

static char *docker_file(void)
{
	CLEAN_FREE char *dir = env_or_home("DOCKER_CONFIG", ".docker");

	return path_join(dir, "config.json");
}

static void list_files(struct strs *files)
{
	char *only = explicit_file();

	if (only) {
		strs_take(files, only);
		return;
	}
	strs_take(files, docker_file());
	{
		const char *run = getenv("XDG_RUNTIME_DIR");
		CLEAN_FREE char *dir = run && *run ? xstrdup(run) : xasprintf("/run/user/%ld", (long)getuid());
		CLEAN_FREE char *config = env_or_home("XDG_CONFIG_HOME", ".config");

		strs_take(files, path_join(dir, "containers/auth.json"));
		strs_take(files, path_join(config, "containers/auth.json"));
	}
}

/* one file */

static json_t *parse(const char *shown, const void *p, size_t n, struct err *err)
{
	json_error_t where;
	json_t *j = json_loadb(p, n, 0, &where);

	/* jansson's words may quote what is in the file: they are not shown */
	if (!json_is_object(j)) {
		json_decref(j);
		err_at(err, ERR_FORMAT, shown, j ? 0 : (unsigned)where.line, 0, "not a JSON object");
		err_hint(err, "mend or remove it, then log in again");
		return NULL;
	}
	return j;
}

/* NULL without an error: there is no such file, or it is empty */
static json_t *load(const char *path, bool *failed, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	json_t *j;

	*failed = false;
	if (!fs_exists(path))
		return NULL;
	*failed = true;
	if (fs_read(path, FILE_MAX, &b, err) < 0)
		return NULL;
	if (str_trim(buf_str(&b)).len == 0) {
		*failed = false;
		return NULL;
	}
	j = parse(path, b.ptr, b.len, err);
	explicit_bzero(b.ptr, b.len);
	*failed = j == NULL;
	return j;
}

/* The names under which @host may be kept, the one to write first. */
static void host_names(const char *host, struct strs *names)
{
	if (strcmp(host, "docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0 ||
	    strcmp(host, "index.docker.io") == 0) {
		strs_add(names, DOCKER_HUB);
		strs_add(names, "docker.io");
		strs_add(names, "index.docker.io");
	} else {
		strs_add(names, host);
	}
}

/* A key of auths or credHelpers: docker once wrote whole URLs. The registry's name, then the repository's if any. */
static char *normal_key(const char *key)
{
	bool url = starts_with(key, "https://") || starts_with(key, "http://");
	char *s = xstrdup(url ? strstr(key, "://") + 3 : key), *slash = strchr(s, '/');
	size_t n;

	if (slash && (url || strcmp(slash, "/v1") == 0 || strcmp(slash, "/v2") == 0 || strcmp(slash, "/v1/") == 0 ||
		      strcmp(slash, "/v2/") == 0))
		*slash = '\0';
	n = strlen(s);
	if (n && s[n - 1] == '/')
		s[n - 1] = '\0';
	return s;
}

/* How many bytes of host[/repo] the key covers; 0: none. */
static size_t covers(const char *key, const char *name, const char *repo)
{
	CLEAN_FREE char *k = normal_key(key), *host = normal_key(name);
	CLEAN_FREE char *full = repo ? xasprintf("%s/%s", host, repo) : xstrdup(host);
	size_t n = strlen(k), h = strlen(host);

	if (n < h || strncmp(full, k, n) != 0 || (full[n] != '\0' && full[n] != '/'))
		return 0;
	return n;
}

static int take_entry(const char *shown, const char *key, json_t *entry, struct creds *out, struct err *err)
{
	const char *auth = json_string_value(json_object_get(entry, "auth"));
	const char *user = json_string_value(json_object_get(entry, "username"));
	const char *password = json_string_value(json_object_get(entry, "password"));
	const char *token = json_string_value(json_object_get(entry, "identitytoken"));

	if (token && *token)
		out->identity_token = xstrdup(token);
	if (auth && *auth) {
		CLEAN_BUF struct buf pair = BUF_INIT, text = BUF_INIT;
		bool good;
		char *colon;

		/* `base64` wraps its lines, and docker's reader passes over that */
		buf_reserve(&text, strlen(auth));
		for (const char *p = auth; *p; p++)
			if (*p != '\r' && *p != '\n')
				buf_addc(&text, *p);
		good = base64_decode(buf_str(&text), &pair) == 0 && strlen(pair.ptr) == pair.len;
		colon = good ? strchr(pair.ptr, ':') : NULL;
		explicit_bzero(text.ptr, text.len);

		if (colon) {
			out->user = xstrndup(pair.ptr, (size_t)(colon - pair.ptr));
			out->password = xstrdup(colon + 1);
		}
		explicit_bzero(pair.ptr, pair.len);
		if (!colon)
			return err_at(err, ERR_FORMAT, shown, 0, 0, "auths: '%.200s': 'auth' is not user:password "
				      "in base64", key);
	} else if (user && *user) {
		out->user = xstrdup(user);
		out->password = xstrdup(password ? password : "");
	}
	return 0;
}

static int find_auth(const char *shown, json_t *j, const char *host, const char *repo, struct creds *out,
		     struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	json_t *entry, *best = NULL;
	const char *key, *best_key = NULL;
	size_t longest = 0;

	host_names(host, &names);
	json_object_foreach(json_object_get(j, "auths"), key, entry) {
		for (size_t i = 0; i < names.len; i++) {
			size_t n = covers(key, names.ptr[i], repo);

			/* docker leaves an empty entry where a helper has the secret */
			if (n > longest && json_object_size(entry)) {
				longest = n;
				best = entry;
				best_key = key;
			}
		}
	}
	return best ? take_entry(shown, best_key, best, out, err) : 0;
}

int creds_parse(const char *shown, const void *p, size_t n, const char *host, const char *repo, struct creds *out,
		struct err *err)
{
	json_t *j = parse(shown, p, n, err);
	int ret;

	if (!j)
		return -1;
	ret = find_auth(shown, j, host, repo, out, err);
	json_decref(j);
	return ret;
}

/* helpers: docker-credential-helpers' protocol */

/* The name after "docker-credential-"; NULL: none for @host. */
static const char *helper_for(const json_t *j, const char *host)
{
	CLEAN_STRS struct strs names = { 0 };
	const char *key, *store = json_string_value(json_object_get(j, "credsStore"));
	json_t *helper;

	host_names(host, &names);
	json_object_foreach(json_object_get(j, "credHelpers"), key, helper) {
		CLEAN_FREE char *k = normal_key(key);

		for (size_t i = 0; i < names.len; i++) {
			CLEAN_FREE char *name = normal_key(names.ptr[i]);

			if (strcmp(k, name) == 0 && json_is_string(helper))
				return json_string_value(helper);
		}
	}
	return store && *store ? store : NULL;
}

static int run_helper(const char *name, const char *verb, const char *input, struct buf *out, int *status,
		      struct err *err)
{
	CLEAN_FREE char *program = xasprintf("docker-credential-%s", name);
	CLEAN_FD int in = memfd_create("slsc-helper", MFD_CLOEXEC);
	const char *argv[] = { program, verb, NULL };
	struct proc_opts o = { .out = out, .limit = HELPER_MAX, .stdin_fd = in, .timeout_ms = HELPER_MS };

	if (strchr(name, '/'))
		return err_set(err, ERR_FORMAT, "'%.100s' is not the name of a credential helper", name);
	if (in < 0)
		return err_sys(err, "cannot run %s", program);
	if (fs_write_all(in, input, strlen(input), program, err) < 0)
		return -1;
	if (lseek(in, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot run %s", program);
	return proc_run(argv, &o, status, err);
}

static int find_helper(const char *helper, const char *host, struct creds *out, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_STRS struct strs names = { 0 };
	const char *user, *secret;
	int status, ret = 0;
	json_t *j;

	host_names(host, &names);
	if (run_helper(helper, "get", names.ptr[0], &b, &status, err) < 0)
		return -1;
	if (status != 0) {
		if (strstr(b.ptr, "credentials not found"))
			return 0;
		return err_set(err, ERR_TOOL, "docker-credential-%s get failed with status %d for %s", helper, status,
			       host);
	}
	j = json_loadb(b.ptr, b.len, 0, NULL);
	explicit_bzero(b.ptr, b.len);
	user = json_string_value(json_object_get(j, "Username"));
	secret = json_string_value(json_object_get(j, "Secret"));
	if (!user || !secret)
		ret = err_set(err, ERR_FORMAT, "docker-credential-%s get: not the JSON object that it should print",
			      helper);
	else if (strcmp(user, "<token>") == 0)
		out->identity_token = xstrdup(secret);
	else if (*user) {
		out->user = xstrdup(user);
		out->password = xstrdup(secret);
	}
	json_decref(j);
	return ret;
}

static int find_in_file(const char *path, const char *host, const char *repo, struct creds *out, struct err *err)
{
	bool failed;
	json_t *j = load(path, &failed, err);
	const char *helper;
	int ret = 0;

	if (!j)
		return failed ? -1 : 0;
	helper = helper_for(j, host);
	if (helper)
		ret = find_helper(helper, host, out, err);
	if (ret == 0 && !is_found(out))
		ret = find_auth(path, j, host, repo, out, err);
	json_decref(j);
	return ret;
}

int creds_find(const char *host, const char *repo, struct creds *out, struct err *err)
{
	CLEAN_STRS struct strs files = { 0 };

	*out = (struct creds){ .user = NULL };
	list_files(&files);
	for (size_t i = 0; i < files.len && !is_found(out); i++) {
		if (find_in_file(files.ptr[i], host, repo, out, err) < 0) {
			creds_release(out);
			return -1;
		}
	}
	return 0;
}

/* login and logout */

static int save(const char *path, json_t *j, struct err *err)
{
	/* A link to a file in another place stays one. */
	CLEAN_FREE char *real = realpath(path, NULL);
	CLEAN_FREE char *dir = path_dirname(real ? real : path);
	CLEAN_FREE char *text = json_dumps(j, JSON_INDENT(4));
	CLEAN_FREE char *line = xasprintf("%s\n", text ? text : "{}");
	int ret;

	ret = fs_mkdirs(dir, err);
	if (ret == 0)
		ret = fs_write_file(real ? real : path, line, strlen(line), 0600, err);
	explicit_bzero(line, strlen(line));
	if (text)
		explicit_bzero(text, strlen(text));
	return ret;
}

static json_t *section(json_t *j, const char *name)
{
	json_t *s = json_object_get(j, name);

	if (!json_is_object(s)) {
		s = json_object();
		json_object_set_new(j, name, s);
	}
	return s;
}

static int store_helper(const char *helper, const char *host, const struct creds *c, struct err *err)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	json_t *j = json_pack("{s:s, s:s, s:s}", "ServerURL", host, "Username",
			      c->identity_token ? "<token>" : c->user, "Secret",
			      c->identity_token ? c->identity_token : c->password);
	CLEAN_FREE char *input = j ? json_dumps(j, JSON_COMPACT) : NULL;
	int status, ret;

	json_decref(j);
	if (!input)
		return err_set(err, ERR_USAGE, "the user's name or the password is not UTF-8");
	ret = run_helper(helper, "store", input, &out, &status, err);
	explicit_bzero(input, strlen(input));
	if (ret == 0 && status != 0)
		ret = err_set(err, ERR_TOOL, "docker-credential-%s store failed with status %d for %s", helper, status,
			      host);
	return ret;
}

static json_t *auth_entry(const struct creds *c)
{
	CLEAN_FREE char *pair = xasprintf("%s:%s", c->user ? c->user : "", c->password ? c->password : "");
	CLEAN_BUF struct buf auth = BUF_INIT;
	json_t *entry;

	buf_add_base64(&auth, pair, strlen(pair));
	entry = json_pack("{s:s}", "auth", auth.ptr);

	if (c->identity_token)
		json_object_set_new(entry, "identitytoken", json_string(c->identity_token));
	explicit_bzero(pair, strlen(pair));
	explicit_bzero(auth.ptr, auth.len);
	return entry;
}

/* Two logins at once must not lose each other's. */
static int lock_file(const char *path, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(path);

	if (fs_mkdirs(dir, err) < 0)
		return -1;
	return fs_lock_dir(dir, err);
}

int creds_store(const char *host, const struct creds *c, char **where, struct err *err)
{
	CLEAN_FREE char *only = explicit_file();
	CLEAN_FREE char *path = only ? xstrdup(only) : docker_file();
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_FD int lock = lock_file(path, err);
	const char *helper;
	bool failed;
	json_t *j;
	int ret;

	if (lock < 0)
		return -1;
	j = load(path, &failed, err);
	if (failed)
		return -1;
	if (!j)
		j = json_object();
	host_names(host, &names);
	helper = helper_for(j, host);
	if (helper) {
		*where = xasprintf("docker-credential-%s", helper);
		ret = store_helper(helper, names.ptr[0], c, err);
	} else {
		*where = xstrdup(path);
		json_object_set_new(section(j, "auths"), names.ptr[0], auth_entry(c));
		ret = save(path, j, err);
	}
	json_decref(j);
	if (ret < 0)
		free(steal(where));
	return ret;
}

int creds_erase(const char *host, bool *was, char **where, struct err *err)
{
	CLEAN_FREE char *only = explicit_file();
	CLEAN_FREE char *path = only ? xstrdup(only) : docker_file();
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT;
	CLEAN_FD int lock = -1;
	const char *helper, *key;
	json_t *j, *auths, *entry;
	void *next;
	bool failed;
	int status, ret = 0;

	*was = false;
	*where = xstrdup(path);
	if (!fs_exists(path))
		return 0;
	lock = lock_file(path, err);
	j = lock < 0 ? NULL : load(path, &failed, err);
	if (!j) {
		if (lock >= 0 && !failed)
			return 0;
		free(steal(where));
		return -1;
	}
	host_names(host, &names);
	helper = helper_for(j, host);
	if (helper) {
		free(*where);
		*where = xasprintf("docker-credential-%s", helper);
		ret = run_helper(helper, "erase", names.ptr[0], &out, &status, err);
		if (ret == 0 && status != 0 && !strstr(out.ptr, "credentials not found"))
			ret = err_set(err, ERR_TOOL, "docker-credential-%s erase failed with status %d for %s", helper,
				      status, host);
		*was = ret == 0 && status == 0;
	}
	auths = json_object_get(j, "auths");
	json_object_foreach_safe(auths, next, key, entry) {
		CLEAN_FREE char *k = normal_key(key);
		bool ours = false;

		for (size_t i = 0; i < names.len; i++) {
			CLEAN_FREE char *name = normal_key(names.ptr[i]);

			ours = ours || strcmp(k, name) == 0;
		}
		if (!ours)
			continue;
		json_object_del(auths, key);
		*was = true;
		if (ret == 0)
			ret = save(path, j, err);
	}
	json_decref(j);
	if (ret < 0)
		free(steal(where));
	return ret;
}
