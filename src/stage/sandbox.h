/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SANDBOX_H
#define SLSC_STAGE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/project.h"

/*
 * Where RUN steps run: an overlay of layers in namespaces of our own. Nothing outlives the call: processes (a pid
 * namespace), mounts (a mount namespace), the registration of qemu (a binfmt_misc of the user namespace).
 */

/**
 * sandbox_enter - make this process able to own layers and to mount: nothing for root but a private mount namespace;
 * else a user namespace, with the ranges of /etc/subuid and /etc/subgid through newuidmap and newgidmap if the
 * user has them, else with the one id. Afterwards the process is root in it. Call with a single thread; again is
 * fine. ERR_TOOL with what the machine lacks and how to get it as the hint.
 */
int sandbox_enter(struct err *err) MUST_CHECK;
/** sandbox_maps_ids - whether owners other than root can be set (root, or a range). After sandbox_enter(). */
bool sandbox_maps_ids(void);

enum sandbox_kind {
	SANDBOX_BWRAP,		/* bubblewrap: the default */
	SANDBOX_OCI,		/* an OCI runtime: crun or runc */
};

struct sandbox_mount {
	enum { SANDBOX_BIND, SANDBOX_TMPFS, SANDBOX_OVERLAY } type;
	/* BIND: a file or directory of this machine; OVERLAY: of a directory, writes are lost */
	const char *source;
	/* absolute, in the sandbox; made for the run if it is not there, and gone afterwards */
	const char *target;
	bool readonly;
	uint64_t size;		/* TMPFS: bytes; 0: half of the memory */
	int mode;		/* TMPFS; -1: 01777 */
};

struct sandbox_run {
	enum sandbox_kind kind;
	enum arch arch;			/* of the programs; another than the machine's runs through qemu-user */
	const char *const *lowers;	/* fs directories of the layers, the lowest first */
	size_t nlowers;
	/* empty directories of one file system: what the run changes; overlay's own */
	const char *upper, *work;
	const char *const *argv;	/* argv[0] is looked up in PATH of @env, inside */
	const char *const *env;		/* all of it, "K=V" */
	const char *cwd;		/* absolute; exists */
	uint32_t uid, gid;
	const uint32_t *groups;		/* supplementary */
	size_t ngroups;
	bool network;			/* the machine's, with its resolv.conf and hosts; else none but loopback */
	const char *hostname;		/* NULL: "buildkitsandbox", as BuildKit has it */
	const struct sandbox_mount *mounts;
	size_t nmounts;
	struct str in;			/* stdin; empty: /dev/null */
	int in_fd;			/* in its place, a descriptor that stays the caller's; 0: none */
	/* each line of stdout and stderr, NUL-terminated, without its newline; from the calling thread */
	void (*line)(const char *line, size_t len, void *ctx);
	void *ctx;
};

/**
 * sandbox_run - *@status: the exit code, or 128 + signal; 126 and 127, with a line of output, if the command cannot be
 * executed or is not there. Mount points that are made for the run (/proc, /dev, /sys, resolv.conf, targets) do not
 * appear in @upper unless the run itself writes them; its mode, owner and time become those of the image's root
 * directory. Nothing in @upper is synced: do so before it is published. @work is to be removed afterwards. Thread-safe.
 * ERR_TOOL: bwrap, a runtime or qemu is missing, by name, or the file system of @upper cannot carry an overlay;
 * ERR_BUILD: a mount point is something else in the image; ERR_INTR: a signal came, and all is ended.
 *
 * Inside: root with the capabilities of Docker's default, no_new_privs, umask 0022, a session of its own, no other
 * descriptors, /sys read-only without firmware, fs and kernel; no keyctl, bpf and the like. With one id (see
 * sandbox_maps_ids()) a uid or gid other than 0 is ERR_TOOL; chown and set*id inside do nothing and succeed, so that
 * dpkg and tar work, and apt is told to stay root by a file in /etc/apt/apt.conf.d, if the image has that directory.
 */
int sandbox_run(const struct sandbox_run *r, int *status, struct err *err) MUST_CHECK;

/** One line of `slsc doctor`. */
struct sandbox_check {
	/* "user namespaces", "overlayfs", "bubblewrap", "subuid range", "arm64 through qemu", ... */
	const char *name;
	bool ok, needed;	/* needed: without it RUN does not work at all; else for what it is, in detail */
	char detail[200];	/* a version, or what is missing */
	char hint[200];		/* how to get it; empty if ok */
};
#define SANDBOX_CHECKS_MAX 12
/** sandbox_probe - by trying in children; returns how many of @out are filled. */
size_t sandbox_probe(struct sandbox_check out[SANDBOX_CHECKS_MAX]);

/** The hidden command `slsc _sandbox FD`: the child of sandbox_run(), which mounts and executes. Does not return. */
int sandbox_child(int fd, struct err *err) MUST_CHECK;

#endif
