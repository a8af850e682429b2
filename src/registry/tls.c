/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: what the user names, and the certs.d directories of docker and podman (containers-certs.d(5)). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"
#include "registry/client_internal.h"

#define CA_MAX (8u << 20)

static char *certs_dir(const char *host)
{
	const char *home = getenv("HOME");
	CLEAN_FREE char *own = home && *home ? path_join(home, ".config/containers/certs.d") : NULL;
	const char *const roots[] = { own, "/etc/containers/certs.d", "/etc/docker/certs.d" };

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		CLEAN_FREE char *dir = roots[i] ? path_join(roots[i], host) : NULL;

		if (dir && fs_is_dir(dir))
			return steal(&dir);
	}
	return NULL;
}

static int add_ca(struct buf *pem, const char *path, struct err *err)
{
	size_t before = pem->len;

	if (fs_read(path, CA_MAX, pem, err) < 0)
		return -1;
	if (!strstr(pem->ptr + before, "-----BEGIN CERTIFICATE-----"))
		return err_set(err, ERR_FORMAT, "%s: it holds no certificate in PEM form", path);
	buf_addc(pem, '\n');
	return 0;
}

/* *.crt are authorities, x.cert and x.key the client's own. */
static int from_dir(struct client *c, const char *dir, struct buf *pem, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.ptr[i];
		CLEAN_FREE char *path = path_join(dir, name);

		if (ends_with(name, ".crt")) {
			if (add_ca(pem, path, err) < 0)
				return -1;
		} else if (ends_with(name, ".cert") && !c->cert) {
			CLEAN_FREE char *key = xasprintf("%.*s.key", (int)(strlen(path) - 5), path);

			if (!fs_exists(key))
				return err_set(err, ERR_NOTFOUND, "%s: there is no %s beside it", path,
					       path_basename(key));
			c->cert = xstrdup(path);
			c->key = steal(&key);
		}
	}
	return 0;
}

int client_tls(struct client *c, const struct registry_opts *o, struct err *err)
{
	CLEAN_FREE char *dir = certs_dir(c->host);
	CLEAN_BUF struct buf pem = BUF_INIT;

	if (o->key_file && !o->cert_file) {
		err_set(err, ERR_USAGE, "--key without --cert");
		return err_hint(err, "--cert names the certificate that belongs to the key");
	}
	if (o->ca_file && add_ca(&pem, o->ca_file, err) < 0)
		return err_wrap(err, "--ca-file");
	if (o->cert_file) {
		CLEAN_BUF struct buf text = BUF_INIT;

		if (fs_read(o->cert_file, CA_MAX, &text, err) < 0)
			return err_wrap(err, "--cert");
		c->cert = xstrdup(o->cert_file);
		c->key = xstrdup(o->key_file ? o->key_file : o->cert_file);
		if (!fs_exists(c->key))
			return err_set(err, ERR_NOTFOUND, "--key: there is no file %s", c->key);
	}
	if (dir && from_dir(c, dir, &pem, err) < 0)
		return -1;
	if (pem.len)
		c->ca = buf_detach(&pem);
	c->tls = (struct http_tls){ .insecure = o->insecure, .ca = c->ca, .cert = c->cert, .key = c->key };
	return 0;
}
