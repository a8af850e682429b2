/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* FNV-1a: keys are names in a project file, bounded in number by the reader's limits. */
static uint64_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static size_t find_slot(const struct map *m, const char *key)
{
	size_t i = (size_t)hash(key) & (m->nslots - 1);

	while (m->slots[i] && strcmp(m->ptr[m->slots[i] - 1].key, key) != 0)
		i = (i + 1) & (m->nslots - 1);
	return i;
}

static void grow(struct map *m)
{
	free(m->slots);
	m->nslots = m->nslots ? m->nslots * 2 : 16;
	m->slots = xcalloc(m->nslots, sizeof(*m->slots));
	for (size_t i = 0; i < m->len; i++)
		m->slots[find_slot(m, m->ptr[i].key)] = (uint32_t)(i + 1);
}

void *map_get(const struct map *m, const char *key)
{
	size_t i;

	if (!m->len)
		return NULL;
	i = find_slot(m, key);
	return m->slots[i] ? m->ptr[m->slots[i] - 1].val : NULL;
}

bool map_has(const struct map *m, const char *key)
{
	return m->len && m->slots[find_slot(m, key)];
}

void *map_put(struct map *m, const char *key, void *val)
{
	size_t i;

	if ((m->len + 1) * 2 > m->nslots)
		grow(m);
	i = find_slot(m, key);
	if (m->slots[i]) {
		struct map_entry *e = &m->ptr[m->slots[i] - 1];
		void *old = e->val;

		e->val = val;
		return old;
	}
	if (m->len == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 8;
		m->ptr = xrealloc(m->ptr, m->cap * sizeof(*m->ptr));
	}
	m->ptr[m->len++] = (struct map_entry){ xstrdup(key), val };
	m->slots[i] = (uint32_t)m->len;
	return NULL;
}

void map_release(struct map *m)
{
	for (size_t i = 0; i < m->len; i++)
		free(m->ptr[i].key);
	free(m->ptr);
	free(m->slots);
	*m = (struct map){ 0 };
}
