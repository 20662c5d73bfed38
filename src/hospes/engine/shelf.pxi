# Small files, straight from a folder (`hospes.http.direct.Shelf`) into the buffer of answers.
#
#     GET /static/a.css ─▶ name ─▶ stat(folder) ─▶ openat2 ─▶ fstat ─▶ head ─▶ read ─▶ close
#                                                     └─ the same for a.css.br, if the peer takes that
#
# Laws:
#
# * Nothing is served stale: the file is opened and read for each request. What is kept is its name and the fields of the state it
#   was last seen in; another state has its fields made anew.
# * The kernel keeps the way inside of the folder: it follows no link and leads nowhere above (openat2(2), RESOLVE_BENEATH).
# * The folder's own path is the program's, and may be a link; where it leads is looked up anew for the requests of each look at the
#   kernel, for deployments exchange it.
# * Which names there are, what is said of a file, and what an Accept-Encoding means, is decided in Python; whatever is not a regular
#   small file that can be opened and read is the handler's, and so is every request that asks for more than the file.
# * A condition is known here if it repeats what was said, octet for octet; all others are the handler's.

cdef extern from *:
    """
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #if defined(SYS_openat2) && defined(__has_include)
    #if __has_include(<linux/openat2.h>)
    #include <linux/openat2.h>
    #define HOSPES_OPENS_BELOW
    #endif
    #endif
    typedef struct {
        int64_t changed; /* nanoseconds since 1970 */
        int64_t size;
        uint64_t inode, device;
        int regular;
    } hospes_state;
    static void hospes_note(const struct stat *found, hospes_state *state) {
        state->changed = (int64_t)found->st_mtim.tv_sec * 1000000000 + found->st_mtim.tv_nsec;
        state->size = found->st_size;
        state->inode = found->st_ino;
        state->device = found->st_dev;
        state->regular = S_ISREG(found->st_mode);
    }
    static int hospes_look(int fd, hospes_state *state) {
        struct stat found;
        if (fstat(fd, &found) < 0) return -1;
        hospes_note(&found, state);
        return 0;
    }
    static int hospes_look_at(const char *path, hospes_state *state) {
        struct stat found;
        if (stat(path, &found) < 0) return -1;
        hospes_note(&found, state);
        return 0;
    }
    static int hospes_open_folder(const char *path) { return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); }
    /* -1 where it cannot be opened, and where the system does not know how. */
    static int hospes_open_below(int folder, const char *name) {
    #ifdef HOSPES_OPENS_BELOW
        struct open_how how = {
            .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
    #else
        (void)folder, (void)name;
        return -1;
    #endif
    }
    """
    ctypedef struct hospes_state:
        int64_t changed, size
        uint64_t inode, device
        bint regular
    int hospes_look(int, hospes_state *) nogil
    int hospes_look_at(const char *, hospes_state *) nogil
    int hospes_open_folder(const char *) nogil
    int hospes_open_below(int, const char *) nogil

cdef extern from "<unistd.h>" nogil:
    ssize_t c_read "read"(int, void *, size_t)

cdef enum:
    SHELVED = 1024  # files of a shelf whose fields are kept, about 1 KiB each
    CODINGS = 64  # Accept-Encoding fields whose meaning is kept; there are about ten in the world
    CODINGS_LENGTH = 128  # of the longest of them; browsers' have 25

cdef bytes _CONTENT_LENGTH = b"Content-Length: "


@cython.final
cdef class _Kept:
    """A file as it was last seen."""

    cdef bytes name
    cdef bytes whole
    cdef bytes unchanged
    cdef bytes etag
    cdef bytes modified
    cdef bint varies
    cdef hospes_state state
    cdef dict coded  # the same in its content codings; made for the first who takes one


cdef _Kept _kept(bytes name):
    cdef _Kept kept = _Kept.__new__(_Kept)
    kept.name = name
    return kept


@cython.final
cdef class _Shelf:
    """Files below a prefix; see `hospes.http.direct.Shelf`."""

    cdef bytes prefix
    cdef bytes path
    cdef object name_of
    cdef object fields_of
    cdef object codings_of
    cdef dict kept
    cdef dict codings
    cdef int folder
    cdef hospes_state folder_state
    cdef uint64_t looked  # at which look of the engine the folder was looked up

    def __cinit__(self, given):
        self.folder = -1
        self.prefix, self.path = given.prefix.encode(), fsencode(given.folder)
        self.name_of, self.fields_of, self.codings_of = given.name, given.fields, given.codings
        self.kept, self.codings = {}, {}

    def __dealloc__(self):
        if self.folder >= 0:
            close(self.folder)

    cdef bint holds(self, Coming *coming) noexcept:
        """Whether a path lies below the prefix."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(self.prefix)
        cdef const char *path = coming.octets + coming.at.method_length + 1
        return coming.at.path_length >= length and memcmp(path, PyBytes_AS_STRING(self.prefix), length) == 0

    cdef int fetch(self, Conn conn, Coming *coming) except -1:
        """Gather the answer. ASIDE: the handler has to."""
        cdef Py_ssize_t before = PyBytes_GET_SIZE(self.prefix) - 1
        cdef const char *path = coming.octets + coming.at.method_length + 1
        cdef PyObject *found
        cdef _Kept kept
        cdef int file
        below = PyUnicode_DecodeASCII(path + before, coming.at.path_length - before, NULL)
        found = PyDict_GetItemWithError(self.kept, below)
        if found != NULL:
            kept = <_Kept>found
        else:
            name = self.name_of(below)
            if name is None:
                return ASIDE
            kept = _kept(fsencode(name))
        if not self.is_open(conn.engine):
            return ASIDE
        file = hospes_open_below(self.folder, PyBytes_AS_STRING(kept.name))
        if file < 0:
            return ASIDE
        try:
            if not self.describe(file, below, "", kept):
                return ASIDE
            if found == NULL:
                _keep(self.kept, SHELVED, below, kept)
            if kept.varies and coming.at.codings.count:
                return self.fetch_coded(conn, coming, below, kept, file)
            return self.give(conn, coming, kept, file)
        finally:
            close(file)

    cdef int fetch_coded(self, Conn conn, Coming *coming, str below, _Kept kept, int file) except -1:
        """Gather the answer for a peer that takes content codings."""
        cdef _Kept sibling
        cdef int other
        wanted = self.wanted(coming)
        if wanted is None:
            return ASIDE
        if kept.coded is None:
            kept.coded = {}
        for coding, ending in wanted:
            if coding not in kept.coded:
                kept.coded[coding] = _kept(kept.name + ending)
            sibling = <_Kept>kept.coded[coding]
            other = hospes_open_below(self.folder, PyBytes_AS_STRING(sibling.name))
            if other < 0:
                if errno == ENOENT:
                    continue
                return ASIDE
            try:
                if not self.describe(other, below, coding, sibling):
                    return ASIDE
                if sibling.state.size and sibling.state.changed >= kept.state.changed:
                    return self.give(conn, coming, sibling, other)
            finally:
                close(other)
        return self.give(conn, coming, kept, file)

    cdef int give(self, Conn conn, Coming *coming, _Kept kept, int file) except -1:
        """Gather the file, or that it is unchanged. ASIDE: who asks for more than that asks the handler."""
        if coming.at.tags.count:
            if not _says(coming, &coming.at.tags, kept.etag):
                return ASIDE
        elif coming.at.since.count:
            if not _says(coming, &coming.at.since, kept.modified):
                return ASIDE
        else:
            return conn.put_file(kept.whole, file, kept.state.size, coming.is_last)
        return conn.put_unchanged(kept.unchanged, coming.is_last)

    cdef object wanted(self, Coming *coming):
        """The codings that a peer takes rather than none, and their endings; None: only the handler knows."""
        cdef const char *p = coming.octets + coming.at.codings.at
        cdef Py_ssize_t n, length = coming.at.codings.length
        if length > CODINGS_LENGTH:
            return None
        for n in range(length):
            if <unsigned char>p[n] >= 0x80:
                return None
        field = PyBytes_FromStringAndSize(p, length)
        wanted = self.codings.get(field)
        if wanted is None:
            wanted = tuple([(coding, fsencode(ending)) for coding, ending in self.codings_of(field.decode("ascii"))])
            _keep(self.codings, CODINGS, field, wanted)
        return wanted

    cdef bint is_open(self, Engine engine) except -1:
        """Whether the folder is there, and the one that is held."""
        cdef hospes_state now
        cdef const char *path = PyBytes_AS_STRING(self.path)
        if self.looked == engine.look and self.folder >= 0:
            return True
        if hospes_look_at(path, &now) < 0:
            return False
        if self.folder < 0 or now.inode != self.folder_state.inode or now.device != self.folder_state.device:
            if self.folder >= 0:
                close(self.folder)
            self.folder = hospes_open_folder(path)
            if self.folder < 0 or hospes_look(self.folder, &self.folder_state) < 0:
                return False
        self.looked = engine.look
        return True

    cdef bint describe(self, int file, str below, str coding, _Kept kept) except -1:
        """See to it that the fields are those of the file's state; False where the handler has to answer."""
        cdef hospes_state now
        if hospes_look(file, &now) < 0 or not now.regular or now.size > _FILE_AT_ONCE:
            return False
        if (
            kept.whole is not None
            and now.changed == kept.state.changed
            and now.size == kept.state.size
            and now.inode == kept.state.inode
        ):
            return True
        said = self.fields_of(below, coding, now.changed, now.size, now.inode)
        if said is None:
            return False
        kept.whole, kept.unchanged = write_fields(said.whole.lines()), write_fields(said.unchanged.lines())
        kept.etag, kept.modified = said.unchanged["ETag"].encode(), said.unchanged["Last-Modified"].encode()
        kept.varies, kept.state = "Vary" in said.whole, now
        return True


cdef int _keep(dict kept, Py_ssize_t most, key, value) except -1:
    """Keep something, in place of what has been kept for longest if there are too many."""
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value
    return 0


cdef bint _says(Coming *coming, hospes_field *field, bytes value) noexcept:
    """Whether a field is exactly this."""
    return field.length == PyBytes_GET_SIZE(value) and memcmp(coming.octets + field.at, PyBytes_AS_STRING(value), field.length) == 0
