/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_drive [OPTION...] DIR COMMAND...: runs COMMAND over the layers given by -l, or over none, by way of
 * sandbox_run(), for the end-to-end tests. DIR/upper and DIR/work are made.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox.h"

static void print_line(const char *line, size_t len, void *ctx)
{
	FILE *to = ctx;

	fwrite(line, 1, len, to);
	fputc('\n', to);
	fflush(to);
}

static int complain(const struct err *err)
{
	fprintf(stderr, "%s: %s\n", err_name(err->code), err->msg);
	if (err->hint[0])
		fprintf(stderr, "hint: %s\n", err->hint);
	return 200;
}

/* TYPE:TARGET[:SOURCE[:ro]] */
static int parse_mount(char *text, struct sandbox_mount *m)
{
	char *type = text, *target = strchr(text, ':'), *source = NULL, *flags = NULL;

	if (!target)
		return -1;
	*target++ = '\0';
	source = strchr(target, ':');
	if (source)
		*source++ = '\0';
	flags = source ? strchr(source, ':') : NULL;
	if (flags)
		*flags++ = '\0';
	*m = (struct sandbox_mount){ .source = source, .target = target, .mode = -1 };
	m->type = strcmp(type, "tmpfs") == 0   ? SANDBOX_TMPFS :
		  strcmp(type, "overlay") == 0 ? SANDBOX_OVERLAY : SANDBOX_BIND;
	m->readonly = flags && strcmp(flags, "ro") == 0;
	return 0;
}

static int probe(void)
{
	struct sandbox_check c[SANDBOX_CHECKS_MAX];
	size_t n = sandbox_probe(c);

	for (size_t i = 0; i < n; i++)
		printf("%s: %s%s: %s [%s]\n", c[i].name, c[i].ok ? "ok" : "missing", c[i].needed ? " needed" : "",
		       c[i].detail, c[i].hint);
	return 0;
}

int main(int argc, char **argv)
{
	struct sandbox_run r = { .kind = SANDBOX_BWRAP, .arch = arch_host(), .cwd = "/", .line = print_line };
	VEC(const char *) lowers = { 0 }, env = { 0 };
	VEC(struct sandbox_mount) mounts = { 0 };
	VEC(uint32_t) groups = { 0 };
	CLEAN_FREE char *upper = NULL;
	CLEAN_FREE char *work = NULL;
	struct sandbox_mount m;
	struct err err = ERR_INIT;
	int c, status = 0;

	if (argc == 3 && strcmp(argv[1], "_sandbox") == 0)
		return sandbox_child((int)strtol(argv[2], NULL, 10), &err) == 0;
	sig_install();
	while ((c = getopt(argc, argv, "+oPa:l:e:c:u:g:G:nh:m:i:")) != -1) {
		switch (c) {
		case 'P': return probe();
		case 'o': r.kind = SANDBOX_OCI; break;
		case 'a': r.arch = (enum arch)arch_parse(optarg); break;
		case 'l': VEC_PUSH(&lowers, optarg); break;
		case 'e': VEC_PUSH(&env, optarg); break;
		case 'c': r.cwd = optarg; break;
		case 'u': r.uid = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'g': r.gid = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'G': VEC_PUSH(&groups, (uint32_t)strtoul(optarg, NULL, 10)); break;
		case 'n': r.network = true; break;
		case 'h': r.hostname = optarg; break;
		case 'i': r.in = str_from(optarg); break;
		case 'm':
			if (parse_mount(optarg, &m) == 0) {
				VEC_PUSH(&mounts, m);
				break;
			}
			return 2;
		default: return 2;
		}
	}
	if (argc - optind < 2)
		return 2;
	VEC_PUSH(&env, NULL);
	upper = xasprintf("%s/upper", argv[optind]);
	work = xasprintf("%s/work", argv[optind]);
	r.upper = upper;
	r.work = work;
	r.argv = (const char *const *)argv + optind + 1;
	r.lowers = lowers.ptr;
	r.nlowers = lowers.len;
	r.env = env.ptr;
	r.mounts = mounts.ptr;
	r.nmounts = mounts.len;
	r.groups = groups.ptr;
	r.ngroups = groups.len;
	r.ctx = stdout;
	if (sandbox_enter(&err) < 0 || fs_mkdirs(r.upper, &err) < 0 || fs_mkdirs(r.work, &err) < 0 ||
	    sandbox_run(&r, &status, &err) < 0)
		status = complain(&err);
	VEC_FREE(&lowers);
	VEC_FREE(&env);
	VEC_FREE(&mounts);
	VEC_FREE(&groups);
	return status;
}
