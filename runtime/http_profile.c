/* SPDX-License-Identifier: Apache-2.0 */
/* GET /debug/pprof/heap. */
#include "heap_profile.h"

RT_FOR_SIZE_BEGIN

bool slsc_heap_profile_request(const struct slsc_request *req, struct slsc_response *res)
{
	int rc;

	if (!slsc_str_eq(req->path, "/debug/pprof/heap") ||
	    (!slsc_str_eq(req->method, "GET") && !slsc_str_eq(req->method, "HEAD")))
		return false;
	rc = slsc_rt_heap_profile_put(&res->body);
	/* Off: there is no such path, as far as anybody can tell. */
	if (rc > 0)
		return false;
	if (rc < 0)
		slsc_response_error(res, 503, "no memory for the profile");
	else
		(void)slsc_response_field(res, "Content-Type", SLSC_STR("application/octet-stream"));
	return true;
}

RT_FOR_SIZE_END
