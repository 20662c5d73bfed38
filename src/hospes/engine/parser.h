/* The head of the usual request, recognised in one pass over its octets (RFC 9112).
 *
 *     GET /hello?name=you HTTP/1.1 CRLF        method SP origin-form SP "HTTP/1.1"
 *     Host: example.org CRLF                   name ":" value
 *     CRLF
 *
 * This is no second HTTP parser. It knows one kind of head, the one that nearly every request has, and says "usual" or
 * "not mine". What is not its own goes to `hospes.wire`, octets and all, which knows every other kind, and why a bad one is bad.
 *
 * Laws:
 *
 * - Whatever is accepted here, `hospes.wire` accepts too, with the same outcome. (fuzz/fuzz_engine.py seeks a counterexample.)
 * - A wrong "not mine" costs time and nothing else; so in doubt the answer is "not mine".
 * - Nothing is kept between two calls, nothing is allocated, and no octet beyond `length` is looked at.
 * - Each octet is looked at once: linear time.
 *
 * A usual head is complete, short enough that no limit of size can be broken, of HTTP/1.1 and in origin-form; it names one plain
 * host; it has no Transfer-Encoding, Expect or Upgrade; Content-Length and Connection come once at the most, and Connection
 * says `close` or `keep-alive`.
 */
#ifndef HOSPES_PARSER_H
#define HOSPES_PARSER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct {
    uint32_t count; /* how often the field is there */
    uint32_t at;    /* where its last value begins */
    uint32_t length;
} hospes_field;

typedef struct {
    uint32_t size;          /* octets of the head, its empty line among them */
    uint32_t method_length; /* the method begins at 0, the target behind it and one space */
    uint32_t target_length;
    uint32_t path_length;   /* of the target; a query follows where the target is longer */
    uint32_t fields;        /* where the first field line begins */
    uint32_t field_count;
    uint32_t host;          /* where the value of Host begins */
    uint32_t host_length;
    int64_t content_length; /* -1 where there is none */
    int keep_alive;
    int escaped;            /* whether there is a percent sign in the path */
    int cookies;            /* how many Cookie fields there are */
    int asks;               /* whether there is a field of ranges, or of a condition other than the two below (RFC 9110 §13, §14) */
    hospes_field codings;   /* Accept-Encoding */
    hospes_field tags;      /* If-None-Match */
    hospes_field since;     /* If-Modified-Since */
} hospes_head;

typedef struct {
    size_t size;          /* octets of a head without the CRLF CRLF at its end */
    uint32_t field_count; /* field lines */
} hospes_limits;

enum { TOKEN = 1, PATH = 2, QUERY = 4, HOST = 8, HEX = 16 };

/* The sets of `hospes.wire.grammar`: TCHAR, PATH_CHAR, QUERY_CHAR, REG_NAME_CHAR. */
#define ALNUM (TOKEN | PATH | QUERY | HOST)
static const unsigned char hospes_sets[256] = {
    ['!'] = ALNUM, ['"'] = PATH | QUERY, ['#'] = TOKEN, ['$'] = ALNUM, ['%'] = TOKEN | QUERY, ['&'] = ALNUM, ['\''] = ALNUM,
    ['('] = PATH | QUERY | HOST, [')'] = PATH | QUERY | HOST, ['*'] = ALNUM, ['+'] = ALNUM, [','] = PATH | QUERY | HOST,
    ['-'] = ALNUM, ['.'] = ALNUM, ['/'] = PATH | QUERY, ['0' ... '9'] = ALNUM | HEX, [':'] = PATH | QUERY,
    [';'] = PATH | QUERY | HOST, ['<'] = PATH | QUERY, ['='] = PATH | QUERY | HOST, ['>'] = PATH | QUERY, ['?'] = QUERY,
    ['@'] = PATH | QUERY, ['A' ... 'F'] = ALNUM | HEX, ['G' ... 'Z'] = ALNUM, ['['] = PATH | QUERY, ['\\'] = PATH | QUERY,
    [']'] = PATH | QUERY, ['^'] = TOKEN | PATH | QUERY, ['_'] = ALNUM, ['`'] = TOKEN | PATH | QUERY,
    ['a' ... 'f'] = ALNUM | HEX, ['g' ... 'z'] = ALNUM, ['{'] = PATH | QUERY, ['|'] = TOKEN | PATH | QUERY, ['}'] = PATH | QUERY,
    ['~'] = ALNUM,
};
#undef ALNUM

enum { METHOD_LENGTH = 32, LENGTH_DIGITS = 18, PORT_DIGITS = 5 };

/* Whether `octets` are the lower-case letters and dashes of `name`, in any case. Only for octets that are known to be of a
 * token: of those, none but the letter itself becomes it by setting the bit of lower case. */
static inline int hospes_is(const unsigned char *octets, const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((octets[i] | 0x20) != (unsigned char)name[i]) return 0;
    return 1;
}

/* The first octet of a value that may not stand in one (RFC 9110 §5.5), or `end`. Sixteen at a time where the processor is known to
 * do so, and eight, as long as there is none. */
static inline const unsigned char *hospes_value_end(const unsigned char *p, const unsigned char *end) {
#ifdef __SSE2__
    const __m128i last_control = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    for (; end - p >= 16; p += 16) {
        const __m128i octets = _mm_loadu_si128((const __m128i *)p);
        const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(octets, last_control), octets);
        const __m128i wrong = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(octets, tab), control), _mm_cmpeq_epi8(octets, del));
        const int found = _mm_movemask_epi8(wrong);
        if (found) return p + __builtin_ctz((unsigned)found);
    }
#endif
    const uint64_t ones = 0x0101010101010101u, highs = ones * 0x80;
    for (;;) {
        while (end - p >= 8) {
            uint64_t word, delete;
            memcpy(&word, p, 8);
            delete = word ^ (ones * 0x7f);
            /* Of octets below 0x80: those below 0x20, and 0x7f. A false alarm next to a true one only ends this loop early. */
            if ((((word - ones * 0x20) | (delete - ones)) & ~word & highs) != 0) break;
            p += 8;
        }
        const unsigned char *stop = end - p > 8 ? p + 8 : end;
        while (p < stop && ((*p >= 0x20 && *p != 0x7f) || *p == '\t')) p++;
        if (p == end || !((*p >= 0x20 && *p != 0x7f) || *p == '\t')) return p;
    }
}

/* `name` or `name:port`; RFC 9110 §7.2. Addresses of IPv6 are left to wire. */
static inline int hospes_plain_host(const unsigned char *p, size_t length) {
    const unsigned char *end = p + length, *start = p;
    uint32_t port = 0;
    while (p < end && (hospes_sets[*p] & HOST)) p++;
    if (p == start) return 0;
    if (p == end) return 1;
    if (*p++ != ':' || p == end || end - p > PORT_DIGITS) return 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return 0;
        port = port * 10 + (*p - '0');
    }
    return port <= 65535;
}

/* The number of a Content-Length, or -1 (RFC 9110 §8.6: digits only). */
static inline int64_t hospes_length(const unsigned char *p, size_t length) {
    int64_t number = 0;
    if (length == 0 || length > LENGTH_DIGITS) return -1;
    for (const unsigned char *end = p + length; p < end; p++) {
        if (*p < '0' || *p > '9') return -1;
        number = number * 10 + (*p - '0');
    }
    return number;
}

static inline void hospes_remember(hospes_field *field, size_t at, size_t length) {
    field->count++;
    field->at = (uint32_t)at;
    field->length = (uint32_t)length;
}

enum { SAW_HOST = 1, SAW_LENGTH = 2, SAW_CONNECTION = 4 };

/* Weigh a field that says something about the request as a whole. 0: this is not a usual request. */
static inline int hospes_weigh(const unsigned char *start, const unsigned char *name, size_t name_length,
                               const unsigned char *value, size_t value_length, hospes_head *head, int *saw) {
    switch (name_length) {
    case 5:
        if (hospes_is(name, "range", 5)) head->asks = 1;
        return 1;
    case 8:
        if (hospes_is(name, "if-match", 8) || hospes_is(name, "if-range", 8)) head->asks = 1;
        return 1;
    case 13:
        if (hospes_is(name, "if-none-match", 13)) hospes_remember(&head->tags, (size_t)(value - start), value_length);
        return 1;
    case 15:
        if (hospes_is(name, "accept-encoding", 15)) hospes_remember(&head->codings, (size_t)(value - start), value_length);
        return 1;
    case 19:
        if (hospes_is(name, "if-unmodified-since", 19)) head->asks = 1;
        return 1;
    case 4:
        if (!hospes_is(name, "host", 4)) return 1;
        if ((*saw & SAW_HOST) || !hospes_plain_host(value, value_length)) return 0;
        *saw |= SAW_HOST;
        head->host = (uint32_t)(value - start);
        head->host_length = (uint32_t)value_length;
        return 1;
    case 6:
        if (hospes_is(name, "cookie", 6)) head->cookies++;
        return !hospes_is(name, "expect", 6);
    case 7:
        return !hospes_is(name, "upgrade", 7);
    case 10:
        if (!hospes_is(name, "connection", 10)) return 1;
        if (*saw & SAW_CONNECTION) return 0;
        *saw |= SAW_CONNECTION;
        for (size_t i = 0; i < value_length; i++)
            if (!(hospes_sets[value[i]] & TOKEN)) return 0;
        if (value_length == 5 && hospes_is(value, "close", 5)) head->keep_alive = 0;
        else if (value_length != 10 || !hospes_is(value, "keep-alive", 10)) return 0;
        return 1;
    case 14:
        if (!hospes_is(name, "content-length", 14)) return 1;
        if (*saw & SAW_LENGTH) return 0;
        *saw |= SAW_LENGTH;
        return (head->content_length = hospes_length(value, value_length)) >= 0;
    case 17:
        if (hospes_is(name, "if-modified-since", 17)) hospes_remember(&head->since, (size_t)(value - start), value_length);
        return !hospes_is(name, "transfer-encoding", 17);
    default:
        return 1;
    }
}

/* What octets are. */
enum { NOT_USUAL, USUAL, UNFINISHED };

/* The request line. Gives where the first field line begins, or NULL; then `is` says whether it may still become a usual one. */
static inline const unsigned char *hospes_request_line(const unsigned char *start, const unsigned char *end, hospes_head *head,
                                                       int *is) {
    const unsigned char *p = start, *target;
    *is = NOT_USUAL;
    while (p < end && (hospes_sets[*p] & TOKEN)) p++;
    if (p == start || p - start > METHOD_LENGTH) return NULL;
    if (p == end) return *is = UNFINISHED, NULL;
    if (*p != ' ') return NULL;
    head->method_length = (uint32_t)(p - start);
    if (head->method_length == 7 && memcmp(start, "CONNECT", 7) == 0) return NULL;
    target = ++p;
    if (p == end) return *is = UNFINISHED, NULL;
    if (*p != '/') return NULL;
    for (;;) {
        while (p < end && (hospes_sets[*p] & PATH)) p++;
        if (p == end || *p != '%') break;
        if (end - p > 1 && !(hospes_sets[p[1]] & HEX)) return NULL;
        if (end - p < 3) return *is = UNFINISHED, NULL;
        if (!(hospes_sets[p[2]] & HEX)) return NULL;
        head->escaped = 1;
        p += 3;
    }
    head->path_length = (uint32_t)(p - target);
    if (p < end && *p == '?')
        while (p < end && (hospes_sets[*p] & QUERY)) p++;
    head->target_length = (uint32_t)(p - target);
    if (memcmp(p, " HTTP/1.1\r\n", end - p < 11 ? (size_t)(end - p) : 11) != 0) return NULL;
    if (end - p < 11) return *is = UNFINISHED, NULL;
    return p + 11;
}

/* Whether `octets` begin with the complete head of a usual request; then `head` is filled in. UNFINISHED: nothing that has come
 * speaks against it. */
static inline int hospes_parse_head(const unsigned char *octets, size_t length, const hospes_limits *limits, hospes_head *head) {
    const unsigned char *p, *name, *colon, *value, *value_end, *end = octets + length;
    int saw = 0, is, unfinished = UNFINISHED;
    /* Longer heads are wire's; so no octet beyond what it would take needs to be looked at. */
    if (length >= limits->size) unfinished = NOT_USUAL;
    if (length > limits->size && length - limits->size > 4) end = octets + limits->size + 4;
    head->content_length = -1;
    head->keep_alive = 1;
    head->field_count = 0;
    head->escaped = head->cookies = head->asks = 0;
    head->codings.count = head->tags.count = head->since.count = 0;
    if ((p = hospes_request_line(octets, end, head, &is)) == NULL) return is == UNFINISHED ? unfinished : NOT_USUAL;
    head->fields = (uint32_t)(p - octets);
    for (;;) {
        if (head->field_count == limits->field_count) unfinished = NOT_USUAL;
        if (p == end) return unfinished;
        if (*p == '\r') break;
        name = p;
        while (p < end && (hospes_sets[*p] & TOKEN)) p++;
        if (p == end) return unfinished;
        if (p == name || *p != ':') return NOT_USUAL;
        colon = p;
        value = p + 1;
        p = value_end = hospes_value_end(value, end);
        if (p == end || (*p == '\r' && p + 1 == end)) return unfinished;
        if (p[0] != '\r' || p[1] != '\n') return NOT_USUAL;
        if (++head->field_count > limits->field_count) return NOT_USUAL;
        while (value < value_end && (*value == ' ' || *value == '\t')) value++;
        while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) value_end--;
        if (!hospes_weigh(octets, name, (size_t)(colon - name), value, (size_t)(value_end - value), head, &saw))
            return NOT_USUAL;
        p += 2;
    }
    if (p + 1 == end) return unfinished;
    if (p[1] != '\n' || !(saw & SAW_HOST)) return NOT_USUAL;
    head->size = (uint32_t)(p + 2 - octets);
    return USUAL;
}

#endif
