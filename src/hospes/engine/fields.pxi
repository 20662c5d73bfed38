# The heads of answers with fields of the program's own, as `hospes.server.answers.answer_head` makes them.
#
#     HTTP/1.1 200 OK CRLF Server … Date … nosniff CRLF      the same for all answers of a status and a second
#     Cache-Control: no-store CRLF                           the program's
#     Set-Cookie: a=b CRLF
#     Content-Length: 5 CRLF CRLF                            the carrier's
#
# Law: this writes what `answer_head` would, or nothing (None): for fields that are the carrier's, for what is not ASCII, for a status
# with rules of its own, for a kind of response that may have its own mind. What must not be sent is not sent here either, so that it
# comes to `answer_head`, which says why.

cdef enum:
    FIELDS = 8 * 1024  # longest head that is put together here

cdef set _CARRIERS = {*CARRIERS, "x-content-type-options"}
cdef tuple _PLAIN_KINDS = (Response, Redirect)


cdef struct Lines:
    # Field lines on their way.
    char octets[FIELDS]
    Py_ssize_t length


cdef bint _add(Lines *lines, const char *octets, Py_ssize_t length) noexcept:
    """False: there is no room."""
    if length > FIELDS - lines.length:
        return False
    memcpy(lines.octets + lines.length, octets, length)
    lines.length += length
    return True


cdef bint _add_line(Lines *lines, name, value) except -1:
    """False: this line is not a plain one."""
    cdef const unsigned char *p
    cdef Py_ssize_t n, length
    if type(name) is not str or type(value) is not str:
        return False
    if not PyUnicode_IS_COMPACT_ASCII(name) or not PyUnicode_IS_COMPACT_ASCII(value):
        return False
    p, length = <const unsigned char *>PyUnicode_DATA(name), PyUnicode_GET_LENGTH(name)
    for n in range(length):
        if not hospes_sets[p[n]] & HOSPES_TOKEN:
            return False
    if not length or not _add(lines, <const char *>p, length) or not _add(lines, b": ", 2):
        return False
    p, length = <const unsigned char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value)
    if hospes_value_end(p, p + length) != p + length:
        return False
    return _add(lines, <const char *>p, length) and _add(lines, b"\r\n", 2)


cdef bint _add_fields(Lines *lines, response) except -1:
    """As `Response.lines`. False: one of them is not a plain line."""
    headers = <object>hospes_read(response, _AT.headers)
    if headers is None:
        value = <object>hospes_read(response, _AT.content_type)
        if value and not _add_line(lines, "Content-Type", value):
            return False
    elif type(headers) is Headers:
        for key, (name, values) in (<dict>headers._lines).items():
            if key in _CARRIERS:
                return False
            for value in values:
                if not _add_line(lines, name, value):
                    return False
    else:
        return False
    cookies = <object>hospes_read(response, _AT.cookies)
    if cookies is not None:
        for value in cookies.to_fields():
            if not _add_line(lines, "Set-Cookie", value):
                return False
    added = <object>hospes_read(response, _AT.set_cookies)
    if added is not None:
        for value in added:
            if not _add_line(lines, "Set-Cookie", value):
                return False
    return True


cdef bytes _head_with_fields(Engine engine, response, bint is_head, bint *sends_content):
    """The head of an answer to a request of HTTP/1.1 on a connection that stays; None where Python has to make it."""
    cdef Lines lines
    cdef bytes before
    cdef char *end
    cdef Py_ssize_t length
    content = <object>hospes_read(response, _AT.answer)
    status = <object>hospes_read(response, _AT.status)
    if type(response) not in _PLAIN_KINDS or type(status) is not int or type(content) is not bytes:
        return None
    length = PyBytes_GET_SIZE(content)
    if status == 205 or status == 304 or (is_head and not length):
        return None
    try:
        before = engine.prefix(status, "")
        lines.length = 0
        if not _add(&lines, PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before) - _LENGTH) or not _add_fields(&lines, response):
            return None
    except ValueError:  # answer_head says so, too
        return None
    sends_content[0] = not is_head and status != 204
    if status != 204:
        if FIELDS - lines.length < _LENGTH + 32:
            return None
        _add(&lines, b"Content-Length: ", _LENGTH)
        end = _write_number(lines.octets + lines.length, length)
        memcpy(end, b"\r\n", 2)
        lines.length = end + 2 - lines.octets
    if not _add(&lines, b"\r\n", 2):
        return None
    return PyBytes_FromStringAndSize(lines.octets, lines.length)


cdef Py_ssize_t _LENGTH = len(b"Content-Length: ")


cdef inline char *_write_number(char *to, Py_ssize_t number) noexcept:
    """Write a number in digits; gives where they end."""
    cdef char digits[24]
    cdef int n = 24
    while True:
        n -= 1
        digits[n] = c"0" + number % 10
        number //= 10
        if not number:
            break
    memcpy(to, digits + n, 24 - n)
    return to + 24 - n
