/* The monitor of a real server's program: see monitor.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef MONITOR_THREADS
#include <pthread.h>
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* where it is missing, the program ignores SIGPIPE */
#endif

/* The protocol's bounds. */
enum {
	MAX_LINE = 1024, /* bytes, the line's end included */
	MAX_NAME = 128,
	MAX_BARE = 128,
	MAX_KEY = 32,
	MAX_REASON = 256, /* escapes included */
	MAX_FIELDS = MAX_LINE / 4,
	MAC_DIGITS = 64,
	NONCE_DIGITS = 32,
	MIN_INTERVAL = 10, /* milliseconds */
	MAX_INTERVAL = 3600000,
	MAX_HEARTBEAT = 800 /* bytes of a heartbeat's line with its mac, so that relays can carry it */
};

/* The program's own bounds. Times are milliseconds. */
enum {
	MAX_LISTENERS = 4,
	MAX_CONNECTIONS = 64,
	MAX_DIRECTORS = 8,
	FIRST_BYTE_TIME = 1000, /* of silence, after which a new connection is taken for HAProxy's agent check */
	LINE_TIME = 5000,       /* from a line's first byte to its end; and of silence at first, without an agent line */
	IDLE_TIME = 75000,      /* from one request to the next: directors may rely on 60 s */
	WRITE_TIME = 5000,      /* for a peer to take an answer */
	PART_TIME = 500,        /* of what is still read of a peer after the last line for it, so that it arrives */
	PART_BYTES = 65536,
	MAX_RATE = 1000,    /* requests a second of one connection */
	CHANGE_TIME = 10,   /* at least, from one answer of a watch to the next: a burst of changes is told at this pace */
	EARLY = 50, /* a watch's answer is sent so long before its interval is over, or a tenth of it, so as not to be late */
	EARLY_HEARTBEAT_TIME = 100, /* at least, from one heartbeat to one before its time because the state changed */
	ACCEPT_PAUSE = 100, /* when no connection can be taken, as where there are no descriptors left */
	LEAVE_TIME = 3000
};

static const char *const state_names[] = {"up", "starting", "drain", "maint", "down"};

/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104) */

struct sha256 {
	uint32_t h[8];
	uint64_t bytes;
	unsigned char block[64];
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(struct sha256 *s)
{
	static const uint32_t k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	};
	uint32_t w[64], v[8];
	for (int i = 0; i < 16; i++) {
		const unsigned char *b = s->block + 4 * i;
		w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	}
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(v, s->h, sizeof v);
	for (int i = 0; i < 64; i++) {
		uint32_t e = v[4], a = v[0];
		uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
		uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof v[0]);
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		s->h[i] += v[i];
}

static void sha256_begin(struct sha256 *s)
{
	static const uint32_t h[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};
	memcpy(s->h, h, sizeof h);
	s->bytes = 0;
}

static void sha256_add(struct sha256 *s, const void *data, size_t n)
{
	const unsigned char *from = data;
	while (n > 0) {
		size_t have = s->bytes % 64, take = 64 - have < n ? 64 - have : n;
		memcpy(s->block + have, from, take);
		s->bytes += take;
		from += take;
		n -= take;
		if (have + take == 64)
			sha256_block(s);
	}
}

static void sha256_end(struct sha256 *s, unsigned char sum[32])
{
	uint64_t bits = s->bytes * 8;
	unsigned char length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_add(s, "\x80", 1);
	while (s->bytes % 64 != 56)
		sha256_add(s, "", 1);
	sha256_add(s, length, 8);
	for (int i = 0; i < 32; i++)
		sum[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

struct hmac {
	struct sha256 inner;
	unsigned char outer_pad[64];
};

static void hmac_begin(struct hmac *h, const unsigned char *key, size_t n)
{
	unsigned char padded[64] = {0}, inner_pad[64];
	if (n > 64) {
		sha256_begin(&h->inner);
		sha256_add(&h->inner, key, n);
		sha256_end(&h->inner, padded);
	} else {
		memcpy(padded, key, n);
	}
	for (int i = 0; i < 64; i++) {
		inner_pad[i] = padded[i] ^ 0x36;
		h->outer_pad[i] = padded[i] ^ 0x5c;
	}
	sha256_begin(&h->inner);
	sha256_add(&h->inner, inner_pad, 64);
}

static void hmac_add(struct hmac *h, const void *data, size_t n) { sha256_add(&h->inner, data, n); }

static void hmac_end(struct hmac *h, unsigned char sum[32])
{
	unsigned char inner[32];
	sha256_end(&h->inner, inner);
	sha256_begin(&h->inner);
	sha256_add(&h->inner, h->outer_pad, 64);
	sha256_add(&h->inner, inner, 32);
	sha256_end(&h->inner, sum);
}

/* Lines */

enum verdict { WELL, TOO_LONG, MALFORMED, NOT_MONITOR, WRONG_VERSION };

static const char *const verdict_texts[] = {
	"", "line longer than 1024 bytes", "malformed line", "not a MONITOR line", "wrong version: wanted MONITOR/1",
};

struct span {
	const char *at;
	size_t len;
};

/* A parsed line: values stand in text, without quotes and escapes. */
struct line {
	struct span protocol, verb;
	struct {
		struct span key, value;
	} fields[MAX_FIELDS];
	int n;
	char text[MAX_LINE];
};

static int is_bare_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._:/+-[]", c));
}

static int is_bare(const char *s, size_t n)
{
	if (n == 0 || n > MAX_BARE)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!is_bare_byte(s[i]))
			return 0;
	return 1;
}

static int is_printable(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return 0;
	return 1;
}

static int is_key(const char *s, size_t n)
{
	if (n == 0 || n > MAX_KEY || s[0] < 'a' || s[0] > 'z')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' || s[i] == '-'))
			return 0;
	return 1;
}

static int is_hex(const char *s, size_t n, size_t digits)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return 0;
	return n == digits;
}

static int same(struct span s, const char *word) { return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0; }

/* MONITOR/1: 1..16 upper-case letters, a slash, and 1..999 without leading zeros. */
static int is_protocol(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && s[i] >= 'A' && s[i] <= 'Z')
		i++;
	size_t version = i + 1;
	if (i < 1 || i > 16 || i == n || s[i] != '/' || n - version < 1 || n - version > 3 || s[version] == '0')
		return 0;
	for (i = version; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return 0;
	return 1;
}

static size_t until(const char *s, size_t n, char c)
{
	const char *at = memchr(s, c, n);
	return at ? (size_t)(at - s) : n;
}

/* Takes the value in double quotes that s begins with; *to goes on behind what was written. The length taken, or 0. */
static size_t cut_quoted(const char *s, size_t n, char **to)
{
	for (size_t i = 1; i < n; i++) {
		if (s[i] == '"')
			return i + 1;
		if (s[i] == '\\' && (++i == n || (s[i] != '"' && s[i] != '\\')))
			return 0;
		*(*to)++ = s[i];
	}
	return 0;
}

static enum verdict parse_line(const char *s, size_t n, struct line *l)
{
	if (n >= MAX_LINE)
		return TOO_LONG;
	if (!is_printable(s, n))
		return MALFORMED;
	l->n = 0;
	l->verb.at = "";
	l->verb.len = 0;
	l->protocol.at = s;
	l->protocol.len = until(s, n, ' ');
	if (!is_protocol(s, l->protocol.len))
		return MALFORMED;
	size_t at = l->protocol.len;
	if (at < n) {
		size_t word = until(s + at + 1, n - at - 1, ' ');
		if (until(s + at + 1, word, '=') == word) {
			if (!is_key(s + at + 1, word))
				return MALFORMED;
			l->verb.at = s + at + 1;
			l->verb.len = word;
			at += 1 + word;
		}
	}
	char *to = l->text;
	while (at < n) { /* s[at] is a space */
		const char *key = s + at + 1;
		size_t key_len = until(key, n - at - 1, '=');
		if (at + 1 + key_len >= n || !is_key(key, key_len) || l->n == MAX_FIELDS)
			return MALFORMED;
		at += key_len + 2;
		char *value = to;
		size_t taken;
		if (at < n && s[at] == '"') {
			if ((taken = cut_quoted(s + at, n - at, &to)) == 0)
				return MALFORMED;
		} else {
			taken = until(s + at, n - at, ' ');
			if (!is_bare(s + at, taken))
				return MALFORMED;
			memcpy(to, s + at, taken);
			to += taken;
		}
		at += taken;
		if (at < n && s[at] != ' ')
			return MALFORMED;
		for (int i = 0; i < l->n; i++)
			if (l->fields[i].key.len == key_len && memcmp(l->fields[i].key.at, key, key_len) == 0)
				return MALFORMED;
		l->fields[l->n].key.at = key;
		l->fields[l->n].key.len = key_len;
		l->fields[l->n].value.at = value;
		l->fields[l->n].value.len = (size_t)(to - value);
		l->n++;
	}
	return WELL;
}

/* The version is judged before the rest, which another one may write differently. */
static enum verdict parse_monitor(const char *s, size_t n, struct line *l)
{
	static const char prefix[] = "MONITOR/";
	if (n >= MAX_LINE)
		return TOO_LONG;
	if (n < sizeof prefix - 1 || memcmp(s, prefix, sizeof prefix - 1) != 0)
		return NOT_MONITOR;
	struct span protocol = {s, until(s, n, ' ')};
	if (!same(protocol, "MONITOR/1"))
		return WRONG_VERSION;
	return parse_line(s, n, l);
}

static const struct span *get(const struct line *l, const char *key)
{
	for (int i = 0; i < l->n; i++)
		if (same(l->fields[i].key, key))
			return &l->fields[i].value;
	return NULL;
}

static long interval_of(const char *s, size_t n)
{
	size_t digits = 0;
	long ms = 0;
	while (digits < n && s[digits] >= '0' && s[digits] <= '9' && digits < 8)
		ms = ms * 10 + (s[digits++] - '0');
	struct span unit = {s + digits, n - digits};
	if (digits < 1 || digits > 7 || s[0] == '0')
		return -1;
	if (same(unit, "s"))
		ms *= 1000;
	else if (!same(unit, "ms"))
		return -1;
	return ms < MIN_INTERVAL || ms > MAX_INTERVAL ? -1 : ms;
}

long monitor_interval(const char *text) { return interval_of(text, strlen(text)); }

/* What a director asks. Strings end with a zero byte. */
struct request {
	char method[MAX_KEY + 1], target[MAX_NAME + 1], service[MAX_NAME + 1], nonce[NONCE_DIGITS + 1];
	long interval; /* milliseconds, of a watch */
};

/* Copies the name at a key: 1..128 bytes. */
static int copy_name(const struct line *l, const char *key, int wanted, char *to)
{
	const struct span *value = get(l, key);
	*to = '\0';
	if (!value)
		return !wanted;
	if (value->len == 0 || value->len > MAX_NAME)
		return 0;
	memcpy(to, value->at, value->len);
	to[value->len] = '\0';
	return 1;
}

static enum verdict parse_request(const char *s, size_t n, struct request *r)
{
	struct line l;
	enum verdict verdict = parse_monitor(s, n, &l);
	if (verdict != WELL)
		return verdict;
	if (l.verb.len == 0 || !copy_name(&l, "service", 1, r->service) || !copy_name(&l, "target", 0, r->target))
		return MALFORMED;
	memcpy(r->method, l.verb.at, l.verb.len);
	r->method[l.verb.len] = '\0';
	const struct span *nonce = get(&l, "nonce");
	r->nonce[0] = '\0';
	if (nonce) {
		if (!is_hex(nonce->at, nonce->len, NONCE_DIGITS))
			return MALFORMED;
		memcpy(r->nonce, nonce->at, NONCE_DIGITS);
		r->nonce[NONCE_DIGITS] = '\0';
	}
	r->interval = 0;
	if (same(l.verb, "watch")) {
		const struct span *interval = get(&l, "interval");
		if (!interval || (r->interval = interval_of(interval->at, interval->len)) < 0)
			return MALFORMED;
	}
	return WELL;
}

/* A text of at most MAX_LINE - 1 bytes that is being written; over: there was more. */
struct text {
	char at[MAX_LINE];
	size_t len;
	int over;
};

static void add_bytes(struct text *t, const char *s, size_t n)
{
	if (t->over || n > sizeof t->at - 1 - t->len) {
		t->over = 1;
		return;
	}
	memcpy(t->at + t->len, s, n);
	t->len += n;
}

static void add(struct text *t, const char *s) { add_bytes(t, s, strlen(s)); }

static void add_number(struct text *t, const char *key, uint64_t n)
{
	char number[24];
	snprintf(number, sizeof number, "%" PRIu64, n);
	add(t, key);
	add(t, number);
}

static void add_quoted(struct text *t, const char *s)
{
	add(t, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			add(t, "\\");
		add_bytes(t, s, 1);
	}
	add(t, "\"");
}

static void add_value(struct text *t, const char *key, const char *value)
{
	add(t, key);
	if (is_bare(value, strlen(value)))
		add(t, value);
	else
		add_quoted(t, value);
}

static void add_mac(struct text *t, const unsigned char sum[32])
{
	static const char digits[] = "0123456789abcdef";
	add(t, " mac=");
	for (int i = 0; i < 32; i++) {
		add_bytes(t, digits + (sum[i] >> 4), 1);
		add_bytes(t, digits + (sum[i] & 15), 1);
	}
}

/* Makes any text fit to be a reason: printable ASCII, MAX_REASON bytes at most with its escapes. */
static void clean_reason(char to[MAX_REASON + 1], const char *from)
{
	char clean[4 * MAX_REASON + 1];
	size_t n = 0, needed = 0, kept = 0;
	const char *p = from ? from : "";
	for (; *p && n < sizeof clean - 1; p++) {
		unsigned char c = (unsigned char)*p;
		if ((c & 0xc0) == 0x80)
			continue; /* goes on with a character of UTF-8 */
		c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c < 0x20 || c > 0x7e ? '?' : c;
		if (c != ' ' || n > 0)
			clean[n++] = (char)c;
	}
	int cut = *p != '\0';
	while (n > 0 && clean[n - 1] == ' ')
		n--;
	for (size_t i = 0; i < n; i++) {
		needed += clean[i] == '"' || clean[i] == '\\' ? 2 : 1;
		if (needed <= MAX_REASON - 3)
			kept = i + 1;
	}
	if (!cut && needed <= MAX_REASON)
		kept = n;
	memcpy(to, clean, kept);
	to[kept] = '\0';
	if (cut || kept < n)
		memcpy(to + kept, "...", 4);
}

static void refuse(struct text *t, const char *why)
{
	char reason[MAX_REASON + 1];
	clean_reason(reason, why);
	t->len = 0;
	t->over = 0;
	add(t, "MONITOR/1 error reason=");
	add_quoted(t, reason);
}

/* What is said of a service. */
struct said {
	monitor_state state;
	char reason[MAX_REASON + 1];
	int weight; /* -1: nothing is said of it */
	int counted; /* the counters were used */
	uint64_t conns, served, failed;
};

static void add_said(struct text *t, const struct said *s)
{
	if (s->weight >= 0)
		add_number(t, " weight=", (uint64_t)s->weight);
	if (s->counted) {
		add_number(t, " conns=", s->conns);
		add_number(t, " served=", s->served);
		add_number(t, " failed=", s->failed);
	}
	if (s->reason[0]) {
		add(t, " reason=");
		add_quoted(t, s->reason);
	}
}

static void write_answer(struct text *t, const struct said *s, const char *service, const char *instance, uint64_t seq)
{
	t->len = 0;
	t->over = 0;
	add(t, "MONITOR/1 ");
	add(t, state_names[s->state]);
	add_value(t, " service=", service);
	add_value(t, " instance=", instance);
	add_number(t, " seq=", seq);
	add_said(t, s);
}

static void write_heartbeat(struct text *t, const struct said *s, const char *id, const char *service, const char *instance,
	uint64_t seq, long interval)
{
	t->len = 0;
	t->over = 0;
	add(t, "HEARTBEAT/1 ");
	add(t, state_names[s->state]);
	add_value(t, " id=", id);
	add_value(t, " service=", service);
	add_value(t, " instance=", instance);
	add_number(t, " seq=", seq);
	add_number(t, " interval=", (uint64_t)(interval % 1000 == 0 ? interval / 1000 : interval));
	add(t, interval % 1000 == 0 ? "s" : "ms");
	add_said(t, s);
}

static void write_agent(struct text *t, const struct said *s)
{
	t->len = 0;
	t->over = 0;
	switch (s->state) {
	case MONITOR_UP:
		add_number(t, "up ready ", s->weight < 0 ? 100 : (uint64_t)s->weight);
		add(t, "%");
		return;
	case MONITOR_DRAIN:
		add(t, "up drain");
		return;
	case MONITOR_MAINT:
		add(t, "maint");
		return;
	case MONITOR_STARTING:
		add(t, "down #starting");
		return;
	case MONITOR_DOWN:
		add(t, "down");
		if (s->reason[0]) {
			add(t, " #");
			add(t, s->reason);
		}
	}
}

static void sign(struct text *answer, const char *request, size_t request_len, const unsigned char *secret, size_t n)
{
	struct hmac h;
	unsigned char sum[32];
	hmac_begin(&h, secret, n);
	hmac_add(&h, request, request_len);
	hmac_add(&h, "\n", 1);
	hmac_add(&h, answer->at, answer->len);
	hmac_end(&h, sum);
	add_mac(answer, sum);
}

static void sign_heartbeat(struct text *line, const unsigned char key[MONITOR_KEY_SIZE])
{
	struct hmac h;
	unsigned char sum[32];
	hmac_begin(&h, key, MONITOR_KEY_SIZE);
	hmac_add(&h, line->at, line->len);
	hmac_end(&h, sum);
	add_mac(line, sum);
}

/* The monitor */

struct connection {
	int fd; /* -1: the place is free */
	char in[MAX_LINE], out[MAX_LINE];
	size_t in_len, out_len, out_sent;
	int first;   /* no line was read yet */
	int asked;   /* it has sent a request */
	int told;    /* it was sent that the program is leaving */
	int eof;     /* it sends no more */
	int parting; /* the last line for it was sent: what still comes is read and forgotten */
	size_t part_bytes;
	int64_t since;      /* when it last asked or took an answer, or when it came */
	int64_t line_since; /* when the first byte of the line came that is not complete; -1: there is none */
	int64_t out_since, parting_since, pace_since;
	int pace_count;
	int watching;
	struct request watch;       /* the request in force */
	char watch_line[MAX_LINE];  /* and its line, which the mac covers */
	size_t watch_len;
	int64_t watch_sent;
	monitor_state watch_state; /* what was said last */
	int watch_weight;
};

struct monitor_beat {
	monitor *of;
	monitor_beat *next;
	char name[64];
	int64_t limit;
	int64_t last; /* when progress was last shown; -1: there is no work */
	int stuck;    /* when the monitor last looked */
};

struct director {
	int fd;
	struct sockaddr_storage place;
	socklen_t place_len;
};

struct monitor {
	char service[MAX_NAME + 1], instance[17];
	unsigned char secret[MONITOR_MAX_SECRET];
	size_t secret_len; /* 0: there is none */
	int agent;
	uint64_t seq;

	monitor_state state;
	char reason[MAX_REASON + 1];
	int weight, counted;
	uint64_t conns, served, failed;
	monitor_beat *beats;

	int listeners[MAX_LISTENERS], n_listeners;
	int64_t accept_again;
	struct connection connections[MAX_CONNECTIONS];

	struct director directors[MAX_DIRECTORS];
	int n_directors;
	char id[MAX_NAME + 1];
	unsigned char key[MONITOR_KEY_SIZE];
	int keyed;
	long interval;
	int64_t heartbeat_start, heartbeat_sent;
	uint64_t heartbeat_ticks, heartbeat_early; /* the seq is the sum of both */
	monitor_state heartbeat_state;             /* what was said last */

	int64_t leaving;  /* since when; -1: it isn't */
	int64_t one_shot; /* when a peer last asked and hung up, one that will come on a new connection; -1: none */
	long leave;

#ifdef MONITOR_THREADS
	pthread_mutex_t mutex;
	pthread_t thread;
	int wake[2]; /* -1: there is no thread */
#endif
};

#ifdef MONITOR_THREADS
static void lock(monitor *m) { pthread_mutex_lock(&m->mutex); }
static void unlock(monitor *m) { pthread_mutex_unlock(&m->mutex); }
static void wake(monitor *m)
{
	if (m->wake[1] >= 0 && write(m->wake[1], ".", 1) < 0) {
		/* it is full, and the thread thus awake */
	}
}
#else
static void lock(monitor *m) { (void)m; }
static void unlock(monitor *m) { (void)m; }
static void wake(monitor *m) { (void)m; }
#endif

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t sooner(int64_t a, int64_t b) { return a < 0 || (b >= 0 && b < a) ? b : a; }

static int fail(char *error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (error)
		vsnprintf(error, MONITOR_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

static int is_name(const char *s) { return s && *s && strlen(s) <= MAX_NAME && is_printable(s, strlen(s)); }

static int prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -1 : 0;
}

monitor *monitor_new(const monitor_options *o, char *error)
{
	if (!is_name(o->service)) {
		fail(error, "the service is not 1..%d bytes of printable ASCII", MAX_NAME);
		return NULL;
	}
	if (o->secret && (o->secret_len < 16 || o->secret_len > MONITOR_MAX_SECRET)) {
		fail(error, "the secret has %zu bytes (16..%d wanted)", o->secret_len, MONITOR_MAX_SECRET);
		return NULL;
	}
	monitor *m = calloc(1, sizeof *m);
	if (!m) {
		fail(error, "there is no memory for a monitor");
		return NULL;
	}
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(m->instance, sizeof m->instance, "%016" PRIx64, (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
	memcpy(m->service, o->service, strlen(o->service) + 1);
	if (o->secret) {
		memcpy(m->secret, o->secret, o->secret_len);
		m->secret_len = o->secret_len;
	}
	m->agent = o->agent_line == MONITOR_AGENT_ON || (o->agent_line == MONITOR_AGENT_AUTO && !o->secret);
	m->leave = o->leave_ms > 0 ? o->leave_ms : LEAVE_TIME;
	m->weight = -1;
	m->leaving = m->one_shot = -1;
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		m->connections[i].fd = -1;
#ifdef MONITOR_THREADS
	m->wake[0] = m->wake[1] = -1;
	pthread_mutex_init(&m->mutex, NULL);
#endif
	return m;
}

void monitor_free(monitor *m)
{
	if (!m)
		return;
	for (int i = 0; i < m->n_listeners; i++)
		close(m->listeners[i]);
	for (int i = 0; i < m->n_directors; i++)
		close(m->directors[i].fd);
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		if (m->connections[i].fd >= 0)
			close(m->connections[i].fd);
	for (monitor_beat *b = m->beats, *next; b; b = next) {
		next = b->next;
		free(b);
	}
#ifdef MONITOR_THREADS
	pthread_mutex_destroy(&m->mutex);
#endif
	free(m);
}

/* What the program says */

void monitor_set_state(monitor *m, monitor_state state, const char *reason)
{
	lock(m);
	if (state >= MONITOR_UP && state <= MONITOR_DOWN) {
		m->state = state;
		clean_reason(m->reason, reason);
	}
	unlock(m);
	wake(m);
}

int monitor_state_of(const char *name)
{
	for (int i = MONITOR_UP; i <= MONITOR_DOWN; i++)
		if (strcmp(name, state_names[i]) == 0)
			return i;
	return -1;
}

void monitor_set_weight(monitor *m, unsigned percent)
{
	lock(m);
	m->weight = percent > 100 ? 100 : (int)percent;
	unlock(m);
	wake(m);
}

static void count(monitor *m, uint64_t *counter, int by)
{
	lock(m);
	m->counted = 1;
	if (by > 0)
		++*counter;
	else if (*counter > 0)
		--*counter;
	unlock(m);
}

void monitor_conn_opened(monitor *m) { count(m, &m->conns, 1); }
void monitor_conn_closed(monitor *m) { count(m, &m->conns, -1); }
void monitor_served(monitor *m) { count(m, &m->served, 1); }
void monitor_failed(monitor *m) { count(m, &m->failed, 1); }

monitor_beat *monitor_beat_add(monitor *m, const char *name, long limit_ms)
{
	monitor_beat *b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	snprintf(b->name, sizeof b->name, "%s", name);
	b->of = m;
	b->limit = limit_ms;
	b->last = -1;
	lock(m);
	b->next = m->beats;
	m->beats = b;
	unlock(m);
	wake(m);
	return b;
}

static void show(monitor_beat *b, int64_t last)
{
	lock(b->of);
	b->last = last;
	int freed = b->stuck;
	unlock(b->of);
	if (freed)
		wake(b->of);
}

void monitor_beat_progress(monitor_beat *b) { show(b, now_ms()); }
void monitor_beat_idle(monitor_beat *b) { show(b, -1); }

void monitor_beat_busy(monitor_beat *b)
{
	lock(b->of);
	if (b->last < 0)
		b->last = now_ms();
	unlock(b->of);
}

void monitor_beat_remove(monitor_beat *b)
{
	monitor *m = b->of;
	lock(m);
	for (monitor_beat **p = &m->beats; *p; p = &(*p)->next)
		if (*p == b) {
			*p = b->next;
			break;
		}
	unlock(m);
	free(b);
	wake(m);
}

static int is_stuck(const monitor_beat *b, int64_t now) { return b->last >= 0 && now - b->last > b->limit; }

/* When a worker may next turn out to be stuck. An idle one may have become busy right after this look at it. */
static int64_t next_stuck(monitor *m, int64_t now)
{
	int64_t next = -1;
	for (monitor_beat *b = m->beats; b; b = b->next) {
		b->stuck = is_stuck(b, now);
		if (!b->stuck)
			next = sooner(next, (b->last < 0 ? now : b->last) + b->limit + 1);
	}
	return next;
}

/* What is to be said now, with all evidence taken into account. */
static void say(const monitor *m, struct said *s)
{
	int64_t now = now_ms();
	s->state = m->state;
	memcpy(s->reason, m->reason, sizeof s->reason);
	s->weight = m->weight;
	s->counted = m->counted;
	s->conns = m->conns;
	s->served = m->served;
	s->failed = m->failed;
	if (m->leaving >= 0) {
		s->state = MONITOR_MAINT;
		clean_reason(s->reason, "the program is stopping");
		return;
	}
	if (m->state != MONITOR_UP)
		return;
	struct text why = {.len = 0};
	for (const monitor_beat *b = m->beats; b; b = b->next) {
		if (!is_stuck(b, now))
			continue;
		char one[128];
		snprintf(one, sizeof one, "%sstuck: %s no progress for %.1f s", why.len ? "; " : "", b->name, (double)(now - b->last) / 1000);
		add(&why, one);
	}
	if (why.len) {
		why.at[why.len] = '\0';
		s->state = MONITOR_DOWN;
		clean_reason(s->reason, why.at);
	}
}

/* Connections */

static void hang_up(monitor *m, struct connection *c)
{
	close(c->fd);
	c->fd = -1;
	if (c->asked && !c->told)
		m->one_shot = now_ms();
}

static void flush(monitor *m, struct connection *c)
{
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			hang_up(m, c);
		return;
	}
	c->out_sent += (size_t)n;
	if (c->out_sent < c->out_len)
		return;
	c->out_len = c->out_sent = 0;
	c->since = now_ms();
	if (c->parting) {
		c->parting_since = c->since;
		if (shutdown(c->fd, SHUT_WR) < 0)
			hang_up(m, c);
	}
}

static void send_line(monitor *m, struct connection *c, const struct text *t)
{
	memcpy(c->out, t->at, t->len);
	c->out[t->len] = '\n';
	c->out_len = t->len + 1;
	c->out_sent = 0;
	c->out_since = now_ms();
	c->told = m->leaving >= 0;
	flush(m, c);
}

/* Sends a last line. What the peer still has to say is read, within bounds, so that the line arrives. */
static void part(monitor *m, struct connection *c, const struct text *t)
{
	c->parting = 1;
	c->parting_since = now_ms();
	send_line(m, c, t);
}

static void agent_line(monitor *m, struct connection *c)
{
	struct said said;
	struct text t;
	say(m, &said);
	write_agent(&t, &said);
	c->asked = 1;
	part(m, c, &t);
}

/* Writes the line that answers a request; false: it gives no state. */
static int answer(monitor *m, struct text *t, const struct request *r, const char *line, size_t n)
{
	struct said said;
	if (strcmp(r->method, "poll") != 0 && strcmp(r->method, "watch") != 0) {
		refuse(t, "the method is not supported (poll and watch are)");
		return 0;
	}
	if (m->secret_len && !r->nonce[0]) {
		refuse(t, "nonce wanted");
		return 0;
	}
	if (strcmp(r->service, m->service) == 0) {
		say(m, &said);
	} else {
		memset(&said, 0, sizeof said);
		said.state = MONITOR_DOWN;
		said.weight = -1;
		strcpy(said.reason, "no such service");
	}
	write_answer(t, &said, r->service, m->instance, ++m->seq);
	if (m->secret_len)
		sign(t, line, n, m->secret, m->secret_len);
	return 1;
}

/* What watchers are told each change of. */
static void mark(const monitor *m, const char *service, monitor_state *state, int *weight)
{
	struct said said;
	*state = MONITOR_DOWN;
	*weight = -1;
	if (strcmp(service, m->service) == 0) {
		say(m, &said);
		*state = said.state;
		*weight = said.weight;
	}
}

static void handle(monitor *m, struct connection *c, const char *line, size_t n)
{
	struct text t;
	struct request r;
	enum verdict verdict = parse_request(line, n, &r);
	if (verdict == NOT_MONITOR && c->first && m->agent) {
		agent_line(m, c);
		return;
	}
	if (verdict != WELL) {
		refuse(&t, verdict_texts[verdict]);
		part(m, c, &t);
		return;
	}
	c->asked = 1;
	c->since = c->watch_sent = now_ms();
	mark(m, r.service, &c->watch_state, &c->watch_weight);
	/* The request takes the place of the one before. */
	c->watching = answer(m, &t, &r, line, n) && strcmp(r.method, "watch") == 0;
	if (c->watching) {
		c->watch = r;
		memcpy(c->watch_line, line, n);
		c->watch_len = n;
	}
	send_line(m, c, &t);
}

/* Sends the watch's answer if it is time, or if something changed; returns when the next is due. */
static int64_t tell(monitor *m, struct connection *c, int64_t now)
{
	monitor_state state;
	int weight;
	struct text t;
	mark(m, c->watch.service, &state, &weight);
	int64_t pause = c->watch.interval - (c->watch.interval / 10 < EARLY ? c->watch.interval / 10 : EARLY);
	int64_t due = c->watch_sent + pause;
	if (state != c->watch_state || weight != c->watch_weight || (m->leaving >= 0 && !c->told))
		due = c->watch_sent + CHANGE_TIME;
	if (now < due)
		return due;
	c->watch_sent = now;
	c->watch_state = state;
	c->watch_weight = weight;
	answer(m, &t, &c->watch, c->watch_line, c->watch_len);
	send_line(m, c, &t);
	return now + pause;
}

/* Answers the lines that are there; returns when to go on where the peer asks too often, else -1. */
static int64_t read_lines(monitor *m, struct connection *c, int64_t now)
{
	while (c->fd >= 0 && !c->parting && c->out_len == 0) {
		char line[MAX_LINE];
		size_t n = until(c->in, c->in_len, '\n'), rest;
		if (n == c->in_len) {
			if (n >= MAX_LINE) {
				struct text t;
				refuse(&t, verdict_texts[TOO_LONG]);
				part(m, c, &t);
			}
			return -1;
		}
		if (now >= c->pace_since + 1000) {
			c->pace_since = now;
			c->pace_count = 0;
		}
		if (c->pace_count >= MAX_RATE)
			return c->pace_since + 1000;
		c->pace_count++;
		memcpy(line, c->in, n);
		rest = c->in_len - n - 1;
		memmove(c->in, c->in + n + 1, rest);
		c->in_len = rest;
		c->line_since = rest ? now : -1;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		handle(m, c, line, n);
		c->first = 0;
	}
	return -1;
}

/* Does all that is due for a connection, and returns the next moment at which something will be; -1: there is none. */
static int64_t work(monitor *m, struct connection *c, int64_t now)
{
	int64_t paced = read_lines(m, c, now), due = -1, patience;
	if (c->fd < 0)
		return -1;
	if (c->out_len == 0 && !c->parting && paced < 0 && !c->eof) {
		if (c->watching)
			due = tell(m, c, now);
		if (c->fd < 0)
			return -1;
	}
	if (c->out_len > 0)
		patience = c->out_since + WRITE_TIME;
	else if (c->parting)
		patience = c->parting_since + PART_TIME;
	else if (paced >= 0)
		return paced;
	else if (c->eof)
		patience = now;
	else if (c->line_since >= 0)
		patience = c->line_since + LINE_TIME;
	else if (c->watching)
		return due;
	else if (c->first)
		patience = c->since + (m->agent ? FIRST_BYTE_TIME : LINE_TIME);
	else
		patience = c->since + IDLE_TIME;
	if (now < patience)
		return sooner(due, patience);
	if (c->first && c->line_since < 0 && m->agent && c->out_len == 0 && !c->parting && !c->eof) {
		agent_line(m, c);
		return now;
	}
	hang_up(m, c);
	return -1;
}

static void receive(monitor *m, struct connection *c)
{
	char forgotten[4096];
	ssize_t n = c->parting ? recv(c->fd, forgotten, sizeof forgotten, 0) : recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			hang_up(m, c);
		return;
	}
	if (c->parting) {
		c->part_bytes += (size_t)n;
		if (n == 0 || c->part_bytes > PART_BYTES)
			hang_up(m, c);
		return;
	}
	if (n == 0)
		c->eof = 1;
	else if (c->line_since < 0)
		c->line_since = now_ms();
	c->in_len += (size_t)n;
}

/* What a connection waits for. A peer that doesn't take its answers isn't read. */
static short events(const struct connection *c)
{
	if (c->out_len > 0)
		return POLLOUT;
	return c->eof || (!c->parting && c->in_len == sizeof c->in) ? 0 : POLLIN;
}

/* A free place. Where there is none, the longest silent of those who have never asked goes, or, when all have, who has
 * not asked for longest. */
static struct connection *place_for_one(monitor *m)
{
	struct connection *least = NULL;
	for (int i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *c = &m->connections[i];
		if (c->fd < 0)
			return c;
		if (!least || (least->asked && !c->asked) || (least->asked == c->asked && c->since < least->since))
			least = c;
	}
	hang_up(m, least);
	return least;
}

static void take(monitor *m, int listener)
{
	int one = 1, fd = accept(listener, NULL, NULL);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			m->accept_again = now_ms() + ACCEPT_PAUSE;
		return;
	}
	if (prepare(fd) < 0) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct connection *c = place_for_one(m);
	memset(c, 0, sizeof *c);
	c->fd = fd;
	c->first = 1;
	c->line_since = -1;
	c->since = now_ms();
}

/* Resolves address:port; the result is freed by the caller. */
static struct addrinfo *resolve(const char *address, int family, int type, int passive, char *error)
{
	char host[256];
	const char *colon = strrchr(address, ':');
	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || (size_t)(colon - address) >= sizeof host) {
		fail(error, "%s is not address:port", address);
		return NULL;
	}
	size_t n = (size_t)(colon - address);
	memcpy(host, address, n);
	host[n] = '\0';
	char *name = host;
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		name = host + 1;
	}
	struct addrinfo hints, *found;
	memset(&hints, 0, sizeof hints);
	hints.ai_family = family;
	hints.ai_socktype = type;
	hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
	int wrong = getaddrinfo(*name ? name : NULL, colon + 1, &hints, &found);
	if (wrong) {
		fail(error, "resolve %s: %s", address, gai_strerror(wrong));
		return NULL;
	}
	return found;
}

int monitor_listen(monitor *m, const char *address, char *error)
{
	int one = 1, off = 0;
	if (m->n_listeners == MAX_LISTENERS)
		return fail(error, "listen on %s: a monitor listens on %d addresses at most", address, MAX_LISTENERS);
	struct addrinfo *a = NULL;
	int fd = -1;
	if (address[0] == ':' && (a = resolve(address, AF_INET6, SOCK_STREAM, 1, NULL)))
		fd = socket(a->ai_family, SOCK_STREAM, 0);
	if (fd < 0) { /* it names a host, or this one has no IPv6 */
		if (a)
			freeaddrinfo(a);
		if (!(a = resolve(address, address[0] == ':' ? AF_INET : AF_UNSPEC, SOCK_STREAM, 1, error)))
			return -1;
		fd = socket(a->ai_family, SOCK_STREAM, 0);
	}
	struct sockaddr_storage bound;
	socklen_t len = sizeof bound;
	if (fd >= 0 && a->ai_family == AF_INET6 && address[0] == ':')
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || bind(fd, a->ai_addr, a->ai_addrlen) < 0 ||
		listen(fd, 128) < 0 || prepare(fd) < 0 || getsockname(fd, (struct sockaddr *)&bound, &len) < 0) {
		fail(error, "listen on %s: %s", address, strerror(errno));
		if (fd >= 0)
			close(fd);
		freeaddrinfo(a);
		return -1;
	}
	freeaddrinfo(a);
	lock(m);
	m->listeners[m->n_listeners++] = fd;
	unlock(m);
	wake(m);
	return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
}

/* Heartbeats */

int monitor_heartbeat(monitor *m, const char *to, const char *id, const unsigned char *key, long interval_ms, char *error)
{
	if (m->n_directors == MAX_DIRECTORS)
		return fail(error, "heartbeats to %s: a monitor sends to %d directors at most", to, MAX_DIRECTORS);
	if (!is_name(id))
		return fail(error, "the heartbeats' id is not 1..%d bytes of printable ASCII", MAX_NAME);
	if (interval_ms < MIN_INTERVAL || interval_ms > MAX_INTERVAL)
		return fail(error, "the heartbeats' interval is %ld ms (%d..%d wanted)", interval_ms, MIN_INTERVAL, MAX_INTERVAL);
	struct addrinfo *a = resolve(to, AF_UNSPEC, SOCK_DGRAM, 0, error);
	if (!a)
		return -1;
	struct director d;
	d.fd = socket(a->ai_family, SOCK_DGRAM, 0);
	memcpy(&d.place, a->ai_addr, a->ai_addrlen);
	d.place_len = a->ai_addrlen;
	freeaddrinfo(a);
	if (d.fd < 0 || prepare(d.fd) < 0) {
		if (d.fd >= 0)
			close(d.fd);
		return fail(error, "a socket for heartbeats to %s: %s", to, strerror(errno));
	}
	lock(m);
	if (m->n_directors == 0) {
		memcpy(m->id, id, strlen(id) + 1);
		m->keyed = key != NULL;
		if (key)
			memcpy(m->key, key, sizeof m->key);
		m->interval = interval_ms;
		m->heartbeat_start = now_ms();
	}
	m->directors[m->n_directors++] = d;
	unlock(m);
	wake(m);
	return 0;
}

static void send_heartbeat(monitor *m, struct said *said)
{
	struct text t;
	uint64_t seq = m->heartbeat_ticks + m->heartbeat_early;
	for (int again = 1; again >= 0; again--) {
		write_heartbeat(&t, said, m->id, m->service, m->instance, seq, m->interval);
		if (m->keyed)
			sign_heartbeat(&t, m->key);
		if (!t.over && t.len <= MAX_HEARTBEAT)
			break;
		said->reason[0] = '\0';
	}
	t.at[t.len++] = '\n';
	for (int i = 0; i < m->n_directors; i++) {
		struct director *d = &m->directors[i];
		/* One director that can't be reached is no matter for the others; the next heartbeat comes soon. */
		(void)!sendto(d->fd, t.at, t.len, MSG_NOSIGNAL, (struct sockaddr *)&d->place, d->place_len);
	}
}

/* Sends a heartbeat if it is time, or if the state changed, and returns when it next is. Who was late sends one, and the
 * seq leaves out the others. */
static int64_t beat_heart(monitor *m, int64_t now)
{
	struct said said;
	say(m, &said);
	uint64_t ticks = (uint64_t)((now - m->heartbeat_start) / m->interval) + 1;
	int changed = m->heartbeat_ticks > 0 && said.state != m->heartbeat_state;
	int64_t early = m->heartbeat_sent + (m->leaving < 0 ? EARLY_HEARTBEAT_TIME : 0); /* leaving is said at once */
	if (ticks > m->heartbeat_ticks || (changed && now >= early)) {
		m->heartbeat_early += ticks == m->heartbeat_ticks;
		m->heartbeat_ticks = ticks;
		m->heartbeat_state = said.state;
		m->heartbeat_sent = now;
		send_heartbeat(m, &said);
		changed = 0;
	}
	int64_t due = m->heartbeat_start + (int64_t)m->heartbeat_ticks * m->interval;
	return changed ? sooner(due, early) : due;
}

/* The loop */

static int left(const monitor *m, int64_t now)
{
	if (m->leaving < 0)
		return 0;
	if (now >= m->leaving + m->leave)
		return 1;
	if (m->one_shot >= 0 && now < m->one_shot + m->leave)
		return 0;
	if (m->n_directors > 0 && m->heartbeat_state != MONITOR_MAINT)
		return 0;
	for (int i = 0; i < MAX_CONNECTIONS; i++) {
		const struct connection *c = &m->connections[i];
		if (c->fd >= 0 && c->asked && (!c->told || c->out_len > 0))
			return 0;
	}
	return 1;
}

static int fds_locked(monitor *m, struct pollfd *fds, int *timeout_ms)
{
	int n = 0;
	int64_t now = now_ms(), next = next_stuck(m, now);
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		if (m->connections[i].fd >= 0)
			next = sooner(next, work(m, &m->connections[i], now));
	if (m->n_directors > 0)
		next = sooner(next, beat_heart(m, now));
	if (m->leaving >= 0) {
		next = sooner(next, m->leaving + m->leave);
		if (m->one_shot >= 0)
			next = sooner(next, m->one_shot + m->leave);
		if (left(m, now))
			next = now;
	}
	if (m->accept_again > now)
		next = sooner(next, m->accept_again);
	for (int i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *c = &m->connections[i];
		if (c->fd >= 0 && events(c)) {
			fds[n].fd = c->fd;
			fds[n].events = events(c);
			fds[n++].revents = 0;
		}
	}
	for (int i = 0; i < m->n_listeners && m->accept_again <= now; i++) {
		fds[n].fd = m->listeners[i];
		fds[n].events = POLLIN;
		fds[n++].revents = 0;
	}
	now = now_ms();
	if (next >= 0) {
		int wait = next <= now ? 0 : next - now > 1 << 30 ? 1 << 30 : (int)(next - now);
		if (*timeout_ms < 0 || wait < *timeout_ms)
			*timeout_ms = wait;
	}
	return n;
}

static void step_locked(monitor *m, const struct pollfd *fds, int n)
{
	/* Connections first: a new one could have the number of one that has just been closed. */
	for (int i = 0; i < n; i++)
		for (int k = 0; k < MAX_CONNECTIONS && fds[i].revents; k++) {
			struct connection *c = &m->connections[k];
			if (c->fd != fds[i].fd)
				continue;
			if (c->out_len > 0)
				flush(m, c);
			else
				receive(m, c);
			break;
		}
	for (int i = 0; i < n; i++)
		for (int k = 0; k < m->n_listeners && fds[i].revents; k++)
			if (m->listeners[k] == fds[i].fd)
				take(m, fds[i].fd);
}

int monitor_fds(monitor *m, struct pollfd *fds, int *timeout_ms)
{
	lock(m);
	int n = fds_locked(m, fds, timeout_ms);
	unlock(m);
	return n;
}

void monitor_step(monitor *m, const struct pollfd *fds, int n)
{
	lock(m);
	step_locked(m, fds, n);
	unlock(m);
}

void monitor_leave(monitor *m)
{
	lock(m);
	if (m->leaving < 0)
		m->leaving = now_ms();
	unlock(m);
	wake(m);
}

int monitor_left(monitor *m)
{
	lock(m);
	int is_left = left(m, now_ms());
	unlock(m);
	return is_left;
}

#ifdef MONITOR_THREADS
static void *loop(void *of)
{
	monitor *m = of;
	while (!monitor_left(m)) {
		struct pollfd fds[MONITOR_MAX_FDS + 1];
		char woken[256];
		int timeout = -1, n = monitor_fds(m, fds, &timeout);
		fds[n].fd = m->wake[0];
		fds[n].events = POLLIN;
		fds[n].revents = 0;
		if (poll(fds, (nfds_t)n + 1, timeout) <= 0)
			continue;
		if (fds[n].revents && read(m->wake[0], woken, sizeof woken) < 0) {
			/* another look is all that it asks for */
		}
		monitor_step(m, fds, n);
	}
	return NULL;
}

int monitor_start(monitor *m, char *error)
{
	if (pipe(m->wake) < 0 || prepare(m->wake[0]) < 0 || prepare(m->wake[1]) < 0)
		return fail(error, "a pipe for the monitor's thread: %s", strerror(errno));
	int wrong = pthread_create(&m->thread, NULL, loop, m);
	if (wrong)
		return fail(error, "the monitor's thread: %s", strerror(wrong));
	return 0;
}

void monitor_stop(monitor *m)
{
	monitor_leave(m);
	pthread_join(m->thread, NULL);
	close(m->wake[0]);
	close(m->wake[1]);
	m->wake[0] = m->wake[1] = -1;
}
#endif

/* Files */

/* Reads a file that others can't, without a final newline: its length, or -1. */
static long read_private(const char *path, unsigned char *to, size_t least, size_t most, char *error)
{
	unsigned char text[MONITOR_MAX_SECRET + 2];
	FILE *f = fopen(path, "rb");
	if (!f)
		return fail(error, "read %s: %s", path, strerror(errno));
	struct stat about;
	if (fstat(fileno(f), &about) < 0 || (about.st_mode & 027)) {
		fclose(f);
		return fail(error, "read %s: its mode lets others at it: chmod 0640 or less", path);
	}
	size_t n = fread(text, 1, most + 2, f);
	int broken = ferror(f);
	fclose(f);
	if (broken)
		return fail(error, "read %s: %s", path, strerror(errno));
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n < least || n > most)
		return fail(error, "%s does not have %zu..%zu bytes without its final newline", path, least, most);
	memcpy(to, text, n);
	return (long)n;
}

long monitor_read_secret(const char *path, unsigned char *secret, char *error)
{
	return read_private(path, secret, 16, MONITOR_MAX_SECRET, error);
}

static unsigned char half(char digit) { return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

int monitor_read_key(const char *path, unsigned char *key, char *error)
{
	unsigned char digits[2 * MONITOR_KEY_SIZE + 1];
	long n = read_private(path, digits, 2 * MONITOR_KEY_SIZE, sizeof digits, error);
	if (n < 0)
		return -1;
	if (n == (long)sizeof digits && digits[n - 1] == '\r')
		n--;
	if (!is_hex((char *)digits, (size_t)n, 2 * MONITOR_KEY_SIZE))
		return fail(error, "%s is not %d lower-case hex digits, as mainstay secret derive prints them", path, 2 * MONITOR_KEY_SIZE);
	for (int i = 0; i < MONITOR_KEY_SIZE; i++)
		key[i] = (unsigned char)(half((char)digits[2 * i]) << 4 | half((char)digits[2 * i + 1]));
	return 0;
}
