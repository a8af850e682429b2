/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "stage/dockerfile.h"

static int parse(struct dockerfile *d, const char *text, struct err *err)
{
	return dockerfile_parse(d, "Dockerfile", text, strlen(text), err);
}

static void ok(struct dockerfile *d, const char *text)
{
	struct err err = ERR_INIT;

	if (parse(d, text, &err) < 0)
		fail_msg("%s", err.msg);
}

static void fails(const char *text, const char *msg, const char *hint)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	struct err err = ERR_INIT;

	if (parse(&d, text, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.code, ERR_CONFIG);
}

/* The only instruction after FROM. */
static const struct df_inst *only(struct dockerfile *d, const char *text)
{
	CLEAN_FREE char *all = xasprintf("FROM scratch\n%s", text);

	ok(d, all);
	assert_int_equal(d->nstages, 1);
	assert_int_equal(d->stages[0].ninsts, 1);
	return &d->stages[0].insts[0];
}

static void is_word(struct df_word w, const char *s, unsigned line, unsigned col)
{
	assert_string_equal(w.s, s);
	assert_int_equal(w.line, line);
	assert_int_equal(w.col, col);
}

static void args_are(const char *text, const char *want)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i = only(&d, text);
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, i->json ? "json" : "");
	for (size_t k = 0; k < i->nargs; k++)
		buf_addf(&b, "<%s>", i->args[k].s);
	assert_string_equal(b.ptr, want);
}

static void pairs_are(const char *text, const char *want)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i = only(&d, text);
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t k = 0; k < i->nkvs; k++)
		buf_addf(&b, "<%s|%s>", i->kvs[k].key.s, i->kvs[k].val.s ? i->kvs[k].val.s : "-");
	assert_string_equal(b.ptr, want);
}

static void test_stages(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;

	(void)state;
	ok(&d, "# syntax=docker/dockerfile:1 x\n# Escape = `\n\nARG V=1\nARG W\n"
	       "from --platform=$BUILDPLATFORM  a:$V as Builder\nRUN x\n\n  # c\nFROM builder\n");
	assert_string_equal(d.syntax, "docker/dockerfile:1");
	assert_int_equal(d.escape, '`');
	assert_int_equal(d.nargs, 2);
	is_word(d.args[0].kvs[0].key, "V", 4, 5);
	is_word(d.args[0].kvs[0].val, "1", 4, 7);
	assert_null(d.args[1].kvs[0].val.s);
	assert_int_equal(d.nstages, 2);
	is_word(d.stages[0].name, "builder", 6, 41);
	is_word(d.stages[0].base, "a:$V", 6, 33);
	is_word(d.stages[0].platform, "$BUILDPLATFORM", 6, 17);
	assert_int_equal(d.stages[0].ninsts, 1);
	assert_int_equal(d.stages[0].insts[0].line, 7);
	assert_null(d.stages[1].name.s);
	assert_null(d.stages[1].platform.s);
	is_word(d.stages[1].base, "builder", 10, 6);
	assert_int_equal(d.stages[1].ninsts, 0);
	assert_string_equal(df_kind_name(DF_STOPSIGNAL), "STOPSIGNAL");
}

static void test_lines(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i;

	(void)state;
	ok(&d, "\xef\xbb\xbf" "FROM scratch\r\n  \tRUN a \\ \t\r\n# comment\r\n   b\\\r\n \t # another\r\n"
	       "\r\n\r\nc\r\nUSER x\r\n");
	assert_int_equal(d.stages[0].ninsts, 2);
	i = &d.stages[0].insts[0];
	assert_int_equal(i->line, 2);
	assert_int_equal(i->col, 4);
	assert_int_equal(i->end_line, 8);
	assert_string_equal(i->original, "RUN a    bc");
	is_word(i->args[0], "a    bc", 2, 8);
	assert_int_equal(d.warnings.len, 1);
	assert_int_equal(d.warnings.ptr[0].line, 6);
	assert_string_equal(d.warnings.ptr[0].text, "an empty line in a continued instruction (NoEmptyContinuation)");
	is_word(d.stages[0].insts[1].args[0], "x", 9, 6);
	dockerfile_release(&d);

	/* two escape characters at the end continue nothing; columns are characters */
	ok(&d, "FROM scratch\nRUN a\\\\\nLABEL \xc3\xa9=\xc3\xa9 b=c");
	assert_string_equal(d.stages[0].insts[0].args[0].s, "a\\\\");
	is_word(d.stages[0].insts[1].kvs[1].key, "b", 3, 11);
	is_word(d.stages[0].insts[1].kvs[1].val, "c", 3, 13);
	dockerfile_release(&d);

	/* the second line of a command has a place of its own */
	ok(&d, "FROM scratch\nCOPY a \\\n  b \\\n  c/\n");
	is_word(d.stages[0].insts[0].args[1], "b", 3, 3);
	is_word(d.stages[0].insts[0].args[2], "c/", 4, 3);
	dockerfile_release(&d);

	/* an escape directive after anything else is a comment */
	ok(&d, "# just words\n# escape=`\nFROM scratch\nRUN a `\n");
	assert_int_equal(d.escape, '\\');
	assert_string_equal(d.stages[0].insts[0].args[0].s, "a `");
	dockerfile_release(&d);
	ok(&d, "# escape=`\nFROM scratch\nRUN a \\\nRUN b `\nc");
	assert_int_equal(d.stages[0].ninsts, 2);
	assert_string_equal(d.stages[0].insts[0].args[0].s, "a \\");
	assert_string_equal(d.stages[0].insts[1].args[0].s, "b c");
}

static void test_commands(void **state)
{
	(void)state;
	args_are("RUN  echo  'a  b' ", "<echo  'a  b'>");
	args_are("RUN [\"a\", \"b c\", \"\\u0041\\n\"]", "json<a><b c><A\n>");
	args_are("RUN [ -f x ] && y", "<[ -f x ] && y>");
	args_are("RUN ['a', 'b']", "<['a', 'b']>");
	args_are("RUN [\"a\",]", "<[\"a\",]>");
	args_are("RUN [\"a\"] b", "<[\"a\"] b>");
	args_are("CMD []", "json");
	args_are("CMD", "");
	args_are("ENTRYPOINT exec x", "<exec x>");
	args_are("SHELL [\"/bin/bash\", \"-c\"]", "json</bin/bash><-c>");
	args_are("HEALTHCHECK NONE", "<NONE>");
	args_are("HEALTHCHECK --interval=5s --retries=3 CMD curl  x", "<CMD><curl  x>");
	args_are("HEALTHCHECK cmd [\"a\", \"b\"]", "json<CMD><a><b>");
	args_are("STOPSIGNAL SIGTERM", "<SIGTERM>");
	args_are("USER a b", "<a b>");
	args_are("WORKDIR /a b ", "</a b>");
	args_are("EXPOSE 80 443/tcp\t$P", "<80><443/tcp><$P>");
	args_are("VOLUME /a /b", "</a></b>");
	args_are("VOLUME [\"/a b\"]", "json</a b>");
	args_are("MAINTAINER A B <c>", "<A B <c>>");
	args_are("COPY a\\ b \"c d\" e", "<a\\><b><\"c><d\"><e>");
	args_are("COPY [\"a b\", \"c\"]", "json<a b><c>");
	args_are("COPY -- --a b", "<--a><b>");
	args_are("RUN [\"\\\"a\", \"]\"]", "json<\"a><]>");
	fails("FROM scratch\nRUN [\"a\", 1]", "Dockerfile:2:9: a JSON array may hold strings only here",
	      "put double quotes around each word");
	fails("FROM scratch\nCOPY [\"a\", [\"b\"]]", "Dockerfile:2:10: a JSON array may hold strings only here",
	      "put double quotes around each word");
	fails("FROM scratch\nCMD [\"a\", \"b\\u0000\"]",
	      "Dockerfile:2:11: a NUL character is not allowed in a string", "");
	fails("FROM scratch\nCOPY [\"\", \"b\"]", "Dockerfile:2:7: COPY: an empty word", "");
	fails("FROM scratch\nSHELL /bin/sh -c", "Dockerfile:2:7: SHELL takes a JSON array of strings",
	      "write SHELL [\"/bin/sh\", \"-c\"]");
	fails("FROM scratch\nSHELL []", "Dockerfile:2:1: SHELL: something is missing",
	      "write SHELL [\"PROGRAM\", \"ARGUMENT\"]");
	fails("FROM scratch\nHEALTHCHECK curl x", "Dockerfile:2:13: HEALTHCHECK: 'curl' is neither CMD nor NONE",
	      "write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE");
	fails("FROM scratch\nHEALTHCHECK CMD", "Dockerfile:2:13: HEALTHCHECK CMD: the command is missing", "");
	fails("FROM scratch\nHEALTHCHECK NONE x", "Dockerfile:2:13: HEALTHCHECK NONE takes nothing else", "");
	fails("FROM scratch\nHEALTHCHECK", "Dockerfile:2:1: HEALTHCHECK: something is missing",
	      "write HEALTHCHECK CMD COMMAND");
	fails("FROM scratch\nRUN", "Dockerfile:2:1: RUN: something is missing", "write RUN COMMAND");
	fails("FROM scratch\nCOPY a", "Dockerfile:2:1: COPY: something is missing", "write COPY SOURCE... DESTINATION");
}

static void test_pairs(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i;

	(void)state;
	pairs_are("ENV a=b c=\"d e\" f='g h' i=j\\ k", "<a|b><c|\"d e\"><f|'g h'><i|j\\ k>");
	pairs_are("ENV a  b=c \"d\" ", "<a|b=c \"d\">");
	pairs_are("ENV \"a b\" c", "<\"a|b\" c>");
	pairs_are("ENV a=b\\", "<a|b>");
	pairs_are("ENV a=\"b\\\"c\" d=", "<a|\"b\\\"c\"><d|>");
	pairs_are("ENV a=b=c", "<a|b=c>");
	pairs_are("LABEL \"a b\"=c d.e=f", "<\"a b\"|c><d.e|f>");
	pairs_are("LABEL a=b \\\n  c=d", "<a|b><c|d>");
	pairs_are("ARG a b=c d=\"e f\"", "<a|-><b|c><d|\"e f\">");
	i = only(&d, "ENV a b");
	assert_true(i->kvs[0].blank);
	assert_int_equal(d.warnings.len, 1);
	assert_string_equal(d.warnings.ptr[0].text, "write KEY=VALUE, with the sign (LegacyKeyValueFormat)");
	fails("FROM scratch\nENV a", "Dockerfile:2:5: ENV: 'a' has no value", "write ENV NAME=VALUE");
	fails("FROM scratch\nENV a=b c", "Dockerfile:2:9: ENV: 'c' has no '='",
	      "write NAME=VALUE; a value with blanks stands in quotes");
	fails("FROM scratch\nLABEL =b", "Dockerfile:2:7: LABEL: there is no name before '='", "");
	fails("FROM scratch\nARG", "Dockerfile:2:1: ARG: something is missing", "write ARG NAME[=DEFAULT]");
}

static void test_flags(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i;

	(void)state;
	i = only(&d, "COPY --from=a --chown=\"u v\":g --chmod= --link --parents=false --exclude=*.o --exclude='b c' "
		     "x \\\n y");
	assert_int_equal(i->nflags, 6);
	assert_null(df_flag(i, "chmod"));
	is_word(df_flag(i, "from")->val, "a", 2, 13);
	is_word(df_flag(i, "chown")->val, "u v:g", 2, 23);
	assert_null(df_flag(i, "link")->val.s);
	is_word(df_flag(i, "parents")->val, "false", 2, 57);
	assert_string_equal(i->flags[5].val.s, "b c");
	assert_null(df_flag(i, "checksum"));
	is_word(i->args[1], "y", 3, 2);
	dockerfile_release(&d);

	i = only(&d, "ADD --checksum=sha256:0 --keep-git-dir --unpack=TRUE --chown=a\\ b x y");
	assert_int_equal(i->nflags, 4);
	assert_string_equal(df_flag(i, "chown")->val.s, "a b");
	dockerfile_release(&d);
	i = only(&d, "RUN --mount=type=cache,target=/c --mount=target=/d,from=x --network=none make --fast");
	assert_int_equal(i->nflags, 3);
	assert_string_equal(i->args[0].s, "make --fast");

	fails("FROM scratch\nCOPY --form=a b c", "Dockerfile:2:6: COPY has no flag --form", "did you mean --from?");
	fails("FROM scratch\nCOPY --bare b c", "Dockerfile:2:6: COPY has no flag --bare", "");
	fails("FROM scratch\nENV --x a=b", "Dockerfile:2:5: ENV has no flag --x", "");
	fails("FROM scratch\nCOPY --from=a --from=b c d", "Dockerfile:2:15: COPY: --from is there twice", "");
	fails("FROM scratch\nCOPY --from b c", "Dockerfile:2:6: COPY: --from needs a value", "write --from=VALUE");
	fails("FROM scratch\nCOPY --link=1 b c", "Dockerfile:2:13: COPY: --link: '1' is neither true nor false", "");
	fails("FROM scratch\nCOPY --link= b c", "Dockerfile:2:6: COPY: --link= has no value", "");
	fails("FROM scratch\nRUN --network=hots a", "Dockerfile:2:15: RUN: --network: 'hots' is no network",
	      "did you mean 'host'?");
	fails("FROM scratch\nRUN --network=x a", "Dockerfile:2:15: RUN: --network: 'x' is no network",
	      "write default, none or host");
	fails("FROM scratch\nRUN --security=insecure a", "Dockerfile:2:5: RUN: --security is not supported",
	      "every RUN has the same sandbox, without devices or privileges");
	fails("FROM scratch\nRUN --mount=type=cach,target=/a b", "Dockerfile:2:13: RUN --mount: unknown type 'cach'",
	      "did you mean 'cache'?");
	fails("ARG x\nFROM scratch\nCOPY --from=a:${x} b c", "Dockerfile:3:13: COPY: --from takes no variables",
	      "write FROM a:${x} AS NAME, its ARG before the first FROM, and --from=NAME");
	fails("FROM scratch\nRUN --mount=type=bind,from=$x,target=/a b",
	      "Dockerfile:2:13: RUN --mount: from= takes no variables",
	      "name a stage by FROM ... AS NAME and write from=NAME");
}

static void test_heredocs(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i;

	(void)state;
	i = only(&d, "RUN <<EOF\n#!/bin/sh\necho $x\n\nEOF\n");
	assert_int_equal(i->nheredocs, 1);
	assert_string_equal(i->args[0].s, "<<EOF");
	assert_string_equal(i->heredocs[0].name, "EOF");
	assert_string_equal(i->heredocs[0].text.ptr, "#!/bin/sh\necho $x\n\n");
	assert_true(i->heredocs[0].expand);
	assert_false(i->heredocs[0].chomp);
	assert_int_equal(i->heredocs[0].line, 3);
	assert_int_equal(i->end_line, 6);
	dockerfile_release(&d);

	i = only(&d, "COPY <<a <<-'b' <<\"c\" \\\n  /d/\nA\na\n\t\tB\n\tb\n\n\tc\nc");
	assert_int_equal(i->nheredocs, 3);
	assert_string_equal(i->heredocs[0].text.ptr, "A\n");
	assert_string_equal(i->heredocs[1].text.ptr, "B\n");
	assert_false(i->heredocs[1].expand);
	assert_true(i->heredocs[1].chomp);
	assert_string_equal(i->heredocs[2].text.ptr, "\n\tc\n");
	assert_ptr_equal(df_heredoc_of(i, "<<-'b'"), &i->heredocs[1]);
	assert_ptr_equal(df_heredoc_of(i, "<<c"), &i->heredocs[2]);
	assert_null(df_heredoc_of(i, "c"));
	assert_null(df_heredoc_of(i, "<<d"));
	is_word(i->args[3], "/d/", 3, 3);
	dockerfile_release(&d);

	/* line ends stay as they are */
	i = only(&d, "COPY <<EOF /x\r\na\r\nb\nEOF\r\n");
	assert_string_equal(i->heredocs[0].text.ptr, "a\r\nb\n");
	dockerfile_release(&d);
	i = only(&d, "RUN cat << EOF > /x && cat 3<<E2\na\nEOF\nb\nE2\n");
	assert_int_equal(i->nheredocs, 2);
	assert_string_equal(i->heredocs[1].text.ptr, "b\n");
	dockerfile_release(&d);

	/* none: a here-string, a shift, quotes, exec form, what has no word to itself */
	i = only(&d, "RUN cat <<<EOF; echo \"<<EOF\" $((1<<2)) a<<b\n");
	assert_int_equal(i->nheredocs, 0);
	dockerfile_release(&d);
	i = only(&d, "RUN [\"a\", \"<<EOF\"]\n");
	assert_int_equal(i->nheredocs, 0);
	dockerfile_release(&d);
	i = only(&d, "CMD <<EOF\n");
	assert_int_equal(i->nheredocs, 0);
	dockerfile_release(&d);
	i = only(&d, "RUN echo it's <<EOF\n");
	assert_int_equal(i->nheredocs, 0);
	fails("FROM scratch\nRUN <<EOF\na\n EOF\n", "Dockerfile:2:1: the heredoc 'EOF' does not end",
	      "end it by a line that is EOF and nothing else");
	fails("FROM scratch\nCOPY a <<EOF\nEOF\n", "Dockerfile:2:8: COPY: a heredoc cannot be the destination", "");
}

static void test_onbuild(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	const struct df_inst *i;
	struct df_inst *one;
	struct err err = ERR_INIT;

	(void)state;
	i = only(&d, "ONBUILD  COPY --from=a b  c ");
	assert_int_equal(i->kind, DF_ONBUILD);
	assert_string_equal(i->args[0].s, "COPY --from=a b  c");
	assert_int_equal(i->onbuild->kind, DF_COPY);
	assert_int_equal(i->onbuild->col, 10);
	is_word(df_flag(i->onbuild, "from")->val, "a", 2, 22);
	dockerfile_release(&d);

	i = only(&d, "ONBUILD RUN <<-EOF\n\ta\n\tEOF\n");
	assert_string_equal(i->onbuild->heredocs[0].text.ptr, "a\n");
	assert_string_equal(i->args[0].s, "RUN <<-EOF\n\ta\nEOF");
	assert_int_equal(dockerfile_parse_inst(&d, "base", i->args[0].s, &one, &err), 0);
	assert_int_equal(one->kind, DF_RUN);
	assert_string_equal(one->heredocs[0].text.ptr, "a\n");
	assert_int_equal(dockerfile_parse_inst(&d, "base", "RUN a\nRUN b", &one, &err), -1);
	assert_string_equal(err.msg, "base:2:1: there is more than one instruction");
	assert_int_equal(dockerfile_parse_inst(&d, "base", " ", &one, &err), -1);
	assert_string_equal(err.msg, "base: there is no instruction");
	assert_int_equal(dockerfile_parse_inst(&d, "base", "FROM x", &one, &err), -1);
	assert_string_equal(err.msg, "base:1:1: FROM is not allowed in ONBUILD");
	dockerfile_release(&d);

	/* a trigger's escape character is the backslash, whatever the file's */
	ok(&d, "# escape=`\nFROM scratch\n");
	assert_int_equal(dockerfile_parse_inst(&d, "base", "RUN a \\\n b", &one, &err), 0);
	assert_string_equal(one->args[0].s, "a  b");
	assert_int_equal(d.escape, '`');
	fails("FROM scratch\nONBUILD FROM x", "Dockerfile:2:9: ONBUILD FROM is not allowed", "");
	fails("FROM scratch\nONBUILD ONBUILD RUN x", "Dockerfile:2:9: ONBUILD ONBUILD is not allowed", "");
	fails("FROM scratch\nONBUILD RUM x", "Dockerfile:2:9: unknown instruction 'RUM'", "did you mean RUN?");
	fails("FROM scratch\nONBUILD", "Dockerfile:2:1: ONBUILD: something is missing", "write ONBUILD INSTRUCTION");
}

static void test_errors(void **state)
{
	CLEAN_FREE char *large = xcalloc(1, DOCKERFILE_MAX + 2);
	CLEAN_DOCKERFILE struct dockerfile d;
	struct err err = ERR_INIT;

	(void)state;
	fails("", "Dockerfile: there is no FROM", "begin with FROM scratch, or the image to build on");
	fails("# x\n", "Dockerfile: there is no FROM", "begin with FROM scratch, or the image to build on");
	fails("ARG a\n\n  RUN x\n", "Dockerfile:3:3: RUN stands before the first FROM",
	      "begin with FROM; only ARG may come before it");
	fails("FROM scratch\nWROKDIR /a", "Dockerfile:2:1: unknown instruction 'WROKDIR'", "did you mean WORKDIR?");
	fails("FROM scratch\n\\", "Dockerfile:2:1: unknown instruction ''", "");
	fails("FROM", "Dockerfile:1:1: FROM: something is missing", "write FROM IMAGE [AS NAME]");
	fails("FROM a b", "Dockerfile:1:8: FROM: 'b' after the image", "write FROM IMAGE [AS NAME]");
	fails("FROM a as 1x", "Dockerfile:1:11: FROM: '1x' is no name for a stage",
	      "a letter, then letters, digits, '-', '_' and '.'");
	fails("FROM a as b c", "Dockerfile:1:1: FROM: there is too much", "write FROM IMAGE [AS NAME]");
	fails("# escape=x\nFROM a", "Dockerfile:1:1: escape: 'x' is neither \\ nor `", "");
	fails("# escape=`\n#escape=\\\nFROM a", "Dockerfile:2:1: the directive 'escape' is there twice",
	      "keep one of the two");
	fails("# check=foo=bar\nFROM a", "Dockerfile:1:1: check: 'foo' is unknown",
	      "write # check=skip=RULE,RULE;error=true");
	fails("# check=error=true\nFROM a\nMAINTAINER x",
	      "Dockerfile:3: MAINTAINER is deprecated: write LABEL org.opencontainers.image.authors=... "
	      "(MaintainerDeprecated)",
	      "the directive 'check' makes this an error");
	fails("FROM scratch\nRUN \xff", "Dockerfile:2:1: invalid UTF-8", "save the file as UTF-8");
	assert_int_equal(dockerfile_parse(&d, "D", "FROM a\nRUN \0b", 13, &err), -1);
	assert_string_equal(err.msg, "D:2:1: a NUL byte is not allowed");
	dockerfile_release(&d);
	assert_int_equal(dockerfile_parse(&d, "D", large, DOCKERFILE_MAX + 1, &err), -1);
	assert_string_equal(err.msg, "D: limit exceeded: more than 4194304 bytes");
	assert_int_equal(err.code, ERR_LIMIT);
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_DOCKERFILE struct dockerfile d;
	struct err err = ERR_INIT;

	(void)state;
	buf_addz(&b, "FROM a\n");
	for (unsigned i = 0; i < DOCKERFILE_MAX_INSTS; i++)
		buf_addz(&b, "USER x\n");
	assert_int_equal(dockerfile_parse(&d, "D", b.ptr, b.len, &err), -1);
	assert_string_equal(err.msg, "D:16385:1: limit exceeded: more than 16384 instructions");
	dockerfile_release(&d);
	buf_reset(&b);
	buf_addz(&b, "FROM a\nRUN");
	for (unsigned i = 0; i < 65; i++)
		buf_addz(&b, " <<E");
	assert_int_equal(dockerfile_parse(&d, "D", b.ptr, b.len, &err), -1);
	assert_string_equal(err.msg, "D:2:1: limit exceeded: more than 64 heredocs");
}

static void test_warnings(void **state)
{
	CLEAN_DOCKERFILE struct dockerfile d;

	(void)state;
	ok(&d, "FROM a As B\nCMD x\nCMD y\nFROM c AS b\nCMD z\n");
	assert_int_equal(d.warnings.len, 4);
	assert_string_equal(d.warnings.ptr[0].text, "'as' and 'FROM' are written in different cases (FromAsCasing)");
	assert_string_equal(d.warnings.ptr[1].text,
			    "CMD is overruled by the one in line 3 (MultipleInstructionsDisallowed)");
	assert_int_equal(d.warnings.ptr[1].line, 2);
	assert_string_equal(d.warnings.ptr[2].text, "a stage's name should be lower case (StageNameCasing)");
	assert_string_equal(d.warnings.ptr[3].text, "a stage before this one has the same name (DuplicateStageName)");
	dockerfile_release(&d);
	ok(&d, "# check=skip=StageNameCasing,DuplicateStageName;error=false\nFROM a AS B\nFROM c AS b\n");
	assert_int_equal(d.warnings.len, 0);
	dockerfile_release(&d);
	ok(&d, "# check=skip=all\nFROM a as B\nMAINTAINER x\n");
	assert_int_equal(d.warnings.len, 0);
}

static void mount(const char *text, struct df_mount *m, struct arena *a)
{
	struct err err = ERR_INIT;

	if (df_mount_parse(m, "D", (struct df_word){ text, 1, 2 }, a, &err) < 0)
		fail_msg("%s", err.msg);
}

static void mount_fails(const char *text, const char *msg, const char *hint)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct df_mount m;

	if (df_mount_parse(&m, "D", (struct df_word){ text, 1, 2 }, &a, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

static void test_mounts(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct df_mount m;

	(void)state;
	mount("target=/a,from=b,source=/c", &m, &a);
	assert_int_equal(m.type, DF_MOUNT_BIND);
	assert_true(m.readonly);
	assert_string_equal(m.target, "/a");
	assert_string_equal(m.from, "b");
	assert_string_equal(m.source, "/c");
	mount("Type=BIND,dst=/a,RW", &m, &a);
	assert_false(m.readonly);
	mount("type=cache,\"target=/a,b\",id=x,sharing=Locked,mode=0750,uid=1,gid=2,ro", &m, &a);
	assert_int_equal(m.type, DF_MOUNT_CACHE);
	assert_string_equal(m.target, "/a,b");
	assert_int_equal(m.sharing, DF_LOCKED);
	assert_int_equal(m.mode, 0750);
	assert_int_equal(m.uid, 1);
	assert_int_equal(m.gid, 2);
	assert_true(m.readonly);
	mount("type=tmpfs,destination=/a,size=10m", &m, &a);
	assert_int_equal(m.size, 10485760);
	assert_false(m.readonly);
	mount("type=secret,id=k,env=KEY,required", &m, &a);
	assert_string_equal(m.env, "KEY");
	assert_true(m.required);
	mount("type=secret,target=/run/k,required=false,mode=0400", &m, &a);
	assert_false(m.required);
	mount("type=secret,source=k", &m, &a);
	assert_string_equal(m.id, "k");
	mount("type=ssh", &m, &a);
	assert_int_equal(m.type, DF_MOUNT_SSH);

	mount_fails("type=volume,target=/a", "D:1:2: RUN --mount: unknown type 'volume'",
		    "choose bind, cache, tmpfs or secret");
	mount_fails("type=cache,traget=/a", "D:1:2: RUN --mount: unknown key 'traget'", "did you mean 'target'?");
	mount_fails("type=cache,target", "D:1:2: RUN --mount: 'target' has no value",
		    "write KEY=VALUE, separated by commas");
	mount_fails("type=cache", "D:1:2: RUN --mount: type=cache has no target", "write target=/PATH");
	mount_fails("target=/a,mode=1", "D:1:2: RUN --mount: type=bind takes no mode", "");
	mount_fails("target=/a,required", "D:1:2: RUN --mount: type=bind takes no required", "");
	mount_fails("target=/a,size=1", "D:1:2: RUN --mount: type=bind takes no size", "");
	mount_fails("target=/a,sharing=shared", "D:1:2: RUN --mount: type=bind takes no sharing", "");
	mount_fails("type=secret,id=a,from=b", "D:1:2: RUN --mount: type=secret takes no from", "");
	mount_fails("type=secret", "D:1:2: RUN --mount: type=secret has neither id nor target", "write id=NAME");
	mount_fails("type=secret,id=a,source=b", "D:1:2: RUN --mount: id and source are the same; there are both", "");
	mount_fails("type=cache,target=/a,sharing=x", "D:1:2: RUN --mount: sharing: 'x' is not possible",
		    "choose shared, private or locked");
	mount_fails("type=cache,target=/a,mode=9", "D:1:2: RUN --mount: mode: '9' is not possible", "");
	mount_fails("type=cache,target=/a,ro=x", "D:1:2: RUN --mount: ro: 'x' is not possible", "");
	mount_fails("target=\"/a", "D:1:2: RUN --mount: a quote inside of a field",
		    "quote a whole field: \"target=/a,b\"");
	mount_fails("\"target=/a", "D:1:2: RUN --mount: the closing '\"' is missing",
		    "quote a whole field: \"target=/a,b\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),	 cmocka_unit_test(test_lines),
		cmocka_unit_test(test_commands), cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_flags),	 cmocka_unit_test(test_heredocs),
		cmocka_unit_test(test_onbuild),	 cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
