/*
 * A program of its own: slsc builds and packages it, nothing is linked in.
 */
#include <string.h>
#include <unistd.h>

int main(void)
{
	static const char text[] = "Hello from a static binary!\n";

	/* write(2), not stdio: a third of the size. */
	return write(STDOUT_FILENO, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : 1;
}
