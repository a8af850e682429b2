/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_MAP_H
#define SLSC_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A string to pointer map that remembers insertion order. Zero-initialised is empty. Keys are copied. */
struct map {
	struct map_entry {
		char *key;
		void *val;	/* borrowed */
	} *ptr;
	size_t len, cap;
	uint32_t *slots;	/* index + 1 into ptr; a power of two many */
	size_t nslots;
};

#define CLEAN_MAP __attribute__((cleanup(map_release)))

/** map_get - the value, or NULL. */
void *map_get(const struct map *m, const char *key);
bool map_has(const struct map *m, const char *key);
/** map_put - insert or replace; returns the value that was there, or NULL. */
void *map_put(struct map *m, const char *key, void *val);
void map_release(struct map *m);

#endif
