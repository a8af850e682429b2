/*
 * The stb libraries, compiled once. Their memory comes from the invocation (see alloc.h), so
 * whatever they leave behind on a damaged image goes away with it.
 */
#include "alloc.h"

#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_THREAD_LOCALS
#define STBI_NO_FAILURE_STRINGS
#define STBI_MAX_DIMENSIONS THUMBNAIL_SIDE_MAX
#define STBI_ASSERT(x) ((void)0)
#define STBI_MALLOC(size) thumbnail_alloc(size)
#define STBI_REALLOC_SIZED(ptr, old, size) thumbnail_realloc(ptr, old, size)
#define STBI_FREE(ptr) ((void)(ptr))
#define STB_IMAGE_IMPLEMENTATION

#define STBIR_ASSERT(x) ((void)0)
#define STBIR_MALLOC(size, context) thumbnail_alloc(size)
#define STBIR_FREE(ptr, context) ((void)(ptr))
#define STB_IMAGE_RESIZE_IMPLEMENTATION

#define STBI_WRITE_NO_STDIO
#define STBIW_ASSERT(x) ((void)0)
#define STBIW_MALLOC(size) thumbnail_alloc(size)
#define STBIW_REALLOC_SIZED(ptr, old, size) thumbnail_realloc(ptr, old, size)
#define STBIW_FREE(ptr) ((void)(ptr))
#define STB_IMAGE_WRITE_IMPLEMENTATION

/* Their warnings are not ours to mend. */
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <stb_image.h>
#include <stb_image_resize.h>
#include <stb_image_write.h>
