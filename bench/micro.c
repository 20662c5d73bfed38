/* Nanoseconds of the engine's functions that are plain C: a line "name nanoseconds" for each. `python -m bench micro` runs it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../src/hospes/engine/parser.h"
#include "../src/hospes/engine/websocket.h"

enum { RUNS = 7, LARGE = 65536 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static volatile uint32_t sink;

/* The best of several runs, as in micro.py. */
#define MEASURE(name, times, call)                                      \
    do {                                                                \
        double best = 1e18;                                             \
        for (int run = 0; run < RUNS; run++) {                          \
            const double start = now();                                 \
            for (int n = 0; n < (times); n++) { call; }                 \
            const double spent = (now() - start) / (times);             \
            if (spent < best) best = spent;                             \
        }                                                               \
        printf("%s %.1f\n", name, best);                                \
    } while (0)

int main(int count, char **arguments) {
    static unsigned char payload[LARGE];
    const unsigned char mask[4] = {1, 2, 3, 4};
    const hospes_limits limits = {8192, 100};
    hospes_head head;
    const unsigned char *octets;
    size_t length;
    for (int each = 1; each < count; each++) { /* requests, in full */
        octets = (const unsigned char *)arguments[each];
        length = strlen(arguments[each]);
        if (hospes_parse_head(octets, length, &limits, &head) != USUAL) return 1;
        char name[] = "head0";
        name[4] += (char)each;
        MEASURE(name, 200000, (hospes_parse_head(octets, length, &limits, &head), sink += head.size));
    }
    MEASURE("unmask125", 200000, (hospes_unmask(payload, payload, 125, mask, 0), sink += payload[7]));
    MEASURE("unmask64k", 2000, (hospes_unmask(payload, payload, LARGE, mask, 0), sink += payload[7]));
    return 0;
}
