/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_VCS_LINK_H
#define SLSC_VCS_LINK_H

#include <stdbool.h>
#include <string.h>

/**
 * link_stays_inside - whether a symlink at @path (relative, cleaned, its parents real directories) with @target
 * cannot lead out of the tree, however the other links of that tree point.
 * ".." is taken only at the start of @target, where it climbs real directories, and no higher than the top; what
 * follows descends, through links that hold to the same. So "a/../b" is refused although it may be harmless.
 */
static inline bool link_stays_inside(const char *path, const char *target)
{
	size_t depth = 0;
	bool down = false;

	if (target[0] == '/' || target[0] == '\0')
		return false;
	for (const char *s = path; *s; s++)
		depth += *s == '/';
	for (const char *s = target; *s;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.') {
			if (down || depth-- == 0)
				return false;
		} else if (n && !(n == 1 && s[0] == '.')) {
			down = true;
		}
		s += n;
		s += strspn(s, "/");
	}
	return true;
}

#endif
