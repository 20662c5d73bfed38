/* The yardstick: how fast an HTTP/1.1 server in C can be that does nothing but answer.
 *
 *     cc -O2 -o yardstick yardstick.c && ./yardstick PORT
 *
 * One thread, one epoll, one buffer for all connections. GET /plaintext and /json give constants, POST /upload the number of octets it
 * got, POST /echo the content itself, a websocket at /ws the messages that come, for one key only: that of wsload. It has no limits, no timeouts and no checks but those without which it would fall over: it is
 * a yardstick, and no server for anybody.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INPUT = 256 * 1024, OUTPUT = 256 * 1024, KEPT = 64 * 1024, EVENTS = 512 };
enum route { PLAINTEXT, JSON, UPLOAD, ECHO, WEBSOCKET };

struct peer {
    int fd;
    enum route route;
    long length; /* of the content of the request under way */
    long left;   /* of it */
    size_t kept; /* octets in `rest`: the beginning of a request */
    char *rest;
    int upgraded;          /* a websocket by now: `left` is of the frame under way */
    unsigned char mask[8]; /* of it, twice, as the next octet wants it */
};

static char input[INPUT + KEPT], output[OUTPUT];
static size_t written;
static char date[40];

static void tell_time(void) {
    static time_t last;
    time_t now = time(NULL);
    if (now == last) return;
    last = now;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Send what has gathered. The socket's buffer takes it: a peer of a benchmark reads. */
static int leave(struct peer *peer) {
    size_t at = 0;
    while (at < written) {
        ssize_t sent = send(peer->fd, output + at, written - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return 0;
        if (sent > 0) at += (size_t)sent;
    }
    written = 0;
    return 1;
}

static int answer(struct peer *peer, const char *content) {
    char number[24];
    const char *type = peer->route == JSON || peer->route == ECHO ? "application/json" : "text/plain; charset=utf-8";
    size_t length;
    if (peer->route == ECHO) {
        length = (size_t)peer->length;
    } else if (peer->route == UPLOAD) {
        length = (size_t)sprintf(number, "%ld", peer->length);
        content = number;
    } else {
        content = peer->route == JSON ? "{\"message\":\"Hello, World!\"}" : "Hello, World!";
        length = strlen(content);
    }
    if (written + length + 256 > OUTPUT && !leave(peer)) return 0;
    written += (size_t)sprintf(output + written,
                               "HTTP/1.1 200 OK\r\nServer: c\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                               date, type, length);
    memcpy(output + written, content, length);
    written += length;
    return 1;
}

/* Understand the head of a request, as far as it matters. */
static void understand(struct peer *peer, const char *head, const char *end) {
    peer->route = PLAINTEXT;
    if (!strncmp(head, "GET /json", 9)) peer->route = JSON;
    if (!strncmp(head, "POST /upload", 12)) peer->route = UPLOAD;
    if (!strncmp(head, "POST /echo", 10)) peer->route = ECHO;
    if (!strncmp(head, "GET /ws ", 8)) peer->route = WEBSOCKET;
    peer->length = 0;
    for (const char *line = memchr(head, '\n', (size_t)(end - head)); line && ++line < end;
         line = memchr(line, '\n', (size_t)(end - line)))
        if ((*line | 32) == 'c' && !strncasecmp(line, "content-length:", 15)) peer->length = atol(line + 15);
    peer->left = peer->length;
}

/* Turn octets of a frame's payload, in as many steps as there is room for. Gives 0 where the peer has gone. */
static int repeat(struct peer *peer, const char *octets, size_t length) {
    while (length) {
        size_t room = OUTPUT - written, n = 0, part = length < room ? length : room;
        unsigned char turned[8];
        uint64_t key, word;
        memcpy(&key, peer->mask, 8);
        for (; n + 8 <= part; n += 8) {
            memcpy(&word, octets + n, 8);
            word ^= key;
            memcpy(output + written + n, &word, 8);
        }
        for (size_t i = 0; n < part; n++, i++) output[written + n] = (char)(octets[n] ^ (char)peer->mask[i]);
        for (size_t i = 0; i < 8; i++) turned[i] = peer->mask[(part + i) & 3];
        memcpy(peer->mask, turned, 8);
        written += part;
        octets += part;
        length -= part;
        if (written == OUTPUT && !leave(peer)) return 0;
    }
    return 1;
}

/* Send back the messages in these octets. Gives how many were used, or -1. */
static ssize_t serve_websocket(struct peer *peer, const char *octets, size_t length) {
    const unsigned char *at = (const unsigned char *)octets, *end = at + length;
    while (at < end) {
        if (!peer->left) {
            size_t head = end - at < 2 ? 0 : (at[1] & 0x7f) == 127 ? 10 : (at[1] & 0x7f) == 126 ? 4 : 2;
            if (!head || (size_t)(end - at) < head + 4) break;
            if ((at[0] & 0x0f) > 2 || !(at[1] & 0x80)) return -1; /* a goodbye, or what wsload does not send */
            if (written + 16 > OUTPUT && !leave(peer)) return -1;
            peer->left = head == 2 ? at[1] & 0x7f : 0;
            for (size_t n = 2; n < head; n++) peer->left = peer->left << 8 | at[n];
            memcpy(output + written, at, head);
            output[written + 1] &= 0x7f;
            written += head;
            memcpy(peer->mask, at + head, 4);
            memcpy(peer->mask + 4, at + head, 4);
            at += head + 4;
        }
        size_t part = peer->left < end - at ? (size_t)peer->left : (size_t)(end - at);
        if (!repeat(peer, (const char *)at, part)) return -1;
        peer->left -= (long)part;
        at += part;
    }
    return (const char *)at - octets;
}

/* Answer all that is complete in these octets. Gives how many were used, or -1. */
static ssize_t serve(struct peer *peer, const char *octets, size_t length) {
    const char *at = octets, *end = octets + length;
    if (peer->upgraded) return serve_websocket(peer, octets, length);
    while (at < end) {
        if (!peer->left) {
            const char *empty = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
            if (!empty) break;
            understand(peer, at, empty + 4);
            at = empty + 4;
        }
        if (peer->left > end - at) {
            if (peer->route == ECHO) break; /* all at once */
            peer->left -= end - at;
            return (ssize_t)length;
        }
        if (peer->route == WEBSOCKET) {
            written += (size_t)sprintf(output + written, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                       "Connection: Upgrade\r\nSec-WebSocket-Accept: PE4lKCy6wBiYa7MVpKt1rqm6YVc=\r\n\r\n");
            peer->upgraded = 1;
            return at - octets;
        }
        const char *content = at;
        at += peer->left;
        peer->left = 0;
        if (!answer(peer, content)) return -1;
    }
    return at - octets;
}

static void drop(struct peer *peer) {
    close(peer->fd);
    free(peer->rest);
    free(peer);
}

static void hear(struct peer *peer) {
    size_t before = peer->kept;
    if (before) memcpy(input, peer->rest, before);
    ssize_t got = recv(peer->fd, input + before, INPUT, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        drop(peer);
        return;
    }
    size_t length = before + (size_t)got;
    ssize_t used = serve(peer, input, length);
    if (used < 0 || !leave(peer) || length - (size_t)used > KEPT) {
        drop(peer);
        return;
    }
    peer->kept = length - (size_t)used;
    if (peer->kept) {
        if (!peer->rest && !(peer->rest = malloc(KEPT))) fail("malloc");
        memcpy(peer->rest, input + used, peer->kept);
    } else if (peer->rest) {
        free(peer->rest);
        peer->rest = NULL;
    }
}

static void welcome(int listener, int epoll) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = calloc(1, sizeof *peer);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        if (!peer) fail("calloc");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        peer->fd = fd;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
    }
}

int main(int count, char **arguments) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    if (count != 2) {
        fprintf(stderr, "usage: yardstick PORT\n");
        return 2;
    }
    address.sin_port = htons((unsigned short)atoi(arguments[1]));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) fail("bind");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) fail("epoll_ctl");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, 1000);
        tell_time();
        for (int n = 0; n < ready; n++) {
            if (events[n].data.ptr) hear(events[n].data.ptr);
            else welcome(listener, epoll);
        }
    }
}
