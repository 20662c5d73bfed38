# A connection in its small form: one object, and no buffer while it is idle.
#
#     IDLE ─▶ a usual request ─▶ the handler answers at once ─▶ IDLE
#       │                          │ suspends ─▶ BUSY ─▶ answers ─▶ IDLE
#       │                          │ more requests than a turn allows ─▶ WAITING ─▶ next turn
#       ├── the beginning of a usual request ─▶ BEGUN ─▶ the rest ─▶ as above
#       └── anything else ─────────┴─▶ HANDED: `hospes.server.Connection` has it, until it is idle again
#
# Laws:
#
# * One request at a time, answers in order. Octets that come behind a request wait in `waiting`, beyond `PIPELINE` in the peer's
#   own machine.
# * What is not usual, in a request or in an answer, changes the form and not the outcome.
# * A peer that closes while its handler runs has gone: the handler is cancelled (as in `hospes.server.connection`).

cdef enum:
    IDLE
    BUSY
    WAITING
    BEGUN
    HANDED
    CLOSED

cdef enum:
    PIPELINE = 64 * 1024  # as in hospes.server.connection
    PEER = 28  # octets of the longest address of an Internet socket; that of a peer on a unix socket is empty


cdef bytes _CLOSE = b"Connection: close\r\n"


@cython.final
@cython.no_gc
cdef class Conn:
    """One peer's connection; it lives in its engine's slot until its descriptor is closed, and breaks all cycles then."""

    cdef Engine engine
    cdef int fd
    cdef uint32_t slot
    cdef uint32_t generation
    cdef uint32_t interest  # the epoll events that are asked for; 0: not registered
    cdef uint32_t served
    cdef unsigned char state
    cdef bint starting  # its handler's first step runs: `answered` only keeps what came of it
    cdef bint pieced  # what is fed begins with a piece that came before
    cdef bint counted  # among the connections of its address
    cdef bint closes  # it ends when what was gathered has left
    cdef unsigned char peer_length
    cdef uint32_t peer[7]  # its address, PEER octets, aligned as such
    cdef double since  # when it became idle
    cdef object told  # client and server, where a trusted proxy has said who they are
    cdef object ends  # what its requests share; made for the first, dropped when it has been idle for a while
    cdef Head head  # of the request under way
    cdef object request  # while its function's first step runs, if anybody has asked for it
    cdef object response  # what came of it, until that is answered; else _NOTHING
    cdef object failure
    cdef object handle
    cdef bytes waiting  # octets behind the request under way
    cdef Transport transport

    # From octets to the handler.

    cdef int feed(self, const char *octets, Py_ssize_t length, bint answered) except -1:
        """Have the requests in these octets answered, until one has to wait, or needs the large form.

        Args:
            octets: What has come; they are not looked at after this.
            answered: Whether the answer to a request before them, which had to wait, is there.
        """
        cdef Engine engine = self.engine
        cdef bint gathers = engine.gathering is None
        if gathers:
            engine.gathering, engine.gathered_length = self, 0
        try:
            self.feed_on(octets, length, answered)
        finally:
            if gathers:
                engine.gathering = None
        if engine.interruption is not None:  # a handler was interrupted, and has been answered for
            interruption, engine.interruption = engine.interruption, None
            raise interruption
        return 0

    cdef int feed_on(self, const char *octets, Py_ssize_t length, bint answered) except -1:
        cdef Engine engine = self.engine
        cdef Coming coming
        cdef const char *end = octets + length
        cdef int count = 0, came, usual
        cdef bint pieced = self.pieced
        self.state, self.pieced = BUSY, False
        while True:
            if answered:
                answered = False
                if not self.respond():
                    self.flush()
                    return self.leave(octets, end - octets)
            if octets == end:
                if self.flush():
                    if self.closes:
                        return engine.drop(self)
                    self.state = IDLE
                    self.since = _monotonic()
                    return 0
                if self.closes and self.state == HANDED:
                    self.transport.protocol.end()
                return self.leave(octets, 0)
            if count == REQUESTS_PER_TURN:
                if not self.flush():
                    return self.leave(octets, end - octets)
                self.state = WAITING
                self.keep(octets, end - octets)
                engine.continue_soon(self)
                return 0
            coming.at.size = 0
            usual = hospes_parse_head(<const unsigned char *>octets, end - octets, &engine.parser_limits, &coming.at)
            coming.octets, coming.content = octets, octets + coming.at.size
            coming.plain_query = coming.plain_content = -1
            if (
                usual != USUAL
                or coming.at.content_length > engine.longest
                or coming.at.content_length > end - coming.content
            ):
                if not self.flush():
                    return self.leave(octets, end - octets)
                if not (pieced and not count) and self.may_begin(&coming, usual):
                    self.state, self.pieced, self.since = BEGUN, True, _monotonic()
                    return self.keep(octets, end - octets)
                if usual == USUAL and coming.at.content_length > end - coming.content:
                    return self.take_in(&coming, end - coming.content)
                return self.leave(octets, end - octets)
            coming.is_last = not coming.at.keep_alive and coming.content + max(coming.at.content_length, 0) == end
            octets = coming.content + max(coming.at.content_length, 0)
            count += 1
            self.head = None
            self.served += 1
            engine.budget -= 1
            came = self.ask(&coming)
            answered = came == CAME
            if came == LEFT:
                if self.closes and self.state == HANDED:
                    self.transport.protocol.end()
                return self.leave(octets, end - octets)
            if came == WAITS:
                if self.state == BUSY and self.flush():
                    return self.keep(octets, end - octets)
                return self.leave(octets, end - octets)

    cdef bint may_begin(self, Coming *coming, int usual) except -1:
        """Whether a piece of a request may wait here for the rest: of a head, or of content that its function waits for."""
        if usual != USUAL:
            return usual == UNFINISHED
        route = self.engine.map.find(coming)
        return route is not None and (<_Route>route).waits_for_content(coming)

    cdef int ask(self, Coming *coming) except -1:
        """Have the request answered: directly, where the map shows a way, else by the route's endpoint, or by the handler."""
        cdef int came
        route = self.engine.map.find(coming)
        if route is not None and (<_Route>route).suits(self.engine.map, coming):
            came = _go(self, <_Route>route, coming)
            if came != ASIDE:
                return came
        elif route is None and self.engine.map.shelves:
            came = self.engine.map.fetch(self, coming)
            if came != ASIDE:
                return came
        elif self.engine.host is not None:
            came = _ask_host(self, coming)
            if came != ASIDE:
                return came
        if route is None:
            self.handle = _first_step(self, self.engine.handler, self.made(coming, False))
        else:
            request, self.request = self.request_of(<_Route>route, coming, False), None
            self.handle = _first_step(self, (<_Route>route).endpoint, request)
        return CAME if self.handle is None else WAITS

    cdef object made(self, Coming *coming, bint reads_content):
        """The request, and its head.

        Args:
            coming: What has come.
            reads_content: Whether the content is to be there as octets, and not as a stream.
        """
        content = None
        self.head = _make_head(coming.octets, &coming.at)
        if coming.at.content_length < 0:
            return _request(self.head, None, self.shared())
        octets = PyBytes_FromStringAndSize(coming.content, <Py_ssize_t>coming.at.content_length)
        if not reads_content:
            return _request(self.head, ContentReader.of(octets, self.engine.limits.body), self.shared())
        request = _request(self.head, ContentReader.taken(len(octets), self.engine.limits.body), self.shared())
        hospes_fill(request, _AT.body, octets)
        return request

    cdef object request_of(self, _Route route, Coming *coming, bint reads_content):
        """The request on its way to a route's function; made for the first who asks."""
        if self.request is None:
            self.request = self.made(coming, reads_content)
            hospes_fill(self.request, _AT.services, self.engine.map.services)
            if route.names:
                hospes_fill(self.request, _AT.path_values, route.path_values(coming))
        return self.request

    def answered(self, response, failure):
        """The driver's `done`."""
        if self.starting:
            self.response, self.failure, self.starting = response, failure, False
            return
        self.handle = None
        if self.state == BUSY:
            self.response, self.failure = response, failure
            self.go_on(True)
        elif self.state == HANDED and self.transport.protocol is not None:
            guest = self.transport.protocol
            if type(response) is Response and type(<object>hospes_read(response, _AT.answer)) is bytes:
                head = guest.step_back()
                if head is not None:
                    self.state, self.head, self.response = BUSY, head, response
                    self.go_on(True)
                    return
            guest.answered(response, failure)
        else:
            self.engine.service.discard(getattr(response, "content", None))

    cdef int go_on(self, bint answered) except -1:
        """Take up what has waited."""
        self.engine.look += 1  # since the last look at the kernel anything may have happened
        octets, self.waiting = self.waiting, None
        if octets is None:
            octets = b""
        try:
            self.feed(PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets), answered)
            if self.state == IDLE:
                self.watch(EPOLLIN)
        except Exception as error:
            self.engine.failed(self, error)
        return 0

    cdef int go_on_with(self, const char *octets, Py_ssize_t length) except -1:
        """The rest of a request, or some of it, has come."""
        piece, self.waiting = self.waiting + PyBytes_FromStringAndSize(octets, length), None
        return self.feed(PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece), False)

    cdef int hurry(self) except -1:
        """No more will come while octets wait, or not soon: the large form knows what that means."""
        octets, self.waiting = self.waiting, None
        return self.leave(PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))

    cdef int keep(self, const char *octets, Py_ssize_t length) except -1:
        """Keep octets for later; where they are many, stop reading."""
        if length:
            piece = PyBytes_FromStringAndSize(octets, length)
            self.waiting = piece if self.waiting is None else self.waiting + piece
        self.watch(EPOLLIN if self.waiting is None or PyBytes_GET_SIZE(self.waiting) <= PIPELINE else 0)
        return 0

    # From the answer to octets.

    cdef int put_value(self, _Route route, value, Coming *coming) except -1:
        """Gather the answer that a function's value stands for, as `hospes.http.to_response` would make it. ASIDE: it has to."""
        cdef Engine engine = self.engine
        cdef const char *content
        cdef Py_ssize_t length
        cdef bint sends_content = True
        if not self.takes_answer(coming):
            return ASIDE
        if route.status == 204 or route.status == 205 or route.status == 304:
            return ASIDE
        kind = type(value)
        media_type = _JSON
        if kind is str:
            media_type = _TEXT
            if PyUnicode_GET_LENGTH(value) and _may_be_markup(value):
                media_type = text_type(value)
            if PyUnicode_IS_COMPACT_ASCII(value):
                content, length = <const char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value)
            else:
                value = PyUnicode_AsUTF8String(value)
                content, length = PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
        elif kind is dict or kind is list or kind is bool:
            try:
                value = _ENCODE(value)
            except Exception:  # to_response says what is wrong with it
                return ASIDE
            content, length = PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
        elif kind is bytes:
            media_type = _OCTETS
            content, length = PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
        elif value is None:
            media_type = ""
            content, length = b"", 0
        else:
            return ASIDE
        if coming.at.method_length == 4 and memcmp(coming.octets, b"HEAD", 4) == 0:
            if not length:
                return ASIDE
            sends_content = False
        if not self.finish_quietly():
            return ASIDE
        self.closes = coming.is_last
        return GATHERED if self.put(engine.prefix(route.status, media_type), content, length, sends_content) else LEFT

    cdef bint takes_answer(self, Coming *coming) except -1:
        """Whether a usual answer may be gathered."""
        return (
            self.state == BUSY
            and (coming.at.keep_alive or coming.is_last)
            and self.served < self.engine.last_request
            and hospes_read(self.engine.service, _AT.draining) == Py_False
        )

    cdef int put_file(self, bytes fields, int file, Py_ssize_t length, bint closes) except -1:
        """Gather an answer whose content is a file. ASIDE: there is no room, or the file has another length."""
        cdef char *to = self.begin_fields(200, fields, length)
        if to == NULL:
            return ASIDE
        memcpy(to, PyBytes_AS_STRING(_CONTENT_LENGTH), PyBytes_GET_SIZE(_CONTENT_LENGTH))
        to = _write_number(to + PyBytes_GET_SIZE(_CONTENT_LENGTH), length)
        memcpy(to, b"\r\n", 2)
        to = self.end_fields(to + 2, closes)
        # One octet more is asked for: a file that has become longer is told from one that has not.
        if c_read(file, to, length + 1) != length:
            return ASIDE
        self.closes = closes
        self.engine.gathered_length = to + length - self.engine.gathered
        return GATHERED

    cdef int put_unchanged(self, bytes fields, bint closes) except -1:
        """Gather an answer of 304, which has no content and no length (RFC 9110 §15.4.5). ASIDE: there is no room."""
        cdef char *to = self.begin_fields(304, fields, 0)
        if to == NULL:
            return ASIDE
        self.closes = closes
        self.engine.gathered_length = self.end_fields(to, closes) - self.engine.gathered
        return GATHERED

    cdef char *begin_fields(self, int status, bytes fields, Py_ssize_t length) except? NULL:
        """Write a head with fields of the program's own behind what was gathered; gives where it goes on, or NULL for want of room."""
        cdef Engine engine = self.engine
        cdef bytes prefix = engine.prefix(status, "")
        cdef Py_ssize_t before = PyBytes_GET_SIZE(prefix) - PyBytes_GET_SIZE(_CONTENT_LENGTH), count = PyBytes_GET_SIZE(fields)
        cdef char *to = engine.gathered + engine.gathered_length
        if engine.gathering is not self or engine.gathered_length + before + count + length + 128 > BUFFER:
            return NULL
        memcpy(to, PyBytes_AS_STRING(prefix), before)
        memcpy(to + before, PyBytes_AS_STRING(fields), count)
        return to + before + count

    cdef char *end_fields(self, char *to, bint closes) noexcept:
        """Write a head's end."""
        if closes:
            memcpy(to, PyBytes_AS_STRING(_CLOSE), PyBytes_GET_SIZE(_CLOSE))
            to += PyBytes_GET_SIZE(_CLOSE)
        memcpy(to, b"\r\n", 2)
        return to + 2

    cdef bint finish_quietly(self) except -1:
        """Whether nothing is left to be finished."""
        return self.request is None or _finish_quietly(self.request)

    cdef bint is_plain(self, response) except -1:
        """Whether a function's response needs nobody to conclude it, but for finishers."""
        return type(<object>hospes_read(response, _AT.answer)) is bytes

    cdef bint respond(self) except -1:
        """Answer, where the answer is a usual one. False where the large form has to go on, or nobody."""
        cdef Engine engine = self.engine
        cdef int status, came
        if type(self.response) is _Call:
            came = _respond_for(self, <_Call>self.response)
            if came != ASIDE:
                return came == GATHERED
        response = self.response
        if (
            self.state != BUSY
            or self.failure is not None
            or not self.head._at.keep_alive
            or self.served >= engine.last_request
            or hospes_read(engine.service, _AT.draining) != Py_False
        ):
            return False
        if type(response) is not Response:
            return self.respond_framed() if isinstance(response, Response) else False
        content = <object>hospes_read(response, _AT.answer)
        number = <object>hospes_read(response, _AT.status)
        if (
            type(content) is not bytes
            or type(number) is not int
            or hospes_read(response, _AT.headers) != Py_None
            or hospes_read(response, _AT.cookies) != Py_None
            or hospes_read(response, _AT.set_cookies) != Py_None
            or self.head.method_is(b"HEAD", 4)
        ):
            return self.respond_framed()
        status = number
        if status == 204 or status == 205 or status == 304:
            return self.respond_framed()
        try:
            prefix = engine.prefix(status, <object>hospes_read(response, _AT.content_type))
        except ValueError:  # the large form says what is wrong with it
            return False
        self.response = _NOTHING
        return self.put(prefix, PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content), True)

    cdef bint respond_framed(self) except -1:
        """Answer with fields of the program's own, to HEAD, without content, with a small file; by the portable carrier's rules."""
        cdef bytes octets
        cdef bint sends_content = True
        response = self.response
        content = response.content
        if type(content) is not bytes and (type(content) is not FileContent or content.length > FILE_AT_ONCE):
            return False
        try:
            octets = _head_with_fields(self.engine, response, self.head.method_is(b"HEAD", 4), &sends_content)
            if octets is None:
                octets, framing = answer_head(response, self.head, True, self.engine.service.prefixes.date())
                if framing.close:
                    return False
                sends_content = framing.send_content
            if type(content) is FileContent:
                if sends_content:
                    content = read_file(content)
                else:
                    content.close()
        except Exception as error:  # a field that may not be sent, a file that cannot be read
            self.engine.service.discard(content)
            self.response, self.failure = None, error
            return False
        self.response = _NOTHING
        return self.put_octets(octets, content if sends_content else b"")

    cdef bint put(self, bytes prefix, const char *content, Py_ssize_t length, bint sends_content) except -1:
        """Gather a usual answer, or send it at once if it is large. False where the peer does not take it, or has gone."""
        cdef Engine engine = self.engine
        cdef Py_ssize_t before = PyBytes_GET_SIZE(prefix)
        cdef char *to
        if engine.gathering is not self or engine.gathered_length + before + length + 64 > BUFFER or length > AT_ONCE:
            head = b"%b%d\r\n%b\r\n" % (prefix, length, _CLOSE if self.closes else b"")
            return self.put_octets(head, PyBytes_FromStringAndSize(content, length if sends_content else 0))
        to = engine.gathered + engine.gathered_length
        memcpy(to, PyBytes_AS_STRING(prefix), before)
        to = _write_number(to + before, length)
        memcpy(to, b"\r\n", 2)
        to += 2
        if self.closes:
            memcpy(to, PyBytes_AS_STRING(_CLOSE), PyBytes_GET_SIZE(_CLOSE))
            to += PyBytes_GET_SIZE(_CLOSE)
        memcpy(to, b"\r\n", 2)
        to += 2
        if sends_content:
            memcpy(to, content, length)
            to += length
        engine.gathered_length = to - engine.gathered
        return True

    cdef bint put_octets(self, bytes head, bytes content) except -1:
        """Gather any answer, or send it at once if it is large."""
        cdef Engine engine = self.engine
        cdef Py_ssize_t before = PyBytes_GET_SIZE(head), length = PyBytes_GET_SIZE(content)
        if engine.gathering is not self or before > BUFFER // 2:
            return self.send(head + content, NULL, 0)
        if engine.gathered_length + before + AT_ONCE > BUFFER and not self.flush():
            if self.state == HANDED:
                self.transport.write(head + content)
            return False
        memcpy(engine.gathered + engine.gathered_length, PyBytes_AS_STRING(head), before)
        engine.gathered_length += before
        if length > AT_ONCE:
            return self.send(None, PyBytes_AS_STRING(content), length)
        memcpy(engine.gathered + engine.gathered_length, PyBytes_AS_STRING(content), length)
        engine.gathered_length += length
        return True

    cdef bint flush(self) except -1:
        """Send what was gathered. False where the peer does not take it, or has gone."""
        if self.state != BUSY:
            return False
        return self.engine.gathering is not self or not self.engine.gathered_length or self.send(None, NULL, 0)

    cdef bint send(self, bytes octets, const char *content, Py_ssize_t length) except -1:
        """Send octets, or what was gathered if they are None, and content behind it."""
        cdef Engine engine = self.engine
        cdef iovec pieces[2]
        cdef msghdr message
        cdef ssize_t sent, total
        memset(&message, 0, sizeof(message))
        if octets is not None:
            pieces[0].iov_base, pieces[0].iov_len = PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets)
        else:
            pieces[0].iov_base, pieces[0].iov_len = engine.gathered, engine.gathered_length
            engine.gathered_length = 0
        pieces[1].iov_base, pieces[1].iov_len = <void *>content, length
        total = pieces[0].iov_len + length
        if length:
            message.msg_iov, message.msg_iovlen = pieces, 2
            sent = sendmsg(self.fd, &message, MSG_NOSIGNAL)
        else:
            sent = c_send(self.fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
        if sent == total:
            return True
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                engine.drop(self)
                return False
            sent = 0
        engine.hand_over(self)
        if sent < <ssize_t>pieces[0].iov_len:
            self.transport.unsent += (<char *>pieces[0].iov_base)[sent:pieces[0].iov_len]
            sent = pieces[0].iov_len
        if length:
            self.transport.unsent += content[sent - pieces[0].iov_len : length]
        self.transport.stay_behind()
        return False

    def hint(self, head, links):
        """Send Early Hints for the request with this head; see `hospes.http.connection.Hint`."""
        call_on_loop(self.engine.loop, self._hint, head, links)

    def _hint(self, head, links):
        cdef Engine engine = self.engine
        cdef bytes octets
        if self.state == HANDED:
            guest = self.transport.protocol
            if isinstance(guest, engine.guest):  # and no websocket
                guest.hint(head, links)
        elif self.state == BUSY and head is self.head:
            octets = hints_head(links)
            if engine.gathering is self:  # its first step: they leave when it waits, behind the answers before
                if engine.gathered_length + PyBytes_GET_SIZE(octets) <= BUFFER:
                    memcpy(engine.gathered + engine.gathered_length, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
                    engine.gathered_length += PyBytes_GET_SIZE(octets)
            elif self.handle is not None and not self.send(octets, NULL, 0):
                behind, self.waiting = self.waiting or b"", None
                self.leave(PyBytes_AS_STRING(behind), PyBytes_GET_SIZE(behind))

    # Into the large form.

    cdef int leave(self, const char *octets, Py_ssize_t length) except -1:
        """Give the connection, the request under way or its answer, and the octets behind it to the large form."""
        response, failure, head, handle = self.response, self.failure, self.head, self.handle
        self.failure = self.head = self.handle = None
        self.response = _NOTHING
        if self.state == CLOSED or (self.state == HANDED and self.transport.protocol is None):
            self.engine.service.discard(getattr(response, "content", None))
            return 0
        if self.state != HANDED:
            self.engine.hand_over(self)
        guest = self.transport.protocol
        self.transport.flooded = length >= FLOOD // 8
        rest = PyBytes_FromStringAndSize(octets, length)
        if handle is not None:
            guest.wait_for(head, handle, rest)
        elif response is not _NOTHING:
            guest.answer(head, rest, response, failure)
        else:
            guest.data_received(rest)
        return 0

    cdef int take_in(self, Coming *coming, Py_ssize_t length) except -1:
        """Have a request answered whose content is not complete: the large form has it, with what has come of its content.

        Its handler begins here: so it finds the beginning of the content, and waits for the rest before any of that is received.
        """
        cdef Transport transport
        piece = PyBytes_FromStringAndSize(coming.content, length)
        route = self.engine.map.find(coming)
        head = _make_head(coming.octets, &coming.at)
        self.served += 1
        self.engine.budget -= 1
        guest = self.engine.hand_over(self)
        transport = self.transport
        transport.flooded = length >= FLOOD // 8
        request = _request(head, guest.take_in(head, coming.at.content_length, piece), self.ends)
        if route is not None:
            hospes_fill(request, _AT.services, self.engine.map.services)
            if (<_Route>route).names:
                hospes_fill(request, _AT.path_values, (<_Route>route).path_values(coming))
        handle = _first_step(self, self.engine.handler if route is None else (<_Route>route).endpoint, request)
        if handle is not None:
            guest.wait(handle)
            return 0
        response, failure, self.response, self.failure = self.response, self.failure, _NOTHING, None
        guest.answered(response, failure)
        return 0

    # The rest.

    cdef int watch(self, uint32_t interest) except -1:
        """Ask for other events. None at all: then not even an error is heard of, and nothing spins."""
        cdef epoll_event event
        cdef int operation
        if interest == self.interest or self.engine.epoll < 0:
            return 0
        event.events = interest
        event.data.u64 = (<uint64_t>self.generation << 32) | self.slot
        operation = EPOLL_CTL_DEL if not interest else EPOLL_CTL_MOD if self.interest else EPOLL_CTL_ADD
        if epoll_ctl(self.engine.epoll, operation, self.fd, &event) < 0:
            _raise_errno()
        self.interest = interest
        return 0

    cdef object shared(self):
        """What this connection's requests share."""
        cdef uint64_t name[16]
        cdef socklen_t length = sizeof(name)
        if self.ends is None:
            server = self.engine.server
            if server is None:  # listening on every interface: each connection has an end of its own
                if getsockname(self.fd, <sockaddr *>name, &length) < 0:
                    length = 0
                server = _address(<sockaddr *>name, length)
            client = _address(<sockaddr *>self.peer, self.peer_length)
            if self.told is not None:
                client, server = self.told
            self.ends = Ends(client, server, "http", self.engine.limits, hint=self.hint)
        return self.ends


cdef inline bint _may_be_markup(str text) except -1:
    """Whether a text's first character is one that `hospes.http.response.text_type` has to look at."""
    cdef Py_UCS4 first = text[0]
    return first == c"<" or first == c" " or 0x09 <= first <= 0x0d or first == 0xfeff
