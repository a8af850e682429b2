/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local_drive [-x DIR] [-t MS] [-i MS] NAME COMMAND...: serves COMMAND as the function NAME on a free port, which
 * is the first line that it prints, until it is told to end. Then the log, each line with who has said it. For the
 * end-to-end tests of the Runtime API: -x extensions, -t timeout, -i how long an instance may be idle. One instance at
 * a time, so that two invocations in a row never have two of them.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "local/gateway.h"
#include "local/serve.h"
#include "os/fs.h"
#include "os/proc.h"

static void show_line(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from,
		      struct str line)
{
	static const char *const who[] = { "function", "extension", "platform" };

	(void)o;
	(void)i;
	(void)inv;
	printf("%s: " STR_FMT "\n", who[from], STR_ARG(line));
	fflush(stdout);
}

static void show_state(struct observer *o, struct instance *i)
{
	(void)o;
	printf("state: %s %s\n", instance_state_name(i->state), i->end ? i->end : "");
	fflush(stdout);
}

static int complain(const struct err *err)
{
	fprintf(stderr, "%s: %s\n", err_name(err->code), err->msg);
	return 1;
}

int main(int argc, char **argv)
{
	struct loop loop;
	struct web web;
	struct platform p;
	struct gateway g = { 0 };
	struct observer o = { .line = show_line, .changed = show_state };
	struct err err = ERR_INIT;
	uint64_t timeout = 3000, idle = 300000;
	const char *extensions = NULL;
	char cwd[4096];
	struct lfn *fn;

	for (int c; (c = getopt(argc, argv, "+x:t:i:")) != -1;) {
		if (c == 'x')
			extensions = optarg;
		else if (c == 't')
			timeout = strtoull(optarg, NULL, 10);
		else if (c == 'i')
			idle = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind < 2 || !getcwd(cwd, sizeof(cwd)))
		return 2;
	sig_install();
	if (loop_init(&loop, &err) < 0 || web_start(&web, &loop, 0, &err) < 0 ||
	    platform_init(&p, &loop, &web, &err) < 0)
		return complain(&err);
	platform_observe(&p, &o);
	fn = serve_command(argv[optind], RUNTIME_LAMBDA, argv + optind + 1, cwd, &err);
	if (!fn)
		return complain(&err);
	fn->timeout_ms = timeout;
	fn->concurrency = 1;
	fn->idle_ns = idle * LOOP_MS;
	fn->extensions = extensions ? realpath(extensions, NULL) : NULL;
	platform_add(&p, fn);
	if (gateway_start(&g, &p, "127.0.0.1", 0, &err) < 0)
		return complain(&err);
	printf("%u\n", g.listener.port);
	fflush(stdout);
	if (loop_run(&loop, &err) < 0 && err.code != ERR_INTR)
		return complain(&err);
	gateway_stop(&g);
	platform_stop(&p, LOOP_S);
	if (p.ninstances && loop_run(&loop, &err) < 0)
		return complain(&err);
	web_stop(&web);
	platform_release(&p);
	loop_release(&loop);
	puts("ended");
	return 0;
}
