/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_COMMANDS_H
#define SLSC_COMMANDS_H

#include "cli/help.h"

extern const struct cmd cmd_base;
extern const struct cmd cmd_bench;
extern const struct cmd cmd_build;
extern const struct cmd cmd_cache;
extern const struct cmd cmd_chaos;
extern const struct cmd cmd_check;
extern const struct cmd cmd_compare;
extern const struct cmd cmd_completion;
extern const struct cmd cmd_config;
extern const struct cmd cmd_copy;
extern const struct cmd cmd_deploy;
extern const struct cmd cmd_diff;
extern const struct cmd cmd_doctor;
extern const struct cmd cmd_flow;
extern const struct cmd cmd_help;
extern const struct cmd cmd_init;
extern const struct cmd cmd_inspect;
extern const struct cmd cmd_invoke;
extern const struct cmd cmd_local;
extern const struct cmd cmd_login;
extern const struct cmd cmd_logout;
extern const struct cmd cmd_logs;
extern const struct cmd cmd_package;
extern const struct cmd cmd_pull;
extern const struct cmd cmd_push;
extern const struct cmd cmd_sbom;
extern const struct cmd cmd_scale;
extern const struct cmd cmd_sign;
extern const struct cmd cmd_tune;
extern const struct cmd cmd_verify_signature;
extern const struct cmd cmd_version;
extern const struct cmd cmd_warm;

/* Hidden: for slsc itself, its build and its completions. */
extern const struct cmd cmd_base_make;
extern const struct cmd cmd_complete;
extern const struct cmd cmd_distribute;
extern const struct cmd cmd_fault;
extern const struct cmd cmd_deps;
extern const struct cmd cmd_finish;
extern const struct cmd cmd_sandbox;

/** The program and the table of its commands, in the order that help shows. */
extern const struct cli slsc_cli;

#endif
