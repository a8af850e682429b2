/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/machine.h"

/* RFC 3339, 5.6, as the States Language narrows it. */

static bool digits(const char **s, const char *end, unsigned n, unsigned *out)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++, ++*s) {
		if (*s == end || **s < '0' || **s > '9')
			return false;
		v = v * 10 + (unsigned)(**s - '0');
	}
	*out = v;
	return true;
}

static bool letter(const char **s, const char *end, char c)
{
	if (*s == end || **s != c)
		return false;
	++*s;
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar, which is counted from March on: the leap day comes last. */
static int64_t days(unsigned year, unsigned month, unsigned day)
{
	const int64_t y = (int64_t)year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	const int64_t of_era = y - era * 400,
		      of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int flow_time_parse(const char *s, size_t n, struct flow_time *out)
{
	static const unsigned char lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *end = s + n;
	unsigned year, month, day, hour, minute, second, oh, om, nsec = 0, scale = 100000000;
	bool leap, minus;

	if (!digits(&s, end, 4, &year) || !letter(&s, end, '-') || !digits(&s, end, 2, &month) ||
	    !letter(&s, end, '-') || !digits(&s, end, 2, &day) || !letter(&s, end, 'T') || !digits(&s, end, 2, &hour) ||
	    !letter(&s, end, ':') || !digits(&s, end, 2, &minute) || !letter(&s, end, ':') ||
	    !digits(&s, end, 2, &second))
		return -1;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	/* second 60 is a leap second: the one behind it has the same number */
	if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (unsigned)(leap && month == 2) ||
	    hour > 23 || minute > 59 || second > 60)
		return -1;
	if (letter(&s, end, '.')) {
		if (s == end || *s < '0' || *s > '9')
			return -1;
		for (; s < end && *s >= '0' && *s <= '9'; s++, scale /= 10)
			nsec += (unsigned)(*s - '0') * scale;
	}
	out->sec = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	out->nsec = nsec;
	if (letter(&s, end, 'Z'))
		return s == end ? 0 : -1;
	minus = s < end && *s == '-';
	if (!minus && !letter(&s, end, '+'))
		return -1;
	s += minus;
	if (!digits(&s, end, 2, &oh) || !letter(&s, end, ':') || !digits(&s, end, 2, &om) || s != end || oh > 23 ||
	    om > 59)
		return -1;
	out->sec += (minus ? 1 : -1) * (int64_t)(oh * 3600 + om * 60);
	return 0;
}

int flow_time_compare(struct flow_time a, struct flow_time b)
{
	if (a.sec != b.sec)
		return a.sec < b.sec ? -1 : 1;
	return (a.nsec > b.nsec) - (a.nsec < b.nsec);
}
