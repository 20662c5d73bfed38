"""The sheet that alink's programs were written by, line by line; each line stands above its test, as it is in the sheet."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.client.support import Script, always, answer

from hospes import HttpClient as Visitor
from hospes.client import ClientOptions
from hospes.compat.alink.httpserver import HttpServer, HttpsServer
from hospes.compat.alink.request import Request
from hospes.compat.alink.response import Http_Response
from hospes.compat.alink.roaming import HttpClient
from hospes.compat.alink.services import Cookie


@contextmanager
def served(server: HttpServer) -> Iterator[tuple[str, Visitor]]:
    with server.application().serving() as serving, Visitor(cookies=True, timeout=20) as visitor:
        yield serving.url, visitor


def seen_by(func: Any) -> tuple[HttpServer, list[Any]]:
    """A server whose `/` keeps what its function is called with."""
    seen: list[Any] = []

    def keep(user: Any, request: Any) -> Http_Response:
        seen.append((user, request))
        found: Http_Response | None = func(user, request)
        return found or Http_Response(200, "")

    server = HttpServer()
    server.add_route("/", ["GET", "POST"], keep)
    return server, seen


# HttpsServer(crt,key) 或 HttpServer()


def test_a_server_with_tls_or_without(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "crt")
    server = HttpsServer(str(tmp_path / "crt"), str(tmp_path / "key"))
    server.add_route("/", ["GET"], lambda user, request: Http_Response(200, "by TLS"))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with server.application().serving(tls=server._tls) as serving, Visitor(ClientOptions(tls=trusting)) as visitor:
        response = visitor.get(serving.url)
    assert response.text == "by TLS"
    assert "__Host-" in response.headers["set-cookie"]
    assert "Secure" in response.headers["set-cookie"]
    HttpServer()


# 每次接受http請求時，會取得裡面的cookie來自動辨識user並配給，若不存在cookie會自動配給一個新user


def test_users_are_recognised_by_cookie_or_new() -> None:
    server, seen = seen_by(lambda user, request: user.setdefault("mark", len(user)) and None)
    with served(server) as (url, visitor):
        visitor.get(url)
        visitor.get(url)
        Visitor().get(url)
    first, again, other = (user["cookie"]["id"] for user, _ in seen)
    assert first == again != other


# .add_route(path,method_list,func)  添加route和對應方法
# mainloop期間，接受請求與方法，透過設定的route查找對應的請求和方法，將user和request投入


def test_add_route() -> None:
    server = HttpServer()
    server.add_route("/a", ["GET", "POST"], lambda user, request: Http_Response(200, f"a by {request.method}"))
    server.add_route("/b", ["POST"], lambda user, request: Http_Response(200, "b"))
    with served(server) as (url, visitor):
        assert visitor.get(url + "/a").text == "a by GET"
        assert visitor.post(url + "/a").text == "a by POST"
        assert visitor.post(url + "/b").text == "b"
        assert visitor.get(url + "/b").status == 404


# ._404_func  若無route匹配，用此方法


def test_404_func() -> None:
    server = HttpServer()
    server._404_func = lambda user, request: Http_Response(404, f"nothing at {request.url}")
    with served(server) as (url, visitor):
        response = visitor.get(url + "/nowhere")
    assert (response.status, response.text) == (404, "nothing at /nowhere")


# .set_template_path(folderpath)  設置DocumentRoot


def test_set_template_path(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "index.html").write_text("<html>root</html>")
    (tmp_path / "root" / "style.css").write_text("a {}")
    server = HttpServer()
    server.set_template_path(str(tmp_path / "root"))
    with served(server) as (url, visitor):
        assert visitor.get(url).text == "<html>root</html>"
        assert visitor.get(url + "/style.css").content_type.startswith("text/css")


# 被啟動的method需要return 「Http_Response」 物件給 HttpsServer 回傳


def test_functions_return_an_http_response() -> None:
    server, _ = seen_by(lambda user, request: Http_Response(201, b"made"))
    with served(server) as (url, visitor):
        response = visitor.get(url)
    assert (response.status, response.content) == (201, b"made")


# 會配給 Cookie 的id
# user是一個字典，裡面包著一個字典cookie物件，cookie中包著一個和其他user不一樣的id
# user最初長這樣: {'cookie':Cookie() }


def test_a_user_begins_as_a_dict_with_a_cookie() -> None:
    server, seen = seen_by(lambda user, request: None)
    with served(server) as (url, _):
        Visitor().get(url)
        Visitor().get(url)
    (first, _), (second, _) = seen
    assert isinstance(first, dict)
    assert list(first) == ["cookie"]
    assert isinstance(first["cookie"], Cookie)
    assert isinstance(first["cookie"], dict)
    assert first["cookie"]["id"] != second["cookie"]["id"]


# user在server mainloop狀態下存在資料庫中，不會消失也不會損失資料
# user可於每次連線重新讀取上次的資料


def test_a_user_is_in_the_database_and_loses_nothing(tmp_path: Path) -> None:
    def visit(user: Any, request: Any) -> Http_Response:
        user["visits"] = user.get("visits", 0) + 1
        user.setdefault("cart", []).append({"item": user["visits"]})
        return Http_Response(200, str(user["cart"]))

    server, _ = seen_by(visit)
    with Visitor(cookies=True, timeout=20) as visitor:
        with server.application().serving() as serving:
            visitor.get(serving.url)
            assert visitor.get(serving.url).text == "[{'item': 1}, {'item': 2}]"
        with server.application().serving() as serving:
            assert visitor.get(serving.url).text == "[{'item': 1}, {'item': 2}, {'item': 3}]"
    assert (tmp_path / "hospes.db").exists()


# Cookie為一個可當字典的物件
# cookie[key]=value ;set    cookie[key] ;get    .__str__ 轉換為「Cookie內容」


def test_cookie() -> None:
    cookie = Cookie()
    cookie["a"] = "b"
    cookie["c"] = "d"
    assert cookie["a"] == "b"
    assert str(cookie) == cookie.__str__() == "a=b; c=d"


# Request為發送者解析後的請求
# .http_content .method .url .GET_params .header_params .content


def test_request() -> None:
    server, seen = seen_by(lambda user, request: None)
    with served(server) as (url, visitor):
        visitor.post(url + "/?a=1&b=%E5%AE%A2", headers={"Connection-Kind": "x", "Cookie": "k=v"}, content=b"body")
    request = seen[0][1]
    assert request.http_content.startswith(b"POST /?a=1&b=%E5%AE%A2 HTTP/1.1\r\n")
    assert request.http_content.endswith(b"\r\n\r\nbody")
    assert request.method == "POST"
    assert request.url == "/"
    assert request.GET_params == {"a": "1", "b": "客"}
    assert request.header_params["Cookie"] == "k=v"
    assert request.header_params["connection-kind"] == "x"
    assert request.content == b"body"


# .form_data  表單上傳檔案時，放置檔案物件
# .get_name(name)  請求為post時，用name取得內容


def test_forms(tmp_path: Path) -> None:
    server, seen = seen_by(lambda user, request: None)
    with served(server) as (url, visitor):
        visitor.post(url, form={"title": "客"}, files={"photo": ("a.png", b"PNG", "image/png")})
        visitor.post(url, form={"title": "hospes"})
    uploaded, plain = (request for _, request in seen)
    (_, _), (name, photo) = uploaded.form_data
    assert (name, photo["filename"], photo.content) == ("photo", "a.png", b"PNG")
    photo.save(tmp_path / "saved.png")
    assert (tmp_path / "saved.png").read_bytes() == b"PNG"
    assert [each.content for each in uploaded.get_name("title")] == ["客".encode()]
    assert [each.content for each in plain.get_name("title")] == [b"hospes"]


# .copy() 重造一個相同的請求   .set_uri(uri) 重設uri   .clear_header() 清除header
# .del_headers(key) 清除某個標頭行   .set_header(key,value) 設定標頭   .to_bytes() 轉換回byte


def test_editing_a_request() -> None:
    request = Request(raw=b"GET /a HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n")
    twin = request.copy()
    assert twin.to_bytes() == request.to_bytes() == b"GET /a HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n"
    twin.set_uri("/b?c=d")
    twin.del_headers("a")
    twin.set_header("C", "3")
    assert twin.to_bytes() == b"GET /b?c=d HTTP/1.1\r\nB: 2\r\nC: 3\r\n\r\n"
    twin.clear_header()
    assert twin.to_bytes() == b"GET /b?c=d HTTP/1.1\r\n\r\n"
    assert request.to_bytes() == b"GET /a HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n"


# Http_Response(status_code,content) 放入 狀態碼 和 body   初始 header 為空
# .encoding content的編碼，未設定時為unknow   .content 內容
# .add_header(header_dict) 添加header項目   .set_header(key,value) 設置header單項
# .get_header_bytes() 獲得 response 的header轉換成bytes部分   .to_bytes() 獲得 response 的全部byte部分(header 和 body)


def test_http_response() -> None:
    response = Http_Response(200, "客")
    assert (response.encoding, response.content, response.get_header_bytes()) == (
        "unknow",
        "客".encode(),
        b"HTTP/1.1 200 OK\r\n\r\n",
    )
    response.add_header({"A": "1", "B": "2"})
    response.set_header("B", "3")
    assert response.get_header_bytes() == b"HTTP/1.1 200 OK\r\nA: 1\r\nB: 3\r\n\r\n"
    assert response.to_bytes() == response.get_header_bytes() + "客".encode()


# .get_text() 獲得解碼(gzip,utf-8)後的content內容


def test_get_text() -> None:
    response = Http_Response(200, gzip.compress("客".encode()))
    response.set_header("Content-Encoding", "gzip")
    assert response.get_text() == "客"


# HttpClient 向外發送請求的用戶端
# .send(url,Request) 向特定目標發送請求


@pytest.mark.parametrize("timeout", [20, 20.5])
def test_http_client(timeout: float) -> None:
    encoded = gzip.compress("客".encode())
    with Script(always(answer(encoded, "200 OK", "Content-Encoding: gzip"))) as server, HttpClient(timeout=timeout) as client:
        response = client.send(server.url, Request())
    assert isinstance(response, Http_Response)
    assert (response.status_code, response.encoding, response.get_text()) == (200, "gzip", "客")
