/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/profiles.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

const char *env_get(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static char *home_dir(void)
{
	const char *h = env_get("HOME");
	const struct passwd *pw = h ? NULL : getpwuid(getuid());

	return xstrdup(h ? h : pw ? pw->pw_dir : "/");
}

/* "~/" is the home in these variables, too: no shell may have seen them. */
static char *file_of(const struct profiles *p, const char *variable, const char *below)
{
	const char *v = env_get(variable);

	if (v && starts_with(v, "~/"))
		return path_join(p->home, v + 2);
	return v ? xstrdup(v) : path_join(p->home, below);
}

static char *section_of(const char *name)
{
	return strcmp(name, "default") == 0 ? xstrdup(name) : xasprintf("profile %s", name);
}

bool profiles_has(const struct profiles *p, const char *name)
{
	CLEAN_FREE char *section = section_of(name);

	return ini_has(&p->credentials, name) || ini_has(&p->config, section) ||
	       (strcmp(name, "default") == 0 && ini_has(&p->config, "profile default"));
}

static int unknown(const struct profiles *p, struct err *err)
{
	VEC(const char *) names = { .len = 0 };
	const char *near;

	VEC_EACH(&p->credentials.sections, s)
		VEC_PUSH(&names, s->name);
	VEC_EACH(&p->config.sections, s)
		if (starts_with(s->name, "profile "))
			VEC_PUSH(&names, s->name + strlen("profile "));
	near = str_closest(p->name, names.ptr, names.len);
	err_set(err, ERR_NOTFOUND, "there is no profile '%.100s' in %s or %s", p->name, p->config_path,
		p->credentials_path);
	if (near)
		err_hint(err, "did you mean '%.100s'?", near);
	else
		err_hint(err, "make it with `aws configure --profile %.100s`, or name another one", p->name);
	VEC_FREE(&names);
	return -1;
}

int profiles_load(struct profiles *p, const char *name, struct err *err)
{
	const char *env = env_get("AWS_PROFILE") ? env_get("AWS_PROFILE") : env_get("AWS_DEFAULT_PROFILE");

	p->home = home_dir();
	p->config_path = file_of(p, "AWS_CONFIG_FILE", ".aws/config");
	p->credentials_path = file_of(p, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	p->name = xstrdup(name ? name : env ? env : "default");
	p->named = name || env;
	if (ini_load(&p->config, p->config_path, err) < 0 || ini_load(&p->credentials, p->credentials_path, err) < 0)
		return -1;
	return p->named && !profiles_has(p, p->name) ? unknown(p, err) : 0;
}

void profiles_release(struct profiles *p)
{
	ini_release(&p->config);
	ini_release(&p->credentials);
	free(p->config_path);
	free(p->credentials_path);
	free(p->home);
	free(p->name);
	*p = (struct profiles)PROFILES_INIT;
}

const char *profiles_config(const struct profiles *p, const char *name, const char *key)
{
	CLEAN_FREE char *section = section_of(name ? name : p->name);
	const char *v = NULL;

	if (strcmp(section, "default") == 0)
		v = ini_get(&p->config, "profile default", key);
	v = v ? v : ini_get(&p->config, section, key);
	return v && *v ? v : NULL;
}

const char *profiles_secret(const struct profiles *p, const char *name, const char *key)
{
	const char *v = ini_get(&p->credentials, name ? name : p->name, key);

	return v && *v ? v : NULL;
}

const char *profiles_get(const struct profiles *p, const char *name, const char *key)
{
	const char *v = profiles_secret(p, name, key);

	return v ? v : profiles_config(p, name, key);
}

const char *profiles_region(const struct profiles *p, const char *option, const char *fallback)
{
	const char *const said[] = { option, env_get("AWS_REGION"), env_get("AWS_DEFAULT_REGION"),
				     profiles_get(p, NULL, "region"), fallback };

	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		if (said[i] && *said[i])
			return said[i];
	return NULL;
}

bool region_is_name(const char *region)
{
	const size_t n = strlen(region);

	return n && n <= 40 && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

const char *profiles_endpoint(const struct profiles *p, const char *option, const char *service)
{
	CLEAN_FREE char *variable = xasprintf("AWS_ENDPOINT_URL_%s", service);
	const char *ignore = env_get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	const char *services = profiles_get(p, NULL, "services"), *url = NULL;

	if (option)
		return option;
	if (ignore && strcasecmp(ignore, "true") == 0)
		return NULL;
	for (char *c = variable; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	if (env_get(variable))
		return env_get(variable);
	if (env_get("AWS_ENDPOINT_URL"))
		return env_get("AWS_ENDPOINT_URL");
	if (services) {
		CLEAN_FREE char *section = xasprintf("services %s", services);

		url = ini_nested(&p->config, section, service, "endpoint_url");
	}
	return url && *url ? url : profiles_get(p, NULL, "endpoint_url");
}

/* Each partition has a domain of its own: botocore's endpoints.json. */
static const char *domain_of(const char *region)
{
	static const struct {
		const char *prefix, *domain;
	} all[] = {
		{ "cn-", "amazonaws.com.cn" },	  { "us-isob-", "sc2s.sgov.gov" },  { "us-iso-", "c2s.ic.gov" },
		{ "us-isof-", "csp.hci.ic.gov" }, { "eu-isoe-", "cloud.adc-e.uk" }, { "eusc-", "amazonaws.eu" },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (starts_with(region, all[i].prefix))
			return all[i].domain;
	return "amazonaws.com";
}

static bool is_on(const struct profiles *p, const char *variable, const char *key)
{
	const char *v = env_get(variable);

	v = v ? v : profiles_get(p, NULL, key);
	return v && strcasecmp(v, "true") == 0;
}

char *profiles_url(const struct profiles *p, const char *option, const char *service, const char *region)
{
	const char *url = profiles_endpoint(p, option, service);
	const char *fips = is_on(p, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint") ? "-fips" : "";
	const bool dual = is_on(p, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");

	if (url)
		return xstrndup(url, strlen(url) - (ends_with(url, "/") ? 1 : 0));
	if (strcmp(service, "sso") == 0)
		service = "portal.sso";
	else if (strcmp(service, "sso_oidc") == 0)
		service = "oidc";
	if (dual && strcmp(service, "s3") == 0)
		return xasprintf("https://s3%s.dualstack.%s.%s", fips, region, domain_of(region));
	/* of the others only the first partition has them */
	return xasprintf("https://%s%s.%s.%s", service, fips, region,
			 dual && strcmp(domain_of(region), "amazonaws.com") == 0 ? "api.aws" : domain_of(region));
}
