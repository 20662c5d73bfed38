# What a task waits on, and a websocket's messages until a task takes them: `hospes.http.bell.Bell` and
# `hospes.websockets.mailbox.Mailbox` in C. tests/websockets/test_mailbox.py and tests/http/test_bell.py hold both to the same.
#
# Laws:
#
# * A task is woken by its own callback, in its own context, while no other one runs. So it is a Task like any other for whoever
#   looks at it, cancels it or bounds its time.
# * Where the program's own Task waits for the mailbox and for nothing else, its steps are taken from here, by the laws of
#   `hospes.websockets.program`; for anything else that comes of a step, the Task is woken.

cdef extern from *:
    """
    /* How `await` asks for what comes next, without an exception for the value (3.11; later versions use `__next__`). */
    typedef int (*hospes_send)(PyObject *, PyObject *, PyObject **);
    static void hospes_set_send(PyObject *type, hospes_send send) {
        ((PyTypeObject *)type)->tp_as_async->am_send = (sendfunc)send;
        PyType_Modified((PyTypeObject *)type);
    }
    """
    ctypedef int (*hospes_send)(PyObject *, PyObject *, PyObject **) except -1
    void hospes_set_send(object, hospes_send)

cdef extern from "Python.h":
    int PYGEN_NEXT
    object PyObject_CallOneArg(object, object)
    int PyList_SetSlice(object, Py_ssize_t, Py_ssize_t, PyObject *) except -1

cdef object _current_task = _current


cdef inline bint _is_free(loop) except -1:
    """Whether no task runs."""
    return _current_task(loop) is None if _CURRENT is None else PyDict_GetItemWithError(_CURRENT, loop) == NULL


@cython.final
cdef class Bell:
    """Wakes a task; see `hospes.http.bell.Bell`."""

    cdef object loop
    cdef object wake
    cdef object context
    cdef object message
    cdef bint is_cancelled
    cdef bint is_rung  # since the last `await`
    cdef object task  # whose steps may be taken from here
    cdef object program  # its coroutine, which is told what comes of them
    cdef bint drives  # whether it is the one that waits
    cdef bint is_driven  # whether such a step runs: the task, which still waits for us, is awake
    cdef bint is_unwanted  # it has been cancelled in that step
    cdef public bint _asyncio_future_blocking

    def __init__(self, loop):
        self.loop = loop

    @property
    def is_awaited(self):
        return self.waits()

    cdef bint waits(self):
        return self.wake is not None and not self.is_driven

    cdef bint is_about_to_wait(self):
        """Whether the task is to say next whom to wake."""
        return self.task is not None and self.wake is None and not self.is_rung and not self.is_driven

    cpdef ring(self):
        """Wake the task that waits, if one does."""
        if self.wake is None or not _is_free(self.loop):
            self.ring_soon()
            return
        wake, context = self.wake, self.context
        self.wake = self.context = None
        PyContext_Enter(context)
        try:
            PyObject_CallOneArg(wake, self)
        finally:
            PyContext_Exit(context)

    cpdef ring_soon(self):
        """Wake the task that waits, in the next turn of the loop."""
        wake, context = self.wake, self.context
        self.wake = self.context = None
        if wake is None:
            self.is_rung = True
        else:
            self.loop.call_soon(wake, self, context=context)

    def __await__(self):
        self.is_rung = False
        self._asyncio_future_blocking = True
        return iter((self,))

    cdef int drive_request(self) except -1:
        """Take the steps of the request whose Task runs, from its next `await` on."""
        task = _current_task(self.loop)
        program = task.get_coro()
        if type(program) is _Seat:
            self.task, self.program = task, program
        return 0

    cdef int drive(self, coroutine, context) except -1:
        """Take a step of the program, which waits.

        Args:
            coroutine: What the program runs.
            context: In which.
        """
        cdef PyObject *given = NULL
        cdef int came = PYGEN_RETURN
        if not _step_in(self.loop, self.task):  # inside of another task
            self.ring_soon()
            return 0
        result = failure = None
        self.is_driven = True
        try:
            PyContext_Enter(context)
            try:
                came = PyIter_Send(coroutine, Py_None, &given)
            finally:
                PyContext_Exit(context)
            result = <object>given
            Py_DECREF(given)
        except BaseException as error:
            failure = error
        self.is_driven = False
        _step_out(self.loop, self.task)
        if failure is None and came == PYGEN_NEXT and result is self:
            self._asyncio_future_blocking = False
            if not self.is_unwanted:
                return 0
        elif failure is None and came == PYGEN_NEXT:
            self.program.waits_for(result)
        else:
            self.program.ended(result, failure)
        self.is_unwanted = False
        self.ring_soon()
        return 0

    # The future's face: the Task calls these.

    def get_loop(self):
        return self.loop

    def add_done_callback(self, fn, *, context=None):
        if self.is_rung:
            self.loop.call_soon(fn, self, context=context)
        else:
            self.wake, self.context = fn, context
            self.drives = self.task is not None and getattr(fn, "__self__", None) is self.task

    def cancel(self, msg=None):
        wake, context = self.wake, self.context
        if wake is None or self.is_driven:
            self.is_unwanted = self.is_driven
            return False
        self.wake = self.context = None
        self.is_cancelled, self.message = True, msg
        self.loop.call_soon(wake, self, context=context)
        return True

    def result(self):
        if self.is_cancelled:
            self.is_cancelled = False
            raise CancelledError(*(() if self.message is None else (self.message,)))


@cython.final
cdef class Mailbox:
    """Keeps messages for one task; see `hospes.websockets.mailbox.Mailbox`."""

    cdef object channel
    cdef Bell bell
    cdef list messages
    cdef Py_ssize_t first  # of the messages that have not been taken
    cdef Py_ssize_t held
    cdef Py_ssize_t most, most_octets
    cdef bint paused, ended
    cdef object coroutine

    def __init__(self, channel, loop, Py_ssize_t messages, Py_ssize_t octets, program):
        self.channel, self.most, self.most_octets = channel, messages, octets
        self.messages = []
        self.bell = Bell(loop)
        self.coroutine, self.bell.program, self.bell.task = program.coroutine, program, program.task

    @property
    def is_awaited(self):
        return self.bell.waits()

    cpdef put(self, message):
        """A message has come."""
        self.messages.append(message)
        self.held += len(message)
        self.ring()
        if not self.paused and (PyList_GET_SIZE(self.messages) - self.first >= self.most or self.held >= self.most_octets):
            self.paused = True
            self.channel.pause()

    def end(self):
        """No more will come."""
        self.ended = True
        self.ring()

    cdef int ring(self) except -1:
        """Let whoever waits go on."""
        if self.bell.waits() and self.bell.drives:
            return self.bell.drive(self.coroutine, self.bell.context)
        self.bell.ring()
        return 0

    cdef object take(self):
        """The next message, which is there."""
        cdef Py_ssize_t left
        message = self.messages[self.first]
        self.messages[self.first] = None
        self.first += 1
        left = PyList_GET_SIZE(self.messages) - self.first
        if not left or self.first > self.most:
            PyList_SetSlice(self.messages, 0, self.first, NULL)
            self.first = 0
        self.held -= len(message)
        if self.paused and left <= self.most // 2 and self.held <= self.most_octets // 2:
            self.paused = False
            self.channel.resume()
        return message

    cdef bint waits(self) except -1:
        """Whether the bell has to be waited for."""
        if self.bell.waits():
            raise RuntimeError("two tasks receive from one websocket at once; let one of them do it")
        if PyList_GET_SIZE(self.messages) > self.first:
            return False
        if self.ended:
            raise StopAsyncIteration
        self.bell.is_rung = False
        self.bell._asyncio_future_blocking = True
        return True

    def __await__(self):
        return self

    def __next__(self):
        if self.waits():
            return self.bell
        raise StopIteration(self.take())


cdef int _send_to_mailbox(PyObject *mailbox, PyObject *_, PyObject **given) except -1:
    """`Mailbox.__next__`."""
    cdef Mailbox self = <Mailbox>mailbox
    given[0] = NULL
    came = self.bell if self.waits() else None
    result = self.take() if came is None else came
    Py_INCREF(result)
    given[0] = <PyObject *>result
    return PYGEN_RETURN if came is None else PYGEN_NEXT


hospes_set_send(Mailbox, _send_to_mailbox)
