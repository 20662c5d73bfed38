# What a hosted application is told of a usual request, without Python code: as `hospes.adapters.asgi_scope.http_scope` and
# `hospes.adapters.wsgi_environ.environ_of` tell it.
#
# Laws:
#
# * What is not usual is those functions': a mounted application, fields or a query that a filter has changed, a path with percent
#   signs, TLS, a peer that takes trailers, a unix socket, a field that is there twice.
# * tests/engine/test_hosted.py holds what is told here against what is told there.

cdef struct _EndSlots:
    Py_ssize_t client, server, scheme, tls, hint  # of a Connection
    Py_ssize_t host, port  # of an Address

cdef _EndSlots _END
_END.client, _END.server = _slot(Ends, b"client"), _slot(Ends, b"server")
_END.scheme, _END.tls, _END.hint = _slot(Ends, b"scheme"), _slot(Ends, b"tls"), _slot(Ends, b"hint")
_END.host, _END.port = _slot(Address, b"host"), _slot(Address, b"port")


# What is the same for all of them: to copy it costs less than to put it together.
cdef dict _ASGI = {"version": "3.0", "spec_version": "2.5"}
cdef dict _EXTENSIONS = {"http.response.pathsend": None, "http.response.zerocopysend": None}
cdef dict _SCOPE = dict.fromkeys(
    ("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string")
    + ("root_path", "headers", "client", "server", "extensions")
)
_SCOPE.update(type="http", http_version="1.1", root_path="")


cdef object _usual_ends(Head head, request):
    """The request's connection; None where the request, or the connection, is not usual."""
    cdef str path = head.path
    if (
        type(request) is not Request
        or hospes_read(request, _AT.known_headers) != Py_None
        or hospes_read(request, _AT.query_string) != Py_None
        or not PyUnicode_IS_COMPACT_ASCII(path)
        or memchr(PyUnicode_DATA(path), c"%", PyUnicode_GET_LENGTH(path)) != NULL
    ):
        return None
    return _usual_addresses(<object>hospes_read(request, _AT.connection))


cdef object _usual_addresses(ends):
    """The connection; None where it is not a usual one."""
    if type(ends) is not Ends or hospes_read(ends, _END.tls) != Py_None:
        return None
    client, server = <object>hospes_read(ends, _END.client), <object>hospes_read(ends, _END.server)
    if type(client) is not Address or type(server) is not Address:
        return None
    return ends if <object>hospes_read(client, _END.port) and <object>hospes_read(server, _END.port) else None


cdef object _asgi_scope(Head head, request):
    """The scope; None where it is not usual."""
    ends = _usual_ends(head, request)
    return None if ends is None else _scope_of(head, <object>hospes_read(request, _AT.method), ends)


cdef dict _scope_of(Head head, method, ends):
    """The scope; None where the head is not usual."""
    cdef str path = head.path
    if memchr(PyUnicode_DATA(path), c"%", PyUnicode_GET_LENGTH(path)) != NULL or head.field(b"te") is not None:
        return None
    client, server = <object>hospes_read(ends, _END.client), <object>hospes_read(ends, _END.server)
    cdef dict scope = _SCOPE.copy(), extensions = _EXTENSIONS.copy()
    if hospes_read(ends, _END.hint) != Py_None:
        extensions["http.response.early_hint"] = {}
    extensions["http.response.pathsend"] = {}
    extensions["http.response.zerocopysend"] = {}
    scope["asgi"] = _ASGI.copy()
    scope["method"] = method
    scope["scheme"] = <object>hospes_read(ends, _END.scheme)
    scope["path"] = path
    scope["raw_path"] = PyBytes_FromStringAndSize(<char *>PyUnicode_DATA(path), PyUnicode_GET_LENGTH(path))
    scope["query_string"] = head.query_octets()
    scope["headers"] = head.fields
    scope["client"] = (<object>hospes_read(client, _END.host), <object>hospes_read(client, _END.port))
    scope["server"] = (<object>hospes_read(server, _END.host), <object>hospes_read(server, _END.port))
    scope["extensions"] = extensions
    return scope


cdef object _wsgi_environ(Head head, request, dict variables):
    """The environ without what a server adds of its own; None where it is not usual.

    Args:
        variables: Names of usual fields, and their variables.
    """
    ends = _usual_ends(head, request)
    return None if ends is None else _environ_of(head, <object>hospes_read(request, _AT.method), ends, variables)


cdef dict _environ_of(Head head, method, ends, dict variables):
    """The environ; None where the head is not usual."""
    cdef str path = head.path
    if memchr(PyUnicode_DATA(path), c"%", PyUnicode_GET_LENGTH(path)) != NULL:
        return None
    client, server = <object>hospes_read(ends, _END.client), <object>hospes_read(ends, _END.server)
    target = head.target
    cdef dict environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path,
        "QUERY_STRING": head.query,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": <object>hospes_read(server, _END.host) or "localhost",
        "SERVER_PORT": str(<object>hospes_read(server, _END.port)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "hospes",
        "REMOTE_ADDR": <object>hospes_read(client, _END.host),
        "REMOTE_PORT": str(<object>hospes_read(client, _END.port)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": <object>hospes_read(ends, _END.scheme),
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    cdef bytes value
    cdef Py_ssize_t before
    for name, value in head.fields:
        variable = variables.get(name)
        if variable is None:
            if b"_" in name:
                continue
            variable = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
        elif not variable:
            continue
        before = len(environ)
        environ[variable] = value.decode("latin-1")
        if len(environ) == before:  # a second one of the same name
            return None
    return environ
