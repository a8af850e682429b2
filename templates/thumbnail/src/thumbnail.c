/*
 * A real function: an image in, a smaller one out.
 *
 *	{"image": base64, "width": 320}		-> {"image": base64, "width": .., "height": ..}
 *	a function URL request, body = image	-> 200 image/png, or 400 with a message
 */
#include <slsc.h>
#include <stb_image.h>
#include <stb_image_resize.h>
#include <stb_image_write.h>
#include <string.h>

#include "alloc.h"

#define WIDTH_DEFAULT 256
#define WIDTH_MAX 2048

slsc_lambda_fn handler;

/* stb's allocator macros take no context; there is one invocation at a time. */
static struct slsc_ctx *current;

void *thumbnail_alloc(size_t size)
{
	return slsc_alloc(current, size);
}

void *thumbnail_realloc(void *ptr, size_t old, size_t size)
{
	void *p = size <= old && ptr ? ptr : slsc_alloc(current, size);

	if (p && p != ptr && ptr)
		memcpy(p, ptr, old);
	return p;
}

struct image {
	unsigned char *pixels;
	int width, height, channels;
};

/* Whether each Huffman table in a DHT segment, from its length on, has 256 codes at most. */
static bool tables_fit(const unsigned char *p, const unsigned char *end)
{
	size_t left;

	if (end - p < 2 || (left = (size_t)(p[0] << 8 | p[1])) < 2 || left > (size_t)(end - p))
		return false;
	for (left -= 2, p += 2; left;) {
		size_t codes = 0;

		if (left < 17)
			return false;
		for (int i = 1; i <= 16; i++)
			codes += p[i];
		if (codes > 256 || left - 17 < codes)
			return false;
		left -= 17 + codes;
		p += 17 + codes;
	}
	return true;
}

/*
 * Debian 12's stb_image (2.27) writes past its array when a Huffman table claims more than
 * 256 codes. So the segments up to the first scan are walked here, more strictly than stb
 * does, and what follows is searched for tables wherever they may be.
 */
static bool jpeg_is_sane(const unsigned char *p, const unsigned char *end)
{
	for (p += 2; end - p >= 4; p += 2 + (p[2] << 8 | p[3])) {
		if (p[0] != 0xff || (p[2] << 8 | p[3]) < 2 || end - p < 2 + (p[2] << 8 | p[3]))
			return false;
		if (p[1] == 0xc4 && !tables_fit(p + 2, end))
			return false;
		if (p[1] == 0xda)
			break;
	}
	for (; end - p >= 2; p++) {
		if (p[0] == 0xff && p[1] == 0xc4 && !tables_fit(p + 2, end))
			return false;
	}
	return true;
}

/* Returns NULL, or what is wrong with the image. */
static const char *decode(struct slsc_str file, struct image *img)
{
	const unsigned char *data = (const unsigned char *)file.ptr;
	int len = (int)file.len; /* an event has 6 MiB at most */

	if (file.len > 2 && data[0] == 0xff && !jpeg_is_sane(data, data + len))
		return "the image is damaged";
	if (!file.len || !stbi_info_from_memory(data, len, &img->width, &img->height,
						&img->channels))
		return "the image is neither JPEG nor PNG";
	/* Before a pixel is decoded: a few bytes of file can claim gigabytes. */
	if (img->width < 1 || img->height < 1 ||
	    (long long)img->width * img->height > THUMBNAIL_PIXELS_MAX)
		return "the image has more than 16 megapixels";
	img->channels = img->channels == 2 || img->channels == 4 ? 4 : 3;
	img->pixels = stbi_load_from_memory(data, len, &img->width, &img->height, NULL,
					    img->channels);
	return img->pixels ? NULL : "the image is damaged";
}

/* Shrink @img to @width, keeping its shape. Returns NULL or an error. */
static const char *shrink(struct image *img, int64_t width)
{
	struct image small = *img;

	if (width >= img->width)
		return NULL;
	small.width = (int)width;
	small.height = (int)((width * img->height + img->width / 2) / img->width);
	if (small.height < 1)
		small.height = 1;
	small.pixels = thumbnail_alloc((size_t)small.width * (size_t)small.height *
				       (size_t)small.channels);
	if (!small.pixels ||
	    !stbir_resize_uint8_srgb(img->pixels, img->width, img->height, 0, small.pixels,
				     small.width, small.height, 0, small.channels,
				     small.channels == 4 ? 3 : STBIR_ALPHA_CHANNEL_NONE, 0))
		return "not enough memory to resize the image";
	*img = small;
	return NULL;
}

static void keep_png(void *png, void *data, int size)
{
	/* stb hands the whole file over, in memory that lives as long as the invocation. */
	*(struct slsc_str *)png = (struct slsc_str){data, (size_t)size};
}

static const char *thumbnail(struct slsc_ctx *ctx, struct slsc_str file, int64_t width,
			     struct image *img, struct slsc_str *png)
{
	const char *error;

	current = ctx;
	if (width < 1 || width > WIDTH_MAX)
		return "\"width\" is not a number from 1 to 2048";
	if ((error = decode(file, img)) || (error = shrink(img, width)))
		return error;
	if (!stbi_write_png_to_func(keep_png, png, img->width, img->height, img->channels,
				    img->pixels, 0))
		return "not enough memory to write the image";
	return NULL;
}

/* A function URL request (payload format 2.0). The answer is always an HTTP one. */
static int from_url(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str value, body = {NULL, 0}, text;
	int64_t width = WIDTH_DEFAULT;
	bool encoded = false;
	const char *error = NULL;
	struct image img;
	struct slsc_str png;

	if (slsc_json_get(in, "queryStringParameters", &value) > 0 &&
	    slsc_json_get(value, "width", &value) > 0 &&
	    (slsc_json_str(ctx, value, &text) || slsc_json_i64(text, &width)))
		width = 0;
	if (slsc_json_get(in, "isBase64Encoded", &value) > 0)
		(void)slsc_json_bool(value, &encoded);
	if (!encoded || slsc_json_get(in, "body", &value) < 1 ||
	    slsc_json_str(ctx, value, &text) || slsc_base64_decode(ctx, text, &body))
		error = "the body is not an image";
	if (!error)
		error = thumbnail(ctx, body, width, &img, &png);
	if (error) {
		slsc_puts(out, "{\"statusCode\":400,\"headers\":{\"content-type\":"
			       "\"application/json\"},\"body\":\"{\\\"message\\\":\\\"");
		for (const char *p = error; *p; p++)
			slsc_put(out, *p == '"' ? "'" : p, 1);
		slsc_puts(out, "\\\"}\"}");
		return 0;
	}
	slsc_puts(out, "{\"statusCode\":200,\"headers\":{\"content-type\":\"image/png\"},"
		       "\"isBase64Encoded\":true,\"body\":\"");
	slsc_put_base64(out, png.ptr, png.len);
	slsc_puts(out, "\"}");
	return 0;
}

/* With SLSC_PPROF=1, SIGUSR1 shows where the memory of an image goes: see README.md. */
int slsc_init(struct slsc_ctx *ctx)
{
	(void)ctx;
	(void)slsc_heap_profile_start();
	return 0;
}

/* The event {"X-Preheat": true} is answered without the handler, once the process is warm. */
SLSC_PREHEAT;

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str value, text, file;
	int64_t width = WIDTH_DEFAULT;
	struct image img;
	struct slsc_str png;
	const char *error;

	if (slsc_json_get(in, "requestContext", &value) > 0)
		return from_url(ctx, in, out);
	if (slsc_json_get(in, "width", &value) > 0 && slsc_json_i64(value, &width))
		width = 0;
	if (slsc_json_get(in, "image", &value) < 1 || slsc_json_str(ctx, value, &text))
		return slsc_fail(ctx, "InvalidInput", "the event has no string \"image\"");
	if (slsc_base64_decode(ctx, text, &file))
		return slsc_fail(ctx, "InvalidInput", "\"image\" is not base64");
	error = thumbnail(ctx, file, width, &img, &png);
	if (error)
		return slsc_fail(ctx, "InvalidInput", error);
	slsc_puts(out, "{\"image\":\"");
	slsc_put_base64(out, png.ptr, png.len);
	slsc_puts(out, "\",\"width\":");
	slsc_put_i64(out, img.width);
	slsc_puts(out, ",\"height\":");
	slsc_put_i64(out, img.height);
	slsc_puts(out, "}");
	return 0;
}
