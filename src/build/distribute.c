/* SPDX-License-Identifier: Apache-2.0 */
#include "build/distribute.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"
#include "os/proc.h"

/*
 * distcc preprocesses here and compiles there, and that is not what a compiler does in one go: where a macro is
 * expanded is in the debug information, which the build-id is made from. gcc has a way to send text that is not
 * expanded yet, by one flag here and there. clang's way, -frewrite-includes, makes C, of which its debug information
 * has another name and whose macros of the command line nobody defines there. But what is called .i is named by its
 * first line marker, and clang expands macros in it, too: so the definitions of all macros that it begins with go in
 * front.
 */

struct compile {
	char **argv;
	const char *source, *object;
	bool clang;		/* see graph.c: only there the working directory is told so */
	bool here;		/* what it is told is about preprocessing, or about macros */
};

/* What takes the next word along. */
static bool takes_word(const char *arg)
{
	static const char *const all[] = { "-c", "-o", "-MF", "-MT", "-MQ", "-D", "-U", "-I", "-isystem", "-iquote",
					   "-idirafter" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strcmp(arg, all[i]) == 0)
			return true;
	return false;
}

static void read_compile(struct compile *c, char **argv)
{
	static const char *const here[] = { "-include", "-imacros", "-Wp,", "-Xpreprocessor", "-Xclang", "-x", "-g3",
					    "-ggdb3", "-fdebug-macro", "-save-temps", "-fmodules", "@" };

	*c = (struct compile){ .argv = argv };
	for (char **a = argv + 1; *a; a++) {
		for (size_t i = 0; i < ARRAY_LEN(here); i++)
			c->here |= starts_with(*a, here[i]);
		c->clang |= strcmp(*a, "-ffile-compilation-dir=.") == 0;
		if (!takes_word(*a) || !a[1])
			continue;
		if (strcmp(*a, "-c") == 0)
			c->source = a[1];
		else if (strcmp(*a, "-o") == 0)
			c->object = a[1];
		a++;
	}
	c->here |= !c->source || !c->object || !ends_with(c->source, ".c");
}

enum { DEPS = 1, MACROS = 2 };

/* The flags, without what is made of what; @drop: without those of this kind. */
static void add_flags(const struct compile *c, unsigned drop, struct strs *out)
{
	for (char **a = c->argv + 1; *a; a++) {
		const bool word = takes_word(*a) && a[1];
		const bool deps = starts_with(*a, "-M");
		const bool macros = starts_with(*a, "-D") || starts_with(*a, "-U") || starts_with(*a, "-I") ||
				    starts_with(*a, "-isystem") || starts_with(*a, "-iquote") ||
				    starts_with(*a, "-idirafter");

		if (strcmp(*a, "-c") != 0 && strcmp(*a, "-o") != 0 && !(deps && (drop & DEPS)) &&
		    !(macros && (drop & MACROS))) {
			strs_add(out, *a);
			if (word)
				strs_add(out, a[1]);
		}
		a += word;
	}
}

/* distcc looks for this way to say it: else it puts this machine's own behind. */
static void split_target(struct strs *argv)
{
	static const char flag[] = "--target=";

	for (size_t i = 0; i < argv->len; i++)
		if (starts_with(argv->ptr[i], flag)) {
			strs_add(argv, "-target");
			strs_add(argv, argv->ptr[i] + strlen(flag));
			return;
		}
}

static void add(struct strs *v, const char *const *words)
{
	for (; *words; words++)
		strs_add(v, *words);
}
#define ADD(v, ...) add(v, (const char *const[]){ __VA_ARGS__, NULL })

static int run(struct strs *argv, struct buf *out, int *status, struct err *err)
{
	const struct proc_opts o = { .out = out, .limit = 256u << 20 };

	return proc_run((const char *const *)strs_argv(argv), &o, status, err);
}

/* Its text, in @file: first the name, then what macros there are, then the source with its includes. */
static int rewrite(const struct compile *c, const char *file, int *status, struct err *err)
{
	CLEAN_STRS struct strs defs = { 0 }, text = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	strs_add(&text, c->argv[0]);
	add_flags(c, 0, &text);
	/* what is to be said of it is said where it is compiled */
	ADD(&text, "-w", "-E", "-frewrite-includes", "-MT", c->object, "-o", "-", c->source);
	strs_add(&defs, c->argv[0]);
	add_flags(c, DEPS, &defs);
	ADD(&defs, "-w", "-E", "-dM", "-xc", "/dev/null");
	buf_addf(&b, "# 1 \"%s\"\n# 1 \"<built-in>\" 3\n", c->source);
	if (run(&defs, &b, status, err) < 0 || *status != 0 || run(&text, &b, status, err) < 0 || *status != 0)
		return -(err->code != ERR_NONE);
	return fs_write_lazy(file, buf_str(&b), 0666, err);
}

/* It tells clang there the names that it has here, of the directory and of what it was given. */
static void undo_icecc(const struct compile *c, const char *file, struct strs *argv)
{
	CLEAN_FREE char *cwd = getcwd(NULL, 0);
	CLEAN_FREE char *dir = path_dirname(file);

	strs_addf(argv, "-ffile-prefix-map=%s=.", cwd ? cwd : "/");
	strs_addf(argv, "-ffile-prefix-map=%s=%s", file, c->source);
	/* where nobody takes it, clang puts the directory in front */
	strs_addf(argv, "-ffile-prefix-map=%s/%s=%s", dir, c->source, c->source);
	ADD(argv, "-Xclang", "-main-file-name", "-Xclang", c->source);
}

static int send_clang(const struct compile *c, const char *by, int *status, struct err *err)
{
	CLEAN_FREE char *file = xasprintf("%s.i", c->object);
	CLEAN_STRS struct strs argv = { 0 };
	int r = rewrite(c, file, status, err);

	if (r == 0 && *status == 0) {
		ADD(&argv, by, c->argv[0]);
		add_flags(c, DEPS | MACROS, &argv);
		split_target(&argv);
		if (strcmp(by, "icecc") == 0)
			undo_icecc(c, file, &argv);
		ADD(&argv, "-Qunused-arguments", "-c", file, "-o", c->object);
		r = run(&argv, NULL, status, err);
	}
	unlink(file);
	return r;
}

int distribute(const char *by, char **argv, int *status, struct err *err)
{
	CLEAN_STRS struct strs all = { 0 };
	struct compile c;

	*err = (struct err)ERR_INIT;
	read_compile(&c, argv);
	if (!c.here && c.clang)
		return send_clang(&c, by, status, err);
	if (!c.here)
		ADD(&all, by, argv[0], "-fdirectives-only");
	for (char **a = argv + !c.here; *a; a++)
		strs_add(&all, *a);
	return run(&all, NULL, status, err);
}
