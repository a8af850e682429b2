/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_PROFILES_H
#define SLSC_DEPLOY_PROFILES_H

#include "deploy/ini.h"

/*
 * What users have in ~/.aws (or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say), and which profile of it
 * holds: the named one, else AWS_PROFILE's, else "default".
 */
struct profiles {
	struct ini config, credentials;
	char *config_path, *credentials_path, *home;
	char *name; /* of the profile that holds */
	bool named; /* somebody has named it: it has to be there */
};
#define PROFILES_INIT                                                                                                  \
	{                                                                                                              \
		.config = INI_INIT, .credentials = INI_INIT                                                            \
	}
#define CLEAN_PROFILES __attribute__((cleanup(profiles_release)))

/** profiles_load - @name: NULL: as the environment says. ERR_IO, ERR_FORMAT; ERR_NOTFOUND if it is in neither file. */
int profiles_load(struct profiles *p, const char *name, struct err *err) MUST_CHECK;
void profiles_release(struct profiles *p);

bool profiles_has(const struct profiles *p, const char *name);
/** profiles_get - @key of the profile @name (NULL: the one that holds); the file of credentials goes first. */
const char *profiles_get(const struct profiles *p, const char *name, const char *key);
/** profiles_config, profiles_secret - the same, of one of the two files. */
const char *profiles_config(const struct profiles *p, const char *name, const char *key);
const char *profiles_secret(const struct profiles *p, const char *name, const char *key);

/** profiles_region - @option, else AWS_REGION, AWS_DEFAULT_REGION, the profile's, @fallback; NULL: nobody says. */
const char *profiles_region(const struct profiles *p, const char *option, const char *fallback);
/** region_is_name - whether it may become part of a host's name. */
bool region_is_name(const char *region);
/**
 * profiles_endpoint - where @service ("lambda", "s3", "sts", "sso", "sso_oidc") is, if elsewhere: @option, else
 * AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's `services`, its endpoint_url; NULL: nobody says.
 */
const char *profiles_endpoint(const struct profiles *p, const char *option, const char *service);
/** profiles_url - the same as a URL without a '/' at its end, else where AWS has it in @region; heap. */
char *profiles_url(const struct profiles *p, const char *option, const char *service, const char *region);
/** env_get - of the environment; NULL also where it is empty. */
const char *env_get(const char *name);

#endif
