# A websocket's usual messages, both ways; all else is done by `hospes.server.websocket`, which is told by `data_received` as usual.
#
#     recv ─▶ usual frames ─▶ receiver.message            channel.send ─▶ gathered, or corked ─▶ one send per turn
#               └─ anything else, with all behind it ─▶ WebSocket.data_received, until that is between messages again
#
# Laws:
#
# * A usual frame is a whole message, masked, not compressed, within the limit. A binary one need not be complete: its rest is received
#   into its own bytes; and where large ones have come, the next of the same size is received into its own bytes from the beginning.
#   Whatever is wrong with octets, Python finds it: they are handed over as they came.
# * Messages are given in order: while Python has octets of its own, or was told to pause, it gets all that comes.
# * What leaves goes one way, Python's frames too: into what this turn gathers, or behind what the peer has not taken.

cdef extern from "websocket.h" nogil:
    ctypedef struct hospes_frame:
        unsigned char opcode
        unsigned char size
        uint64_t length
    int hospes_parse_frame(const unsigned char *, size_t, hospes_frame *)
    size_t hospes_write_frame(unsigned char *, unsigned char, uint64_t)
    void hospes_unmask(unsigned char *, const unsigned char *, size_t, const unsigned char *, size_t)

cdef extern from "<sys/uio.h>" nogil:
    ssize_t readv(int, const iovec *, int)

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL

cdef enum:
    TEXT_FRAME = 1
    BINARY_FRAME = 2
    MESSAGES_PER_TURN = 1024  # of one websocket
    SENT_PER_TURN = 64  # messages, before `drain` gives the loop a turn, as in hospes.server.websocket
    LOW = 64 * 1024  # octets that may wait when `drain` returns, as there
    LARGE = 16 * 1024  # octets of a message that is worth to be received into its own bytes
    LARGEST_EXPECTED = 128 * 1024  # of one that is received so from its beginning


@cython.final
cdef class _Done:
    """What is awaited where nothing has to be waited for."""

    def __await__(self):
        return iter(())


cdef object _DONE = _Done()


@cython.final
cdef class WebChannel:
    """A websocket as its receiver has it; see `hospes.http.websocket.Channel`.

    Args:
        transport: The connection's.
        socket: The `WebSocket` that does all that is not usual.
        takes: Whether usual messages may be given to the receiver from here.
        sends: Whether they may be sent from here.
    """

    cdef Transport transport
    cdef object socket
    cdef object message  # the receiver's
    cdef Mailbox box  # that takes messages in its place
    cdef object subject, text, binary  # functions that do: the receiver's listener
    cdef bint listens
    cdef Py_ssize_t limit, queue
    cdef bint takes, sends
    cdef bint elsewhere  # Python has octets that come before what comes now
    cdef bint scheduled  # to be flushed at the end of the turn
    cdef bint gathers  # whether `engine.gathered` is ours
    cdef readonly double heard
    cdef Py_ssize_t sent  # messages of this turn
    cdef bytearray corked  # to leave at the end of the turn
    cdef PyObject *rest  # a binary message whose end has not come, received into its own bytes
    cdef Py_ssize_t filled
    cdef unsigned char mask[4]
    cdef Py_ssize_t expected  # octets of the next message, as it seems; 0: no large one

    def __init__(self, Transport transport not None, socket, options, receiver, bint takes, bint sends):
        self.transport = transport
        self.socket = socket
        self.message = receiver.message
        listener = receiver.listener if isinstance(receiver, Listens) else None
        if listener is not None:
            self.listens = True
            self.subject, self.text, self.binary = listener.subject, listener.text, listener.binary
        self.limit, self.queue = options.message, options.queue
        self.takes, self.sends = takes, sends
        self.corked = bytearray()
        self.elsewhere = True  # what came behind the handshake is
        transport.channel = self

    def __dealloc__(self):
        if self.rest != NULL:
            Py_DECREF(self.rest)

    def end(self):
        """Nothing usual comes or goes any more."""
        self.takes = self.sends = False

    # What comes in.

    def mailbox(self, Py_ssize_t messages, Py_ssize_t octets, program):
        """Put messages into a mailbox, which this gives, and nowhere else."""
        self.box = Mailbox(self, self.transport.conn.engine.loop, messages, octets, program)
        return self.box

    cdef int receive(self, char *buffer, size_t size) except -1:
        """There is something to receive."""
        cdef Engine engine = self.transport.conn.engine
        cdef iovec pieces[3]
        cdef ssize_t length
        cdef Py_ssize_t room = 0, head = 0
        cdef int problem
        if self.rest != NULL and not self.takes:
            self.give_back()
        if self.rest != NULL:
            room = PyBytes_GET_SIZE(<object>self.rest) - self.filled
            pieces[0].iov_base, pieces[0].iov_len = hospes_octets(self.rest) + self.filled, room
            pieces[1].iov_base, pieces[1].iov_len = buffer, size
            length = readv(self.transport.conn.fd, pieces, 2)
        elif self.expected and self.takes and not self.elsewhere:
            # What comes is laid out as if it were in one piece.
            head = 8 if self.expected < 65536 else 14
            self.rest, self.filled = hospes_bytes(self.expected), 0
            pieces[0].iov_base, pieces[0].iov_len = buffer, head
            pieces[1].iov_base, pieces[1].iov_len = hospes_octets(self.rest), self.expected
            pieces[2].iov_base, pieces[2].iov_len = buffer + head + self.expected, size - head - self.expected
            length = readv(self.transport.conn.fd, pieces, 3)
        else:
            length = recv(self.transport.conn.fd, buffer, size, 0)
        problem = errno
        if length <= 0:
            if head:
                self.drop_rest()
            return self.transport.received_nothing(length, problem)
        self.heard = _monotonic()
        engine.budget -= 1 + length // OCTETS_PER_EVENT
        if engine.gathering is None:
            engine.gathering, engine.gathered_length = self.transport.conn, 0
            self.gathers = True
        try:
            if head and not self.is_expected(<unsigned char *>buffer, length, head):
                head = 0
            if head:
                memcpy(self.mask, buffer + head - 4, 4)
                buffer += head
                room = self.expected
                length = self.go_on(length - head, room)
                buffer += room
            elif room:
                length = self.go_on(length, room)
            if length > 0:
                self.take(<unsigned char *>buffer, length)
        finally:
            self.sent = 0
            if self.gathers:
                self.put_out()
                engine.gathering = None
                self.gathers = False
        return 0

    cdef bint is_expected(self, unsigned char *buffer, Py_ssize_t length, Py_ssize_t head) except -1:
        """Whether what has come begins with the head of the message that was expected; else it is put together where it came."""
        cdef hospes_frame frame
        if (
            hospes_parse_frame(buffer, min(length, head), &frame)
            and frame.opcode == BINARY_FRAME
            and frame.size == head
            and frame.length == <uint64_t>self.expected
            and self.transport.reading
        ):
            return True
        if length > head:
            memcpy(buffer + head, hospes_octets(self.rest), min(length - head, self.expected))
        self.drop_rest()
        self.expected = 0
        return False

    cdef int drop_rest(self) except -1:
        Py_DECREF(self.rest)
        self.rest = NULL
        return 0

    cdef Py_ssize_t go_on(self, Py_ssize_t length, Py_ssize_t room) except -1:
        """Octets of a large message have come; gives how many have come behind it."""
        cdef unsigned char *at = <unsigned char *>hospes_octets(self.rest) + self.filled
        cdef Py_ssize_t own = min(length, room)
        hospes_unmask(at, at, own, self.mask, self.filled)
        self.filled += own
        if own == room:
            message = <object>self.rest
            self.drop_rest()
            self.tell(message, self.binary)
        return length - own

    cdef int take(self, unsigned char *at, Py_ssize_t left) except -1:
        """Give the usual messages in these octets to the receiver, and what is left to Python."""
        cdef hospes_frame frame
        cdef Py_ssize_t size
        cdef int count = 0
        if self.elsewhere:
            self.elsewhere = not self.socket.is_usual
        while left and self.takes and not self.elsewhere and self.transport.reading and count < MESSAGES_PER_TURN:
            if not hospes_parse_frame(at, left, &frame) or frame.length > <uint64_t>self.limit:
                break
            size = <Py_ssize_t>frame.length
            if frame.size + size > left:
                if frame.opcode == TEXT_FRAME:  # which is checked as it comes
                    break
                self.begin(at + frame.size - 4, left - frame.size, size)
                return 0
            if frame.opcode == BINARY_FRAME:
                self.expect(size)
                message = PyBytes_FromStringAndSize(NULL, size)
                hospes_unmask(<unsigned char *>PyBytes_AS_STRING(message), at + frame.size, size, at + frame.size - 4, 0)
            else:
                hospes_unmask(at + frame.size, at + frame.size, size, at + frame.size - 4, 0)
                try:
                    message = PyUnicode_DecodeUTF8(<char *>at + frame.size, size, NULL)
                except UnicodeDecodeError:
                    hospes_unmask(at + frame.size, at + frame.size, size, at + frame.size - 4, 0)
                    break
            at += frame.size + size
            left -= frame.size + size
            count += 1
            self.tell(message, self.binary if frame.opcode == BINARY_FRAME else self.text)
        if left:
            self.hand_over(PyBytes_FromStringAndSize(<char *>at, left))
        return 0

    cdef int tell(self, message, function) except -1:
        """A message has come; `function` is the listener's."""
        try:
            if self.box is not None:
                self.box.put(message)
            elif not self.listens:
                self.message(message)
            elif function is not None:
                function(self.subject, message)
        except Exception:
            self.socket.failed()
        return 0

    cdef int begin(self, const unsigned char *mask, Py_ssize_t there, Py_ssize_t size) except -1:
        """A binary message has begun; so many octets of it are there."""
        self.expect(size)
        self.rest = hospes_bytes(size)
        memcpy(self.mask, mask, 4)
        hospes_unmask(<unsigned char *>hospes_octets(self.rest), mask + 4, there, self.mask, 0)
        self.filled = there
        return 0

    cdef int expect(self, Py_ssize_t size) except -1:
        """Large messages often come one after the other, and alike."""
        self.expected = size if LARGE <= size <= LARGEST_EXPECTED else 0
        return 0

    cdef int hand_over(self, bytes octets) except -1:
        """Give octets to Python, and all that comes until it is through with them."""
        if not self.transport.lost:
            self.socket.data_received(octets)
        self.elsewhere = not self.socket.is_usual
        return 0

    cdef int give_back(self) except -1:
        """A message whose end has not come is Python's now: its frame, as it came."""
        cdef unsigned char head[14]
        cdef Py_ssize_t size = hospes_write_frame(head, BINARY_FRAME, PyBytes_GET_SIZE(<object>self.rest))
        head[1] |= 0x80
        memcpy(head + size, self.mask, 4)
        octets = bytearray((<char *>head)[: size + 4] + (<object>self.rest)[: self.filled])
        hospes_unmask(
            <unsigned char *>PyByteArray_AS_STRING(octets) + size + 4,
            <unsigned char *>PyByteArray_AS_STRING(octets) + size + 4,
            self.filled,
            self.mask,
            0,
        )
        self.drop_rest()
        return self.hand_over(bytes(octets))

    # What goes out.

    def send(self, message):
        """Send a message; True where nothing has to be waited for."""
        cdef const char *octets
        cdef Py_ssize_t length
        if not self.sends:
            self.socket.send(message)
            return False
        elif type(message) is bytes:
            self.put(BINARY_FRAME, PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message))
        elif type(message) is str:
            octets = PyUnicode_AsUTF8AndSize(message, &length)
            self.put(TEXT_FRAME, octets, length)
        else:
            self.socket.send(message)
        return self.keeps_up()

    cdef bint keeps_up(self):
        return self.sends and self.sent < SENT_PER_TURN and not self.transport.behind

    cdef int put(self, unsigned char opcode, const char *octets, Py_ssize_t length) except -1:
        cdef Engine engine = self.transport.conn.engine
        cdef unsigned char head[10]
        cdef Py_ssize_t size = hospes_write_frame(head, opcode, length)
        if self.waits() > self.queue:
            self.socket.too_much()
            return 0
        self.sent += 1
        if self.gathers and engine.gathered_length + size + length <= BUFFER and length <= AT_ONCE:
            if not PyByteArray_GET_SIZE(self.corked) and not PyByteArray_GET_SIZE(self.transport.unsent):
                memcpy(engine.gathered + engine.gathered_length, head, size)
                memcpy(engine.gathered + engine.gathered_length + size, octets, length)
                engine.gathered_length += size + length
                return 0
        if length <= AT_ONCE:
            self.cork_octets(<char *>head, size)
            return self.cork_octets(octets, length)
        self.put_out_with(<char *>head, size, octets, length)
        return 0 if self.gathers else self.schedule()  # which begins another turn

    def cork(self, bytes head not None, bytes payload not None):
        """A frame of Python's, to leave in its turn."""
        if not self.transport.lost:
            self.take_over()
            self.cork_octets(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
            self.cork_octets(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))

    cdef int cork_octets(self, const char *octets, Py_ssize_t length) except -1:
        cdef Py_ssize_t before
        self.take_over()
        before = PyByteArray_GET_SIZE(self.corked)
        PyByteArray_Resize(self.corked, before + length)
        memcpy(PyByteArray_AS_STRING(self.corked) + before, octets, length)
        if before + length > BUFFER:
            self.put_out()
        return self.schedule()

    cdef int schedule(self) except -1:
        if not self.scheduled:
            self.scheduled = True
            self.transport.conn.engine.flush_soon(self)
        return 0

    cdef int take_over(self) except -1:
        """What was gathered comes before what is corked."""
        cdef Engine engine = self.transport.conn.engine
        if self.gathers and engine.gathered_length:
            self.corked += engine.gathered[: engine.gathered_length]
            engine.gathered_length = 0
        return 0

    def flush(self):
        """Send what this turn has brought so far."""
        self.put_out()

    cdef int put_out(self) except -1:
        return self.put_out_with(NULL, 0, NULL, 0)

    cdef int put_out_with(self, const char *head, Py_ssize_t size, const char *octets, Py_ssize_t length) except -1:
        """Send what was corked or gathered, and a frame behind it."""
        cdef Transport transport = self.transport
        cdef Engine engine = transport.conn.engine
        cdef iovec pieces[4]
        cdef msghdr message
        cdef ssize_t sent = 0
        cdef Py_ssize_t total = 0
        cdef int n
        if self.gathers:
            pieces[1].iov_base, pieces[1].iov_len = engine.gathered, engine.gathered_length
            engine.gathered_length = 0
        else:
            pieces[1].iov_base, pieces[1].iov_len = NULL, 0
        pieces[0].iov_base, pieces[0].iov_len = PyByteArray_AS_STRING(self.corked), PyByteArray_GET_SIZE(self.corked)
        pieces[2].iov_base, pieces[2].iov_len = <void *>head, size
        pieces[3].iov_base, pieces[3].iov_len = <void *>octets, length
        for n in range(4):
            total += pieces[n].iov_len
        if not total or transport.lost or transport.ends_output:
            return 0
        if not PyByteArray_GET_SIZE(transport.unsent):
            if pieces[1].iov_len == <size_t>total:
                sent = c_send(transport.conn.fd, pieces[1].iov_base, total, MSG_NOSIGNAL)
            else:
                memset(&message, 0, sizeof(message))
                message.msg_iov, message.msg_iovlen = pieces, 4
                sent = sendmsg(transport.conn.fd, &message, MSG_NOSIGNAL)
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    transport.fail(OSError(errno, strerror(errno)))
                    return 0
                sent = 0
        if sent < total:
            for n in range(4):
                if sent < <ssize_t>pieces[n].iov_len:
                    transport.unsent += (<char *>pieces[n].iov_base)[sent : pieces[n].iov_len]
                    sent = 0
                else:
                    sent -= pieces[n].iov_len
            PyByteArray_Resize(self.corked, 0)
            transport.stay_behind()
        elif pieces[0].iov_len:
            PyByteArray_Resize(self.corked, 0)
        return 0

    cdef Py_ssize_t waits(self):
        cdef Engine engine = self.transport.conn.engine
        cdef Py_ssize_t gathered = engine.gathered_length if self.gathers else 0
        return PyByteArray_GET_SIZE(self.transport.unsent) + PyByteArray_GET_SIZE(self.corked) + gathered

    @property
    def waiting(self):
        """Octets that the peer has not taken yet."""
        return self.waits()

    def drain(self):
        """Wait until the peer has taken most of what waits; see `WebSocket.drain`."""
        if self.keeps_up():
            return _DONE
        return self.socket.drain_after(self.sent)

    # What is Python's.

    @property
    def closed(self):
        """Whether nothing can be sent any more."""
        return self.socket.closed

    def send_frame(self, int opcode, bytes payload, bint fin=True):
        """Send one frame."""
        self.socket.send_frame(opcode, payload, fin)

    def close(self, int code=1000, str reason=""):
        """Say goodbye."""
        self.socket.close(code, reason)

    def pause(self):
        """Take no messages from the peer for now."""
        self.socket.pause()

    def resume(self):
        """Take messages again."""
        self.socket.resume()
