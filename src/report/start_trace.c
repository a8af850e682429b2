/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the allocator, counted at breakpoints. A thread traces, since this one serves the first request. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "report/start_internal.h"

#define MAPS_MAX (4u << 20)

#if defined(__x86_64__)
static const unsigned char trap[] = { 0xcc };
#elif defined(__aarch64__)
static const unsigned char trap[] = { 0x00, 0x00, 0x20, 0xd4 };	/* brk #0 */
#else
#error "which instruction is a breakpoint here?"
#endif

/** A function of the allocator, where it is loaded. */
struct spot {
	uint64_t addr, end;
	unsigned char old[sizeof(trap)];
};

struct tracer {
	struct process *pr;
	const char *debug;
	VEC(struct spot) spots;
	uint64_t entry;			/* where the program begins; 0: it has */
	unsigned char entry_old[sizeof(trap)];
	bool known;
	uint64_t count;
	int done;			/* eventfd: the program has ended */
	int begun;			/* eventfd: it runs, or @err says why not */
	struct err err;
};

/* ---- registers and memory of another process ---- */

static bool peek(pid_t pid, uint64_t addr, void *p, size_t n)
{
	struct iovec here = { p, n }, there = { (void *)(uintptr_t)addr, n };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)n;
}

/* Text is read-only: only ptrace() writes there, a word at a time. */
static bool poke(pid_t pid, uint64_t addr, const void *p, size_t n)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)(uintptr_t)addr, NULL);
	if (errno)
		return false;
	memcpy(&word, p, n);
	return ptrace(PTRACE_POKETEXT, pid, (void *)(uintptr_t)addr, (void *)(uintptr_t)word) == 0;
}

/* The address of the breakpoint that @pid has met, and the address that the function returns to. */
static bool where(pid_t pid, uint64_t *at, uint64_t *back)
{
	struct user_regs_struct regs;
	struct iovec io = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &io) < 0)
		return false;
#if defined(__x86_64__)
	*at = regs.rip - sizeof(trap);
	return peek(pid, regs.rsp, back, sizeof(*back));
#else
	*at = regs.pc;
	*back = regs.regs[30];
	return true;
#endif
}

static bool go_to(pid_t pid, uint64_t at)
{
	struct user_regs_struct regs;
	struct iovec io = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &io) < 0)
		return false;
#if defined(__x86_64__)
	regs.rip = at;
#else
	regs.pc = at;
#endif
	return ptrace(PTRACE_SETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &io) == 0;
}

/* ---- where the allocator is ---- */

static bool allocates(const char *name)
{
	static const char *const names[] = { "malloc", "calloc", "realloc", "reallocarray", "memalign",
					     "aligned_alloc", "posix_memalign", "valloc", "pvalloc" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void add_spots(struct tracer *t, pid_t pid, const char *path, uint64_t bias)
{
	struct elf_symbols symbols = { 0 };
	CLEAN_ELF struct elf_file f = { .path = NULL };
	struct err ignored;

	if (elf_open(&f, path, &ignored) < 0 || elf_symbols(&f, &symbols, &ignored) < 0)
		return;
	if (symbols.len)
		t->known = true;
	VEC_EACH(&symbols, s) {
		struct spot spot = { .addr = s->value + bias, .end = s->value + bias + s->size };
		bool again = false;

		if (!s->defined || (s->type != STT_FUNC && s->type != STT_GNU_IFUNC) || !allocates(s->name))
			continue;
		/* aliases of one function */
		VEC_EACH(&t->spots, other)
			again |= other->addr == spot.addr;
		if (again || !peek(pid, spot.addr, spot.old, sizeof(spot.old)) ||
		    !poke(pid, spot.addr, trap, sizeof(trap)))
			continue;
		VEC_PUSH(&t->spots, spot);
	}
	VEC_FREE(&symbols);
}

/* Each file that is mapped, once, at its lowest address: what is at offset 0 of it. */
static void find_spots(struct tracer *t, pid_t pid, uint64_t entry)
{
	CLEAN_FREE char *maps = xasprintf("/proc/%d/maps", (int)pid), *exe = xasprintf("/proc/%d/exe", (int)pid);
	CLEAN_ELF struct elf_file program = { .path = NULL };
	CLEAN_BUF struct buf text = BUF_INIT;
	char self[4096];
	struct err ignored;
	struct str rest;
	ssize_t n = readlink(exe, self, sizeof(self) - 1);
	uint64_t bias = 0;

	if (n < 0 || fs_read(maps, MAPS_MAX, &text, &ignored) < 0)
		return;
	self[n] = '\0';
	if (elf_open(&program, t->pr->target->path, &ignored) == 0)
		bias = entry - program.entry;
	if (program.has_symtab || !t->debug)
		add_spots(t, pid, t->pr->target->path, bias);
	else
		add_spots(t, pid, t->debug, bias);
	rest = buf_str(&text);
	while (rest.len) {
		struct str line = rest;
		uint64_t start, offset;
		int at = 0;

		rest = str_cut(&line, '\n');
		{
			CLEAN_FREE char *one = xstrndup(line.ptr, line.len);

			if (sscanf(one, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %n", &start, &offset, &at) < 2 ||
			    offset != 0 || one[at] != '/' || strcmp(one + at, self) == 0)
				continue;
			/* of the dynamic linker's own, which has one until libc is there, nothing is counted */
			if (strstr(one + at, "/ld-linux"))
				continue;
			add_spots(t, pid, one + at, start);
		}
	}
}

/* ---- the thread that traces ---- */

static uint64_t entry_of(pid_t pid)
{
	CLEAN_FREE char *path = xasprintf("/proc/%d/auxv", (int)pid);
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err ignored;

	if (fs_read(path, 1u << 16, &b, &ignored) < 0)
		return 0;
	for (size_t i = 0; i + sizeof(Elf64_auxv_t) <= b.len; i += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t a;

		memcpy(&a, b.ptr + i, sizeof(a));
		if (a.a_type == AT_ENTRY)
			return a.a_un.a_val;
	}
	return 0;
}

static int start_traced(struct tracer *t)
{
	struct process *pr = t->pr;
	int ws;

	pr->pid = fork();
	if (pr->pid < 0)
		return err_sys(&t->err, "cannot fork");
	if (pr->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		setpgid(0, 0);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(126);
		execve(pr->argv[0], (char *const *)(uintptr_t)pr->argv, pr->env.ptr);
		_exit(127);
	}
	while (waitpid(pr->pid, &ws, 0) < 0 && errno == EINTR)
		;
	if (!WIFSTOPPED(ws)) {
		pr->reaped = true;
		if (WIFEXITED(ws) && WEXITSTATUS(ws) == 126)
			return err_set(&t->err, ERR_TOOL, "cannot count allocations: ptrace is forbidden here");
		return err_set(&t->err, ERR_IO, "cannot run %s", pr->target->shown);
	}
	ptrace(PTRACE_SETOPTIONS, pr->pid, NULL,
	       (void *)(uintptr_t)(PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
				   PTRACE_O_TRACEVFORK));
	t->entry = entry_of(pr->pid);
	if (!t->entry || !peek(pr->pid, t->entry, t->entry_old, sizeof(t->entry_old)) ||
	    !poke(pr->pid, t->entry, trap, sizeof(trap)))
		return err_set(&t->err, ERR_TOOL, "cannot count allocations: %s cannot be looked into",
			       pr->target->shown);
	pr->begun = start_now();
	return ptrace(PTRACE_CONT, pr->pid, NULL, NULL) < 0 ? err_sys(&t->err, "cannot trace %s", pr->target->shown)
							     : 0;
}

static bool is_inside(const struct tracer *t, uint64_t addr)
{
	VEC_EACH(&t->spots, s)
		if (addr >= s->addr && addr < s->end)
			return true;
	return false;
}

/* What was there runs for one step; who else comes by meanwhile is not counted. False: no breakpoint of ours. */
static bool on_trap(struct tracer *t, pid_t tid)
{
	uint64_t at, back;
	int ws;

	if (!where(tid, &at, &back))
		return false;
	if (t->entry && at == t->entry) {
		if (!poke(tid, at, t->entry_old, sizeof(t->entry_old)) || !go_to(tid, at))
			return false;
		find_spots(t, tid, at);
		t->entry = 0;
		return true;
	}
	VEC_EACH(&t->spots, s) {
		if (s->addr != at)
			continue;
		t->count += !is_inside(t, back);
		if (!poke(tid, at, s->old, sizeof(s->old)) || !go_to(tid, at) ||
		    ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL) < 0)
			return false;
		while (waitpid(tid, &ws, __WALL) < 0 && errno == EINTR)
			;
		if (!WIFSTOPPED(ws))
			return true;
		return poke(tid, at, trap, sizeof(trap));
	}
	return false;
}

static void trace(struct tracer *t)
{
	struct process *pr = t->pr;

	for (;;) {
		int ws, sig = 0;
		pid_t tid = waitpid(-pr->pid, &ws, __WALL);

		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			break;
		if (!WIFSTOPPED(ws)) {
			if (tid != pr->pid)
				continue;
			pr->wstatus = ws;
			break;
		}
		if (WSTOPSIG(ws) == SIGTRAP && ws >> 16 == 0)
			sig = on_trap(t, tid) ? 0 : SIGTRAP;
		else if (ws >> 16 == 0 && WSTOPSIG(ws) != SIGSTOP)
			sig = WSTOPSIG(ws);
		ptrace(PTRACE_CONT, tid, NULL, (void *)(uintptr_t)sig);
	}
}

static void *run(void *arg)
{
	struct tracer *t = arg;
	const uint64_t one = 1;

	t->err = (struct err)ERR_INIT;
	if (start_traced(t) < 0) {
		(void)!write(t->begun, &one, sizeof(one));
		return NULL;
	}
	(void)!write(t->begun, &one, sizeof(one));
	trace(t);
	(void)!write(t->done, &one, sizeof(one));
	return NULL;
}

int start_allocations(const struct start_target *target, const char *debug, uint64_t *count, bool *known,
		      struct err *err)
{
	struct process pr;
	struct tracer t = { .pr = &pr, .debug = debug, .done = -1, .begun = -1 };
	pthread_t thread;
	uint64_t n;
	int ret = -1;

	if (target->qemu)
		return err_set(err, ERR_TOOL, "cannot count allocations: %s is of another machine", target->shown);
	t.done = eventfd(0, EFD_CLOEXEC);
	t.begun = eventfd(0, EFD_CLOEXEC);
	if (t.done < 0 || t.begun < 0) {
		err_sys(err, "cannot make a pipe");
	} else if (process_ready(&pr, target, err) == 0) {
		pr.traced = true;
		if (pthread_create(&thread, NULL, run, &t) != 0) {
			err_set(err, ERR_IO, "cannot make a thread");
		} else {
			while (read(t.begun, &n, sizeof(n)) < 0 && errno == EINTR)
				;
			if (t.err.code != ERR_NONE) {
				*err = t.err;
			} else {
				pr.pidfd = dup(t.done);
				ret = process_serve(&pr, err);
			}
			if (pr.pid > 0 && !pr.reaped) {
				kill(-pr.pid, SIGKILL);
				kill(pr.pid, SIGKILL);
			}
			pthread_join(thread, NULL);
			pr.reaped = true;
		}
		*count = t.count;
		*known = t.known;
		process_end(&pr);
	}
	VEC_FREE(&t.spots);
	clean_fd_(&t.done);
	clean_fd_(&t.begun);
	return ret;
}
