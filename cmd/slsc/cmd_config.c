/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/member.h"
#include "build/build.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void check_json(const struct project *p, struct buf *b)
{
	buf_addc(b, '{');
	member_bool(b, "ok", true);
	member_text(b, "file", p->file);
	member_text(b, "project", p->name.s);
	member_open(b, "arches", '[');
	for (size_t i = 0; i < p->narches; i++)
		member_text(b, NULL, arch_name(p->arches[i]));
	buf_addc(b, ']');
	member_open(b, "functions", '[');
	for (size_t i = 0; i < p->nfunctions; i++)
		member_text(b, NULL, p->functions[i]->name.s);
	buf_addz(b, "]}\n");
}

static int check(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)ctx;
	(void)argc;
	(void)argv;
	if (project_load(&p, NULL, err) || build_check(&p, err) || project_check_packages(&p, err))
		return -1;
	if (g->json)
		check_json(&p, &b);
	else
		buf_addf(&b, "%s: ok (%zu function%s, %zu arch%s)\n", p.file, p.nfunctions, plural(p.nfunctions),
			 p.narches, p.narches == 1 ? "" : "es");
	return out_stdout(b.ptr, b.len, err);
}

static int show(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)ctx;
	(void)argc;
	(void)argv;
	if (project_load(&p, NULL, err))
		return -1;
	project_show(&p, g->json, &b);
	return out_stdout(b.ptr, b.len, err);
}

static int schema(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)ctx;
	(void)argc;
	(void)argv;
	(void)g;
	schema_json(&b);
	return out_stdout(b.ptr, b.len, err);
}

static const struct cmd subs[] = {
	{
		.name = "check",
		.args = "",
		.summary = "Check slsc.yaml and the files it names",
		.examples = "$ slsc config check\nslsc.yaml: ok (1 function, 2 arches)\n",
		.flags = CMD_JSON,
		.run = check,
	},
	{
		.name = "show",
		.args = "",
		.summary = "Show the configuration with every default and 'extends' applied",
		.description = "The output is itself a valid slsc.yaml. With --json, sizes are numbers of bytes.",
		.examples = "$ slsc config show --json | jq .functions.hello.memory\n134217728\n",
		.flags = CMD_JSON,
		.run = show,
	},
	{
		.name = "schema",
		.args = "",
		.summary = "Write the JSON Schema of slsc.yaml",
		.description = "Editors that speak JSON Schema complete and check slsc.yaml with it. Begin the\n"
			       "file with \"# yaml-language-server: $schema=slsc.schema.json\".",
		.examples = "$ slsc config schema >slsc.schema.json\n",
		.run = schema,
	},
	{ .name = NULL },
};

const struct cmd cmd_config = {
	.name = "config",
	.args = "check|show|schema",
	.summary = "Check slsc.yaml, or show what it means",
	.examples = "$ slsc config check\n"
		    "$ slsc config show | less\n"
		    "$ slsc config schema >slsc.schema.json\n",
	.subs = subs,
};
