/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/out.h"
#include "commands.h"

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	static const struct {
		const char *shell;
		void (*write)(struct buf *b, const struct cli *cli);
	} shells[] = {
		{ "bash", complete_bash },
		{ "zsh", complete_zsh },
		{ "fish", complete_fish },
	};
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)ctx;
	(void)g;
	(void)argc;
	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (strcmp(shells[i].shell, argv[0]) == 0) {
			shells[i].write(&b, &slsc_cli);
			return out_stdout(b.ptr, b.len, err);
		}
	err_set(err, ERR_USAGE, "completion: '%s' is not one of bash, zsh, fish", argv[0]);
	return -1;
}

const struct cmd cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "Print the completion script of a shell",
	.description = "An installed slsc has put these scripts where each shell looks for them. From the build tree, "
		       "load them by hand.\n",
	.examples = "$ source <(slsc completion bash)\n"
		    "$ source <(slsc completion zsh)\n"
		    "$ slsc completion fish | source\n",
	.run = run,
};
