/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_spool.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "flow/value.h"
#include "os/fs.h"

#define CHUNK (1u << 20)

int flow_spool_add(struct flow_spool *s, const json_t *event, struct err *err)
{
	buf_addc(&s->text, s->fd < 0 && !s->text.len ? '[' : ',');
	flow_value_dump(event, &s->text);
	if (s->text.len < CHUNK)
		return 0;
	if (s->fd < 0 && (s->fd = fs_scratch(&s->shown, err)) < 0)
		return -1;
	if (fs_write_all(s->fd, s->text.ptr, s->text.len, s->shown, err) < 0)
		return -1;
	buf_reset(&s->text);
	return 0;
}

int flow_spool_print(const struct flow_spool *s, struct err *err)
{
	CLEAN_BUF struct buf block = BUF_INIT;
	off_t at = 0;
	ssize_t n = 0;

	if (s->fd >= 0)
		buf_reserve(&block, CHUNK);
	while (s->fd >= 0 && (n = pread(s->fd, block.ptr, CHUNK, at)) > 0) {
		if (out_stdout(block.ptr, (size_t)n, err) < 0)
			return -1;
		at += n;
	}
	if (n < 0)
		return err_sys(err, "cannot read %s", s->shown);
	if (at == 0 && !s->text.len)
		return out_stdout("[]", 2, err);
	return out_stdout(s->text.ptr, s->text.len, err) < 0 ? -1 : out_stdout("]", 1, err);
}

void flow_spool_release(struct flow_spool *s)
{
	buf_release(&s->text);
	clean_fd_(&s->fd);
	free(s->shown);
	s->shown = NULL;
}
