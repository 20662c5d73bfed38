# A large content on its way from the kernel to whoever reads it, as long as nothing is to be decided: the usual piece of a content
# whose length is known.
#
#     Connection.data_received ─▶ Intake.pour ─▶ ContentReader.feed ─▶ Bell ─▶ ContentReader._next ─▶ the handler
#     └──────────────────────── `_pour` ──────────────────────────┘  `drive`  └──── `Pull` ────┘
#
# Laws:
#
# * There is no state here: it is read and written where those classes keep it, in their slots. So each piece may go either way,
#   and whatever is not as usual goes theirs. tests/engine/test_content.py holds both ways to the same.
# * Nothing has been changed yet when a piece is left to them.

cdef extern from *:
    """
    /* Put another object into a slot that has one. */
    static void hospes_put(PyObject *object, Py_ssize_t offset, PyObject *value) {
        PyObject *before = HOSPES_AT(object, offset);
        Py_INCREF(value);
        HOSPES_AT(object, offset) = value;
        Py_XDECREF(before);
    }
    """
    void hospes_put(object, Py_ssize_t, object)
    PyObject *Py_True

cdef Py_ssize_t _HIGH_WATER = HIGH_WATER, _LOW_WATER = LOW_WATER
cdef object _BUSY_STATE = BUSY_STATE, _NEVER = NEVER


cdef struct _ContentSlots:
    Py_ssize_t state, intake, reader, paused, deadline  # of a Connection
    Py_ssize_t peer, timeouts, expects, dry, wanted, since, waited, complete, broken, content  # of its Intake
    Py_ssize_t of_wire, buffer, limit_of_wire  # of its RequestReader
    Py_ssize_t left, length  # of a CountedContent
    Py_ssize_t flow, pieces, start, bell, waits, error, ended, full, buffered, received, declared, limit  # of a ContentReader
    Py_ssize_t coroutine, context  # of a request's Task's coroutine
    Py_ssize_t body_idle, body_rate  # of Timeouts

cdef _ContentSlots _IN


cdef int _find_content_slots() except -1:
    _IN.state, _IN.intake = _slot(Connection, b"_state"), _slot(Connection, b"_intake")
    _IN.reader, _IN.paused = _slot(Connection, b"_reader"), _slot(Connection, b"_paused")
    _IN.deadline = _slot(Connection, b"deadline")
    _IN.peer, _IN.timeouts = _slot(Intake, b"_peer"), _slot(Intake, b"_timeouts")
    _IN.expects, _IN.dry, _IN.wanted = _slot(Intake, b"_expects"), _slot(Intake, b"_dry"), _slot(Intake, b"_wanted")
    _IN.since, _IN.waited = _slot(Intake, b"_wanted_since"), _slot(Intake, b"_waited")
    _IN.complete, _IN.broken, _IN.content = _slot(Intake, b"complete"), _slot(Intake, b"broken"), _slot(Intake, b"content")
    _IN.of_wire, _IN.buffer = _slot(RequestReader, b"_content"), _slot(RequestReader, b"_buffer")
    _IN.limit_of_wire = _slot(RequestReader, b"body_limit")
    _IN.left, _IN.length = _slot(CountedContent, b"_left"), _slot(CountedContent, b"_length")
    _IN.flow, _IN.pieces, _IN.start = _slot(ContentReader, b"_flow"), _slot(ContentReader, b"_pieces"), _slot(ContentReader, b"_start")
    _IN.bell, _IN.waits, _IN.error = _slot(ContentReader, b"_bell"), _slot(ContentReader, b"_waits"), _slot(ContentReader, b"_error")
    _IN.ended, _IN.full = _slot(ContentReader, b"_ended"), _slot(ContentReader, b"_full")
    _IN.buffered, _IN.received = _slot(ContentReader, b"buffered"), _slot(ContentReader, b"received")
    _IN.declared, _IN.limit = _slot(ContentReader, b"declared"), _slot(ContentReader, b"limit")
    _IN.coroutine, _IN.context = _slot(_Seat, b"coroutine"), _slot(_Seat, b"context")
    _IN.body_idle, _IN.body_rate = _slot(Timeouts, b"body_idle"), _slot(Timeouts, b"body_rate")
    return 0


_find_content_slots()


cdef inline bint _is(object, Py_ssize_t slot):
    """Whether a slot has True."""
    return hospes_read(object, slot) == Py_True


cdef inline object _in(object, Py_ssize_t slot):
    return <object>hospes_read(object, slot)


cdef Py_ssize_t _most_wanted(connection) except -1:
    """Octets that may be received at once. 0 where a request's Task waits for content from its next step on, and has yet to take that:
    what is received before lies idle.
    """
    intake = _in(connection, _IN.intake)
    if type(intake) is not Intake:
        return FLOOD
    content = _in(intake, _IN.content)
    if not _is(content, _IN.waits) or _in(content, _IN.pieces):
        return FLOOD
    ring = _in(content, _IN.bell)
    return 0 if type(ring) is Bell and (<Bell>ring).is_about_to_wait() else AWAITED


cdef bint _pour(connection, bytes octets) except -1:
    """What `data_received` does with octets that are content and nothing else. False: they are to be given to it."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(octets), left, buffered, received
    cdef double now, waited
    cdef Bell bell
    intake = _in(connection, _IN.intake)
    if hospes_read(connection, _IN.state) != <PyObject *>_BUSY_STATE or type(intake) is not Intake:
        return False
    if _is(intake, _IN.broken) or not _is(intake, _IN.wanted) or size > AWAITED:
        return False
    reader, content = _in(connection, _IN.reader), _in(intake, _IN.content)
    of_wire, limit = _in(reader, _IN.of_wire), _in(reader, _IN.limit_of_wire)
    if type(of_wire) is not CountedContent or PyByteArray_GET_SIZE(_in(reader, _IN.buffer)):
        return False
    left = _in(of_wire, _IN.left)
    ring = _in(content, _IN.bell)
    if size > left or type(ring) is not Bell or _in(content, _IN.error) is not None:  # what comes behind the content is theirs
        return False
    if limit is not None and _in(of_wire, _IN.length) > limit:
        return False
    buffered, received = _in(content, _IN.buffered), _in(content, _IN.received)
    now = _in(intake, _IN.since)
    if now:
        timeouts = _in(intake, _IN.timeouts)
        waited = <double>_in(intake, _IN.waited) + (_monotonic() - now)
        if waited > <double>_in(timeouts, _IN.body_idle) and received + size < waited * <double>_in(timeouts, _IN.body_rate):
            return False
        hospes_put(intake, _IN.waited, waited)
        hospes_put(intake, _IN.since, 0.0)
        hospes_put(connection, _IN.deadline, _NEVER)
    hospes_put(of_wire, _IN.left, left - size)
    _APPEND(_in(content, _IN.pieces), octets)
    hospes_put(content, _IN.buffered, buffered + size)
    hospes_put(content, _IN.received, received + size)
    if buffered + size >= _HIGH_WATER:
        hospes_put(content, _IN.full, True)
    bell = <Bell>ring
    if size == left:
        bell.ring_soon()
        intake.passed()
        return True
    if bell.waits() and bell.drives:
        bell.drive(_in(bell.program, _IN.coroutine), _in(bell.program, _IN.context))
    else:
        bell.ring()
    buffered = _in(content, _IN.buffered)
    if buffered >= _HIGH_WATER:
        connection.pause()
    return True


cdef int _want(content, flow) except -1:
    """`flow.want_content()`."""
    cdef double now
    peer = _in(flow, _IN.peer)
    if (
        not isinstance(peer, Connection) or _is(peer, _IN.paused) or not _is(flow, _IN.dry) or not _is(flow, _IN.wanted)
        or _is(flow, _IN.expects) or _is(flow, _IN.complete) or _is(flow, _IN.broken)
    ):
        flow.want_content()
    elif not _in(content, _IN.buffered):
        now = _monotonic()
        hospes_put(flow, _IN.since, now)
        hospes_put(peer, _IN.deadline, now + <double>_in(_in(flow, _IN.timeouts), _IN.body_idle))
    return 0


@cython.final
cdef class Pieces:
    """The pieces of a content; see `hospes.http.content.Pieces`."""

    cdef object content

    def __init__(self, content):
        if not isinstance(content, ContentReader):
            raise TypeError("pieces are of a ContentReader")
        self.content = content

    def __aiter__(self):
        return self

    def __anext__(self):
        cdef Pull pull = Pull.__new__(Pull)
        pull.content = self.content
        return pull


@cython.final
@cython.freelist(16)
cdef class Pull:
    """Waits for the next piece: the coroutine `ContentReader._next(stops=True)`, which takes over where anything is not as usual."""

    cdef object content  # None: it is over
    cdef object way  # of the reader's own
    cdef bint waits

    cdef object go_on(self, bint *came):
        """The next piece, or what is to be waited for until then."""
        cdef PyObject *given = NULL
        content = self.content
        if content is None:
            raise RuntimeError("cannot reuse already awaited coroutine")
        if self.way is None:
            if self.waits:
                self.wait_no_more()
            elif not self.may_take():
                self.way = content._next(-1, True)
            if self.way is None:
                piece = self.take()
                if piece is not None:
                    came[0], self.content = True, None
                    return piece
                bell = self.wait()
                if bell is not None:
                    return bell
                if self.is_over():
                    self.content = None
                    raise StopAsyncIteration
                self.way = content._next(-1, True)
        came[0] = PyIter_Send(self.way, Py_None, &given) == PYGEN_RETURN
        result = <object>given
        Py_DECREF(given)
        if came[0]:
            self.content = None
        return result

    cdef bint may_take(self) except -1:
        """Whether nobody else reads, and the content is within its limit."""
        limit, declared = _in(self.content, _IN.limit), _in(self.content, _IN.declared)
        if _is(self.content, _IN.waits):
            return False
        return limit is None or (declared is not None and declared <= limit)

    cdef object take(self):
        """What is there; None if nothing is, or part of it has been given."""
        cdef Py_ssize_t buffered
        content = self.content
        pieces = _in(content, _IN.pieces)
        if not pieces or _in(content, _IN.start):
            return None
        piece = _POPLEFT(pieces)
        buffered = <Py_ssize_t>_in(content, _IN.buffered) - PyBytes_GET_SIZE(piece)
        hospes_put(content, _IN.buffered, buffered)
        if buffered <= _LOW_WATER and _is(content, _IN.full):
            hospes_put(content, _IN.full, False)
            flow = _in(content, _IN.flow)
            if flow is not None and not _is(content, _IN.ended):
                _want(content, flow)
        return piece

    cdef Bell wait(self):
        """Begin to wait; None where nothing more will come, or something has, or it has not been waited for yet."""
        cdef Bell bell
        content = self.content
        flow, ring = _in(content, _IN.flow), _in(content, _IN.bell)
        if ring is None and type(flow) is Intake and flow.bell is Bell:
            ring = Bell(_running_loop())
            hospes_put(content, _IN.bell, ring)
        if type(flow) is not Intake or type(ring) is not Bell or not self.lacks():
            return None
        bell = <Bell>ring
        if bell.task is None:
            bell.drive_request()
        self.waits = True
        hospes_put(content, _IN.waits, True)
        try:
            _want(content, flow)
        except BaseException:
            self.wait_no_more()
            raise
        if not self.lacks():
            self.wait_no_more()
            return None
        bell.is_rung = False
        bell._asyncio_future_blocking = True
        return bell

    cdef bint lacks(self) except -1:
        """Whether more will come, and nothing is there."""
        content = self.content
        return not (_in(content, _IN.pieces) or _is(content, _IN.ended) or _in(content, _IN.error) is not None)

    cdef bint is_over(self) except -1:
        """Whether all of it has been given."""
        content = self.content
        return _is(content, _IN.ended) and not _in(content, _IN.pieces) and _in(content, _IN.error) is None

    cdef int wait_no_more(self) except -1:
        self.waits = False
        hospes_put(self.content, _IN.waits, False)
        return 0

    def __await__(self):
        return self

    def __next__(self):
        return self.send(None)

    # The coroutine's face.

    def send(self, value):
        cdef bint came = False
        result = self.go_on(&came)
        if came:
            raise StopIteration(result)
        return result

    def throw(self, kind, value=None, traceback=None):
        if self.way is not None:
            return self.way.throw(kind if value is None else value)
        self.close()
        raise kind if value is None else value

    def close(self):
        if self.way is not None:
            self.way.close()
        elif self.waits:
            self.wait_no_more()
        self.content = None


cdef int _send_to_pull(PyObject *pull, PyObject *_, PyObject **given) except -1:
    """`Pull.send`."""
    cdef bint came = False
    given[0] = NULL
    result = (<Pull>pull).go_on(&came)
    Py_INCREF(result)
    given[0] = <PyObject *>result
    return PYGEN_RETURN if came else PYGEN_NEXT


hospes_set_send(Pull, _send_to_pull)
