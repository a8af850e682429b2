/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "flow/cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char machine[] =
	"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:us-east-1:123456789012:"
	"function:f\",\"TimeoutSeconds\":5,\"Retry\":[{\"ErrorEquals\":[\"E\"]}],\"Catch\":[{\"ErrorEquals\":["
	"\"States.ALL\"],\"Next\":\"C\"}],\"Next\":\"B\"},\"B\":{\"Type\":\"Wait\",\"Seconds\":3,\"Next\":\"C\"},"
	"\"C\":{"
	"\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"g\","
	"\"Payload.$\":\"$\"},\"End\":true}}}";

static const struct flow_program *program(struct flow_machine *m)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	static const struct flow_program *p;
	struct err err = ERR_INIT;

	if (!p && (flow_machine_parse(m, "m", machine, strlen(machine), NULL, &found, &err) < 0 ||
		   !(p = flow_program_new(m, &err))))
		BUG("%s", err.msg);
	return p;
}

/* A file of cases for one machine. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct flow_machine m;
	const struct flow_program *p = program(&m);
	struct err err = ERR_INIT;
	struct flow_cases cases;

	if (flow_cases_parse(&cases, &m, "t", (const char *)data, size, &err) < 0) {
		if (strncmp(err.msg, "t:", 2) != 0)
			BUG("no place in '%s'", err.msg);
	} else {
		for (size_t i = 0; i < cases.len; i++) {
			struct flow_verdict v;

			flow_case_run(&cases.ptr[i], p, NULL, &v);
			VEC_EACH(&v.unmet, u)
				if (!u->at.line || !u->text[0])
					BUG("something does not hold, and it is not said what or where");
			flow_verdict_release(&v);
		}
	}
	flow_cases_release(&cases);
	return 0;
}
