/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crash of the handler: reported with its type and a short backtrace, before the process dies of
 * the same signal. All of it is safe in a signal handler, on a stack of its own.
 */
#include "lambda.h"

#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

/* ---- sigaction ---- */

/* The kernel's own struct, the same on all architectures of ours. */
struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#ifdef __x86_64__
/* Here the kernel returns from a handler by way of user code; debuggers know it by these very bytes. */
void slsc_rt_sigreturn(void);
__asm__(".pushsection .text.slsc_rt_sigreturn,\"ax\",@progbits\n"
	".hidden slsc_rt_sigreturn\n"
	".type slsc_rt_sigreturn,@function\n"
	"slsc_rt_sigreturn:\n"
	"	movq $15, %rax\n"
	"	syscall\n"
	".size slsc_rt_sigreturn, .-slsc_rt_sigreturn\n"
	".popsection");
#define RESTORER      slsc_rt_sigreturn
#define RESTORER_FLAG 0x04000000ul
#else
#define RESTORER      NULL
#define RESTORER_FLAG 0ul
#endif

#define BIT(sig) (1ull << ((sig)-1))

void slsc_rt_signal(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct kernel_sigaction sa = {handler, (unsigned)flags | RESTORER_FLAG, RESTORER,
				      BIT(SIGALRM) | BIT(SIGTERM)};

	syscall(SYS_rt_sigaction, sig, &sa, NULL, sizeof(sa.mask));
}

/* ---- the backtrace ---- */

#define SCAN_MAX   (64u << 10) /* bytes of stack */
#define FRAMES_MAX 16u

/* By the linker. */
extern const char __executable_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static bool is_code(uintptr_t pc)
{
	return pc - (uintptr_t)__executable_start < (uintptr_t)(etext - __executable_start);
}

static unsigned frames;

static void put_hex(struct slsc_out *out, uintptr_t value)
{
	if (value >> 4)
		put_hex(out, value >> 4);
	slsc_put(out, &"0123456789abcdef"[value & 15], 1);
}

static void add_frame(struct slsc_out *out, uintptr_t pc)
{
	/* A position-independent binary is reported as it was linked: what addr2line wants to know. */
	if (is_code(pc) && ((const uint16_t *)__executable_start)[8] == 3 /* ET_DYN */)
		pc -= (uintptr_t)__executable_start;
	slsc_put(out, " 0x", 3);
	put_hex(out, pc);
	frames++;
}

/* Whether @pc comes right after a call instruction. */
__attribute__((no_sanitize("address"))) static bool after_call(uintptr_t pc)
{
	if (!is_code(pc - 8) || !is_code(pc))
		return false;
#ifdef __x86_64__
	const unsigned char *p = (const unsigned char *)pc;

	/* call rel32; call r/m in its forms of 2, 3, 6 and 7 bytes */
	return p[-5] == 0xe8 || p[-2] == 0xff || p[-3] == 0xff || p[-6] == 0xff || p[-7] == 0xff;
#else
	uint32_t insn;

	if (pc & 3)
		return false;
	insn = *(const uint32_t *)(pc - 4);
	return (insn & 0xfc000000) == 0x94000000 /* bl */ || (insn & 0xfffffc1f) == 0xd63f0000 /* blr */;
#endif
}

/*
 * Functions have neither frame pointers nor unwind tables, which would cost size. So this takes what on
 * the stack points right behind a call: every caller is among these, and now and then a former one.
 */
__attribute__((no_sanitize("address"))) static void collect(const ucontext_t *context,
								 struct slsc_out *out)
{
#ifdef __x86_64__
	uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
	uintptr_t sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#else
	uintptr_t pc = context->uc_mcontext.pc, sp = context->uc_mcontext.sp;
#endif
	uintptr_t end = (sp & ~(uintptr_t)15) + SCAN_MAX, top = (uintptr_t)slsc_rt_environ;

	add_frame(out, pc);
#ifndef __x86_64__
	if (after_call(context->uc_mcontext.regs[30]))
		add_frame(out, context->uc_mcontext.regs[30]);
#endif
	/* Of another thread's stack the end is not known: running into it comes back to on_crash(). */
	if (sp < top && end > top)
		end = top;
	for (const uintptr_t *p = (const uintptr_t *)(sp & ~(uintptr_t)7);
	     (uintptr_t)p < end && frames < FRAMES_MAX; p++) {
		if (after_call(*p))
			add_frame(out, *p);
	}
}

/* ---- the report ---- */

static const struct {
	char name[8];
	unsigned char sig;
} crashes[] = {{"SIGSEGV", SIGSEGV}, {"SIGBUS", SIGBUS}, {"SIGFPE", SIGFPE}, {"SIGILL", SIGILL}, {"SIGABRT", SIGABRT}};

static _Alignas(16) char alt_stack[32768];

static void report(void)
{
	struct slsc_ctx *ctx = &slsc_rt_ctx;
	struct slsc_str none = {NULL, 0};

	if (slsc_rt_phase_take(PHASE_HANDLER, PHASE_IO) || slsc_rt_phase_take(PHASE_FALLBACK, PHASE_IO)) {
		if (slsc_rt_stream_end)
			slsc_rt_stream_end(-1);
		else
			slsc_rt_post_error(ctx->request_id, "/error");
	} else if (slsc_rt_phase_take(PHASE_INIT, PHASE_IO)) {
		slsc_rt_post_error(none, slsc_rt_init_path);
	} else {
		/* HTTP mode, or the runtime itself: nobody to tell. */
		slsc_rt_log_fail(ctx, "crashed");
	}
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	static volatile int stage, first;
	struct slsc_ctx *ctx = &slsc_rt_ctx;
	struct slsc_out out = {ctx->fail_message, 0, sizeof(ctx->fail_message) - 1, false};

	/* A crash while looking at the stack only ends the looking; one while reporting, all. */
	if (stage == 0) {
		stage = 1;
		first = sig;
		slsc_fail(ctx, "Runtime.Crash", NULL);
		memset(ctx->fail_message, 0, sizeof(ctx->fail_message));
		for (unsigned i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
			if (crashes[i].sig == sig)
				slsc_puts(&out, crashes[i].name);
		}
		/* An address comes with a fault of the processor's, not with abort() and kill(). */
		if (info->si_code > 0) {
			slsc_puts(&out, " at address 0x");
			put_hex(&out, (uintptr_t)info->si_addr);
		}
		slsc_puts(&out, ", called from");
		collect(context, &out);
	}
	if (stage == 1) {
		stage = 2;
		report();
	}
	slsc_rt_signal(first, NULL /* SIG_DFL */, 0);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), first);
	_exit(127);
}

void slsc_rt_crash_install(void)
{
	static const stack_t stack = {.ss_sp = alt_stack, .ss_size = sizeof(alt_stack)};

	syscall(SYS_sigaltstack, &stack, NULL);
	for (unsigned i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		slsc_rt_signal(crashes[i].sig, on_crash, SA_SIGINFO | SA_ONSTACK | SA_NODEFER);
}

RT_FOR_SIZE_END
