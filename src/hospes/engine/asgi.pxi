# A conversation with a hosted ASGI application that comes to its end in one step, without Python code but the application's:
# `hospes.adapters.asgi_exchange.AsgiExchange` in C.
#
#     scope, receive, send ──▶ application
#     receive ──▶ the content, all of it               ┐
#     send ◀── http.response.start                     ├ what is usual
#     send ◀── http.response.body …, the last of them  ┘
#     returns ──▶ the answer is gathered
#         │ anything else, at any time
#         ▼
#     `unusual`: an AsgiExchange takes up what was said so far, and goes on
#
# Laws:
#
# * Nothing is decided here: what is not usual, what breaks the protocol above all, is the AsgiExchange's to judge, which has heard
#   the same by then. tests/engine/test_asgi.py holds conversations of all kinds against it, octet by octet.
# * A call of `receive` or `send` does nothing until it is awaited, and shows itself as the coroutine that it stands for.
# * The application runs in its driver's seat, as the current task that goes on if it suspends (decision 12).
# * The request's octets are the engine's, and gone after the first step. Until then it is known how the application goes on: it has
#   answered, or there is an AsgiExchange.

cdef enum:
    AWAITS_START
    AWAITS_BODY
    IS_COMPLETE

cdef enum:
    AHEAD = 64 * 1024  # as in hospes.adapters.asgi_exchange

cdef object _IS_COROUTINE = getattr(_coroutines, "_is_coroutine", None)
cdef object _COROUTINE_MARK = None
if hasattr(_inspect, "markcoroutinefunction"):  # from 3.12 on; what it marks with has another name in each version
    _COROUTINE_MARK = getattr(_inspect.markcoroutinefunction(SimpleNamespace()), "_is_coroutine_marker", None)


@cython.final
@cython.freelist(16)
cdef class _Conversation:
    """What is said about one request."""

    cdef object host  # the hospes.adapters.HostedAsgi
    cdef Conn conn
    cdef Coming *coming  # in the first step
    cdef Head head
    cdef dict scope
    cdef object exchange  # the AsgiExchange, from where on anything is not usual
    cdef int phase
    cdef bint received  # the content
    cdef bint is_begun  # some of the answer's
    cdef int status
    cdef str content_type
    cdef list fields  # all of them, as octets
    cdef bint has_others  # fields beside Content-Type and Content-Length
    cdef Py_ssize_t length  # as announced; -1: it is not
    cdef bytes body  # what there is of it

    cdef dict receive(self):
        """The next message for the application; None where the exchange has to give it."""
        if self.exchange is not None:
            return None
        if self.phase == IS_COMPLETE:
            return {"type": "http.disconnect"}
        if self.received:
            return None
        self.received = True
        return {"type": "http.request", "body": self.content(), "more_body": False}

    cdef bytes content(self):
        cdef Coming *coming = self.coming
        return b"" if coming.at.content_length <= 0 else PyBytes_FromStringAndSize(coming.content, coming.at.content_length)

    cdef bint take(self, message) except -1:
        """Hear a message of the application. False: the exchange has to."""
        if self.exchange is not None or type(message) is not dict:
            return False
        kind = <object>_item(<dict>message, "type")
        if type(kind) is not str:
            return False
        if self.phase == AWAITS_BODY and <str>kind == "http.response.body":
            return self.take_body(<dict>message)
        if self.phase == AWAITS_START and <str>kind == "http.response.start":
            return self.take_start(<dict>message)
        return False

    cdef bint take_start(self, dict message) except -1:
        cdef bytes name, value
        cdef list taken = []
        cdef str content_type = ""
        cdef Py_ssize_t length = -1, n
        cdef bint has_others = False
        number, fields = <object>_item(message, "status"), <object>_item(message, "headers")
        trailers = <object>_item(message, "trailers")
        if type(number) is not int or (trailers is not NotImplemented and trailers is not False):
            return False
        if not 200 <= number <= 599 or number == 204 or number == 205 or number == 304:
            return False
        if fields is NotImplemented:
            fields = ()
        if type(fields) is not list and type(fields) is not tuple:
            return False
        for pair in fields:
            if (type(pair) is not tuple and type(pair) is not list) or len(pair) != 2:
                return False
            first, second = pair
            if type(first) is not bytes or type(second) is not bytes:
                return False
            name, value = <bytes>first, <bytes>second
            if not _is_field(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)):
                return False
            if not content_type and name == b"content-type":
                content_type = self.conn.engine.text_of(value)
            elif length < 0 and name == b"content-length":
                length = _number(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
                if length < 0:
                    return False
            elif _is_carriers(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)):
                return False
            else:
                has_others = True
            n = PyList_GET_SIZE(taken)
            if n and not _is_new(taken, name):
                return False
            taken.append((name, value))
        self.status, self.content_type, self.length, self.fields, self.has_others = number, content_type, length, taken, has_others
        self.phase = AWAITS_BODY
        return True

    cdef bint take_body(self, dict message) except -1:
        cdef Py_ssize_t size
        body, more = <object>_item(message, "body"), <object>_item(message, "more_body")
        if body is NotImplemented:
            body = b""
        if type(body) is not bytes or (more is not NotImplemented and type(more) is not bool):
            return False
        size = PyBytes_GET_SIZE(body)
        if self.body is not None:
            size += PyBytes_GET_SIZE(self.body)
        if more is True:
            if size > AHEAD or (self.length >= 0 and size > self.length):
                return False
            self.is_begun = True
        elif self.length >= 0 and size != self.length:
            return False
        else:
            self.phase = IS_COMPLETE
        self.body = <bytes>body if self.body is None else self.body + <bytes>body
        return True

    cdef object unusual(self):
        """The exchange that takes up what was said so far."""
        cdef Conn conn
        cdef object content = None
        if self.exchange is None and self.conn is None:  # it is over
            self.exchange = self.host.completed()
        elif self.exchange is None:
            conn = self.conn
            if self.coming.at.content_length >= 0:
                if self.received:
                    content = ContentReader.taken(self.coming.at.content_length, conn.engine.limits.body)
                else:
                    content = ContentReader.of(self.content(), conn.engine.limits.body)
            self.exchange = self.host.exchange(_request(self.head, content, conn.shared()), self.scope)
            start = None
            if self.phase != AWAITS_START:
                start = {"type": "http.response.start", "status": self.status, "headers": self.fields}
            begun = self.body if self.is_begun or self.phase == IS_COMPLETE else None
            self.exchange.take_up(self.received, start, begun, self.phase == IS_COMPLETE)
            self.body = None
        return self.exchange

    cdef int let_go(self) except -1:
        """The first step is over."""
        self.conn, self.coming, self.head, self.scope = None, NULL, None, None
        return 0

    cdef int put(self, Coming *coming) except -1:
        """Gather the answer."""
        cdef Conn conn = self.conn
        cdef Engine engine = conn.engine
        cdef bytes body = self.body, head, prefix
        cdef Lines lines
        conn.closes = coming.is_last
        if not self.has_others:
            prefix = engine.prefix(self.status, self.content_type)
            return GATHERED if conn.put(prefix, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), True) else LEFT
        prefix = engine.prefix(self.status, "")
        lines.length = 0
        if not _add(&lines, PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix) - _LENGTH):
            return ASIDE
        for name, value in self.fields:
            if self.length >= 0 and <bytes>name == b"content-length":
                continue
            if not (
                _add(&lines, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
                and _add(&lines, b": ", 2)
                and _add(&lines, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
                and _add(&lines, b"\r\n", 2)
            ):
                return ASIDE
        return _put_lines(conn, &lines, body)


cdef inline PyObject *_item(dict message, str key) except NULL:
    """Borrowed; NotImplemented where it is not there."""
    cdef PyObject *found = PyDict_GetItemWithError(message, key)
    return <PyObject *>NotImplemented if found == NULL else found


cdef bint _is_field(const char *name, Py_ssize_t length, const char *value, Py_ssize_t size) noexcept:
    """Whether this may be sent as it is."""
    cdef const unsigned char *p = <const unsigned char *>value
    cdef Py_ssize_t n
    for n in range(length):
        if not hospes_sets[<unsigned char>name[n]] & HOSPES_TOKEN:
            return False
    return length > 0 and hospes_value_end(p, p + size) == p + size


cdef inline bint _is_digit(char octet) noexcept:
    return c"0" <= octet <= c"9"


cdef Py_ssize_t _number(const char *p, Py_ssize_t length) noexcept:
    """The number that these digits are; -1 where they are none, or too many."""
    cdef Py_ssize_t n, number = 0
    for n in range(length):
        if not _is_digit(p[n]):
            return -1
        number = number * 10 + p[n] - c"0"
        if n == 15:
            return -1
    return number if length else -1


cdef bint _is_carriers(const char *name, Py_ssize_t length) noexcept:
    """Whether a field is one of those that `hospes.server.answers.CARRIERS` has rules for, in any case."""
    cdef const unsigned char *p = <const unsigned char *>name
    if length == 4:
        return hospes_is(p, b"date", 4)
    if length == 6:
        return hospes_is(p, b"server", 6)
    if length == 7:
        return hospes_is(p, b"upgrade", 7)
    if length == 10:
        return hospes_is(p, b"connection", 10) or hospes_is(p, b"keep-alive", 10)
    if length == 14:
        return hospes_is(p, b"content-length", 14)
    if length == 17:
        return hospes_is(p, b"transfer-encoding", 17)
    return length == 22 and hospes_is(p, b"x-content-type-options", 22)


cdef inline bint _is_same(const char *one, const char *other, Py_ssize_t length) noexcept:
    """Whether two names are the same but for their case."""
    cdef Py_ssize_t n
    for n in range(length):
        if _lower(one[n]) != _lower(other[n]):
            return False
    return True


cdef bint _is_new(list fields, bytes name) except -1:
    """Whether a field may stand behind these: there is none of its name, or the last one is spelled as it is."""
    cdef Py_ssize_t n, count = PyList_GET_SIZE(fields), length = PyBytes_GET_SIZE(name)
    if (<tuple>fields[count - 1])[0] == name:
        return name != b"content-type" and name != b"content-length"
    for n in range(count):
        before = <bytes>(<tuple>fields[n])[0]
        if PyBytes_GET_SIZE(before) == length and _is_same(PyBytes_AS_STRING(before), PyBytes_AS_STRING(name), length):
            return False
    return True


@cython.final
@cython.freelist(16)
cdef class _Said:
    """A call of `receive` or `send`, to be awaited. To whoever looks it is the coroutine that it stands for."""

    cdef _Conversation conversation
    cdef object message  # _NOTHING: it is a call of `receive`
    cdef object coroutine  # the exchange's, where that is asked
    cdef bint is_begun

    cdef int step(self, PyObject *value, PyObject **given) except -1:
        cdef _Conversation conversation = self.conversation
        cdef object result = None
        if self.coroutine is not None:
            return PyIter_Send(self.coroutine, value, given)
        self.begin()
        if self.message is _NOTHING:
            result = conversation.receive()
            if result is None:
                self.coroutine = conversation.unusual().receive()
        elif not conversation.take(self.message):
            self.coroutine = conversation.unusual().send(self.message)
        if self.coroutine is not None:
            return PyIter_Send(self.coroutine, Py_None, given)
        Py_INCREF(result)
        given[0] = <PyObject *>result
        return PYGEN_RETURN

    cdef int begin(self) except -1:
        if self.is_begun:
            raise RuntimeError("cannot reuse already awaited coroutine")
        self.is_begun = True
        return 0

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        cdef PyObject *given = NULL
        came = self.step(<PyObject *>value, &given)
        result = <object>given
        Py_DECREF(given)
        if came == PYGEN_RETURN:
            raise StopIteration(result)
        return result

    def throw(self, kind, value=None, traceback=None):
        if self.coroutine is None:
            self.begin()
            raise kind if value is None else value
        return self.coroutine.throw(kind if value is None else value)

    def close(self):
        self.is_begun = True
        if self.coroutine is not None:
            self.coroutine.close()

    @property
    def __class__(self):
        return CoroutineType

    def __getattr__(self, name):
        if name == "__name__" or name == "__qualname__":
            return "AsgiExchange.receive" if self.message is _NOTHING else "AsgiExchange.send"
        if name == "cr_running" or name == "cr_suspended":
            return getattr(self.coroutine, name, False)
        if name == "cr_frame" or name == "cr_code" or name == "cr_await" or name == "cr_origin":
            return getattr(self.coroutine, name, None)
        raise AttributeError(f"'coroutine' object has no attribute {name!r}")

    def __dealloc__(self):
        if not self.is_begun and self.conversation is not None:
            _forgotten(self.conversation.host, self.message)


cdef int _forgotten(host, message) except -1:
    """Say that a call was never awaited: as Python says it of the coroutine that it stands for."""
    exchange = host.completed()
    if message is _NOTHING:
        exchange.receive()
    else:
        exchange.send(message)
    return 0


cdef int _step_of_said(PyObject *said, PyObject *value, PyObject **given) except -1:
    given[0] = NULL
    return (<_Said>said).step(value, given)


hospes_set_send(_Said, _step_of_said)


@cython.final
@cython.freelist(16)
cdef class _Receive:
    """The application's `receive`."""

    cdef _Conversation conversation
    _is_coroutine = _IS_COROUTINE  # for those who ask whether it is a coroutine function
    _is_coroutine_marker = _COROUTINE_MARK

    def __call__(self):
        cdef _Said said = _Said.__new__(_Said)
        said.conversation, said.message = self.conversation, _NOTHING
        return said


@cython.final
@cython.freelist(16)
cdef class _Send:
    """The application's `send`."""

    cdef _Conversation conversation
    _is_coroutine = _IS_COROUTINE
    _is_coroutine_marker = _COROUTINE_MARK

    def __call__(self, message):
        cdef _Said said = _Said.__new__(_Said)
        said.conversation, said.message = self.conversation, message
        return said


cdef _Conversation _conversation(Conn conn, host, Coming *coming):
    """One that has not begun; None where the request is not a usual one."""
    cdef _Conversation made
    cdef Head head = _make_head(coming.octets, &coming.at)
    ends = _usual_addresses(conn.shared())
    scope = _scope_of(head, head.method, ends) if ends is not None else None
    if scope is None:
        return None
    state = host.state
    if state is not None:
        scope["state"] = state.copy()
    made = _Conversation.__new__(_Conversation)
    made.host, made.conn, made.coming, made.head, made.scope = host, conn, coming, head, scope
    made.phase, made.length = AWAITS_START, -1
    return made


cdef int _converse(Conn conn, host, Coming *coming) except -1:
    """Have a hosted ASGI application answer. ASIDE: nothing has happened yet."""
    cdef Engine engine = conn.engine
    cdef PyObject *given = NULL
    cdef _Conversation conversation
    cdef _Receive receive
    cdef _Send send
    cdef bint suspended = False
    cdef int came
    driver, limit = host.driver, host.body_limit
    if driver is None or driver.loop is not engine.loop:
        return ASIDE
    if limit is not Ellipsis and limit is not None and coming.at.content_length > limit:
        return ASIDE
    conversation = _conversation(conn, host, coming)
    if conversation is None:
        return ASIDE
    # Whoever waits for the answer takes his steps before the application, as where it is called inside of the request.
    if <object>hospes_read(engine.driver, _AT.spare) is None:
        engine.driver._park()
    seat = <object>hospes_read(driver, _AT.spare)
    if seat is None:
        seat = driver._park()
    task = <object>hospes_read(seat, _AT.task)
    context = PyContext_Copy(engine.context)
    if not _step_in(engine.loop, task):  # inside of a task: the driver knows what to do
        return ASIDE
    conn.head = conversation.head
    receive, send = _Receive.__new__(_Receive), _Send.__new__(_Send)
    receive.conversation = send.conversation = conversation
    answer = awaited = failure = None
    try:
        PyContext_Enter(context)
        try:
            answer = host.application(conversation.scope, receive, send)
            kind = type(answer)
            if kind is not CoroutineType:
                answer, kind = driver._look_at(answer, kind, seat)
            if kind is CoroutineType:
                if PyIter_Send(answer, Py_None, &given) == PYGEN_RETURN:
                    answer = <object>given
                else:
                    suspended, awaited = True, <object>given
                Py_DECREF(given)
        finally:
            PyContext_Exit(context)
    except BaseException as error:
        failure = error
    _step_out(engine.loop, task)
    receive = send = None
    if not suspended and failure is None and conversation.phase == IS_COMPLETE and conversation.exchange is None:
        if conn.takes_answer(coming):
            came = conversation.put(coming)
            if came != ASIDE:
                conversation.let_go()
                return came
            conn.closes = False
    exchange = conversation.unusual()
    conversation.let_go()
    if suspended:
        driver._adopt(seat, answer, awaited, context, exchange.ended)
    else:
        exchange.ended(None, failure)
    return _conclude(conn, exchange, failure)


cdef int _conclude(Conn conn, exchange, failure) except -1:
    """Answer as the exchange says, or wait for that."""
    if isinstance(failure, KeyboardInterrupt):
        conn.response, conn.failure, conn.engine.interruption = None, failure, failure
        return CAME
    if not exchange.answers:
        conn.handle = _first_step(conn, type(exchange).answered, exchange)
        return CAME if conn.handle is None else WAITS
    conn.response = conn.failure = None
    try:
        conn.response = exchange.response()
    except BaseException as error:
        conn.failure = error
    return CAME
