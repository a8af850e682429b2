/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses, within a time: getaddrinfo() allocates, waits as long as resolv.conf says, adds 10 KB to a musl
 * binary and cannot be linked statically with glibc. RFC 1035 over UDP, no cache: a kept connection asks nothing.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define QUERY_MS 2000
#define ROUNDS 2u
#define TYPE_A 1u
#define TYPE_AAAA 28u

socklen_t slsc_rt_addr_len(const union slsc_rt_addr *addr)
{
	return addr->any.sa_family == AF_INET6 ? sizeof(addr->v6) : sizeof(addr->v4);
}

bool slsc_rt_addr_literal(struct slsc_str host, union slsc_rt_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (!host.len || host.len >= sizeof(text))
		return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &addr->v4.sin_addr) == 1) {
		addr->any.sa_family = AF_INET;
		return true;
	}
	if (inet_pton(AF_INET6, text, &addr->v6.sin6_addr) == 1) {
		addr->any.sa_family = AF_INET6;
		addr->v6.sin6_flowinfo = 0;
		addr->v6.sin6_scope_id = 0;
		return true;
	}
	return false;
}

static bool same_name(struct slsc_str a, struct slsc_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (slsc_rt_lower(a.ptr[i]) != slsc_rt_lower(b.ptr[i]))
			return false;
	}
	return true;
}

/* The next line of @text without its comment; false at the end. */
static bool next_line(struct slsc_str *text, struct slsc_str *line)
{
	const char *nl;

	if (!text->len)
		return false;
	nl = memchr(text->ptr, '\n', text->len);
	line->ptr = text->ptr;
	line->len = nl ? (size_t)(nl - text->ptr) : text->len;
	text->ptr += line->len + (nl != NULL);
	text->len -= line->len + (nl != NULL);
	for (size_t i = 0; i < line->len; i++) {
		if (line->ptr[i] == '#' || line->ptr[i] == ';')
			line->len = i;
	}
	return true;
}

static bool next_word(struct slsc_str *line, struct slsc_str *word)
{
	while (line->len && (unsigned char)*line->ptr <= ' ')
		line->ptr++, line->len--;
	word->ptr = line->ptr;
	while (line->len && (unsigned char)*line->ptr > ' ')
		line->ptr++, line->len--;
	word->len = (size_t)(line->ptr - word->ptr);
	return word->len > 0;
}

int slsc_rt_hosts_find(struct slsc_str text, struct slsc_str host, union slsc_rt_addr addrs[RESOLVE_ADDRS])
{
	struct slsc_str line, word;
	int count = 0;

	while (count < RESOLVE_ADDRS && next_line(&text, &line)) {
		if (!next_word(&line, &word) || !slsc_rt_addr_literal(word, &addrs[count]))
			continue;
		while (next_word(&line, &word)) {
			if (same_name(word, host)) {
				count++;
				break;
			}
		}
	}
	return count;
}

void slsc_rt_dns_config(struct slsc_str text, struct slsc_rt_dns *dns)
{
	struct slsc_str line, word;
	uint64_t n;

	memset(dns, 0, sizeof(*dns));
	dns->ndots = 1;
	while (next_line(&text, &line)) {
		if (!next_word(&line, &word))
			continue;
		if (slsc_str_eq(word, "nameserver") && dns->server_count < RESOLVE_SERVERS) {
			union slsc_rt_addr *a = &dns->servers[dns->server_count];

			if (next_word(&line, &word) && slsc_rt_addr_literal(word, a)) {
				a->v4.sin_port = htons(53);
				dns->server_count++;
			}
		} else if (slsc_str_eq(word, "search") || slsc_str_eq(word, "domain")) {
			dns->search_count = 0; /* the last one counts */
			while (dns->search_count < RESOLVE_SEARCH && next_word(&line, &word))
				dns->search[dns->search_count++] = word;
		} else if (slsc_str_eq(word, "options")) {
			while (next_word(&line, &word)) {
				if (word.len > 6 && memcmp(word.ptr, "ndots:", 6) == 0 &&
				    !slsc_rt_u64((struct slsc_str){word.ptr + 6, word.len - 6}, &n))
					dns->ndots = n > 15 ? 15 : (unsigned)n;
			}
		}
	}
	if (!dns->server_count) {
		dns->servers[0].v4.sin_family = AF_INET;
		dns->servers[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		dns->servers[0].v4.sin_port = htons(53);
		dns->server_count = 1;
	}
}

size_t slsc_rt_dns_query(unsigned char message[DNS_MESSAGE], struct slsc_str name, unsigned id, unsigned type)
{
	unsigned char *p = message + 12, *label = p++;

	if (name.len && name.ptr[name.len - 1] == '.')
		name.len--;
	if (!name.len || name.len > RESOLVE_NAME - 1)
		return 0;
	memset(message, 0, 12);
	message[0] = (unsigned char)(id >> 8);
	message[1] = (unsigned char)id;
	message[2] = 1; /* recursion desired */
	message[5] = 1; /* one question */
	for (size_t i = 0; i <= name.len; i++) {
		if (i < name.len && name.ptr[i] != '.') {
			*p++ = (unsigned char)name.ptr[i];
			continue;
		}
		if (p - label < 2 || p - label > 64)
			return 0;
		*label = (unsigned char)(p - label - 1);
		label = p++;
	}
	*label = 0;
	*p++ = 0;
	*p++ = (unsigned char)type;
	*p++ = 0;
	*p++ = 1; /* IN */
	return (size_t)(p - message);
}

static unsigned be16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

int slsc_rt_dns_answer(const unsigned char *m, size_t len, const unsigned char *query, size_t query_len,
		       union slsc_rt_addr addrs[RESOLVE_ADDRS])
{
	const unsigned char *p = m + query_len, *end = m + len;
	unsigned records, type = query[query_len - 3], rcode;
	int count = 0;

	/* Who does not know the question, its case aside, is not the server that was asked. */
	if (len < query_len || be16(m) != be16(query) || !(m[2] & 0x80) || be16(m + 4) != 1)
		return -1;
	for (size_t i = 12; i < query_len; i++) {
		if (slsc_rt_lower((char)m[i]) != slsc_rt_lower((char)query[i]))
			return -1;
	}
	rcode = m[3] & 15;
	if (rcode)
		return rcode == 3 ? -2 : -3;
	for (records = be16(m + 6); records && count < RESOLVE_ADDRS; records--) {
		unsigned size;

		/* A name: labels, and at its end a zero or a pointer. It need not be followed. */
		while (p < end && *p && *p < 64)
			p += *p + 1u;
		if (p >= end)
			break;
		p += *p >= 192 ? 2 : 1;
		if (end - p < 10)
			break;
		size = be16(p + 8);
		if ((size_t)(end - p - 10) < size)
			break;
		if (be16(p) == type && be16(p + 2) == 1 && size == (type == TYPE_A ? 4 : 16)) {
			union slsc_rt_addr *a = &addrs[count++];

			memset(a, 0, sizeof(*a));
			a->any.sa_family = type == TYPE_A ? AF_INET : AF_INET6;
			memcpy(type == TYPE_A ? (void *)&a->v4.sin_addr : (void *)&a->v6.sin6_addr, p + 10, size);
		}
		p += 10 + size;
	}
	return count;
}

/* One question to one server. Returns as slsc_rt_dns_answer(); -3 also for no answer in time. */
static int ask(const struct slsc_rt_dns *dns, const union slsc_rt_addr *server, const unsigned char *query,
	       size_t query_len, int64_t end_ms, union slsc_rt_addr addrs[RESOLVE_ADDRS])
{
	unsigned char message[DNS_MESSAGE];
	int64_t until = slsc_rt_boot_ms() + (dns->query_ms ? dns->query_ms : QUERY_MS);
	int fd = socket(server->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc = -3;

	if (fd < 0)
		return -3;
	if (until > end_ms)
		until = end_ms;
	/* Connected: the kernel drops what comes from others. */
	if (!connect(fd, &server->any, slsc_rt_addr_len(server)) &&
	    send(fd, query, query_len, MSG_NOSIGNAL) == (ssize_t)query_len) {
		while (slsc_rt_wait_fd(fd, POLLIN, until)) {
			ssize_t n = recv(fd, message, sizeof(message), 0);

			if (n < 0 && (errno == EINTR || errno == EAGAIN))
				continue;
			if (n < 0)
				break;
			rc = slsc_rt_dns_answer(message, (size_t)n, query, query_len, addrs);
			if (rc != -1)
				break;
			rc = -3;
		}
	}
	close(fd);
	return rc;
}

/* One whole name. Returns the number of addresses, or -2, or -3. */
static int ask_all(const struct slsc_rt_dns *dns, struct slsc_str name, int64_t end_ms,
		   union slsc_rt_addr addrs[RESOLVE_ADDRS])
{
	static const unsigned char types[] = {TYPE_A, TYPE_AAAA};
	unsigned char query[DNS_MESSAGE];
	uint16_t id;
	int rc = -3;

	for (unsigned t = 0; t < sizeof(types); t++) {
		for (unsigned i = 0; i < ROUNDS * dns->server_count; i++) {
			size_t len;

			/* An id that can be guessed would let anybody answer. */
			if (syscall(SYS_getrandom, &id, sizeof(id), 0) != sizeof(id))
				return -3;
			len = slsc_rt_dns_query(query, name, id, types[t]);
			if (!len)
				return -2;
			rc = ask(dns, &dns->servers[i % dns->server_count], query, len, end_ms, addrs);
			if (rc != -3 || slsc_rt_boot_ms() >= end_ms)
				break;
		}
		if (rc)
			return rc;
	}
	return -2;
}

int slsc_rt_dns_lookup(const struct slsc_rt_dns *dns, struct slsc_str host, int64_t end_ms,
		       union slsc_rt_addr addrs[RESOLVE_ADDRS])
{
	char name[2 * RESOLVE_NAME];
	unsigned dots = 0;
	int rc = -2, plain;
	bool whole = host.len && host.ptr[host.len - 1] == '.';

	for (size_t i = 0; i < host.len; i++)
		dots += host.ptr[i] == '.';
	plain = whole || dots >= dns->ndots ? 0 : (int)dns->search_count;
	/* The name as it is, and with each domain: before or after those. */
	for (int i = 0; i <= (whole ? 0 : (int)dns->search_count) && rc == -2; i++) {
		struct slsc_out out = {name, 0, sizeof(name), false};

		slsc_put_str(&out, host);
		if (i != plain) {
			slsc_put(&out, ".", 1);
			slsc_put_str(&out, dns->search[plain ? i : i - 1]);
		}
		if (!out.full)
			rc = ask_all(dns, (struct slsc_str){name, out.len}, end_ms, addrs);
	}
	if (rc > 0)
		return rc;
	return slsc_rt_boot_ms() >= end_ms ? SLSC_CALL_TIMEOUT : SLSC_CALL_RESOLVE;
}

static struct slsc_str read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	while (fd >= 0 && len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	return (struct slsc_str){buf, len};
}

int slsc_rt_resolve(struct slsc_str host, uint16_t port, int64_t end_ms, union slsc_rt_addr addrs[RESOLVE_ADDRS])
{
	static char text[16384];
	struct slsc_rt_dns dns;
	int count = 1;

	if (!slsc_rt_addr_literal(host, &addrs[0])) {
		count = slsc_rt_hosts_find(read_file("/etc/hosts", text, sizeof(text)), host, addrs);
		if (!count && same_name(host, SLSC_STR("localhost"))) {
			count = 1;
			(void)slsc_rt_addr_literal(SLSC_STR("127.0.0.1"), &addrs[0]);
		}
		if (!count) {
			slsc_rt_dns_config(read_file("/etc/resolv.conf", text, sizeof(text)), &dns);
			count = slsc_rt_dns_lookup(&dns, host, end_ms, addrs);
		}
	}
	/* The port is at the same place in both. */
	for (int i = 0; i < count; i++)
		addrs[i].v4.sin_port = htons(port);
	return count;
}

RT_FOR_SIZE_END
