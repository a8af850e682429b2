/*
 * A hash table with linear probing over a ring, so that it never grows.
 */
#include "seen.h"

#define SLOT_MASK (2 * SEEN_MAX - 1)

/* The slot of @event, or the free one where it would be. */
static uint32_t find(const struct seen *seen, uint64_t event)
{
	uint32_t slot = (uint32_t)event & SLOT_MASK;

	while (seen->slots[slot] && seen->ring[seen->slots[slot] - 1] != event)
		slot = (slot + 1) & SLOT_MASK;
	return slot;
}

/* Free @slot, and move up what was pushed past it. */
static void drop(struct seen *seen, uint32_t slot)
{
	uint32_t moving, index;

	seen->slots[slot] = 0;
	for (;;) {
		slot = (slot + 1) & SLOT_MASK;
		index = seen->slots[slot];
		if (!index)
			return;
		seen->slots[slot] = 0;
		moving = find(seen, seen->ring[index - 1]);
		seen->slots[moving] = index;
	}
}

int seen_claim(struct seen *seen, uint64_t event)
{
	uint32_t slot = find(seen, event), index = (uint32_t)seen->next & (SEEN_MAX - 1), oldest;

	if (seen->slots[slot])
		return 0;
	if (seen->next >= SEEN_MAX) {
		oldest = find(seen, seen->ring[index]);
		if (seen->slots[oldest] == index + 1)
			drop(seen, oldest);
		slot = find(seen, event);
	}
	seen->ring[index] = event;
	seen->slots[slot] = index + 1;
	seen->next++;
	return 1;
}

void seen_release(struct seen *seen, uint64_t event)
{
	uint32_t slot = find(seen, event);

	if (seen->slots[slot])
		drop(seen, slot);
}
