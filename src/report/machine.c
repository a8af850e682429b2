/* SPDX-License-Identifier: Apache-2.0 */
#include "report/machine.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fs.h"

const char *machine_text(struct arena *a)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct utsname u;
	struct err ignored;
	const char *model = "";
	int n = 0;

	if (fs_read("/proc/cpuinfo", 4u << 20, &text, &ignored) == 0) {
		char *at = strstr(text.ptr, "model name");

		at = at ? strchr(at, ':') : NULL;
		if (at) {
			at[strcspn(at, "\n")] = '\0';
			model = at + 2;
		}
	}
	n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (uname(&u) < 0)
		return arena_strdup(a, "");
	return arena_printf(a, "%s %s, %s, %d%s%s", u.sysname, u.release, u.machine, n, *model ? " × " : " processors",
			    model);
}
