/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/hurry.h"

#include <time.h>

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void hurry_init(struct hurry *h, const struct registry_opts *o)
{
	*h = (struct hurry){ .left = HURRY_MS };
	if (o)
		h->opts = *o;
	h->opts.until = &h->until;
	h->env.opts = &h->opts;
	h->origins = (struct origin_env){ .registry = registry_open, .ctx = &h->env };
	pthread_mutex_init(&h->lock, NULL);
}

void hurry_release(struct hurry *h)
{
	pthread_mutex_destroy(&h->lock);
}

static int64_t for_bytes(const struct hurry *h)
{
	return h->bytes / HURRY_RATE < HURRY_BYTES_MS ? (int64_t)(h->bytes / HURRY_RATE) : HURRY_BYTES_MS;
}

/* Of several at once the time passes once. */
void hurry_begin(struct hurry *h, uint64_t bytes)
{
	pthread_mutex_lock(&h->lock);
	if (!h->users++) {
		h->begun = now_ms();
		h->bytes = 0;
	}
	h->bytes = bytes > UINT64_MAX - h->bytes ? UINT64_MAX : h->bytes + bytes;
	atomic_store(&h->until, h->begun + h->left + for_bytes(h));
	pthread_mutex_unlock(&h->lock);
}

void hurry_end(struct hurry *h)
{
	pthread_mutex_lock(&h->lock);
	if (!--h->users) {
		const int64_t beyond = now_ms() - h->begun - for_bytes(h);

		h->left -= beyond > 0 ? beyond : 0;
	}
	pthread_mutex_unlock(&h->lock);
}
