# The transport of a connection in its large form: what `hospes.server.Connection` wants of asyncio's, over the engine's epoll.
#
# Laws:
#
# * `write` sends at once what the kernel takes; the rest waits here, and the protocol is told (`pause_writing`, `resume_writing`).
# * `connection_lost` is called once, in a later turn of the loop, after the descriptor was closed and the slot was freed.
# * A part of a file that is under way counts as what waits here, and leaves as the kernel has room, without anybody's help.
# * While nothing is asked of the descriptor it is not in the epoll set: a peer that hangs up cannot make the loop spin.

cdef extern from *:
    """
    /* Bytes to be filled by the kernel, and cut to what it gave. */
    #define hospes_bytes(size) PyBytes_FromStringAndSize(NULL, (size))
    #define hospes_octets(bytes) PyBytes_AS_STRING(bytes)
    static PyObject *hospes_cut(PyObject *bytes, Py_ssize_t size) {
        _PyBytes_Resize(&bytes, size);
        return bytes;
    }
    """
    PyObject *hospes_bytes(Py_ssize_t) except NULL
    char *hospes_octets(PyObject *)
    bytes hospes_cut(PyObject *, Py_ssize_t)

cdef enum:
    PART = 1024 * 1024  # octets of a file that the kernel is asked to send before other connections get their turn
    FLOOD = 256 * 1024  # octets that are received at once when much comes: as many as may wait for a reader before it pauses
    AWAITED = 2 * FLOOD  # where a reader waits for them, and so nothing waits for it: no more than may wait otherwise


@cython.final
cdef class Transport:
    """Carries octets for a protocol; see `asyncio.Transport`."""

    cdef Conn conn
    cdef object protocol
    cdef bytearray unsent
    cdef object waiter  # of somebody who waits until the kernel has taken his part of a file
    cdef int file  # which
    cdef int64_t offset, left  # where the rest of the part begins, and how much it is
    cdef bint reading
    cdef bint behind  # the protocol has been told that octets stay behind
    cdef bint closing
    cdef bint lost  # `connection_lost` is under way
    cdef bint ends_output
    cdef WebChannel channel  # of a websocket
    cdef Conduit conduit  # by which content goes into a file
    cdef bint flooded  # much came the last time: what comes next is received into its own bytes, which saves a copy

    def fileno(self):
        """The descriptor; -1 once it is closed."""
        return self.conn.fd

    def get_extra_info(self, str name not None, default=None):
        """`"socket"` gives an object with `fileno()` and `setsockopt()`, `"peername"` the peer's host and port."""
        if name == "peername":
            peer = _address(<sockaddr *>self.conn.peer, self.conn.peer_length)
            return peer.host, peer.port
        return self if name == "socket" else default

    def set_protocol(self, protocol):
        """Another protocol goes on with the connection."""
        self.protocol = protocol

    def set_write_buffer_limits(self, high=None, low=None):
        """The protocol is told of the first octet that stays behind, always."""

    def get_write_buffer_size(self):
        return PyByteArray_GET_SIZE(self.unsent) + self.left

    def is_closing(self):
        return self.closing

    def can_write_eof(self):
        return True

    def pause_reading(self):
        # The kernel is told when it has something to say; as a rule reading goes on before that.
        self.reading = False

    def resume_reading(self):
        self.reading = not self.closing
        self.update()

    def write(self, bytes data not None):
        cdef ssize_t sent = 0
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
        if self.lost or not length:
            return
        if self.ends_output:
            raise RuntimeError("write() after write_eof()")
        if not PyByteArray_GET_SIZE(self.unsent):
            sent = c_send(self.conn.fd, PyBytes_AS_STRING(data), length, MSG_NOSIGNAL)
            if sent == length:
                return
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    self.fail(OSError(errno, strerror(errno)))
                    return
                sent = 0
        self.unsent += data[sent:]
        self.stay_behind()

    def write_eof(self):
        if not self.ends_output and not self.lost:
            self.ends_output = True
            if not PyByteArray_GET_SIZE(self.unsent):
                shutdown(self.conn.fd, SHUT_WR)

    def close(self):
        if not self.closing:
            self.closing = True
            self.reading = False
            if not PyByteArray_GET_SIZE(self.unsent):
                self.lose(None)
            self.update()

    def abort(self):
        self.fail(None)

    def setsockopt(self, int level, int option, bytes value not None):
        """Set an option of the socket."""
        if c_setsockopt(self.conn.fd, level, option, PyBytes_AS_STRING(value), <socklen_t>PyBytes_GET_SIZE(value)) < 0:
            _raise_errno()

    async def send_part(self, file, offset, count):
        """Have the kernel send a part of a file.

        Returns:
            How many octets it took: fewer than there should be only if the file has ended.

        Raises:
            OSError: if the peer has gone, or the file cannot be sent.
        """
        self.file, self.offset, self.left = file.fileno(), offset, count
        try:
            if not self.send_file():
                self.waiter = self.conn.engine.loop.create_future()
                self.update()
                await self.waiter
            return count - self.left
        finally:
            self.left = 0

    cdef bint send_file(self) except -1:
        """Send what there is room for; whether that was the last of it."""
        cdef ssize_t sent
        if self.lost:
            raise ConnectionAbortedError("the connection has been closed")
        sent = c_sendfile(self.conn.fd, self.file, &self.offset, min(self.left, PART))
        if sent > 0:
            self.left -= sent
            self.conn.engine.budget -= sent // OCTETS_PER_EVENT
        elif sent < 0 and errno != EAGAIN and errno != EINTR:
            raise OSError(errno, strerror(errno))
        return sent == 0 or not self.left

    def give_back(self, uint32_t served):
        """The connection is idle, and nothing of it is left here: it takes its small form again."""
        cdef Conn conn = self.conn
        self.lost = self.closing = True  # for whoever still holds it
        self.protocol = None
        conn.transport = None
        conn.served = served
        conn.state = IDLE
        conn.since = _monotonic()
        conn.watch(EPOLLIN)

    cdef int stay_behind(self) except -1:
        self.update()
        if not self.behind:
            self.behind = True
            self.protocol.pause_writing()
        return 0

    cdef bint waits_for_file(self) except -1:
        return self.waiter is not None and not self.waiter.done()

    cdef int update(self) except -1:
        cdef uint32_t interest = 0
        if self.lost or self.conn.fd < 0:
            return 0
        if self.reading:
            interest |= EPOLLIN
        if PyByteArray_GET_SIZE(self.unsent) or self.waits_for_file():
            interest |= EPOLLOUT
        self.conn.watch(interest)
        return 0

    cdef int happened(self, uint32_t events, char *buffer, size_t size) except -1:
        """The kernel has something to say."""
        cdef ssize_t length
        cdef Py_ssize_t most = FLOOD
        cdef PyObject *piece
        cdef int problem
        if events & (EPOLLOUT | EPOLLERR | EPOLLHUP) and not self.lost:
            self.send_on()
        if not self.reading:
            self.update()
        if events & (EPOLLIN | EPOLLERR | EPOLLHUP) and self.reading and not self.lost:
            if self.channel is not None:
                return self.channel.receive(buffer, size)
            if self.conduit is not None and self.conduit.is_wanted():
                return self.conduit.receive()
            if type(self.protocol) is self.conn.engine.guest:
                most = _most_wanted(self.protocol)
                if not most:
                    return 0
            if self.flooded:
                piece = hospes_bytes(most)
                length = recv(self.conn.fd, hospes_octets(piece), most, 0)
                problem = errno  # to cut may change it
                received = hospes_cut(piece, max(length, 0))
            else:
                length = recv(self.conn.fd, buffer, size, 0)
                problem = errno
                received = PyBytes_FromStringAndSize(buffer, length) if length > 0 else b""
            self.flooded = length >= FLOOD // 16
            if length > 0:
                self.conn.engine.budget -= 1 + length // OCTETS_PER_EVENT
                self.give(received)
            else:
                self.received_nothing(length, problem)
        return 0

    cdef int give(self, bytes octets) except -1:
        """The protocol gets octets that have come."""
        self.conduit = None  # those behind them wait until these are in the file
        if type(self.protocol) is not self.conn.engine.guest or not _pour(self.protocol, octets):
            self.protocol.data_received(octets)
        return 0

    cdef int received_nothing(self, ssize_t length, int problem) except -1:
        """The peer sends no more, or the kernel has nothing, or the connection has ended."""
        if length == 0:
            self.reading = False
            if self.protocol.eof_received():
                self.update()
            else:
                self.close()
        elif problem != EAGAIN and problem != EINTR:
            self.fail(OSError(problem, strerror(problem)))
        return 0

    cdef int send_on(self) except -1:
        cdef Py_ssize_t length = PyByteArray_GET_SIZE(self.unsent)
        cdef ssize_t sent
        if self.waits_for_file():
            try:
                if self.send_file():
                    self.waiter.set_result(None)
            except OSError as error:
                self.waiter.set_exception(error)
        if not length:
            self.update()
            return 0
        sent = c_send(self.conn.fd, PyByteArray_AS_STRING(self.unsent), length, MSG_NOSIGNAL)
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                self.fail(OSError(errno, strerror(errno)))
            return 0
        del self.unsent[:sent]
        if sent < length:
            return 0
        if self.behind:
            self.behind = False
            self.protocol.resume_writing()
        if not PyByteArray_GET_SIZE(self.unsent) and not self.lost:
            if self.closing:
                self.lose(None)
            elif self.ends_output:
                shutdown(self.conn.fd, SHUT_WR)
        self.update()
        return 0

    cdef int fail(self, error) except -1:
        """The connection has ended, by the kernel's word or by ours: nothing more leaves."""
        if not self.lost:
            self.closing = True
            self.unsent.clear()
            self.lose(error)
        return 0

    cdef int lose(self, error) except -1:
        self.reading = False
        self.conn.watch(0)
        self.lost = True
        if self.waits_for_file():
            self.waiter.set_exception(error if error is not None else ConnectionAbortedError("the connection has been closed"))
        self.conn.engine.loop.call_soon(self._lose, error)
        return 0

    def _lose(self, error):
        protocol, self.protocol = self.protocol, None
        self.channel = self.conduit = None
        self.conn.counted = False  # the protocol takes its address back
        self.conn.engine.free(self.conn)
        protocol.connection_lost(error)
