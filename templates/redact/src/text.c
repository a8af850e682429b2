#include "text.h"

#define CARD_MIN 13
#define CARD_MAX 19

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

/* As people write them, not all that RFC 5321 allows; what is beyond ASCII counts as a letter. */
static bool in_local(char c)
{
	return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '\'';
}

static bool in_domain(char c)
{
	return is_alnum(c) || c == '.' || c == '-';
}

/* An address around the '@' at @at. */
static bool find_mail(struct slsc_str text, size_t from, size_t at, struct hit *hit)
{
	size_t start = at, end = at + 1, dot = 0;

	while (start > from && in_local(text.ptr[start - 1]))
		start--;
	while (end < text.len && in_domain(text.ptr[end]))
		end++;
	while (end > at + 1 && !is_alnum(text.ptr[end - 1]))
		end--; /* the end of a sentence */
	for (size_t i = at + 2; i + 2 < end; i++)
		dot = text.ptr[i] == '.' ? i : dot;
	if (start == at || !dot)
		return false;
	*hit = (struct hit){start, end, "[email]"};
	return true;
}

/* By the first digits: Visa, American Express and its like, Mastercard, Maestro, Discover, JCB, UnionPay. */
static bool is_issued(const char *digits, size_t len)
{
	int four = (digits[0] - '0') * 1000 + (digits[1] - '0') * 100 + (digits[2] - '0') * 10 + digits[3] - '0';

	if (four >= 2221 && four <= 2720)
		return len == 16;
	return four >= 3000 && four < 7000;
}

static bool luhn(const char *digits, size_t len)
{
	int sum = 0;

	for (size_t i = 0; i < len; i++) {
		int n = digits[len - 1 - i] - '0';

		n <<= i & 1;
		sum += n > 9 ? n - 9 : n;
	}
	return sum % 10 == 0;
}

/* A number that begins with the digit at @start; the longest, where several would do. */
static bool find_card(struct slsc_str text, size_t start, struct hit *hit)
{
	char digits[CARD_MAX];
	size_t n = 0, i = start;
	bool found = false;

	while (i < text.len && n < CARD_MAX && is_digit(text.ptr[i])) {
		digits[n++] = text.ptr[i++];
		if (i < text.len && is_digit(text.ptr[i]))
			continue;
		if (n >= CARD_MIN && is_issued(digits, n) && luhn(digits, n)) {
			*hit = (struct hit){start, i, "[card]"};
			found = true;
		}
		if (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '-'))
			i++;
	}
	return found;
}

bool text_find(struct slsc_str text, size_t from, struct hit *hit)
{
	for (size_t i = from; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '@' && find_mail(text, from, i, hit))
			return true;
		if (is_digit(c) && (i == 0 || !is_digit(text.ptr[i - 1])) && find_card(text, i, hit))
			return true;
	}
	return false;
}

/* How many bytes the character at @p has, 0 if it is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (!len || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Too long a form, a surrogate, beyond U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

bool text_is_utf8(struct slsc_str text)
{
	const unsigned char *p = (const unsigned char *)text.ptr;
	size_t i = 0, len;

	for (; i < text.len; i += len) {
		len = utf8_len(p + i, text.len - i);
		if (!len)
			return false;
	}
	return true;
}
