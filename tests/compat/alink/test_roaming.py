"""HttpClient: what is sent, what comes back."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.client.support import Script, always, answer, serving

from hospes.client import ClientError, ClientTimeout
from hospes.compat.alink import HttpClient, HttpsServer, Request
from hospes.http import Redirect, Response
from hospes.http import Request as HospesRequest


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(timeout=5) as made:
        yield made


async def echo(request: HospesRequest) -> Response:
    content = await request.read()
    fields = "\n".join(f"{name}: {value}" for name, value in request.headers.lines())
    return Response(f"{request.method} {request.head.target}\n{fields}\n\n{content.decode()}")


def test_the_url_says_where_the_request_says_how(client: HttpClient) -> None:
    raw = (
        b"PATCH /elsewhere?z HTTP/1.1\r\nHost: other.example\r\nX-Mine: 1\r\nContent-Length: 999\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\nContent-Type: text/x\r\n\r\nthe content"
    )
    with serving(echo) as url:
        response = client.send(f"{url}/here?a=1", Request(raw))
    assert response.status_code == 200
    host = url.removeprefix("http://")
    assert response.get_text() == (
        f"PATCH /here?a=1\nhost: {host}\nuser-agent: hospes\naccept: */*\nx-mine: 1\ncontent-type: text/x\n"
        "content-length: 11\n\nthe content"
    )
    assert response.headers["content-type"].startswith("text/plain")


def test_a_get_by_default(client: HttpClient) -> None:
    with serving(echo) as url:
        assert client.send(url, Request()).get_text().startswith("GET /\n")
        assert client.send(url).get_text().startswith("GET /\n")


def test_the_answer_as_it_came(client: HttpClient) -> None:
    encoded = gzip.compress("ü".encode())
    octets = answer(encoded, "200 OK", "Content-Encoding: gzip", "Set-Cookie: a=b", "Set-Cookie: c=d")
    with Script(always(octets)) as server:
        response = client.send(server.url, Request())
        assert (response.content, response.encoding, response.get_text()) == (encoded, "gzip", "ü")
        assert response.headers.get_all("set-cookie") == ["a=b", "c=d"]
        client.send(server.url, Request())
        assert server.connections == 1


def test_no_redirect_is_followed(client: HttpClient) -> None:
    with serving(lambda request: Redirect("/x")) as url:
        response = client.send(url, Request())
    assert (response.status_code, response.headers["location"]) == (302, "/x")


def test_failures_have_their_cause(client: HttpClient) -> None:
    with Script(lambda peer: peer.gone()) as server, HttpClient(timeout=0.1) as hasty, pytest.raises(ClientTimeout):
        hasty.send(server.url, Request())
    with pytest.raises(ClientError, match="Connection refused") as caught:
        client.send(server.url, Request())
    assert caught.value.__cause__ is not None
    with pytest.raises(ValueError, match="URL"):
        client.send("nowhere", Request())


def test_tls_is_verified(client: HttpClient, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "crt.pem")
    server = HttpsServer(str(tmp_path / "crt.pem"), str(tmp_path / "key.pem"))
    with server.application().serving(tls=server._tls) as serving:
        with pytest.raises(ClientError, match="certificate"):
            client.send(serving.url, Request())
        assert serving.url.startswith("https://")
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
