# A hosted WSGI application's call, without Python code but the application's and the pool's:
# `hospes.adapters.wsgi_exchange.WsgiExchange` and `hospes.execution.Job` in C.
#
#     loop                      thread
#     environ ─▶ the pool ────▶ application(environ, start_response)
#                               a list of bytes ─▶ the answer, whole
#                               │ anything else, at any time
#                               ▼
#     gathered ◀────────────────  `unusual`: a WsgiExchange takes up what was said so far, and goes on
#
# Laws:
#
# * Nothing is decided here: what is not usual, what breaks PEP 3333 above all, is the WsgiExchange's to judge, which has heard the same
#   by then. tests/engine/test_wsgi.py holds calls of all kinds against it, octet by octet.
# * To its pool and its driver a call is a Job: it is run once in a thread, settled once on the loop, and cancelled, refused or concluded
#   as one. Nobody awaits it.
# * What the thread touches is Python objects, of this call alone.

@cython.final
cdef class _Call:
    """One request, from the loop to a thread and back."""

    cdef object host  # the hospes.adapters.HostedWsgi
    cdef object pool
    cdef object context, environ  # until it runs
    cdef object exchange  # the WsgiExchange, from where on anything is not usual
    cdef object answer, failure  # what it came to
    cdef Conn conn
    cdef Head head
    cdef object ends
    cdef int status  # 0: the answer has not begun
    cdef object content_type
    cdef list fields  # all of them
    cdef bint has_others  # beside Content-Type and Content-Length
    cdef Py_ssize_t length  # as announced; -1: it is not
    cdef bytes body  # all of the answer's; None: there is none, or it is the exchange's
    cdef bint is_over, is_given_up
    cdef readonly double _deadline

    # In the thread.

    def run(self):
        """Have the application answer; gives the context that it did it in."""
        context, environ, self.context, self.environ = self.context, self.environ, None, None
        try:
            PyContext_Enter(context)
            try:
                self.ask(environ)
            finally:
                PyContext_Exit(context)
        except BaseException as error:
            self.failure = as_failure(error)
        return context

    cdef int ask(self, environ) except -1:
        try:
            returned = self.host.application(environ, self.start_response)
        except BaseException as error:
            if self.exchange is None:
                raise
            self.answer = self.exchange.failed(error)
            return 0
        if not self.take(returned):
            self.answer = self.unusual().go_on(returned)
        return 0

    def start_response(self, status, headers, exc_info=None):
        """Take the answer's head; see `WsgiExchange.start_response`."""
        if exc_info or self.exchange is not None or self.status or not self.take_start(status, headers):
            return self.unusual().start_response(status, headers, exc_info)
        return self.write

    def write(self, octets):
        """Send octets; see `WsgiExchange.write`."""
        self.unusual().write(octets)

    cdef bint take_start(self, status, headers) except -1:
        cdef const char *p
        cdef Py_ssize_t length = -1, size
        cdef int code
        cdef list taken = []
        cdef bint has_others = False
        cdef object content_type = ""
        if type(status) is not str or type(headers) is not list or not PyUnicode_IS_COMPACT_ASCII(status):
            return False
        p, size = <const char *>PyUnicode_DATA(status), PyUnicode_GET_LENGTH(status)
        if size < 3 or not (_is_digit(p[0]) and _is_digit(p[1]) and _is_digit(p[2])) or (size > 3 and p[3] != c" "):
            return False
        code = (p[0] - c"0") * 100 + (p[1] - c"0") * 10 + p[2] - c"0"
        if not 200 <= code <= 599 or code == 204 or code == 205 or code == 304:
            return False
        for pair in <list>headers:
            if type(pair) is not tuple or PyTuple_GET_SIZE(pair) != 2:
                return False
            name, value = <object>PyTuple_GET_ITEM(pair, 0), <object>PyTuple_GET_ITEM(pair, 1)
            if type(name) is not str or type(value) is not str:
                return False
            if not PyUnicode_IS_COMPACT_ASCII(name) or not PyUnicode_IS_COMPACT_ASCII(value):
                return False
            p, size = <const char *>PyUnicode_DATA(name), PyUnicode_GET_LENGTH(name)
            if not _is_field(p, size, <const char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value)):
                return False
            if not _is_new_text(taken, p, size):
                return False
            if size == 12 and hospes_is(<const unsigned char *>p, b"content-type", 12):
                content_type = self.conn.engine.same_text(value)
            elif size == 14 and hospes_is(<const unsigned char *>p, b"content-length", 14):
                length = _number(<const char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
                if length < 0:
                    return False
            elif _is_carriers(p, size):
                return False
            else:
                has_others = True
            taken.append(pair)
        self.status, self.content_type, self.length, self.fields, self.has_others = code, content_type, length, taken, has_others
        return True

    cdef bint take(self, returned) except -1:
        """Hear what the application returned. False: the exchange has to."""
        if self.exchange is not None or not self.status or type(returned) is not list:
            return False
        for piece in <list>returned:
            if type(piece) is not bytes:
                return False
        body = <bytes>(<list>returned)[0] if PyList_GET_SIZE(returned) == 1 else b"".join(<list>returned)
        if self.length >= 0 and PyBytes_GET_SIZE(body) != self.length:
            return False
        self.body = body
        return True

    cdef object unusual(self):
        """The exchange that takes up what was said so far."""
        if self.exchange is None:
            exchange = self.host.exchange(self.request(), self.pool)
            exchange.job = self
            if self.status:
                exchange.start_response(f"{self.status}", self.fields)
            self.exchange = exchange
        return self.exchange

    def request(self):
        """The request, without its content."""
        return _request(self.head, None, self.ends)

    # On the loop: as a Job.

    def settle(self):
        """The thread is through with it."""
        if self.is_given_up:
            self.failure = CancelledError()
        if not self.is_over:
            self.end(True)
        self.exchange = None

    def conclude(self, answer):
        """Its answer is known, although a thread is still at it."""
        if not self.is_over:
            self.answer, self.failure = answer, CancelledError() if self.is_given_up else None
            self.end(True)

    def refuse(self, failure):
        """It waited, and will not run any more."""
        self.failure = failure
        self.end(False)

    def cancel(self):
        """End it early; False if it was over already."""
        if self.is_over:
            return False
        if self.pool.forget(self):
            self.failure = CancelledError()
            self.end(False)
        else:
            self.is_given_up = True
        return True

    def done(self):
        """Whether it is over."""
        return self.is_over

    cdef int end(self, bint at_once) except -1:
        self.is_over = True
        self.context = self.environ = None
        if self.exchange is not None:
            self.exchange.over(self.answer, self.failure)
        if at_once:
            self.tell()
        else:
            self.conn.engine.loop.call_soon(self.tell)
        return 0

    def tell(self):
        """Tell the connection."""
        cdef Conn conn = self.conn
        cdef Engine engine = conn.engine
        answer, failure = self.answer, self.failure
        self.conn = self.answer = self.failure = None
        engine.driver._ended(self)
        try:
            if failure is None and self.body is not None:
                answer = self if conn.state == BUSY else self.response()
            conn.answered(None if failure is not None else answer, failure)
        except Exception as error:
            engine.loop.call_exception_handler({"message": "telling a thread's outcome failed", "exception": error})
        if isinstance(failure, (KeyboardInterrupt, SystemExit)):
            raise failure

    cdef object response(self):
        """As a Response: where the connection cannot gather it."""
        return self.unusual().go_on([self.body])

    cdef int put(self, Conn conn) except -1:
        """Gather the answer. ASIDE: it has to be a Response."""
        cdef Engine engine = conn.engine
        cdef Lines lines
        cdef bytes prefix
        if not self.has_others:
            prefix = engine.prefix(self.status, self.content_type)
            return GATHERED if conn.put(prefix, PyBytes_AS_STRING(self.body), PyBytes_GET_SIZE(self.body), True) else LEFT
        prefix = engine.prefix(self.status, "")
        lines.length = 0
        if not _add(&lines, PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix) - _LENGTH):
            return ASIDE
        for name, value in self.fields:
            if PyUnicode_GET_LENGTH(name) == 14 and hospes_is(<const unsigned char *>PyUnicode_DATA(name), b"content-length", 14):
                continue
            if not _add_line(&lines, name, value):
                return ASIDE
        return _put_lines(conn, &lines, self.body)


cdef int _put_lines(Conn conn, Lines *lines, bytes body) except -1:
    """Gather an answer of which all fields but the carrier's are there. ASIDE: there is no room."""
    cdef char *end
    if FIELDS - lines.length < _LENGTH + 64:
        return ASIDE
    _add(lines, b"Content-Length: ", _LENGTH)
    end = _write_number(lines.octets + lines.length, PyBytes_GET_SIZE(body))
    memcpy(end, b"\r\n", 2)
    end = conn.end_fields(end + 2, conn.closes)
    return GATHERED if conn.put_octets(PyBytes_FromStringAndSize(lines.octets, end - lines.octets), body) else LEFT


cdef bint _is_new_text(list fields, const char *p, Py_ssize_t length) except -1:
    """Whether there is no field of this name, or only the last one, spelled as it is, which may be there twice."""
    cdef Py_ssize_t n, count = PyList_GET_SIZE(fields)
    for n in range(count):
        name = <object>PyTuple_GET_ITEM(fields[n], 0)
        if PyUnicode_GET_LENGTH(name) == length and _is_same(<const char *>PyUnicode_DATA(name), p, length):
            return (
                n == count - 1
                and memcmp(PyUnicode_DATA(name), p, length) == 0
                and not hospes_is(<const unsigned char *>p, b"content-", 8)
            )
    return True


@cython.final
cdef class _Hinting:
    """`wsgi.early_hints` of a call."""

    cdef _Call call

    def __call__(self, fields):
        self.call.host.give_hints(self.call.request(), fields)


cdef int _call_application(Conn conn, host, Coming *coming) except -1:
    """Have a hosted WSGI application answer, in a thread. ASIDE: nothing has happened yet."""
    cdef Engine engine = conn.engine
    cdef _Call call
    cdef _Hinting hinting
    cdef Head head
    cdef dict environ
    pool, limit = host.pool, host.body_limit
    if pool is None or pool._loop is not engine.loop:
        return ASIDE
    if limit is not Ellipsis and limit is not None and coming.at.content_length > limit:
        return ASIDE
    head, ends = _make_head(coming.octets, &coming.at), _usual_addresses(conn.shared())
    environ = _environ_of(head, head.method, ends, host.variables) if ends is not None else None
    if environ is None:
        return ASIDE
    call = _Call.__new__(_Call)
    call.host, call.conn, call.head, call.ends, call.environ, call.length = host, conn, head, ends, environ, -1
    call.pool, call.context = pool, PyContext_Copy(engine.context)
    if coming.at.content_length > 0:
        environ["wsgi.input"] = BytesIO(PyBytes_FromStringAndSize(coming.content, coming.at.content_length))
    else:
        environ["wsgi.input"] = BytesIO()
    environ["wsgi.errors"] = _sys.stderr
    environ["wsgi.file_wrapper"] = host.file_wrapper
    if hospes_read(ends, _END.hint) != Py_None:
        hinting = _Hinting.__new__(_Hinting)
        hinting.call = call
        environ["wsgi.early_hints"] = hinting
    conn.head = head
    try:
        call._deadline = pool.admit()
        pool.put(call)
    except Exception as error:
        conn.response, conn.failure = None, error
        return CAME
    conn.handle = call
    engine.driver.running.add(call)
    return WAITS


cdef int _respond_for(Conn conn, _Call call) except -1:
    """Answer with what a call came to. ASIDE: `conn.response` is a Response now."""
    cdef int came = ASIDE
    if (
        conn.state == BUSY
        and conn.head._at.keep_alive
        and conn.served < conn.engine.last_request
        and hospes_read(conn.engine.service, _AT.draining) == Py_False
    ):
        conn.response = _NOTHING
        came = call.put(conn)
    if came == ASIDE:
        conn.response = call.response()
    return came


cdef int _ask_host(Conn conn, Coming *coming) except -1:
    """Have the hosted application answer. ASIDE: nothing has happened yet."""
    cdef Engine engine = conn.engine
    if coming.at.method_length == 4 and memcmp(coming.octets, b"HEAD", 4) == 0:
        return ASIDE
    if engine.is_wsgi:
        return _call_application(conn, engine.host, coming)
    return _converse(conn, engine.host, coming)
