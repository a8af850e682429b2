/* SPDX-License-Identifier: Apache-2.0 */
/* Replays files (or all files of directories) through a fuzz target: yesterday's crash is today's test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	struct stat st;
	size_t n;

	if (!f || fstat(fileno(f), &st) < 0) {
		perror(path);
		return 1;
	}
	p = malloc((size_t)st.st_size + 1);
	if (!p)
		abort();
	n = fread(p, 1, (size_t)st.st_size, f);
	fclose(f);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	replayed++;
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **names;
		int n = scandir(argv[i], &names, NULL, alphasort);

		if (n < 0) {
			bad |= replay(argv[i]);
			continue;
		}
		for (int j = 0; j < n; j++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], names[j]->d_name);
			if (names[j]->d_name[0] != '.')
				bad |= replay(path);
			free(names[j]);
		}
		free(names);
	}
	printf("%lu inputs replayed\n", replayed);
	return bad || !replayed;
}
