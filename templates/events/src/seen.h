/*
 * Which events have been handled already.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdint.h>

#define SEEN_MAX 4096u /* a power of two; the oldest is forgotten first */

/* A table of the last SEEN_MAX events, by a hash of 64 bits. */
struct seen {
	uint64_t ring[SEEN_MAX];
	uint32_t slots[2 * SEEN_MAX]; /* index into ring + 1; 0: free */
	uint64_t next;
};

/* Take the event for ours. Returns 1, or 0 when it has been taken before. */
int seen_claim(struct seen *seen, uint64_t event);

/* Undo it, for an event that could not be handled. */
void seen_release(struct seen *seen, uint64_t event);

#endif
