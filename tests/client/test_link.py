"""What goes out as fields, and what failures mean."""

from __future__ import annotations

import errno
import socket
import ssl
from math import inf

import httpcore2
import pytest

from hospes.client import errors
from hospes.client.attempt import Attempt
from hospes.client.content import Body
from hospes.client.errors import Step
from hospes.client.link import Call, complaint, failure, fields_of, headers_of, reason_of, request_of
from hospes.client.options import ClientTimeouts
from hospes.client.url import parse_url
from hospes.http.headers import Headers

URL = parse_url("https://u:p@a.example:8443/x?y=1")


def attempt(step: Step) -> Attempt:
    return Attempt(URL, inf, step)


def wrapped(error: type[Exception], cause: Exception) -> Exception:
    """An error as the library raises it: its cause in its arguments, the chain cut."""
    return error(cause)


def test_white_space_around_a_value_is_none_of_it() -> None:
    call = Call("GET", URL, Headers({"Authorization": " Bearer a b\t", "X": " "}))
    assert fields_of(call)[1:] == [(b"Authorization", b"Bearer a b"), (b"X", b"")]


def test_fields() -> None:
    call = Call("POST", URL, Headers({"X": "ü", "Host": "v.example"}), Body(json=[]).open())
    assert fields_of(call) == [
        (b"Host", b"v.example"), (b"X", "ü".encode()), (b"Content-Type", b"application/json"), (b"Content-Length", b"2"),
    ]  # fmt: skip


def test_the_hosts_port_is_told_where_it_is_its_own() -> None:
    assert fields_of(Call("GET", URL, Headers())) == [(b"Host", b"a.example:8443")]
    assert fields_of(Call("GET", parse_url("https://a.example:443"), Headers())) == [(b"Host", b"a.example")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_no_content_is_said_so(method: str) -> None:
    assert (b"Content-Length", b"0") in fields_of(Call(method, URL, Headers()))
    assert len(fields_of(Call("DELETE", URL, Headers()))) == 1


def test_unknown_length_goes_in_chunks() -> None:
    call = Call("PUT", URL, Headers({"Content-Type": "x/y"}), Body(content=iter([b"a"])).open())
    assert fields_of(call)[1:] == [(b"Content-Type", b"x/y"), (b"Transfer-Encoding", b"chunked")]


def test_the_librarys_request() -> None:
    made = request_of(Call("GET", URL, Headers()), attempt("wait"), ClientTimeouts(connect=1, read=2, write=3, total=4), ())
    assert (made.method, made.url.host, made.url.port, made.url.target) == (b"GET", b"a.example", 8443, b"/x?y=1")
    assert made.extensions == {"timeout": {"connect": 1, "read": 2, "write": 3, "pool": 4}}


def test_fields_and_reason_of_an_answer() -> None:
    raw = httpcore2.Response(200, headers=[(b"X-A", b"1"), (b"x-a", b"2")], extensions={"reason_phrase": b"G\xfct"})
    assert headers_of(raw.headers).get_all("x-a") == ["1", "2"]
    assert reason_of(raw) == "Güt"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("resolve", errors.ResolveError),
        ("connect", errors.ConnectError),
        ("tls", errors.TlsError),
        ("send", errors.SendError),
        ("read", errors.ReadError),
        ("wait", errors.ClientError),
    ],
)
def test_the_step_decides(step: Step, kind: type[errors.ClientError]) -> None:
    found = failure(httpcore2.NetworkError(), attempt(step))
    assert type(found) is kind
    assert str(found).endswith("https://a.example:8443/x failed: the connection broke")


@pytest.mark.parametrize("error", [TimeoutError(), httpcore2.ReadTimeout(), httpcore2.PoolTimeout()])
def test_too_late(error: Exception) -> None:
    found = failure(error, attempt("read"))
    assert isinstance(found, errors.ClientTimeout)
    assert found.reason == "no progress in time"


def test_a_request_that_was_not_taken() -> None:
    under_way = attempt("read")
    under_way.write_failed = True
    found = failure(httpcore2.RemoteProtocolError("Server disconnected without sending a response."), under_way)
    assert isinstance(found, errors.SendError)
    assert found.reason == "Server disconnected without sending a response."


def test_what_is_ours_or_the_programs_stays() -> None:
    refused = errors.AddressRefused("resolve", "u", "r")
    assert failure(refused, attempt("resolve")) is refused
    under_way = attempt("send")
    under_way.source_error = error = TimeoutError("mine")
    assert failure(error, under_way) is error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            wrapped(httpcore2.ConnectError, ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed")),
            "Connection refused",
        ),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (wrapped(httpcore2.ConnectError, ssl.SSLError(1, "[SSL] wrong version number")), "[SSL] wrong version number"),
        (httpcore2.RemoteProtocolError("illegal header line\nmore"), "illegal header line"),
        (httpcore2.RemoteProtocolError("illegal header line: bytearray(b'Set-Cookie: a\\x00')"), "illegal header line"),
        (OSError("all failed"), "all failed"),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    found = failure(error, attempt("connect"))
    assert isinstance(found, errors.ClientError)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("version", "fields", "found"),
    [
        (b"HTTP/1.1", [(b"Content-Length", b"3")], ""),
        (b"HTTP/1.0", [(b"transfer-encoding", b"chunked")], ""),
        (
            b"HTTP/1.1",
            [(b"Content-length", b"3"), (b"Transfer-Encoding", b"chunked")],
            "the answer has both Content-Length and Transfer-Encoding",
        ),
        (b"HTTP/2.0", [], "the answer is of another version of HTTP"),
    ],
)
def test_what_the_library_lets_pass(version: bytes, fields: list[tuple[bytes, bytes]], found: str) -> None:
    assert complaint(httpcore2.Response(200, headers=fields, extensions={"http_version": version})) == found


def test_a_certificate_that_is_not_accepted() -> None:
    refused = ssl.SSLCertVerificationError(1, "long words")
    refused.verify_message = "self-signed certificate"
    found = failure(wrapped(httpcore2.ConnectError, refused), attempt("tls"))
    assert isinstance(found, errors.TlsError)
    assert found.reason == "the certificate is not accepted: self-signed certificate"
