# The head of a usual request, with the face of `hospes.wire.RequestHead`.
#
# Laws:
#
# * A Head owns its octets: nothing of it lies in a buffer of the engine.
# * Making one decodes nothing. What is asked for is decoded then; the fields, as a whole, once.
# * Every attribute has the value that wire gives it for the same octets.

cdef extern from "parser.h" nogil:
    ctypedef struct hospes_field:
        uint32_t count
        uint32_t at
        uint32_t length

    ctypedef struct hospes_head:
        uint32_t size
        uint32_t method_length
        uint32_t target_length
        uint32_t path_length
        uint32_t fields
        uint32_t field_count
        uint32_t host
        uint32_t host_length
        int64_t content_length
        int keep_alive
        int escaped
        int cookies
        int asks
        hospes_field codings
        hospes_field tags
        hospes_field since

    ctypedef struct hospes_limits:
        size_t size
        uint32_t field_count

    const unsigned char *hospes_sets
    int HOSPES_TOKEN "TOKEN"
    const unsigned char *hospes_value_end(const unsigned char *p, const unsigned char *end)
    bint hospes_is(const unsigned char *octets, const char *name, size_t length)
    int USUAL, UNFINISHED
    int hospes_parse_head(const unsigned char *octets, size_t length, const hospes_limits *limits, hospes_head *head)


cdef str _GET = intern("GET")
cdef str _POST = intern("POST")
cdef dict _METHODS = {name.encode(): intern(name) for name in ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")}


@cython.final
@cython.freelist(64)
cdef class Head:
    """The head of one request, checked; see `hospes.wire.RequestHead`."""

    cdef bytes _octets
    cdef hospes_head _at
    cdef str _path
    cdef list _fields

    @property
    def method(self):
        cdef const char *p = PyBytes_AS_STRING(self._octets)
        if self._at.method_length == 3 and memcmp(p, b"GET", 3) == 0:
            return _GET
        if self._at.method_length == 4 and memcmp(p, b"POST", 4) == 0:
            return _POST
        cdef bytes method = p[:self._at.method_length]
        found = _METHODS.get(method)
        return found if found is not None else method.decode("ascii")

    @property
    def target(self):
        return self._text(self._at.method_length + 1, self._at.target_length)

    @property
    def form(self):
        return _ORIGIN

    @property
    def path(self):
        if self._path is None:
            self._path = self._text(self._at.method_length + 1, self._at.path_length)
        return self._path

    @path.setter
    def path(self, str path not None):
        self._path = path

    @property
    def query(self):
        if self._at.target_length <= self._at.path_length + 1:
            return ""
        return self._text(
            self._at.method_length + 2 + self._at.path_length, self._at.target_length - self._at.path_length - 1
        )

    cdef bytes query_octets(self):
        if self._at.target_length <= self._at.path_length + 1:
            return b""
        return PyBytes_FromStringAndSize(
            PyBytes_AS_STRING(self._octets) + self._at.method_length + 2 + self._at.path_length,
            self._at.target_length - self._at.path_length - 1,
        )

    def asgi_scope(self, request):
        """What an ASGI application is told of a request with this head; None where `hospes.adapters.asgi_scope` has to say it."""
        return _asgi_scope(self, request)

    def wsgi_environ(self, request, dict variables not None):
        """What a WSGI application is told of a request with this head; None where `hospes.adapters.wsgi_environ` has to say it.

        Args:
            request: The request.
            variables: Names of usual fields, and their variables.
        """
        return _wsgi_environ(self, request, variables)

    @property
    def authority(self):
        return self._text(self._at.host, self._at.host_length)

    @property
    def minor(self):
        return 1

    @property
    def fields(self):
        if self._fields is None:
            self._fields = self._split()
        return self._fields

    @property
    def content_length(self):
        return None if self._at.content_length < 0 else self._at.content_length

    @property
    def chunked(self):
        return False

    @property
    def keep_alive(self):
        return self._at.keep_alive != 0

    @property
    def expect_continue(self):
        return False

    @property
    def upgrade(self):
        return ()

    @property
    def has_content(self):
        return self._at.content_length >= 0

    def field(self, bytes name not None):
        """Give the first value of a field, or None.

        Args:
            name: The field's name in lower case.
        """
        cdef Py_ssize_t length = PyBytes_GET_SIZE(name), n
        cdef const char *wanted = PyBytes_AS_STRING(name)
        cdef const char *line = PyBytes_AS_STRING(self._octets) + self._at.fields
        cdef const char *end = PyBytes_AS_STRING(self._octets) + self._at.size - 2
        cdef const char *next_line
        while line < end:
            next_line = <const char *>memchr(line, c"\n", end - line) + 1
            if next_line - line > length and line[length] == c":":
                n = 0
                while n < length and _lower(line[n]) == wanted[n]:
                    n += 1
                if n == length:
                    return _value(line + length + 1, next_line - 2)
            line = next_line
        return None

    def only(self, bytes name not None):
        """Give the value of a field that is there once, or None.

        Args:
            name: The field's name in lower case.
        """
        value = self.field(name)
        if value is None or name == b"cookie" and self._at.cookies == 1:
            return value
        return value if sum([each == name for each, _ in self.fields]) == 1 else None

    def __copy__(self):
        cdef Head other = Head.__new__(Head)
        if self._fields is None:
            self._fields = self._split()  # one list for both, as wire has it
        other._octets, other._at, other._path, other._fields = self._octets, self._at, self._path, self._fields
        return other

    def __repr__(self):
        return f"<RequestHead {self.method} {self.target} HTTP/1.1 for {self.authority!r}, content: {self.content_length}>"

    cdef bint method_is(self, const char *name, uint32_t length) noexcept:
        return self._at.method_length == length and memcmp(PyBytes_AS_STRING(self._octets), name, length) == 0

    cdef str _text(self, Py_ssize_t start, Py_ssize_t length):
        return PyUnicode_DecodeASCII(PyBytes_AS_STRING(self._octets) + start, length, NULL)

    cdef list _split(self):
        cdef const char *line = PyBytes_AS_STRING(self._octets) + self._at.fields
        cdef const char *end = PyBytes_AS_STRING(self._octets) + self._at.size - 2
        cdef const char *colon
        cdef const char *next_line
        cdef list fields = []
        cdef bytes name
        while line < end:
            next_line = <const char *>memchr(line, c"\n", end - line) + 1
            colon = <const char *>memchr(line, c":", next_line - line)
            name = line[:colon - line]
            fields.append((name.lower(), _value(colon + 1, next_line - 2)))
            line = next_line
        return fields


cdef inline char _lower(char octet) noexcept:
    return octet + 32 if c"A" <= octet <= c"Z" else octet


cdef inline bytes _value(const char *start, const char *end):
    while start < end and (start[0] == c" " or start[0] == c"\t"):
        start += 1
    while end > start and ((end - 1)[0] == c" " or (end - 1)[0] == c"\t"):
        end -= 1
    return PyBytes_FromStringAndSize(start, end - start)


cdef inline Head _make_head(const char *octets, hospes_head *at):
    cdef Head head = Head.__new__(Head)
    head._octets = PyBytes_FromStringAndSize(octets, at.size)
    head._at = at[0]
    return head


cdef hospes_limits _parser_limits(limits) except *:
    """The limits as the parser keeps them: a head so short cannot break any limit of size."""
    cdef hospes_limits kept
    kept.size = min(limits.request_line, limits.field, limits.fields, _LARGEST_HEAD)
    kept.field_count = min(limits.field_count, _LARGEST_HEAD)
    return kept


def parse_head(bytes octets not None, limits):
    """Recognise the head of a usual request at the beginning of `octets`.

    Args:
        octets: What a peer has sent.
        limits: How much it may send.

    Returns:
        The head and its number of octets; None where it is not usual, not complete, or wrong.
    """
    cdef hospes_head at
    cdef hospes_limits kept = _parser_limits(limits)
    cdef const char *p = PyBytes_AS_STRING(octets)
    if hospes_parse_head(<const unsigned char *>p, PyBytes_GET_SIZE(octets), &kept, &at) != USUAL:
        return None
    return _make_head(p, &at), at.size


def may_be_usual(bytes octets not None, limits):
    """Say whether `octets` are the beginning of a head that may become a usual one.

    Args:
        octets: What a peer has sent so far.
        limits: How much it may send.
    """
    cdef hospes_head at
    cdef hospes_limits kept = _parser_limits(limits)
    cdef const char *p = PyBytes_AS_STRING(octets)
    return hospes_parse_head(<const unsigned char *>p, PyBytes_GET_SIZE(octets), &kept, &at) == UNFINISHED
