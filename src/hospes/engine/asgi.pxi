# What an ASGI application is told of a usual request: as `hospes.adapters.asgi_scope.http_scope` tells it, without Python code.
#
# Laws:
#
# * What is not usual is that function's: a mounted application, fields or a query that a filter has changed, a path with percent
#   signs, TLS, a peer that takes trailers, a unix socket.
# * tests/engine/test_asgi.py holds every scope made here against the one that is made there.

cdef struct _EndSlots:
    Py_ssize_t client, server, scheme, tls, hint  # of a Connection
    Py_ssize_t host, port  # of an Address

cdef _EndSlots _END
_END.client, _END.server = _slot(Ends, b"client"), _slot(Ends, b"server")
_END.scheme, _END.tls, _END.hint = _slot(Ends, b"scheme"), _slot(Ends, b"tls"), _slot(Ends, b"hint")
_END.host, _END.port = _slot(Address, b"host"), _slot(Address, b"port")


cdef object _asgi_scope(Head head, request):
    """The scope; None where it is not usual."""
    cdef str path = head.path
    if (
        type(request) is not Request
        or hospes_read(request, _AT.known_headers) != Py_None
        or hospes_read(request, _AT.query_string) != Py_None
        or not PyUnicode_IS_COMPACT_ASCII(path)
        or memchr(PyUnicode_DATA(path), c"%", PyUnicode_GET_LENGTH(path)) != NULL
        or head.field(b"te") is not None
    ):
        return None
    ends = <object>hospes_read(request, _AT.connection)
    if type(ends) is not Ends or hospes_read(ends, _END.tls) != Py_None:
        return None
    client, server = <object>hospes_read(ends, _END.client), <object>hospes_read(ends, _END.server)
    if type(client) is not Address or type(server) is not Address:
        return None
    client_port, server_port = <object>hospes_read(client, _END.port), <object>hospes_read(server, _END.port)
    if not client_port or not server_port:
        return None
    cdef dict extensions = {"http.response.pathsend": {}, "http.response.zerocopysend": {}}
    if hospes_read(ends, _END.hint) != Py_None:
        extensions["http.response.early_hint"] = {}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": <object>hospes_read(request, _AT.method),
        "scheme": <object>hospes_read(ends, _END.scheme),
        "path": path,
        "raw_path": PyBytes_FromStringAndSize(<char *>PyUnicode_DATA(path), PyUnicode_GET_LENGTH(path)),
        "query_string": head.query_octets(),
        "root_path": "",
        "headers": head.fields,
        "client": (<object>hospes_read(client, _END.host), client_port),
        "server": (<object>hospes_read(server, _END.host), server_port),
        "extensions": extensions,
    }
