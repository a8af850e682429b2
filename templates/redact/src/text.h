/* What is not to be read in free text: addresses of mail, numbers of cards. */
#ifndef REDACT_TEXT_H
#define REDACT_TEXT_H

#include <slsc.h>

/**
 * struct hit - a part of a text.
 * @start, @end: bytes of the text.
 * @mask:        what goes in its place.
 */
struct hit {
	size_t start, end;
	const char *mask;
};

/**
 * text_find - the first mail address or card number that begins at byte @from or later.
 *
 * A card's number has 13 to 19 digits, one blank or dash between two of them at most; begins as those of the large
 * networks do; and its last digit is right (Luhn). Neither a time in milliseconds nor most ids pass for one.
 */
bool text_find(struct slsc_str text, size_t from, struct hit *hit);

/** text_is_utf8 - whether all of @text is (RFC 3629). */
bool text_is_utf8(struct slsc_str text);

#endif
