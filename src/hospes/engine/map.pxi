# The application's map (`hospes.http.direct`), in a form that a usual request finds its way through without Python code.
#
#     GET /users/42?verbose=true ─▶ "users" ─▶ {id:int}: 42 ─▶ route ─▶ arguments: 42, True ─▶ function
#
# Laws:
#
# * Nothing is decided here. Where a path leads, and what a text means, is said in Python; here is what Python says of the plainest
#   paths and texts. Whatever looks different is left to Python: `None` for a route, `_NOTHING` for a value. So in doubt it is None.
# * The map is read once, when the carrier starts; finding a way allocates nothing.
# * tests/engine/test_map.py holds it against `Matcher` and the readers of `hospes.binding`, over random routes, paths and queries.

cdef enum:
    SPANS = 8  # values of a path; a pattern with more is left to Python
    INTEGER_DIGITS = 18  # of an int that is surely one of C

cdef enum:  # what an argument is made of
    BY_READER
    OF_PATH
    OF_QUERY
    OF_CONTENT

cdef enum:  # what a text becomes
    AS_TEXT
    AS_INTEGER
    AS_BOOLEAN

cdef enum:  # which segments a branch takes
    ANYTHING
    INTEGERS
    TESTED
    UNSURE

cdef object _ELSEWHERE = object()  # no route lies this way
cdef str _INTEGER_LOOK = r"-?[0-9]{1,64}"
cdef dict _KINDS = {str: AS_TEXT, int: AS_INTEGER, bool: AS_BOOLEAN}


cdef struct Span:
    const char *at
    Py_ssize_t length


cdef struct Coming:
    # A request, before anything is made of it.
    const char *octets
    const char *content  # as long as the head says
    hospes_head at
    Span values[SPANS]  # what the branches took
    int plain_query  # whether the query has neither escapes nor too many parameters; -1: nobody has looked yet
    bint is_last  # whether the peer asks for the connection's end, and has sent nothing behind it
    int plain_content  # whether the content is JSON that breaks no limit; likewise


cdef extern from *:
    """
    /* Spreads texts over a table; which texts are in it is the program's, so nobody can make it slow. */
    static inline uint64_t hospes_hash(const char *p, Py_ssize_t length) {
        uint64_t hash = (uint64_t)length, word;
        for (; length >= 8; p += 8, length -= 8) {
            memcpy(&word, p, 8);
            hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
            hash ^= hash >> 32;
        }
        for (word = 0; length > 0; p++, length--) word = word << 8 | (unsigned char)*p;
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        return hash ^ hash >> 32;
    }
    """
    uint64_t hospes_hash(const char *, Py_ssize_t) noexcept nogil


cdef struct Place:
    # A text of a table, and what is there; both are kept alive by it. NULL: nothing.
    PyObject *text
    PyObject *there


@cython.final
cdef class _Texts:
    """What is kept by texts of ASCII, and looked for by octets: a dict would want a str made of them each time."""

    cdef dict kept
    cdef Place *places
    cdef uint64_t mask  # of a table that is at most half full, so that looking for anything ends

    def __cinit__(self, dict kept):
        cdef uint64_t size = 8, at
        self.kept = {text.encode(): there for text, there in kept.items()}
        while size < 2 * <uint64_t>len(kept):
            size *= 2
        self.mask = size - 1
        self.places = <Place *>PyMem_RawMalloc(size * sizeof(Place))
        if self.places == NULL:
            raise MemoryError
        memset(self.places, 0, size * sizeof(Place))
        for text, there in self.kept.items():
            at = hospes_hash(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)) & self.mask
            while self.places[at].text != NULL:
                at = (at + 1) & self.mask
            self.places[at].text, self.places[at].there = <PyObject *>text, <PyObject *>there

    def __dealloc__(self):
        PyMem_RawFree(self.places)

    cdef PyObject *find(self, const char *p, Py_ssize_t length) noexcept:
        """What is there, borrowed; NULL where nothing is."""
        cdef uint64_t at = hospes_hash(p, length) & self.mask
        while self.places[at].text != NULL:
            text = <bytes>self.places[at].text
            if PyBytes_GET_SIZE(text) == length and memcmp(PyBytes_AS_STRING(text), p, length) == 0:
                return self.places[at].there
            at = (at + 1) & self.mask
        return NULL


@cython.final
cdef class _Argument:
    """One argument of a route's function."""

    cdef object read
    cdef object decode
    cdef object default  # _NOTHING where the reader knows
    cdef bytes name
    cdef int origin
    cdef int kind
    cdef int value  # which of the path's
    cdef bint has_effect
    cdef bint waits

    def __cinit__(self, argument, tuple names):
        usual = argument.usual
        self.read, self.has_effect, self.default = argument.read, argument.has_effect, _NOTHING
        self.waits = argument.waits
        self.origin = BY_READER
        if usual is None:
            return
        self.kind, self.decode, self.name = _KINDS[usual.kind], usual.decode, usual.name.encode()
        if usual.default:
            self.default = usual.default[0]
        if usual.origin is Origin.CONTENT:
            self.origin = OF_CONTENT
        elif usual.origin is Origin.QUERY:
            if usual.name and not {*usual.name} & {"=", "&"}:  # others stand in no query as they are
                self.origin = OF_QUERY
        elif usual.name in names:  # else it is the wildcard's, or nobody's
            self.origin, self.value = OF_PATH, names.index(usual.name)

    cdef object usual(self, Map map, Coming *coming):
        """The argument's value, or _NOTHING where the reader has to be asked."""
        cdef Span found
        if self.origin == OF_PATH:
            return _converted(self.kind, coming.values[self.value].at, coming.values[self.value].length)
        if self.origin == OF_QUERY:
            if not _query_is_plain(coming, map.most_parameters):
                return _NOTHING
            if not _parameter(coming, self.name, &found):
                return self.default
            return _converted(self.kind, found.at, found.length)
        if self.origin == OF_CONTENT and _content_is_usual(map, coming):
            try:
                return self.decode(PyBytes_FromStringAndSize(coming.content, <Py_ssize_t>coming.at.content_length))
            except Exception:  # the reader says what is wrong with it
                return _NOTHING
        return _NOTHING


@cython.final
cdef class _Route:
    """A route's function, and how it is called."""

    cdef object endpoint
    cdef object call  # None: only the endpoint can
    cdef object conclude
    cdef object settle
    cdef object complete
    cdef object owner
    cdef tuple names
    cdef tuple arguments
    cdef int status
    cdef int64_t body_limit
    cdef bint waits
    cdef bint guarded
    cdef bint reads_content
    cdef bint leaves_content
    cdef bint has_effects

    def __cinit__(self, direct, tuple names):
        self.endpoint, self.call, self.conclude, self.owner = direct.endpoint, direct.call, direct.conclude, direct.owner
        self.waits, self.complete, self.settle = direct.waits, direct.complete, direct.settle
        self.names, self.status, self.guarded = names, direct.status, direct.guarded
        self.arguments = tuple([_Argument(each, names) for each in direct.arguments])
        self.body_limit = -1 if direct.body_limit is None else min(direct.body_limit, BUFFER)
        self.reads_content = direct.content is Content.READ
        self.leaves_content = direct.content is Content.LEFT
        self.has_effects = direct.owner is not None or any([each.has_effect for each in direct.arguments])

    cdef bint suits(self, Map map, Coming *coming) except -1:
        """Whether the function may be called for a request, as far as head and content go."""
        if self.call is None:
            return False
        if coming.at.content_length < 0:
            return not (self.guarded and coming.at.cookies)
        if self.guarded and coming.at.cookies or 0 <= self.body_limit < coming.at.content_length:
            return False
        return self.leaves_content or (self.reads_content and _content_is_usual(map, coming))

    cdef bint waits_for_content(self, Coming *coming) except -1:
        """Whether the function is called with content that is usual so far as the head says, once all of it has come."""
        return self.reads_content and coming.at.content_length + coming.at.size <= PIPELINE and _is_json(coming)

    cdef tuple bind(self, Conn conn, Coming *coming):
        """The arguments; None where Python has to make them. Those that have an effect are left out for now."""
        cdef _Argument argument
        cdef Py_ssize_t n, shift = self.owner is not None, count = PyTuple_GET_SIZE(self.arguments)
        cdef tuple arguments = PyTuple_New(shift + count)
        for n in range(count):
            argument = <_Argument>PyTuple_GET_ITEM(self.arguments, n)
            if argument.has_effect:
                continue
            value = argument.usual(conn.engine.map, coming)
            if value is _NOTHING:
                try:
                    value = argument.read(conn.request_of(self, coming, self.reads_content))
                except Exception:  # the handler says what is wrong with the request
                    return None
            _put_item(arguments, shift + n, value)
        return arguments

    cdef object affect(self, Conn conn, Coming *coming, tuple arguments):
        """The arguments that have an effect; where one of them has to be awaited, gives what the function gives, to be awaited."""
        cdef _Argument argument
        cdef Py_ssize_t n, shift = self.owner is not None
        request = conn.request_of(self, coming, self.reads_content)
        for n in range(PyTuple_GET_SIZE(self.arguments)):
            argument = <_Argument>PyTuple_GET_ITEM(self.arguments, n)
            if argument.has_effect:
                value = argument.read(request)
                _put_item(arguments, shift + n, value)
                if argument.waits and hospes_waits(value) and (type(value) is not GeneratorType or isawaitable(value)):
                    return self.complete(request, _with_none(arguments), shift + n)
        if shift:
            _put_item(arguments, 0, self.owner(request))
        return None

    cdef dict path_values(self, Coming *coming):
        """What `request.path_values` holds."""
        cdef dict values = {}
        cdef Py_ssize_t n
        for n in range(PyTuple_GET_SIZE(self.names)):
            values[self.names[n]] = PyUnicode_DecodeASCII(coming.values[n].at, coming.values[n].length, NULL)
        return values


@cython.final
cdef class _Branch:
    """A way on for segments that no literal names."""

    cdef int takes
    cdef object test
    cdef _Way way

    def __cinit__(self, branch):
        self.test, self.way = branch.test, _Way(branch.way)
        if branch.test is None:
            self.takes = UNSURE
        elif not branch.expression:
            self.takes = ANYTHING
        else:
            self.takes = INTEGERS if branch.expression == _INTEGER_LOOK else TESTED

    cdef bint fits(self, const char *segment, Py_ssize_t length) except -1:
        if self.takes == ANYTHING:
            return length > 0
        if self.takes == INTEGERS:
            return _looks_like_integer(segment, length)
        return True if self.test(PyUnicode_DecodeASCII(segment, length, NULL)) else False


@cython.final
cdef class _Way:
    """The segments of a path that were matched so far, and where it goes on from there."""

    cdef _Texts literals
    cdef tuple branches
    cdef object end  # a _Route; None where Python has to look; _ELSEWHERE

    def __cinit__(self, way):
        self.literals = _Texts({text: _Way(child) for text, child in way.literals.items()}) if way.literals else None
        self.branches = tuple([_Branch(each) for each in way.branches])
        self.end = None if way.is_open else _ELSEWHERE
        if way.end is not None:
            endpoint, names = way.end.endpoint, way.end.names
            self.end = _Route(endpoint, names) if endpoint is not None and len(names) <= SPANS else None

    cdef object walk(self, const char *p, const char *end, Span *values, int count):
        """As `hospes.routing.tree.walk`: the first route in the order of literals and branches.

        Args:
            p: The slash before the next segment, or the end.
            end: The path's.
            values: Where what the branches take is put.
            count: How many there are already.
        """
        cdef const char *segment = p + 1
        cdef const char *stop
        cdef PyObject *literal
        cdef _Branch branch
        cdef Py_ssize_t n
        if p == end:
            return self.end
        stop = <const char *>memchr(segment, c"/", end - segment)
        if stop == NULL:
            stop = end
        if self.literals is not None:
            literal = self.literals.find(segment, stop - segment)
            if literal != NULL:
                found = (<_Way>literal).walk(stop, end, values, count)
                if found is not _ELSEWHERE:
                    return found
        for n in range(PyTuple_GET_SIZE(self.branches)):
            branch = <_Branch>PyTuple_GET_ITEM(self.branches, n)
            if branch.takes == UNSURE or count == SPANS:
                return None
            if branch.fits(segment, stop - segment):
                values[count].at, values[count].length = segment, stop - segment
                found = branch.way.walk(stop, end, values, count + 1)
                if found is not _ELSEWHERE:
                    return found
        return _ELSEWHERE


@cython.final
cdef class _Ways:
    """All routes that may answer one method."""

    cdef _Texts paths
    cdef _Way root

    def __cinit__(self, ways):
        self.paths = _Texts({path: None if direct is None else _Route(direct, ()) for path, direct in ways.paths.items()})
        self.root = None if ways.root is None else _Way(ways.root)


@cython.final
cdef class Map:
    """An application's map, compiled.

    Args:
        given: A `hospes.http.direct.Map`, or None for an empty one.
        limits: What a peer may send.
    """

    cdef dict methods
    cdef _Ways get  # the most frequent of them
    cdef _Ways other  # of methods that no route names
    cdef object services
    cdef tuple shelves
    cdef Py_ssize_t most_parameters, most_depth, most_digits
    cdef hospes_limits parser_limits

    def __cinit__(self, given, limits):
        self.most_parameters, self.most_digits = limits.parameters, limits.json_digits
        self.most_depth = min(limits.json_depth, limits.json_containers)
        self.parser_limits = _parser_limits(limits)
        self.methods, self.shelves = {}, ()
        if given is not None:
            self.services = given.services
            self.shelves = tuple([_Shelf(each) for each in given.shelves])
            self.methods = {method: _Ways(ways) for method, ways in given.methods.items()}
        self.other = self.methods.get("")
        self.get = self.methods.get("GET", self.other)

    def follow(self, bytes octets not None):
        """Say where the map leads a request, without going there.

        Args:
            octets: The request, complete.

        Returns:
            The function, the path's values by name, and for each argument its value or, where the reader has to be asked, `...`;
            None where the map does not lead there.
        """
        cdef Coming coming
        cdef _Argument argument
        cdef const char *p = PyBytes_AS_STRING(octets)
        if hospes_parse_head(<const unsigned char *>p, PyBytes_GET_SIZE(octets), &self.parser_limits, &coming.at) != USUAL:
            return None
        if coming.at.content_length > PyBytes_GET_SIZE(octets) - <Py_ssize_t>coming.at.size:
            return None
        coming.octets, coming.content, coming.plain_query, coming.plain_content = p, p + coming.at.size, -1, -1
        found = self.find(&coming)
        if found is None or not (<_Route>found).suits(self, &coming):
            return None
        values = []
        for each in (<_Route>found).arguments:
            argument = <_Argument>each
            value = argument.usual(self, &coming)
            values.append(... if value is _NOTHING else value)
        return (<_Route>found).call, (<_Route>found).path_values(&coming), values

    cdef object find(self, Coming *coming):
        """The route of a request; None where the handler has to be asked."""
        cdef const char *path = coming.octets + coming.at.method_length + 1
        cdef _Ways ways = self.get
        cdef PyObject *known
        if coming.at.method_length != 3 or memcmp(coming.octets, b"GET", 3) != 0:
            ways = self.methods.get(PyUnicode_DecodeASCII(coming.octets, coming.at.method_length, NULL), self.other)
        if ways is None or coming.at.escaped:
            return None
        known = ways.paths.find(path, coming.at.path_length)
        if known != NULL:
            return <object>known
        if ways.root is None:
            return None
        found = ways.root.walk(path, path + coming.at.path_length, coming.values, 0)
        return None if found is _ELSEWHERE else found

    cdef int fetch(self, Conn conn, Coming *coming) except -1:
        """Answer with a small file, where the map has a shelf for the path; else ASIDE."""
        if (
            coming.at.method_length != 3
            or memcmp(coming.octets, b"GET", 3) != 0
            or coming.at.escaped
            or coming.at.asks
            or coming.at.content_length >= 0
            or coming.at.codings.count > 1
            or coming.at.tags.count > 1
            or coming.at.since.count > 1
            or not conn.takes_answer(coming)
        ):
            return ASIDE
        for each in self.shelves:
            if (<_Shelf>each).holds(coming):
                return (<_Shelf>each).fetch(conn, coming)
        return ASIDE


cdef list _with_none(tuple items):
    """A tuple that is filled half as a list, with None in the empty places."""
    cdef Py_ssize_t n
    cdef PyObject *item
    cdef list filled = []
    for n in range(PyTuple_GET_SIZE(items)):
        item = PyTuple_GET_ITEM(items, n)
        filled.append(None if item == NULL else <object>item)
    return filled


cdef inline int _put_item(tuple items, Py_ssize_t n, item) except -1:
    """Fill a place of a tuple that nobody else has seen yet."""
    Py_INCREF(item)
    PyTuple_SET_ITEM(items, n, item)
    return 0


cdef bint _looks_like_integer(const char *p, Py_ssize_t length) noexcept:
    """As `_INTEGER_LOOK`."""
    cdef const char *end = p + length
    if length and p[0] == c"-":
        p += 1
    if not 1 <= end - p <= 64:
        return False
    while p < end:
        if not c"0" <= p[0] <= c"9":
            return False
        p += 1
    return True


cdef object _converted(int kind, const char *p, Py_ssize_t length):
    """What a text becomes; _NOTHING where Python has to look at it."""
    cdef int64_t number = 0
    cdef bint negative
    if kind == AS_TEXT:
        return PyUnicode_DecodeASCII(p, length, NULL)
    if kind == AS_INTEGER:
        negative = length > 0 and p[0] == c"-"
        if negative:
            p, length = p + 1, length - 1
        if not 1 <= length <= INTEGER_DIGITS:
            return _NOTHING
        for n in range(length):
            if not c"0" <= p[n] <= c"9":
                return _NOTHING
            number = number * 10 + (p[n] - c"0")
        return -number if negative else number
    if (length == 4 and memcmp(p, b"true", 4) == 0) or (length == 1 and p[0] == c"1"):
        return True
    if (length == 5 and memcmp(p, b"false", 5) == 0) or (length == 1 and p[0] == c"0"):
        return False
    return _NOTHING


cdef bint _query_is_plain(Coming *coming, Py_ssize_t limit) noexcept:
    """Whether a query needs no decoding, and is surely short enough."""
    cdef const char *p
    cdef const char *end
    cdef Py_ssize_t separators = 0
    if coming.plain_query < 0:
        p = coming.octets + coming.at.method_length + 1 + coming.at.path_length
        end = coming.octets + coming.at.method_length + 1 + coming.at.target_length
        coming.plain_query = True
        while p < end:
            if p[0] == c"%" or p[0] == c"+":
                coming.plain_query = False
            separators += p[0] == c"&"
            p += 1
        if separators >= limit:
            coming.plain_query = False
    return coming.plain_query


cdef bint _parameter(Coming *coming, bytes name, Span *found) noexcept:
    """Find the first value of a parameter in a plain query."""
    cdef Py_ssize_t length = PyBytes_GET_SIZE(name)
    cdef const char *wanted = PyBytes_AS_STRING(name)
    cdef const char *p = coming.octets + coming.at.method_length + 2 + coming.at.path_length
    cdef const char *end = coming.octets + coming.at.method_length + 1 + coming.at.target_length
    cdef const char *stop
    while p < end:
        stop = <const char *>memchr(p, c"&", end - p)
        if stop == NULL:
            stop = end
        if stop - p >= length and memcmp(p, wanted, length) == 0 and stop > p:
            if stop - p == length:
                found.at, found.length = stop, 0
                return True
            if p[length] == c"=":
                found.at, found.length = p + length + 1, stop - p - length - 1
                return True
        p = stop + 1
    return False


cdef bint _content_is_usual(Map map, Coming *coming) except -1:
    """Whether the content is JSON, and so small that it breaks no limit of JSON."""
    if coming.plain_content < 0:
        coming.plain_content = False
        if coming.at.content_length < 1 or not _is_json(coming):
            return False
        if map.most_digits < JSON_DIGITS and coming.at.content_length > map.most_digits:
            return False
        coming.plain_content = _opened(coming.content, <Py_ssize_t>coming.at.content_length) <= map.most_depth
    return coming.plain_content


cdef Py_ssize_t _opened(const char *octets, Py_ssize_t length) noexcept:
    """How many arrays and objects begin in JSON, at the most; those in its texts count too."""
    cdef const unsigned char *p = <const unsigned char *>octets
    cdef Py_ssize_t n, size, opened = 0
    cdef unsigned char few  # a sum of one octet: compilers know how to build sixteen of them at a time
    while length > 0:
        few, size = 0, min(length, 255)
        for n in range(size):
            few += (p[n] & 0xdf) == c"["  # and "{", and no other octet
        opened += few
        p += size
        length -= size
    return opened


cdef bint _is_json(Coming *coming) noexcept:
    """Whether there is one Content-Type, and it says `application/json` and nothing else."""
    cdef const char *line = coming.octets + coming.at.fields
    cdef const char *end = coming.octets + coming.at.size - 2
    cdef const char *next_line
    cdef const char *value
    cdef bint is_json = False
    while line < end:
        next_line = <const char *>memchr(line, c"\n", end - line) + 1
        if next_line - line > 13 and line[12] == c":" and hospes_is(<const unsigned char *>line, b"content-type", 12):
            value = line + 13
            while value[0] == c" ":
                value += 1
            if is_json or next_line - 2 - value != 16 or memcmp(value, b"application/json", 16) != 0:
                return False
            is_json = True
        line = next_line
    return is_json
