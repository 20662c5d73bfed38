/* The load of websockets: connections that send messages and wait for each to come back.
 *
 *     cc -O2 -o wsload wsload.c && ./wsload PORT PATH CONNECTIONS OCTETS SECONDS [DEPTH [text]]
 *
 * One thread, one epoll. Each connection keeps DEPTH messages (1 by default) of OCTETS each under way, binary unless `text` is said,
 * masked with a key of its own. The first echo of each connection is compared octet by octet; of all others the frames are
 * followed, and a last octet that is not the one sent ends the run. Pings are answered. Prints one line, as load.lua does:
 *
 *     @@{"requests":N,"seconds":S,"errors":0,"p50":MICROSECONDS,"p99":MICROSECONDS}
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 20, HEADER = 14, EVENTS = 256, KEPT_TIMES = 1 << 22 };
enum { FINAL = 0x80, CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct peer {
    int fd;
    unsigned char *batch; /* DEPTH messages, framed and masked */
    size_t sent;          /* of the batch */
    int back;             /* messages of it that have come back */
    double began;
    /* The frame that comes in. */
    unsigned char header[HEADER];
    size_t have;   /* octets of its header */
    uint64_t left; /* of its content */
    uint64_t got;  /* of the message's content */
    unsigned char last, ping[125];
    size_t pinged;
};

static unsigned char piece[PIECE];
static size_t size, frame, batch;
static int depth = 1, opcode = BINARY;
static float *times;
static size_t timed;
static long messages;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    if (errno) perror(what);
    else fprintf(stderr, "%s\n", what);
    exit(1);
}

static unsigned char letter(size_t at) { return (unsigned char)('a' + at % 26); }

/* A frame of this content, masked; gives its octets. */
static size_t mask(unsigned char *to, int code, const unsigned char *content, size_t length, uint32_t key) {
    unsigned char *at = to, bytes[4];
    memcpy(bytes, &key, 4);
    *at++ = (unsigned char)(FINAL | code);
    if (length < 126) {
        *at++ = (unsigned char)(0x80 | length);
    } else if (length < 65536) {
        *at++ = 0x80 | 126;
        *at++ = (unsigned char)(length >> 8);
        *at++ = (unsigned char)length;
    } else {
        *at++ = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8) *at++ = (unsigned char)((uint64_t)length >> shift);
    }
    memcpy(at, bytes, 4);
    at += 4;
    for (size_t n = 0; n < length; n++) at[n] = (content ? content[n] : letter(n)) ^ bytes[n & 3];
    return (size_t)(at - to) + length;
}

static void send_all(int fd, const void *octets, size_t length) {
    for (size_t at = 0; at < length;) {
        ssize_t sent = send(fd, (const char *)octets + at, length - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) fail("send");
        if (sent > 0) at += (size_t)sent;
    }
}

/* The octets that a frame's header has, as far as its first two tell; 2 before they are there. */
static size_t header_size(const struct peer *peer) {
    if (peer->have < 2) return 2;
    size_t length = peer->header[1] & 0x7f;
    return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static uint64_t content_size(const struct peer *peer) {
    uint64_t length = peer->header[1] & 0x7f;
    if (length < 126) return length;
    size_t octets = length == 126 ? 2 : 8;
    length = 0;
    for (size_t n = 0; n < octets; n++) length = length << 8 | peer->header[2 + n];
    return length;
}

/* A frame is complete. */
static void frame_ended(struct peer *peer, double at) {
    int code = peer->header[0] & 0x0f;
    peer->have = 0;
    if (code == PING) {
        unsigned char pong[HEADER + 125];
        send_all(peer->fd, pong, mask(pong, PONG, peer->ping, peer->pinged, 0x31415926));
        return;
    }
    if (!(peer->header[0] & FINAL) || code >= CLOSE) return;
    errno = 0;
    if (peer->got != size || (size && peer->last != letter(size - 1))) fail("an echo is not what was sent");
    peer->got = 0;
    messages++;
    if (timed < KEPT_TIMES) times[timed++] = (float)(at - peer->began);
    if (++peer->back == depth) {
        peer->back = 0;
        peer->sent = 0;
        peer->began = at;
    }
}

/* Follow the frames in these octets. */
static void follow(struct peer *peer, const unsigned char *octets, size_t length, double at) {
    const unsigned char *end = octets + length;
    while (octets < end) {
        size_t wanted = header_size(peer);
        if (peer->have < wanted) {
            peer->header[peer->have++] = *octets++;
            if (peer->have < header_size(peer)) continue;
            errno = 0;
            if (peer->header[1] & 0x80) fail("a server does not mask");
            int code = peer->header[0] & 0x0f;
            if (code == CLOSE) fail("the server closes");
            if (code != opcode && code != CONTINUATION && code < CLOSE) fail("an echo of another kind");
            peer->left = content_size(peer);
            peer->pinged = 0;
        } else {
            size_t take = (size_t)(end - octets) < peer->left ? (size_t)(end - octets) : (size_t)peer->left;
            if (!((peer->header[0] & 0x0f) >= CLOSE)) {
                peer->got += take;
                peer->last = octets[take - 1];
            } else if (peer->pinged + take <= sizeof peer->ping) {
                memcpy(peer->ping + peer->pinged, octets, take);
                peer->pinged += take;
            }
            peer->left -= take;
            octets += take;
        }
        if (!peer->left) frame_ended(peer, at);
    }
}

static void write_on(struct peer *peer) {
    while (peer->sent < batch) {
        ssize_t sent = send(peer->fd, peer->batch + peer->sent, batch - peer->sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            fail("send");
        }
        peer->sent += (size_t)sent;
    }
}

static void go_on(struct peer *peer) {
    for (;;) {
        write_on(peer);
        ssize_t got = recv(peer->fd, piece, PIECE, 0);
        if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            fail("recv");
        }
        if (!got) {
            errno = 0;
            fail("the server has closed");
        }
        follow(peer, piece, (size_t)got, now());
    }
}

/* Read one octet after the other: only before the measurement. */
static void read_exactly(int fd, unsigned char *to, size_t length) {
    for (size_t at = 0; at < length;) {
        ssize_t got = recv(fd, to + at, length - at, 0);
        if (got <= 0) fail("recv, before the measurement");
        at += (size_t)got;
    }
}

static void shake_hands(int fd, int port, const char *path) {
    char request[1024], answer[4096];
    size_t at = 0;
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          path, port);
    send_all(fd, request, (size_t)length);
    while (at < 4 || memcmp(answer + at - 4, "\r\n\r\n", 4)) {
        if (at == sizeof answer - 1) fail("the answer to the handshake does not end");
        read_exactly(fd, (unsigned char *)answer + at++, 1);
    }
    answer[at] = 0;
    if (strncmp(answer, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "the handshake was refused: %s", answer);
        exit(1);
    }
}

/* One message there and back, compared octet by octet; the server may have cut it in pieces. */
static void compare_one(struct peer *peer) {
    unsigned char *content = malloc(size + 1);
    size_t have = 0;
    int last = 0;
    if (!content) fail("malloc");
    send_all(peer->fd, peer->batch, frame);
    while (!last) {
        read_exactly(peer->fd, peer->header, 2);
        peer->have = 2;
        read_exactly(peer->fd, peer->header + 2, header_size(peer) - 2);
        uint64_t length = content_size(peer);
        errno = 0;
        if (length > size - have) fail("the first echo is too long");
        read_exactly(peer->fd, content + have, length);
        have += length;
        last = peer->header[0] & FINAL;
    }
    errno = 0;
    if (have != size) fail("the first echo is too short");
    for (size_t n = 0; n < size; n++)
        if (content[n] != letter(n)) fail("the first echo is not what was sent");
    free(content);
    peer->have = 0;
}

static void connect_one(struct peer *peer, int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {10, 0};
    int on = 1;
    if ((peer->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("socket");
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    shake_hands(peer->fd, port, path);
    if (!(peer->batch = malloc(batch))) fail("malloc");
    for (int n = 0; n < depth; n++) mask(peer->batch + (size_t)n * frame, opcode, NULL, size, (uint32_t)random() | 0x01010101);
    compare_one(peer);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

static int compare(const void *one, const void *other) {
    float a = *(const float *)one, b = *(const float *)other;
    return a < b ? -1 : a > b;
}

int main(int count, char **arguments) {
    if (count < 6) {
        fprintf(stderr, "usage: wsload PORT PATH CONNECTIONS OCTETS SECONDS [DEPTH [text]]\n");
        return 2;
    }
    int port = atoi(arguments[1]), connections = atoi(arguments[3]), epoll = epoll_create1(0);
    size = (size_t)atol(arguments[4]);
    double seconds = atof(arguments[5]);
    if (count > 6) depth = atoi(arguments[6]);
    if (count > 7) opcode = TEXT;
    frame = size + (size < 126 ? 6 : size < 65536 ? 8 : 14);
    batch = frame * (size_t)depth;
    struct peer *peers = calloc((size_t)connections, sizeof *peers);
    struct epoll_event events[EVENTS];
    times = malloc(KEPT_TIMES * sizeof *times);
    if (!peers || !times) fail("malloc");
    for (int n = 0; n < connections; n++) connect_one(&peers[n], port, arguments[2]);
    double start = now(), end = start + seconds, at = start;
    for (int n = 0; n < connections; n++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &peers[n]};
        peers[n].began = start;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, peers[n].fd, &event)) fail("epoll_ctl");
    }
    while (at < end) {
        int ready = epoll_wait(epoll, events, EVENTS, 100);
        for (int n = 0; n < ready; n++) go_on(events[n].data.ptr);
        at = now();
    }
    qsort(times, timed, sizeof *times, compare);
    printf("@@{\"requests\":%ld,\"seconds\":%.6f,\"errors\":0,\"p50\":%.1f,\"p99\":%.1f}\n", messages, at - start,
           timed ? times[timed / 2] * 1e6 : 0, timed ? times[timed * 99 / 100] * 1e6 : 0);
    return 0;
}
