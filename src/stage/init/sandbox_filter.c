/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/init/sandbox_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By numbers, since a program of another ABI than ours has others; each list ends with -1. */

/*
 * keyctl add_key request_key bpf perf_event_open userfaultfd kexec_load kexec_file_load init_module finit_module
 * delete_module open_by_handle_at: keys belong to the user, not to the sandbox; the rest is for who runs the machine.
 */
static const int denied_x86_64[] = { 250, 248, 249, 321, 298, 323, 246, 320, 175, 313, 176, 304, -1 };
static const int denied_i386[] = { 288, 286, 287, 357, 336, 374, 283, 128, 350, 129, 342, -1 };
static const int denied_arm64[] = { 219, 217, 218, 280, 241, 282, 104, 294, 105, 273, 106, 265, -1 };
static const int denied_arm[] = { 311, 309, 310, 386, 364, 388, 347, 401, 128, 379, 129, 371, -1 };

/* chown fchown lchown fchownat setgroups set{,re,res}{u,g}id setfs{u,g}id; the 32-bit ABIs have most of them twice */
static const int faked_x86_64[] = { 92, 93, 94, 260, 116, 105, 106, 113, 114, 117, 119, 122, 123, -1 };
static const int faked_i386[] = { 182, 95, 16, 212, 207, 198, 298, 81, 206, 23, 46, 70, 71, 164, 170, 138, 139,
				  213, 214, 203, 204, 208, 210, 215, 216, -1 };
static const int faked_arm64[] = { 54, 55, 159, 146, 144, 145, 143, 147, 149, 151, 152, -1 };
static const int faked_arm[] = { 182, 95, 16, 212, 207, 198, 325, 81, 206, 23, 46, 70, 71, 164, 170, 138, 139,
				 213, 214, 203, 204, 208, 210, 215, 216, -1 };

static const struct {
	uint32_t audit;
	const int *denied, *faked;
} abis[] = {
	{ AUDIT_ARCH_X86_64, denied_x86_64, faked_x86_64 },
	{ AUDIT_ARCH_AARCH64, denied_arm64, faked_arm64 },
	{ AUDIT_ARCH_I386, denied_i386, faked_i386 },
	{ AUDIT_ARCH_ARM, denied_arm, faked_arm },
};

#define X32_BIT 0x40000000u

struct program {
	struct sock_filter code[512];
	unsigned short len;
};

static void add(struct program *p, unsigned short op, uint32_t k, unsigned char yes, unsigned char no)
{
	p->code[p->len++] = (struct sock_filter){ op, yes, no, k };
}

static void add_list(struct program *p, const int *calls, uint32_t action)
{
	for (; *calls >= 0; calls++) {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)*calls, 0, 1);
		add(p, BPF_RET | BPF_K, action, 0, 0);
	}
}

int filter_install(bool one_id)
{
	static struct program p;
	struct sock_fprog prog;

	add(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	for (unsigned i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		unsigned short jump;

		add(&p, BPF_JMP | BPF_JEQ | BPF_K, abis[i].audit, 1, 0);
		jump = p.len;
		add(&p, BPF_JMP | BPF_JA, 0, 0, 0);
		add(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
		if (abis[i].audit == AUDIT_ARCH_X86_64) {
			/* x32 has a numbering of its own, and no users */
			add(&p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
			add(&p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
		}
		add_list(&p, abis[i].denied, SECCOMP_RET_ERRNO | EPERM);
		if (one_id)
			add_list(&p, abis[i].faked, SECCOMP_RET_ERRNO | 0);
		add(&p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
		p.code[jump].k = (uint32_t)(p.len - jump - 1);
	}
	add(&p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	prog = (struct sock_fprog){ p.len, p.code };
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}
