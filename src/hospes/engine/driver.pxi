# A handler's first step, as `hospes.execution.Driver.start` does it, in C; whatever does not end in that step is the Driver's.
#
# Laws: those of hospes.execution.driver. Every request runs in a context of its own; the task that is current in the first step is
# the one that goes on after a suspension.
#
# And the two objects of every request, made and read without Python code: slots of `Request` and `Response`, found by their
# descriptors. tests/engine/test_driver.py holds a request made here against one that Request made.

cdef extern from *:
    """
    #include <structmember.h>
    /* Where an instance keeps a slot; 0 where it has none by this name. */
    static Py_ssize_t hospes_slot(PyObject *type, const char *name) {
        PyObject *descriptor = PyDict_GetItemString(((PyTypeObject *)type)->tp_dict, name);
        if (descriptor == NULL || !Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) return 0;
        return ((PyMemberDescrObject *)descriptor)->d_member->offset;
    }
    #define HOSPES_AT(object, offset) (*(PyObject **)((char *)(object) + (offset)))
    /* The slot's object, borrowed. An empty one never reads as NULL but as no type's None. */
    #define hospes_read(object, offset) (HOSPES_AT(object, offset) == NULL ? Py_NotImplemented : HOSPES_AT(object, offset))
    /* Fill an empty slot. */
    #define hospes_fill(object, offset, value) (Py_INCREF(value), HOSPES_AT(object, offset) = (value))
    /* Whether a value may be one to be awaited: its type says so, but for generators. */
    #define hospes_waits(value) (PyGen_CheckExact(value) || \
        (Py_TYPE(value)->tp_as_async != NULL && Py_TYPE(value)->tp_as_async->am_await != NULL))
    #define hospes_new(type) (((PyTypeObject *)(type))->tp_alloc((PyTypeObject *)(type), 0))
    """
    Py_ssize_t hospes_slot(object, const char *)
    PyObject *hospes_read(object, Py_ssize_t)
    void hospes_fill(object, Py_ssize_t, object)
    object hospes_new(object)
    bint hospes_waits(object)

cdef extern from "Python.h":
    object PyContext_Copy(object)
    int PyContext_Enter(object) except -1
    int PyContext_Exit(object) except -1
    int PyIter_Send(object, PyObject *, PyObject **) except -1
    int PYGEN_RETURN
    PyObject *Py_None
    PyObject *PyDict_SetDefault(dict, object, object) except NULL
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void *PyUnicode_DATA(object)
    PyObject *Py_False
    void Py_DECREF(PyObject *)


cdef dict _current_tasks():
    """Where asyncio keeps each loop's current task, if it is a dict (up to Python 3.13): to look there costs less than to be told."""
    tasks = getattr(_tasks, "_current_tasks", None)
    loop, task = object(), object()
    if type(tasks) is not dict or _sys.version_info >= (3, 14):  # there the thread keeps it, and enters no loop but the running one
        return None
    _enter_task(loop, task)
    is_there = tasks.get(loop) is task
    _leave_task(loop, task)
    return tasks if is_there and loop not in tasks else None


cdef dict _CURRENT = _current_tasks()


cdef inline bint _step_in(loop, task) except -1:
    """Make a task the current one, as asyncio's `_enter_task`. False: there is one."""
    cdef Py_ssize_t count
    if _CURRENT is None:
        try:
            _enter_task(loop, task)
        except RuntimeError:
            return False
        return True
    count = PyDict_Size(_CURRENT)
    PyDict_SetDefault(_CURRENT, loop, task)
    return PyDict_Size(_CURRENT) > count  # else there was one, which may be this very task, in a step around this one


cdef inline int _step_out(loop, task) except -1:
    """As asyncio's `_leave_task`."""
    if _CURRENT is None:
        _leave_task(loop, task)
    else:
        PyDict_DelItem(_CURRENT, loop)
    return 0


cdef struct _Slots:
    Py_ssize_t head, content, connection, finishers, method, path, services, path_values, body  # of a Request
    Py_ssize_t known_headers, known_cookies, query_string, user, session, notes  # of a Request, filled by whoever asks first
    Py_ssize_t answer, status, content_type, headers, cookies, set_cookies  # of a Response
    Py_ssize_t spare, task, draining  # of a Driver, its seats, a Service

cdef _Slots _AT


cdef int _find_slots() except -1:
    _AT.head, _AT.content = _slot(Request, b"head"), _slot(Request, b"content")
    _AT.connection, _AT.finishers = _slot(Request, b"connection"), _slot(Request, b"finishers")
    _AT.method, _AT.path = _slot(Request, b"method"), _slot(Request, b"path")
    _AT.services, _AT.path_values = _slot(Request, b"services"), _slot(Request, b"path_values")
    _AT.body, _AT.user = _slot(Request, b"body"), _slot(Request, b"visitor")
    _AT.known_headers, _AT.known_cookies = _slot(Request, b"_headers"), _slot(Request, b"_cookies")
    _AT.query_string, _AT.session, _AT.notes = _slot(Request, b"_query_string"), _slot(Request, b"session"), _slot(Request, b"notes")
    _AT.answer, _AT.status = _slot(Response, b"content"), _slot(Response, b"status")
    _AT.content_type, _AT.headers = _slot(Response, b"_content_type"), _slot(Response, b"_headers")
    _AT.cookies, _AT.set_cookies = _slot(Response, b"_cookies"), _slot(Response, b"_set_cookies")
    _AT.spare, _AT.task, _AT.draining = _slot(Driver, b"_spare"), _slot(_Seat, b"task"), _slot(Service, b"draining")
    return 0


cdef Py_ssize_t _slot(kind, bytes name) except -1:
    offset = hospes_slot(kind, name)
    if not offset:
        raise ImportError(f"{kind.__name__} has no slot {name.decode()}: the engine was built for another version of hospes")
    return offset


_find_slots()


cdef object _request(Head head, content, ends):
    """`Request(head, content, ends)`."""
    request = hospes_new(Request)
    hospes_fill(request, _AT.head, head)
    hospes_fill(request, _AT.content, content)
    hospes_fill(request, _AT.connection, ends)
    hospes_fill(request, _AT.finishers, None)
    hospes_fill(request, _AT.known_headers, None)
    hospes_fill(request, _AT.known_cookies, None)
    hospes_fill(request, _AT.query_string, None)
    hospes_fill(request, _AT.user, None)
    hospes_fill(request, _AT.session, None)
    hospes_fill(request, _AT.notes, None)
    hospes_fill(request, _AT.method, head.method)
    cdef str path = head.path
    if memchr(PyBytes_AS_STRING(head._octets) + head._at.method_length + 1, c"%", head._at.path_length) == NULL:
        hospes_fill(request, _AT.path, path)
    return request


cdef object _first_step(Conn conn, handler, request):
    """Call a handler and drive it as far as it goes: fills in `response` or `failure`, or gives the handle of what goes on."""
    cdef Engine engine = conn.engine
    cdef PyObject *given = NULL
    driver = engine.driver
    seat = <object>hospes_read(driver, _AT.spare)
    if seat is None:
        seat = driver._park()
    task = <object>hospes_read(seat, _AT.task)
    context = PyContext_Copy(engine.context)
    if not _step_in(engine.loop, task):  # inside of a task: the driver knows what to do
        conn.starting = True
        handle = driver.start(handler, request, conn.answered)
        conn.starting = False
        return handle
    cdef bint suspended = False
    answer = awaited = failure = None
    try:
        PyContext_Enter(context)
        try:
            answer = handler(request)
            kind = type(answer)
            if kind is not Response and kind is not CoroutineType:
                answer, kind = driver._look_at(answer, kind, seat)
            if kind is CoroutineType:
                if PyIter_Send(answer, Py_None, &given) == PYGEN_RETURN:
                    answer = <object>given
                else:
                    suspended, awaited = True, <object>given
                Py_DECREF(given)
            elif kind is Job:
                suspended, awaited = True, answer
        finally:
            PyContext_Exit(context)
    except BaseException as error:
        failure = error
    _step_out(engine.loop, task)
    if suspended:
        if awaited is answer:
            return driver._follow(answer, conn.answered)
        return driver._adopt(seat, answer, awaited, context, conn.answered)
    conn.failure = failure
    conn.response = None if failure is not None else answer
    if isinstance(failure, (KeyboardInterrupt, SystemExit)):
        engine.interruption = failure
    return None


cdef enum:  # what came of a way that was gone directly
    ASIDE  # nothing: the handler has to be asked
    GATHERED  # an answer, which will leave with others
    LEFT  # an answer; the peer does not take it, or has gone
    CAME  # a response, or a failure
    WAITS  # a handle


@cython.final
cdef class _Rest:
    """What is left of a function's call, to be awaited: what it gave or raised; or its coroutine, which waits for something."""

    cdef object value
    cdef object failure
    cdef object coroutine
    cdef object awaited

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    cpdef send(self, value):
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if self.coroutine is None:
            raise StopIteration(self.value)
        if self.awaited is not _NOTHING:
            awaited, self.awaited = self.awaited, _NOTHING
            return awaited
        return self.coroutine.send(value)

    def throw(self, kind, value=None, traceback=None):
        if self.coroutine is None:
            raise kind
        self.awaited = _NOTHING
        return self.coroutine.throw(kind)

    def close(self):
        if self.coroutine is not None:
            self.coroutine.close()


cdef _Rest _rest(value, failure, coroutine, awaited):
    cdef _Rest rest = _Rest.__new__(_Rest)
    rest.value, rest.failure, rest.coroutine, rest.awaited = value, failure, coroutine, awaited
    return rest


cdef bint _finish_quietly(request) except -1:
    """Have the finishers of a request run that do it quietly, the last one first, as `Direct.conclude` would. False: it has to."""
    finishers = <object>hospes_read(request, _AT.finishers)
    if finishers is None:
        return True
    while finishers:
        finisher = finishers.pop()
        quietly = getattr(finisher, "finish_quietly", None)
        if quietly is None or not quietly():
            finishers.append(finisher)
            return False
    return True


cdef object _settle(Conn conn, _Route route, value, seat):
    """Have the finisher of a request begin, where nobody has to await it: the answer waits then. Else gives what is to be concluded."""
    if conn.request is None or route.settle is None or <object>hospes_read(conn.engine.driver, _AT.spare) is not seat:
        return value  # nothing is to be finished; or the handler marked its Task, which has to run to its end
    return route.settle(conn.request, value)


cdef object _call(Conn conn, _Route route, Coming *coming, tuple arguments, seat, int *came):
    """Call a route's function, and drive what it gives. Gives what is left to be concluded, or None."""
    cdef PyObject *given = NULL
    try:
        if route.has_effects:
            completing = route.affect(conn, coming, arguments)
            if completing is not None:
                return completing
        value = PyObject_CallObject(route.call, arguments)
        if route.waits:
            if type(value) is not CoroutineType:
                return value
            if PyIter_Send(value, Py_None, &given) != PYGEN_RETURN:
                awaited = <object>given
                Py_DECREF(given)
                return _rest(None, None, value, awaited)
            value = <object>given
            Py_DECREF(given)
        came[0] = conn.put_value(route, value, coming)
        if came[0] != ASIDE:
            return None
        if type(value) is Response and conn.is_plain(value) and conn.finish_quietly():
            if conn.head is None:
                conn.head = _make_head(coming.octets, &coming.at)
            conn.response, came[0] = value, CAME
            return None
        value = _settle(conn, route, value, seat)
        if type(value) is Pending:
            conn.handle, came[0] = value, WAITS
            return None
        return _rest(value, None, None, _NOTHING)
    except BaseException as error:
        return _rest(None, error, None, _NOTHING)


cdef int _go(Conn conn, _Route route, Coming *coming) except -1:
    """As `_first_step`, by the map: fills in `response` or `failure`, or the handle of what goes on, or gathers the answer at once."""
    cdef Engine engine = conn.engine
    cdef PyObject *given = NULL
    cdef int came = ASIDE
    cdef bint suspended = False
    driver = engine.driver
    seat = <object>hospes_read(driver, _AT.spare)
    if seat is None:
        seat = driver._park()
    task = <object>hospes_read(seat, _AT.task)
    context = PyContext_Copy(engine.context)
    if not _step_in(engine.loop, task):  # inside of a task: the driver knows what to do
        return ASIDE
    rest = failure = awaited = None
    try:
        PyContext_Enter(context)
        try:
            arguments = route.bind(conn, coming)
            if arguments is not None:
                making = _call(conn, route, coming, arguments, seat, &came)
                if making is not None:
                    came = CAME
                    rest = route.conclude(conn.request_of(route, coming, route.reads_content), making)
                    making = arguments = None
                    suspended = PyIter_Send(rest, Py_None, &given) != PYGEN_RETURN
                    awaited = <object>given
                    Py_DECREF(given)
        finally:
            PyContext_Exit(context)
    except BaseException as error:
        failure = error
    _step_out(engine.loop, task)
    request, conn.request = conn.request, None
    if came == WAITS and rest is None:
        conn.handle = driver._follow(conn.handle, conn.answered)
        return WAITS
    if failure is None and rest is None:
        if request is not None and came != ASIDE:
            request.finishers = ANSWERED
        return came
    if suspended:
        conn.handle = driver._adopt(seat, rest, awaited, context, conn.answered)
        return WAITS
    conn.failure = failure
    conn.response = None if failure is not None else awaited
    if isinstance(failure, (KeyboardInterrupt, SystemExit)):
        engine.interruption = failure
    return CAME
