# What the kernel is asked, and nothing else.

cdef extern from "<errno.h>" nogil:
    int errno, EAGAIN, EINTR, ECONNABORTED, ENOENT

cdef extern from "<unistd.h>" nogil:
    int close(int)

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC, CLOCK_REALTIME_COARSE
    int clock_gettime(int, timespec *)

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    int epoll_create1(int)
    int epoll_ctl(int, int, int, epoll_event *)
    int epoll_wait(int, epoll_event *, int, int)

cdef extern from "<math.h>" nogil:
    double ceil(double)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        unsigned short sa_family
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    struct linger:
        int l_onoff
        int l_linger
    int SOL_SOCKET, SO_LINGER
    int AF_INET, AF_INET6, AF_UNIX, MSG_NOSIGNAL, SHUT_WR, SOCK_NONBLOCK, SOCK_CLOEXEC
    ssize_t recv(int, void *, size_t, int)
    ssize_t c_send "send"(int, const void *, size_t, int)
    ssize_t sendmsg(int, const msghdr *, int)
    int shutdown(int, int)
    int accept4(int, sockaddr *, socklen_t *, int)
    int getsockname(int, sockaddr *, socklen_t *)
    int getpeername(int, sockaddr *, socklen_t *)
    int c_setsockopt "setsockopt"(int, int, int, const void *, socklen_t)

cdef extern from "<sys/un.h>" nogil:
    struct sockaddr_un:
        char sun_path[108]

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
    int IPPROTO_TCP
    unsigned short ntohs(unsigned short)

cdef extern from "<netinet/tcp.h>" nogil:
    int TCP_NODELAY

cdef extern from "<arpa/inet.h>" nogil:
    const char *inet_ntop(int, const void *, char *, socklen_t)

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t c_sendfile "sendfile"(int, int, int64_t *, size_t)


cdef inline double _monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef inline int64_t _second() noexcept nogil:
    """The clock's second; a few milliseconds late at the most, and as cheap as a variable."""
    cdef timespec now
    clock_gettime(CLOCK_REALTIME_COARSE, &now)
    return now.tv_sec


cdef object _address(sockaddr *name, socklen_t length):
    """What the socket says of one end, as `hospes.server` says it."""
    cdef char text[64]
    cdef char *path
    if length >= sizeof(unsigned short):
        if name.sa_family == AF_INET:
            inet_ntop(AF_INET, &(<sockaddr_in *>name).sin_addr, text, sizeof(text))
            return Address(text.decode("ascii"), ntohs((<sockaddr_in *>name).sin_port))
        if name.sa_family == AF_INET6:
            inet_ntop(AF_INET6, &(<sockaddr_in6 *>name).sin6_addr, text, sizeof(text))
            return Address(text.decode("ascii"), ntohs((<sockaddr_in6 *>name).sin6_port))
        if name.sa_family == AF_UNIX and length > sizeof(unsigned short):
            path = (<sockaddr_un *>name).sun_path
            octets = path[: length - sizeof(unsigned short)]
            return Address(fsdecode(octets.partition(b"\0")[0]), 0)
    return Address("", 0)


cdef inline int _raise_errno() except -1:
    raise OSError(errno, strerror(errno))
