"""Every snippet of the README, asked over a socket, in both modes: status, fields that matter, content."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.compat.simple_http_server.programs import MODES, SEED, Program, running

from hospes import ClientOptions, HttpClient
from hospes.client.content import Body

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
XML = "text/xml; charset=utf-8"
JSON = "application/json"
OCTETS = "application/octet-stream"
HELLO = "<html><body>Hello, World!</body></html>"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, and what is to come of it.

    Attributes:
        fields: Fields of the answer: their values, None for one that must not be there.
        value: The content: text, octets, or what it is as JSON.
    """

    target: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    status: int = 200
    kind: str | None = None
    fields: dict[str, str | list[str] | None] = field(default_factory=dict)
    value: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def page(text: str) -> str:
    return f"<html><body>{text}</body></html>"


def message(text: str) -> dict[str, Any]:
    return {"message": f"hello, bob, {text} says. "}


ROUTES = [
    *(Ask(target=each, value=HELLO, kind=HTML) for each in ("/index", "/say_hello", "/", "/home", "/say_hello/several")),
    Ask(target="/say_hello", method="POST", status=405, value="405=Method Not Allowed=This path answers GET, HEAD, OPTIONS.",
        fields={"Allow": "GET, HEAD, OPTIONS"}),
    Ask(target="/say_hello/several", method="PUT", value=HELLO),
    Ask(target="/index", method="HEAD", headers={"Accept-Encoding": "identity"}, value=b"", kind=HTML,
        fields={"Content-Length": "39"}),
    Ask(target="/index", method="HEAD", value=b"", kind=HTML, fields={"Content-Encoding": "gzip"}),
    Ask(target="/index", method="DELETE", value=HELLO),
    Ask(target="/index", method="BREW", value=HELLO),
    Ask(target="/say_hello/to/jhon", value=page("Hello, jhon!").replace("<html><body>", "<html><body>")),
    Ask(target="/say_hello/to/a%20b%3A%2B%252F~", value=page("Hello, a b:+%2F~!")),
    Ask(target=quote("/中文/coroutine"), value="Success! Hey!", kind=TEXT),
    Ask(target=quote("/中文/coroutine") + "?hey=" + quote("嘿"), value="Success! 嘿"),
    Ask(target="/reg/abcef/aref/xxx", kind=JSON,
        value={"groups": ["reg/abcef/aref/xxx", "abcef/aref/xxx"], "group": "1,abcef/aref/xxx", "reg_group": "abcef/aref/xxx"}),
    Ask(target="/reg/abc", method="POST", status=405),
    Ask(target="/star/c", value=page("c")),
    Ask(target="/c/star", value=page("c")),
    Ask(target="/star/c/d", status=404),
    Ask(target="/c/d/star", status=404),
    Ask(target="/stars/c", value=page("c")),
    Ask(target="/stars/c/d", value=page("c/d")),
    Ask(target="/c/stars", value=page("c")),
    Ask(target="/c/d/stars", value=page("c/d")),
    Ask(target="/exact_params?a=b", value={"result": "a=b", "a": "b"}),
    Ask(target="/exact_params?a=c", value={"result": "a!=b", "a": "c"}),
    Ask(target="/exact_params", value={"result": "!a"}),
    Ask(target="/begins_params?a=bcd", value={"result": "a^=b", "a": "bcd"}),
    Ask(target="/begins_params?a=cb", status=404),
    Ask(target="/has_params?a=", value={"result": "a"}),
    Ask(target="/has_params", status=404),
    Ask(target="/all_params?a=b&c=e", value={"result": "all"}),
    Ask(target="/all_params?a=b&c=d", status=404),
    Ask(target="/any_params?c=e", value={"result": "any"}),
    Ask(target="/any_params?a=x&c=d", status=404),
    Ask(target="/form_params", method="POST", headers=FORM, content=b"a=b", value={"result": "form", "a": "b"}),
    Ask(target="/form_params", method="POST", headers=FORM, content=b"a=c", status=404),
    Ask(target="/exact_headers", headers={"x-a": "b"}, value={"result": "headers"}),
    Ask(target="/exact_headers", headers={"x-a": "b", "X-C": "1"}, status=404),
    Ask(target="/exact_headers", headers={"X-A": "cd"}, value={"result": "others"}),
]  # fmt: skip

ANSWERS = [
    Ask(target="/answer/dict", value={"success": True, "message": "Success! 成功"}, kind=JSON),
    Ask(target="/answer/xml", value="<?xml><root></root>", kind=XML),
    Ask(target="/answer/xml/1.0", value='<?xml version="1.0"?><root></root>', kind=XML),
    Ask(target="/answer/text", value="some other string value", kind=TEXT),
    Ask(target="/answer/bytes", value=b"\0\1\2", kind=OCTETS),
    Ask(target="/answer/none", value=b"", fields={"Content-Length": "0"}),
    Ask(target="/answer/status", status=204, value=b""),
    Ask(target="/answer/headers", value=b"", fields={"X-One": "1", "X-Two": ["2", "3"]}),
    Ask(target="/answer/cookies", value=b"", fields={"Set-Cookie": "a=b"}),
    Ask(target="/answer/error", status=410, value="410=page gone=it was moved", kind=TEXT),
    Ask(target="/answer/exception", status=500, value="500-Internal Server Error-"),
    Ask(target="/answer/unavailable", status=503, value="503-later-at noon"),
    Ask(target="/answer/redirect", status=302, value=b"", fields={"Location": "/redirect/to/this/path"}),
    Ask(target="/answer/file", kind="text/xml", value=(SEED.parent / "ctrls" / "answers.py").read_bytes()),
    Ask(target="/answer/file", headers={"Range": "bytes=0-9"}, status=206, value=b'"""What is'),
    Ask(target="/answer/file/missing", status=404),
    Ask(target="/answer/response", value="<!DOCTYPE html><html><body>hello world</body></html>", kind="text/html",
        fields={"userToken": ["user_id_token_xxxx", "xxxx"], "Set-Cookie": "userInfo=ABC; Path=/"}),
    Ask(target="/answer/response/dict", status=201, value={"made": True}, kind=JSON, fields={"X-Made": ["a", "b"]}),
    Ask(target="/answer/tuple", value={"success": True, "message": "success!"}, kind=JSON,
        fields={"userToken": "user_id_token_xxx", "Set-Cookie": "userInfo=ABC; Path=/"}),
    Ask(target="/answer/tuple/short", value={"success": True, "message": "success!"}, fields={"userToken": "user_id_token_xxx"}),
    Ask(target="/injected", value=page("Hello, world! "), kind=HTML),
    Ask(target="/injected/redirect", status=302, value=b"", fields={"Location": "/index"}),
    Ask(target="/injected/error", status=409, value="409=conflicting=twice", fields={"X-Why": "so"}),
    Ask(target="/injected/kept", status=202, value={"kept": True, "is_sent": False},
        fields={"X-A": "1", "X-B": ["2", "3"], "Set-Cookie": "c=d"}),
    Ask(target="/injected/unsent", status=203, value={"unsent": True}, kind=JSON),
    Ask(target="/res/write/bytes", value=b"abcdefg", kind=OCTETS, fields={"Content-Length": None}),
    Ask(target="/stream", value="0;1;2;", kind=TEXT),
    Ask(target="/environment", value="127.0.0.1", fields={"X-Scheme": "http"}),
]  # fmt: skip

CLASSES = [
    *(Ask(target="/obj/say_hello?name=bob", value={**message("ctr object"), "count": 1}) for _ in range(2)),
    Ask(target="/obj/say_hello?name=bob", method="POST", status=405),
    *(Ask(target="/each/say_hello", value={"count": 1}) for _ in range(2)),
    Ask(target="/prefixed?name=bob", value=message("ctr object")),
    Ask(target="/prefixed?name=bob", method="POST", status=405),
    Ask(target="/prefixed/say_hello?name=bob", method="POST", headers=FORM, content=b"", value=message("ctr object")),
    Ask(target="/given?name=bob", value=message("ctr[ctr_name] - this is a key word argument")),
    Ask(target="/given", status=404),
    Ask(target="/given/say_hello?name=bob&nobody=1", status=404),
    Ask(target="/regs/abc?name=bob", value=message("ctr[ctr_name] - this is a key word argument")),
    Ask(target="/regs/abc?name=bob", method="POST", status=405),
]

FILTERS = [
    Ask(target="/tuple/hello", status=302, fields={"Location": "/index"}),
    Ask(target="/tuple/hello?user_name=a", status=400, value="400=pass should be passed="),
    Ask(target="/tuple/raise?user_name=a&pass=b", status=403),
    Ask(target="/tuple/writes?user_name=a&pass=b", value=b"one two", kind=OCTETS),
    Ask(target="/filtered/async", value="async by the filter", fields={"X-Filter": ["async", "inner"]}),
    Ask(target="/filtered/plain", value="plain by the filter", fields={"X-Filter": ["async", "inner"]}),
    Ask(target="/silent", status=500, value="500-Internal Server Error-"),
]

BINDING = [
    Ask(target="/model/to/keijack?a=1&b=2&b=3", value={"name": "keijack", "a": "1", "b": ["2", "3"]}),
    Ask(target="/plain/to/x?user_name=a&password=b",
        value={"user_name": "a", "password": "b", "nickName": "", "age": 16, "male": True, "skills": [], "extra": {}}),
    Ask(target="/plain/to/x", method="POST", headers=FORM,
        content=b"user_name=a+b&password=&nickName=n&age=17&male=false&skills=1&skills=2&extra=%7B%22k%22%3A%5B1%5D%7D",
        value={"user_name": "a b", "password": "", "nickName": "n", "age": 17, "male": False, "skills": ["1", "2"],
               "extra": {"k": [1]}}),
    Ask(target="/plain/to/x?user_name=a", status=400, value="400=The request does not fit=password: missing"),
    *(Ask(target="/plain/to/x?user_name=a&password=b&" + each, status=400) for each in ("age=x", "age=", "extra={", "extra=[]")),
    Ask(target="/classes/to/bob?userName=a&password=b&skills=1&skills=2",
        headers={"userToken": "t", "Cookie": "c1=x; userInfo=u"},
        value={"user_name": "a", "password": "b", "nickName": "", "skills": ["1", "2"], "host": True, "user_token": "t",
               "all_cookies": ["c1"], "user_info": "u", "name": "bob", "seen": 1}),
    Ask(target="/classes/to/bob?userName=a&password=b&skills=1", status=400,
        value="400=The request does not fit=userToken: missing"),
    Ask(target="/from_json_body", method="POST", headers={"Content-Type": "application/json"}, content=b'{"some_key":"v"}',
        value={"some_key": "v", "is_dict": True}),
    Ask(target="/from_json_body", method="PUT", headers={"Content-Type": "application/ld+json; charset=utf-8"},
        content=b'{"some_key":1}', value={"some_key": 1, "is_dict": True}),
    *(Ask(target="/from_json_body", method="POST", headers={"Content-Type": "application/json"}, content=each, status=400)
      for each in (b"", b"{", b"[]")),
    Ask(target="/from_json_body", method="POST", headers={"Content-Type": "text/plain"}, content=b"{}", status=400),
    Ask(target="/annotated/to/bob?user_name=a&password=b&skills=s", headers={"user_token": "t", "Cookie": "user_info=u"},
        value={"user_name": "a", "password": "b", "skills": ["s"], "headers": True, "user_token": "t", "cookies": True,
               "user_info": "u", "name": "bob", "is_new": True}),
    Ask(target="/annotated/to/bob?user_name=a&password=b&skills=s", headers={"user_token": "t"}, status=400,
        value="400=The request does not fit=user_info: missing"),
    Ask(target="/typed?ints=1&ints=2&floats=1.5&bools=0&bools=x&dicts={}&dicts=%7B%22a%22:1%7D&n=3&f=2&d={}",
        value={"ints": [1, 2], "floats": [1.5], "bools": [False, True], "dicts": [{}, {"a": 1}], "n": 3, "f": 2.0, "d": {}}),
    Ask(target="/typed", value={"ints": [], "floats": [], "bools": [], "dicts": [], "n": None, "f": 1.5, "d": None}),
    *(Ask(target="/typed?" + each, status=400) for each in ("ints=1&ints=x", "floats=", "dicts=1", "n=x")),
    Ask(target="/rest?a=1&b=2&args=5&args=6", value={"a": "1", "args": ["5", "6"], "kw": {"b": "2"}}),
    Ask(target="/bytes_body", method="POST", content=b"\0" * 1000, value={"length": 1000, "is_bytes": True}),
    Ask(target="/reader", method="POST", content=b"x" * 100_000, value={"size": 100_000}),
    Ask(target="/reader", method="POST", headers=FORM, content=b"a=b", value={"size": 3}),
    Ask(target="/model_binding/person?age=3", value={"name": "no-one", "sex": "secret", "age": 3}),
    Ask(target="/model_binding/person?age=x", status=400, value="400=Age is required, and must be an integer="),
    Ask(target="/model_binding/dog?name=rex", value={"name": "rex"}),
    Ask(target="/model_binding/dog", value={"name": "a dog"}),
]  # fmt: skip


@pytest.mark.parametrize("ask", [*ROUTES, *ANSWERS, *CLASSES, *FILTERS, *BINDING], ids=str)
def test_a_snippet(seed: Program, client: HttpClient, ask: Ask) -> None:
    body = None if ask.content is None else Body(content=ask.content)
    answer = client.request(ask.method, seed.url + ask.target, headers=ask.headers, body=body)
    assert answer.status == ask.status, answer.text
    if ask.kind is not None:
        assert answer.headers["Content-Type"] == ask.kind
    for name, value in ask.fields.items():
        assert answer.headers.get_all(name) == ([] if value is None else [value] if isinstance(value, str) else value)
    if isinstance(ask.value, bytes):
        assert answer.content == ask.value
    elif isinstance(ask.value, str):
        assert answer.text == ask.value
    elif ask.value is not None:
        assert answer.json() == ask.value
    assert answer.headers.get("Date")


def test_a_request_whole(seed: Program, client: HttpClient) -> None:
    url = seed.url + "/request/to/" + quote("小明") + "?a=1&b=2"
    first = client.post(url, headers={"x-mine": "m", "Cookie": "c1=v"}, form={"a": "form", "b": "3"}).json()
    assert first == {
        "method": "POST",
        "path": "/request/to/小明",
        "header": "m",
        "parameter": {"a": "form", "b": "3"},
        "parameters": {"a": ["form", "1"], "b": ["3", "2"]},
        "query_string": "a=1&b=2",
        "cookies": {"c1": "v"},
        "path_values": {"name": "小明"},
        "body": "a=form&b=3",
        "json": None,
        "in-session": None,
        "host": True,
        "content_type": "application/x-www-form-urlencoded",
        "content_length": 10,
        "one": "form",
        "none": "none",
    }
    again = client.put(url, json={"a": [1]}).json()
    assert (again["json"], again["in-session"], again["body"]) == ({"a": [1]}, "Hello, Session!", '{"a":[1]}')


def test_an_upload(seed: Program, client: HttpClient) -> None:
    url = seed.url + "/upload"
    answer = client.post(url, form={"note": "hi"}, files={"img": ("../a;b.png", b"\x89PNG" * 100, "image/png")})
    assert (answer.status, answer.headers["Content-Type"]) == (200, HTML)
    assert answer.text == "<!DOCTYPE html><html><body>upload ok! img a;b.png image/png 400 400 hi</body></html>"
    assert client.post(url, form={"note": "hi"}).status == 400
    assert client.post(url, form={"img": "text"}).status == 400


def test_an_error_page(seed: Program, client: HttpClient) -> None:
    for target, said in (("/nowhere", "Not Found"), ("/answer/404", "page not found"), ("/answer/file/missing", "Not Found")):
        answer = client.get(seed.url + target)
        assert (answer.status, answer.headers["Content-Type"]) == (404, HTML)
        assert answer.text.startswith("<html>")
        assert answer.text.endswith("</html>")
        assert f"message: {said}, explain: " in answer.text


def test_a_filter_runs_once(seed: Program, client: HttpClient) -> None:
    answers = [client.get(seed.url + "/tuple/hello?user_name=a&pass=b").json() for _ in range(2)]
    assert {each["filter-set"] for each in answers} == {"through filter"}
    assert answers[1]["times"] == answers[0]["times"] + 1


def test_a_controllers_one_object(seed: Program, client: HttpClient) -> None:
    counts = [client.get(seed.url + "/single/say_hello?name=bob").json()["count"] for _ in range(2)]
    assert counts[1] == counts[0] + 1


def test_where_functions_run(seed: Program, client: HttpClient) -> None:
    on_the_main_thread = {client.get(seed.url + f"/thread/{each}").text for each in ("plain", "async")}
    assert on_the_main_thread == {str("coroutine" in seed.process.args)}  # type: ignore[operator]  # a list


def test_a_session(seed: Program, client: HttpClient) -> None:
    assert [client.get(seed.url + "/session/count").json()["n"] for _ in range(3)] == [1, 2, 3]
    assert client.get(seed.url + "/session/end").text == "ended"
    assert client.get(seed.url + "/session/end").text == "none"
    assert client.get(seed.url + "/session/count").json() == {"n": 1, "names": ["n"]}
    (cookie,) = client.get(seed.url + "/session/count", headers={"Cookie": "hospes_session=" + "a" * 24}).headers.get_all(
        "Set-Cookie"
    ) or [""]
    assert "a" * 24 not in cookie


def test_gzip(seed: Program) -> None:
    with HttpClient(ClientOptions(decode=False)) as client:
        url = seed.url + "/request/to/bob?name=" + "b" * 100
        answer = client.get(url, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(answer.content))["parameter"] == {"name": "b" * 100}
        assert answer.headers["Vary"] == "Accept-Encoding"
        for accepted in ("gzip;q=0", "br"):
            answer = client.get(url, headers={"Accept-Encoding": accepted})
            assert answer.headers.get("Content-Encoding") is None
        assert client.get(seed.url + "/answer/bytes", headers={"Accept-Encoding": "gzip"}).content == b"\0\1\2"


def test_the_log_tells_of_what_is_declared_twice(seed: Program, client: HttpClient) -> None:
    client.get(seed.url + "/answer/exception")
    log = "".join(seed.log)
    assert re.search(r"handlers run (in threads|on one loop)", log)


@pytest.mark.parametrize("mode", MODES)
def test_sessions_that_the_program_keeps_itself(mode: str, tmp_path: Path, client: HttpClient) -> None:
    with running(tmp_path, str(SEED), "0", mode, "own sessions") as program:
        assert [client.get(program.url + "/session/count").json()["n"] for _ in range(3)] == [1, 2, 3]
        with HttpClient(cookies=True, timeout=20) as other:
            assert other.get(program.url + "/session/end").text == "none"
            assert other.get(program.url + "/session/count").json() == {"n": 1, "names": ["n"]}
        assert client.get(program.url + "/session/count").json()["n"] == 4
        assert client.get(program.url + "/session/end").text == "ended"
