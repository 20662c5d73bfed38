# A content that goes into a file without coming here: the kernel moves it from the socket into a pipe and on into the file.
#
# Laws:
#
# * What holds of `_pour` holds here: there is no state but that of `Connection`, `Intake` and `ContentReader`, and whatever is not
#   a usual piece is left to them. The limit, the end, the peer's rate and its silence are theirs.
# * The pipe is empty between two events. What the file did not take is given to the content's reader, whose `write` says why.
# * The file is ours (a descriptor of our own), whatever the program does with its own meanwhile.
# * No more than `PART` octets are moved for one event.
# * Room in a file that is nobody else's is asked for ahead where much comes at once, which saves a quarter of the writing: so much
#   that a peer holds `ROOM` times what it has sent at the most, and no longer than somebody waits for it. To give it back is to say
#   where the file ends, which would cut off what somebody else has written behind it meanwhile: so others' files get none.

cdef extern from *:
    """
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <unistd.h>
    /* Whether the kernel can move a pipe's octets into this file, at any place. */
    static int hospes_takes_octets(int file) {
        struct stat state;
        int flags = fcntl(file, F_GETFL);
        return flags >= 0 && !(flags & O_APPEND) && (flags & O_ACCMODE) != O_RDONLY && !fstat(file, &state) && S_ISREG(state.st_mode);
    }
    static int hospes_own(int file) { return fcntl(file, F_DUPFD_CLOEXEC, 3); }
    /* As much as the system lets one have, up to `size`. */
    static int hospes_pipe(int *ends, int size) {
        if (pipe2(ends, O_CLOEXEC) < 0) return -1;
        (void)fcntl(ends[1], F_SETPIPE_SZ, size);
        return 0;
    }
    static void hospes_reserve(int file, int64_t offset, int64_t size) {
        (void)!fallocate(file, FALLOC_FL_KEEP_SIZE, offset, size);
    }
    /* Let go of the room behind a file's end. */
    static void hospes_release(int file) {
        struct stat state;
        if (!fstat(file, &state)) (void)!ftruncate(file, state.st_size);
    }
    #define hospes_take_in(socket, pipe, size) splice(socket, NULL, pipe, NULL, size, SPLICE_F_NONBLOCK)
    #define hospes_put_into(pipe, file, offset, size) splice(pipe, NULL, file, offset, size, 0)
    """
    bint hospes_takes_octets(int) nogil
    int hospes_own(int) nogil
    int hospes_pipe(int *, int) nogil
    void hospes_reserve(int, int64_t, int64_t) nogil
    void hospes_release(int) nogil
    ssize_t hospes_take_in(int, int, size_t) nogil
    ssize_t hospes_put_into(int, int, int64_t *, size_t) nogil

cdef enum:
    ROOM = 16


@cython.final
cdef class Conduit:
    """Puts a content into a file; see `hospes.http.saving.Conduit`.

    Args:
        content: A ContentReader.
        descriptor: The file's.
        is_own: Whether nobody else writes to it.
    """

    cdef object content
    cdef object intake
    cdef object connection
    cdef Transport transport
    cdef int file  # -1: it does not take octets this way, or not any more
    cdef bint is_own
    cdef public int64_t offset
    cdef int64_t reserved  # where the room that was asked for ends

    def __cinit__(self):
        self.file = -1

    def __init__(self, content, int descriptor, bint is_own):
        self.is_own = is_own
        flow = _in(content, _IN.flow)
        if type(flow) is Intake and hospes_takes_octets(descriptor):
            self.content, self.intake, self.connection = content, flow, _in(flow, _IN.peer)
            self.transport = self.connection.transport
            self.file = hospes_own(descriptor)

    def __dealloc__(self):
        if self.file >= 0:
            close(self.file)

    def goes_on(self):
        if self.file < 0:
            return False
        if self.transport.conduit is not self:
            if not self.is_usual() or not self.transport.conn.engine.has_pipe():
                return False
            self.transport.conduit = self
        return True

    def end(self):
        if self.transport is not None and self.transport.conduit is self:
            self.transport.conduit = None
        if self.reserved > self.offset:
            hospes_release(self.file)
        self.reserved = 0

    cdef bint is_usual(self) except -1:
        """Whether all that may come is content of a known length, and somebody waits for it."""
        connection, intake = self.connection, self.intake
        if hospes_read(connection, _IN.state) != <PyObject *>_BUSY_STATE or _is(connection, _IN.paused) or self.transport.lost:
            return False
        if not _is(intake, _IN.wanted) or not _is(intake, _IN.dry) or _is(intake, _IN.complete) or _is(intake, _IN.broken):
            return False
        reader = _in(connection, _IN.reader)
        of_wire, limit = _in(reader, _IN.of_wire), _in(reader, _IN.limit_of_wire)
        if type(of_wire) is not CountedContent or PyByteArray_GET_SIZE(_in(reader, _IN.buffer)):
            return False
        return limit is None or _in(of_wire, _IN.length) <= limit

    cdef bint is_wanted(self) except -1:
        """Whether its request is still under way, and nothing has gone wrong since; else it has been told, and ends soon."""
        return hospes_read(self.connection, _IN.state) == <PyObject *>_BUSY_STATE and _in(self.content, _IN.error) is None

    cdef int receive(self) except -1:
        """The kernel has something to say of the socket."""
        cdef Engine engine = self.transport.conn.engine
        cdef Py_ssize_t left, received
        cdef ssize_t came, moved
        cdef int problem
        of_wire = _in(_in(self.connection, _IN.reader), _IN.of_wire)
        left = _in(of_wire, _IN.left)
        came = hospes_take_in(self.transport.conn.fd, engine.pipe[1], min(left, <Py_ssize_t>PART))
        problem = errno
        if came <= 0:
            return self.transport.received_nothing(came, problem)
        engine.budget -= 1 + came // OCTETS_PER_EVENT
        received = _in(self.content, _IN.received)
        if self.is_own and came >= FLOOD // 4 and self.reserved < self.offset + came:
            self.reserve(min(left, ROOM * (received + came)))
        moved = self.move(engine.pipe[0], came)
        hospes_put(of_wire, _IN.left, left - came)
        hospes_put(self.content, _IN.received, received + moved)
        if moved < came:
            self.give_up(engine.pipe[0], came - moved)
        if not self.intake.account(0):
            self.end()
        elif left == came:
            self.end()
            self.intake.passed()
        else:
            _want(self.content, self.intake)
        return 0

    cdef int reserve(self, int64_t size) noexcept:
        """Ask for room; where there is none, the writing says so."""
        self.reserved = self.offset + size
        with nogil:
            hospes_reserve(self.file, self.offset, size)
        return 0

    cdef ssize_t move(self, int pipe, ssize_t size) except -1:
        """Put so many octets of the pipe into the file; gives how many it has taken."""
        cdef ssize_t moved = 0, count
        with nogil:
            while moved < size:
                count = hospes_put_into(pipe, self.file, &self.offset, size - moved)
                if count > 0:
                    moved += count
                elif count == 0 or errno != EINTR:
                    break
        return moved

    cdef int give_up(self, int pipe, ssize_t size) except -1:
        """The file does not take octets: give those that are in the pipe to whoever reads."""
        cdef PyObject *piece = hospes_bytes(size)
        cdef ssize_t count, there = 0
        while there < size:
            count = c_read(pipe, hospes_octets(piece) + there, size - there)
            if count > 0:
                there += count
            elif errno != EINTR:
                break
        self.end()
        close(self.file)
        self.file = -1
        self.content.feed(hospes_cut(piece, there))
        if there >= _HIGH_WATER:
            self.connection.pause()
        return 0
