# The engine: epoll, the listening sockets, the slots, and the way of a usual request.
#
# It waits in place of the asyncio loop (`turn`, see hospes.engine.loop); or its epoll descriptor is itself watched by the loop, which
# calls `poll` when there is something to do. So coroutines, timers and other libraries live on the same loop.
#
# Laws:
#
# * An event names a slot and a generation, never an address: an event for a connection that has gone finds nobody.
# * A turn takes a bounded number of events and of requests; what is left over comes first in the next turn.
# * What is answered in one turn leaves in one send per connection. The buffer of output belongs to one connection at a time;
#   another one that is answered meanwhile sends by itself.
# * Whatever a connection's event runs into ends that connection, never `poll`: its descriptor would be ready for ever.

cdef enum:
    EVENTS = 256  # taken from the kernel at once
    LOOKS = 4  # at the kernel in one turn of a loop that is not ours
    REQUESTS_PER_POLL = 1024  # answered before other parts of the loop get their turn
    REQUESTS_PER_TURN = 64  # of one connection, as in hospes.server.connection
    AT_ONCE = 16 * 1024  # content of an answer that is not copied, as there
    BUFFER = 256 * 1024
    FIRST = 64 * 1024  # octets that are received at once of a connection in its small form: what is more is large content's
    OCTETS_PER_EVENT = 4096  # received ones that count as much as a request
    PREFIXES = 6
    AWAKE = 8  # looks before waiting
    TIMERS = 64  # set since the loop has looked at them

cdef uint32_t LISTENERS = 0xffff0000  # slots from here on are listening sockets
cdef double BRISK = 10e-6  # seconds: a wait that was shorter may be shorter than it takes to be woken
cdef uint64_t FOREIGN = 0xffffffff  # the slot of what the loop itself waits for


@cython.final
cdef class Engine:
    """Serves connections in their small form, and hands over those that need more.

    Args:
        service: What all connections share.
        guest: Makes the large form: `guest(service, transport, ends, served)`.
        most: Connections that may be open.
        on_full: Called when no more are taken, `on_full(error, first)`: the system's error, or 0 for the limit, and whether that
            is news. Accepting waits then, until `accept_on`.
    """

    cdef int epoll
    cdef object service
    cdef object limits
    cdef object loop
    cdef object driver
    cdef object context  # what every request's context is a copy of
    cdef object handler
    cdef Map map  # of the handler, where it has one
    cdef object host  # the handler, where it hosts another framework's application,
    cdef bint is_wsgi  # a WSGI one, and not an ASGI one
    cdef object guest
    cdef object server  # the Address that is listened on, where there is one
    cdef object on_full
    cdef object greet  # takes the descriptor of a connection whose proxy speaks first; None where none does
    cdef list listeners
    cdef list slots
    cdef list vacant
    cdef list corked  # websockets whose messages leave at the end of this turn
    cdef list ready  # connections whose next requests wait for the next turn
    cdef uint32_t generations
    cdef Py_ssize_t most
    cdef readonly Py_ssize_t connections
    cdef uint32_t last_request  # requests_per_connection
    cdef bint accepting
    cdef bint full  # whether accepting waits, or has waited and has not caught up yet
    cdef readonly bint polling
    cdef object handles  # of the loop in whose place we wait
    cdef bint is_brisk  # whether the last wait was short
    cdef bint leaves
    cdef bint is_foreign  # something of the loop's own has happened
    cdef hospes_limits parser_limits
    cdef int64_t longest
    cdef epoll_event events[EVENTS]
    cdef int event, event_count
    cdef Py_ssize_t budget
    cdef uint64_t look  # counts the looks at the kernel
    cdef object interruption  # KeyboardInterrupt or SystemExit, on its way to the loop
    cdef char *received
    cdef int pipe[2]  # on whose way content goes into files; -1: there is none yet
    cdef char *gathered  # answers of one connection, to leave in one send
    cdef Py_ssize_t gathered_length
    cdef Conn gathering  # whose answers are in `gathered`
    cdef int64_t prefixes_second
    cdef tuple prefixes
    cdef bytes type_octets  # the last media type that a hosted application gave,
    cdef str type_text  # and its text

    def __cinit__(self):
        self.epoll = self.pipe[0] = self.pipe[1] = -1
        self.received = <char *>PyMem_RawMalloc(BUFFER)
        self.gathered = <char *>PyMem_RawMalloc(BUFFER)
        if self.received == NULL or self.gathered == NULL:
            raise MemoryError
        # What has once been freed in one piece glibc keeps from then on, up to twice of it: else pieces of content would each be
        # asked of the kernel and given back (mallopt(3), M_MMAP_THRESHOLD).
        PyMem_RawFree(PyMem_RawMalloc(16 * AWAITED))

    def __init__(self, service, guest, Py_ssize_t most, on_full):
        self.service = service
        self.limits = service.limits
        self.loop = service.driver.loop
        self.driver = service.driver
        self.context = service.driver._context
        self.handler = service.handler
        self.map = Map(getattr(service.handler, "map", None), self.limits)
        self.is_wsgi = getattr(service.handler, "is_wsgi", False)
        self.host = service.handler if self.is_wsgi or getattr(service.handler, "is_asgi", False) else None
        self.guest = guest
        self.most = most
        self.on_full = on_full
        self.listeners, self.slots, self.vacant, self.ready, self.corked = [], [], [], [], []
        self.prefixes = ()
        self.parser_limits = _parser_limits(self.limits)
        self.longest = min(self.limits.body, BUFFER)
        self.last_request = min(self.limits.requests_per_connection, 0xffffffff)
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            _raise_errno()

    def __dealloc__(self):
        if self.epoll >= 0:
            close(self.epoll)
        self.close_pipe()
        PyMem_RawFree(self.received)
        PyMem_RawFree(self.gathered)

    def fileno(self):
        """The descriptor to be watched by the loop."""
        return self.epoll

    # Listening.

    def listen(self, listeners, server):
        """Take connections from these sockets.

        Args:
            listeners: Their descriptors.
            server: The one Address that they stand for; None where that differs from connection to connection.
        """
        self.listeners, self.server = list(listeners), server
        self.accept_on()

    def greet_with(self, greet):
        """Give connections that come to somebody who hears whose they are, and then calls `adopt`, or `forsake`.

        Args:
            greet: Takes the descriptor.
        """
        self.greet = greet

    def adopt(self, int fd, told):
        """Serve a connection that was greeted.

        Args:
            fd: Its descriptor.
            told: Client and server, as a proxy has told; None for those that the system knows.
        """
        cdef uint64_t name[16]
        cdef socklen_t length = sizeof(name)
        if getpeername(fd, <sockaddr *>name, &length) < 0:
            length = 0
        self.connections -= 1
        self._welcome(fd, name, length, told)

    def forsake(self):
        """A connection that was greeted has come to nothing; its descriptor is closed."""
        self.connections -= 1
        self.service.on_lost()

    def accept_on(self):
        """Take connections again, if there may be more."""
        if not self.accepting and self.connections < self.most:
            self.accepting = True
            self._watch_listeners(EPOLL_CTL_ADD)

    def accept_off(self):
        """Leave new connections to the kernel's queue."""
        if self.accepting:
            self.accepting = False
            self._watch_listeners(EPOLL_CTL_DEL)

    def accept_rest(self, int sweeps):
        """Take the connections that the kernel holds, before their socket is closed.

        Args:
            sweeps: Times a turn's connections, at the most.
        """
        for listener in self.listeners:
            for _ in range(sweeps):
                self._accept(listener)

    cdef int _watch_listeners(self, int operation) except -1:
        cdef epoll_event event
        cdef uint32_t n
        event.events = EPOLLIN
        for n in range(<uint32_t>len(self.listeners)):
            event.data.u64 = LISTENERS + n
            if epoll_ctl(self.epoll, operation, self.listeners[n], &event) < 0:
                _raise_errno()
        return 0

    cdef int _accept(self, int listener) except -1:
        cdef uint64_t name[16]
        cdef socklen_t length
        cdef int fd, on = 1
        for _ in range(64):
            if self.connections >= self.most:
                self._wait(0)
                return 0
            length = sizeof(name)
            fd = accept4(listener, <sockaddr *>name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd < 0:
                if errno == ECONNABORTED or errno == EINTR:
                    continue
                if errno == EAGAIN:
                    self.full = False
                else:  # no descriptors, no memory, a firewall's word: whatever it is, it may pass, and must not end the loop
                    self._wait(errno)
                return 0
            if (<sockaddr *>name).sa_family != AF_UNIX:
                c_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
            if self.greet is None:
                self._welcome(fd, name, length, None)
            else:
                self.connections += 1
                self.greet(fd)
        return 0

    cdef int _wait(self, int number) except -1:
        """There is no room for more connections; 0: by our own limit."""
        first, self.full = not self.full, True
        self.accept_off()
        self.on_full(number, first)
        return 0

    cdef int _welcome(self, int fd, const void *name, socklen_t length, told) except -1:
        cdef Conn conn = Conn.__new__(Conn)
        conn.engine = self
        conn.fd = fd
        conn.state = IDLE
        conn.response = _NOTHING
        conn.told = told
        conn.since = _monotonic()
        conn.peer_length = <unsigned char>length if length <= PEER else 0
        memcpy(conn.peer, name, conn.peer_length)
        self.generations += 1
        conn.generation = self.generations
        if self.vacant:
            conn.slot = self.vacant.pop()
            self.slots[conn.slot] = conn
        else:
            conn.slot = <uint32_t>len(self.slots)
            self.slots.append(conn)
        self.connections += 1
        try:
            conn.watch(EPOLLIN)
            if self.limits.connections_per_address:
                conn.counted = True
                if not self.service.admit(conn.shared().client.host):
                    self.hand_over(conn).refuse_address()
        except Exception as error:
            self.failed(conn, error)
        return 0

    # Turns.

    def poll(self):
        """Take what has happened, up to a bound. A loop that is not ours calls this."""
        if self.polling or self.epoll < 0:  # a handler that runs a loop inside of the loop
            return
        self.polling = True
        self.budget = REQUESTS_PER_POLL
        self.look += 1
        try:
            # What has come meanwhile is taken at once: a turn of the loop costs more than a look.
            for _ in range(LOOKS):
                if self.event >= self.event_count:
                    self._look(0)
                if self.event_count <= 0 or not self._take_all():
                    break
        finally:
            self.polling = False

    def begin_turns(self, int foreign, handles):
        """Wait in place of a loop, from now on.

        Args:
            foreign: The descriptor that is readable where one of the loop's own is ready.
            handles: Those that the loop will run next.
        """
        cdef epoll_event event
        event.events, event.data.u64 = EPOLLIN, FOREIGN
        if epoll_ctl(self.epoll, EPOLL_CTL_ADD, foreign, &event) < 0:
            _raise_errno()
        self.handles = handles

    def leave(self):
        """Let `turn` come to its end, although nothing is there for the loop."""
        self.leaves = True

    def turn(self, timeout, list timers not None):
        """Take what happens until something is there for the loop, or may be; False where none of its own descriptors is ready.

        Args:
            timeout: Seconds after which there is, in any case; None for never. At 0 there is already: what has happened is taken
                behind it.
            timers: The loop's. That the next one has become another is something for the loop.
        """
        cdef double until = -1
        cdef Py_ssize_t count = PyList_GET_SIZE(timers)
        cdef bint is_full
        first = timers[0] if count else None
        if timeout is not None:
            until = _monotonic() + timeout if timeout > 0 else 0
        self.leaves = self.is_foreign = False
        self.polling = True
        try:
            while True:
                if self.event >= self.event_count:
                    self._look(until)
                    if self.event_count < 0:
                        if errno != EINTR:
                            _raise_errno()
                        PyErr_CheckSignals()
                        return False
                if until == 0:
                    return self._take_soon()
                self.budget = REQUESTS_PER_POLL
                is_full = not self._take_all()
                # Where the loop gets its turn now, what has come meanwhile goes along: writes that come together share a commit.
                for _ in range(LOOKS - 1):
                    if is_full or self.is_foreign or not len(self.handles):
                        break
                    self._look(0)
                    if self.event_count <= 0:
                        break
                    is_full = not self._take_all()
                if self.is_foreign:
                    self.is_brisk = False  # threads, perhaps, that want the processor
                    return True
                if is_full:
                    return True
                if self.leaves or len(self.handles) or (until > 0 and _monotonic() >= until):
                    return False
                if PyList_GET_SIZE(timers) != count:
                    # Those that were cancelled since are many, perhaps; the loop clears them away.
                    if not timers or timers[0] is not first or PyList_GET_SIZE(timers) > count + TIMERS:
                        return False
        finally:
            self.polling = False

    cdef bint _take_soon(self) except -1:
        """Have `poll` called behind what waits to be run; gives whether one of the loop's descriptors is ready."""
        cdef int n
        if self.event < self.event_count:
            self.loop.call_soon(self.poll)
        for n in range(self.event, self.event_count):
            if self.events[n].data.u64 == FOREIGN:
                return True
        return False

    cdef int _look(self, double until) except -1:
        """Ask the kernel what has happened; wait for it until that time of the monotonic clock, not at all at 0, for ever at -1."""
        cdef double now
        cdef int wait = -1, n
        self.event = self.event_count = 0
        self.look += 1
        # A short wait is cheaper awake: to sleep and to be woken costs both sides some microseconds.
        for n in range(1 if until == 0 else AWAKE if self.is_brisk else 0):
            self.event_count = epoll_wait(self.epoll, self.events, EVENTS, 0)
            if self.event_count:
                break
        if self.event_count or until == 0:
            return 0
        PyErr_CheckSignals()
        now = _monotonic()
        if until > 0:
            wait = <int>ceil((until - now) * 1e3) if until > now else 0
        with nogil:
            self.event_count = epoll_wait(self.epoll, self.events, EVENTS, wait)
            self.is_brisk = _monotonic() - now < BRISK
        return 0

    cdef bint _take_all(self) except -1:
        """Take the events that are there; False: there were too many for a turn."""
        while self.event < self.event_count:
            if self.budget <= 0:
                return False
            self.event += 1
            self._take(&self.events[self.event - 1])
        return True

    cdef int _take(self, epoll_event *event) except -1:
        cdef uint64_t data = event.data.u64
        cdef uint32_t slot = <uint32_t>data
        cdef Conn conn
        if data == FOREIGN:
            self.is_foreign = True
        elif slot >= LISTENERS:
            if self.accepting:
                self._accept(self.listeners[slot - LISTENERS])
        elif slot < <uint32_t>PyList_GET_SIZE(self.slots) and self.slots[slot] is not None:
            conn = <Conn>self.slots[slot]
            if conn.generation == <uint32_t>(data >> 32):
                self._happened(conn, event.events)
        return 0

    cdef int _happened(self, Conn conn, uint32_t events) except -1:
        try:
            if conn.state == HANDED:
                conn.transport.happened(events, self.received, BUFFER)
            elif conn.state != CLOSED:
                self._receive(conn)
        except Exception as error:
            self.failed(conn, error)
        return 0

    cdef int failed(self, Conn conn, error) except -1:
        """A defect of ours: it is reported, and costs its connection only."""
        self.loop.call_exception_handler({"message": "serving a connection failed", "exception": error})
        self.drop(conn)
        return 0

    cdef int continue_soon(self, Conn conn) except -1:
        """Its next requests are too many for this turn."""
        self.ready.append(conn)
        if len(self.ready) == 1:
            self.loop.call_soon(self.go_on)
        return 0

    def go_on(self):
        """Take up the requests that were too many for the last turn."""
        cdef Conn conn
        ready, self.ready = self.ready, []
        for each in ready:
            conn = <Conn>each
            if conn.state == WAITING:
                conn.go_on(False)

    cdef int _receive(self, Conn conn) except -1:
        cdef ssize_t length = recv(conn.fd, self.received, FIRST, 0)
        if length == FIRST and conn.state == IDLE:
            length += self._receive_rest(conn)
        if length < 0:
            if errno != EAGAIN and errno != EINTR:
                self.drop(conn)
        elif length == 0:
            if conn.state == WAITING or conn.state == BEGUN:  # the requests that are here are answered all the same
                conn.hurry()
            else:
                self.drop(conn)
        elif conn.state == IDLE:
            conn.feed(self.received, length, False)
        elif conn.state == BEGUN:
            conn.go_on_with(self.received, length)
        else:
            conn.keep(self.received, length)
        return 0

    cdef ssize_t _receive_rest(self, Conn conn) except -1:
        """Content that is not large may be complete already."""
        cdef hospes_head head
        cdef ssize_t length
        head.size = 0
        if hospes_parse_head(<const unsigned char *>self.received, FIRST, &self.parser_limits, &head) != USUAL:
            return 0
        if head.content_length <= FIRST - <int64_t>head.size or head.content_length > BUFFER - <int64_t>head.size:
            return 0
        length = recv(conn.fd, self.received + FIRST, BUFFER - FIRST, 0)
        return max(length, 0)

    cdef int flush_soon(self, WebChannel channel) except -1:
        """Its messages leave at the end of this turn."""
        self.corked.append(channel)
        if len(self.corked) == 1:
            self.loop.call_soon(self.flush)
        return 0

    def flush(self):
        """Send what websockets' programs have sent in this turn."""
        cdef WebChannel channel
        corked, self.corked = self.corked, []
        for each in corked:
            channel = <WebChannel>each
            channel.scheduled, channel.sent = False, 0
            try:
                channel.put_out()
            except Exception as error:
                self.failed(channel.transport.conn, error)

    # Answers.

    cdef bytes prefix(self, int status, content_type):
        """The head of a usual answer up to the value of Content-Length; made once in a second for each media type and status."""
        cdef int n
        cdef int64_t second = _second()
        if second != self.prefixes_second:
            self.prefixes_second, self.prefixes = second, ()
        # A few media types, each a constant of the program as a rule: found by identity, looking is nearly free.
        for n in range(<int>PyTuple_GET_SIZE(self.prefixes)):
            kept = <tuple>PyTuple_GET_ITEM(self.prefixes, n)
            if kept[0] is content_type and kept[1] == status:
                return kept[2]
        prefix = self.service.prefixes.head(status, content_type)
        self.prefixes = ((content_type, status, prefix), *self.prefixes[: PREFIXES - 1])
        return prefix

    cdef str text_of(self, bytes octets):
        """A media type as text: the same object for the same octets, by which `prefix` finds it."""
        if octets is not self.type_octets:
            self.type_octets, self.type_text = octets, intern(octets.decode("latin-1"))
        return self.type_text

    cdef str same_text(self, str text):
        """A media type: the same object for the same text."""
        if text is not self.type_text and text != self.type_text:
            self.type_octets, self.type_text = None, intern(text)
        return self.type_text

    cdef object hand_over(self, Conn conn):
        """Give a connection its large form."""
        cdef Transport transport = Transport.__new__(Transport)
        transport.conn = conn
        transport.unsent = bytearray()
        transport.reading = True
        ends = conn.shared()
        if not conn.counted:
            self.service.admit(ends.client.host)
            conn.counted = True
        conn.transport = transport
        conn.state = HANDED
        conn.watch(EPOLLIN)
        transport.protocol = guest = self.guest(self.service, transport, ends, conn.served)
        return guest

    # A connection's end.

    cdef int drop(self, Conn conn) except -1:
        """Close; whatever is under way there ends."""
        if conn.state == HANDED:
            conn.transport.abort()
            return 0
        if conn.state == CLOSED:
            return 0
        handle, conn.handle = conn.handle, None
        conn.state = CLOSED
        self.free(conn)
        if handle is not None:
            handle.cancel()
        return 0

    cdef int free(self, Conn conn) except -1:
        """Close the descriptor, and forget the connection."""
        if conn.fd < 0:
            return 0
        conn.state = CLOSED
        conn.watch(0)
        close(conn.fd)
        conn.fd = -1
        self.slots[conn.slot] = None
        self.vacant.append(conn.slot)
        self.connections -= 1
        if conn.counted:
            conn.counted = False
            client = _address(<sockaddr *>conn.peer, conn.peer_length) if conn.told is None else conn.told[0]
            self.service.lost(None, client.host)
        else:
            self.service.on_lost()
        conn.transport = None
        conn.waiting = conn.ends = conn.head = None
        return 0

    def expire(self, double now, double keep_alive):
        """Close what has been idle for too long, and let go of what idle connections need not hold.

        Args:
            now: By the monotonic clock.
            keep_alive: Seconds that a connection may be idle.
        """
        cdef Conn conn
        for each in self.slots:
            if each is None:
                continue
            conn = <Conn>each
            if conn.state == IDLE:
                if now - conn.since >= keep_alive:
                    self.drop(conn)
                elif now - conn.since > 1:
                    conn.ends = conn.head = None
            elif conn.state == BEGUN:  # what does not come soon is the large form's, and so is its time
                self._leave_begun(conn)

    cdef int _leave_begun(self, Conn conn) except -1:
        since = conn.since
        try:
            conn.hurry()
            if conn.state == HANDED and conn.transport.protocol is not None:
                conn.transport.protocol.began(since)
        except Exception as error:
            self.failed(conn, error)
        return 0

    def stop_idle(self, double since):
        """Close all connections that have been idle since this time of the monotonic clock."""
        self._end(False, since)

    def abort(self):
        """Close all connections in their small form."""
        return self._end(True, 0)

    cdef Py_ssize_t _end(self, bint busy, double since) except -1:
        cdef Conn conn
        cdef Py_ssize_t count = 0
        cdef linger reset
        reset.l_onoff, reset.l_linger = 1, 0
        for each in tuple(self.slots):
            if each is not None:
                conn = <Conn>each
                if (busy and conn.state != HANDED) or (conn.state == IDLE and conn.since <= since):
                    if busy:  # as hospes.server.Connection.abort
                        c_setsockopt(conn.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset))
                    self.drop(conn)
                    count += 1
        return count

    def close(self):
        """Let go of the epoll descriptor. The loop must not watch it any more."""
        if self.epoll >= 0:
            close(self.epoll)
            self.epoll = -1
            self.handles = None
        self.close_pipe()

    cdef int close_pipe(self) noexcept:
        if self.pipe[0] >= 0:
            close(self.pipe[0])
            close(self.pipe[1])
        self.pipe[0] = self.pipe[1] = -1
        return 0

    cdef bint has_pipe(self) noexcept:
        """Whether there is a pipe; made for the first content that goes into a file."""
        return self.pipe[0] >= 0 or hospes_pipe(self.pipe, PART) == 0
