/* Memory for the stb libraries, which know of no context. */
#ifndef THUMBNAIL_ALLOC_H
#define THUMBNAIL_ALLOC_H

#include <stddef.h>

/* An image may be this wide and this high, in pixels, and 16 megapixels in all. */
#define THUMBNAIL_SIDE_MAX 16384
#define THUMBNAIL_PIXELS_MAX (16 << 20)

/* Both give memory until the invocation ends, or NULL. */
void *thumbnail_alloc(size_t size);
void *thumbnail_realloc(void *ptr, size_t old, size_t size);

#endif
