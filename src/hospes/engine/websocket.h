/* Masks of websockets' frames, many octets at a time (RFC 6455 §5.3), and their heads. Plain C, no Python, no state. */
#ifndef HOSPES_WEBSOCKET_H
#define HOSPES_WEBSOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sixteen octets anywhere, as gcc and clang have them on every processor. */
typedef uint64_t hospes_octets16 __attribute__((vector_size(16), aligned(1), may_alias));

/* Take a mask off, or put it on. `position` is where in its payload the part begins; `to` may be `from`. */
static inline void hospes_unmask(unsigned char *to, const unsigned char *from, size_t length, const unsigned char *mask,
                                 size_t position) {
    unsigned char turned[8];
    uint64_t key, word;
    size_t i;
    for (i = 0; i < 8; i++) turned[i] = mask[(position + i) & 3];
    memcpy(&key, turned, 8);
    hospes_octets16 keys = {key, key};
    for (i = 0; i + 64 <= length; i += 64) {
        const hospes_octets16 *one = (const hospes_octets16 *)(from + i);
        hospes_octets16 a = one[0] ^ keys, b = one[1] ^ keys, c = one[2] ^ keys, d = one[3] ^ keys;
        hospes_octets16 *other = (hospes_octets16 *)(to + i);
        other[0] = a, other[1] = b, other[2] = c, other[3] = d;
    }
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, from + i, 8);
        word ^= key;
        memcpy(to + i, &word, 8);
    }
    for (; i < length; i++) to[i] = from[i] ^ turned[i & 7];
}

/* The usual frame that octets begin with: a whole message of text or binary, masked, not compressed, its length written in the
   fewest octets. */
typedef struct {
    unsigned char opcode;
    unsigned char size; /* octets of the head */
    uint64_t length;
} hospes_frame;

/* 1 for the head of a usual frame, 0 for anything else, a head that is not complete among it. */
static inline int hospes_parse_frame(const unsigned char *at, size_t left, hospes_frame *frame) {
    uint64_t length;
    size_t i;
    if (left < 6 || (at[0] != 0x81 && at[0] != 0x82) || !(at[1] & 0x80)) return 0;
    frame->opcode = at[0] & 0x0f;
    length = at[1] & 0x7f;
    frame->size = 6;
    if (length == 126) {
        if (left < 8) return 0;
        length = (uint64_t)at[2] << 8 | at[3];
        if (length < 126) return 0;
        frame->size = 8;
    } else if (length == 127) {
        if (left < 14) return 0;
        for (length = 0, i = 2; i < 10; i++) length = length << 8 | at[i];
        if (length < 65536) return 0;
        frame->size = 14;
    }
    frame->length = length;
    return 1;
}

/* Write the head of a server's frame that is a whole message; gives its size, 10 octets at the most. */
static inline size_t hospes_write_frame(unsigned char *to, unsigned char opcode, uint64_t length) {
    size_t i;
    to[0] = 0x80 | opcode;
    if (length < 126) {
        to[1] = (unsigned char)length;
        return 2;
    }
    if (length < 65536) {
        to[1] = 126;
        to[2] = (unsigned char)(length >> 8);
        to[3] = (unsigned char)length;
        return 4;
    }
    to[1] = 127;
    for (i = 0; i < 8; i++) to[2 + i] = (unsigned char)(length >> (56 - 8 * i));
    return 10;
}

#endif
