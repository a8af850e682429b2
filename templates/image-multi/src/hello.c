#include <stdio.h>

#if defined(__x86_64__)
#define MACHINE "x86_64"
#elif defined(__aarch64__)
#define MACHINE "arm64"
#endif

int main(void)
{
	return puts("Hello from a static binary for " MACHINE "!") < 0;
}
