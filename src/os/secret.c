/* SPDX-License-Identifier: Apache-2.0 */
#include "os/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

/* Byte by byte: what comes after the line is another's. */
static int read_line(int fd, const char *name, struct buf *out, struct err *err)
{
	/* room for all of it, so that it is not copied about */
	buf_reserve(out, SECRET_MAX + 1);
	for (;;) {
		char c;
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR && sig_check(err) == 0)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read the password from %s", name);
		if (n == 0 || c == '\n')
			break;
		if (out->len >= SECRET_MAX)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: a password of more than %u bytes", name,
				       SECRET_MAX);
		buf_addc(out, c);
	}
	if (out->len && out->ptr[out->len - 1] == '\r')
		out->ptr[--out->len] = '\0';
	return 0;
}

int secret_stdin(struct buf *out, struct err *err)
{
	return read_line(STDIN_FILENO, "stdin", out, err);
}

int secret_tty(const char *prompt, struct buf *out, struct err *err)
{
	CLEAN_FD int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios was, quiet;
	int r;

	if (fd < 0 || tcgetattr(fd, &was) < 0)
		return err_set(err, ERR_NOTFOUND, "there is no terminal to ask for the password");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	quiet.c_lflag |= ECHONL;
	if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0)
		return err_sys(err, "cannot turn the terminal's echo off");
	r = fs_write_all(fd, prompt, strlen(prompt), "/dev/tty", err);
	if (r == 0)
		r = read_line(fd, "the terminal", out, err);
	tcsetattr(fd, TCSAFLUSH, &was);
	return r;
}
