"""Where each parameter comes from: every rule for what is there, missing, empty and invalid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import BaseCookie, Morsel, SimpleCookie
from typing import Annotated, Any, Dict, List, TypedDict  # noqa: UP035 (the seed's form)

import msgspec
import pytest
from msgspec import Meta
from tests.binding.making import GET, JSON, MULTIPART, URLENCODED, bound, errors, multipart, request

from hospes.binding.itself import ModelBinding, ModelBindings
from hospes.binding.markers import (
    BytesBody,
    Cookie,
    Header,
    JSONBody,
    ModelDict,
    Parameter,
    Parameters,
    PathValue,
    RegGroup,
    RegGroups,
    RequestBodyReader,
)
from hospes.binding.signature import Site
from hospes.errors import HttpError
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.multipart import MultipartFile
from hospes.http.request import Request
from hospes.http.response import Response

READ = Site(methods=GET)


class Point(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Size:
    width: int
    tags: list[str]


class Named(TypedDict, total=False):
    name: str


class Line(msgspec.Struct):
    start: Point
    ends: list[Point] = []


class Stranger:
    pass


# Row 13 and 14: names and texts.


def bare(a):  # type: ignore[no-untyped-def]  # a bare argument is the case
    return a


def test_a_bare_argument_is_a_required_text() -> None:
    assert bound(bare, request("/?a=x+y%2B?&a=2")) == "x y+?"
    assert bound(bare, request("/?a=")) == ""
    assert bound(bare, request("/?a")) == ""
    assert errors(bare, request("/")) == [("query", "a", "missing")]


def test_a_malformed_query_is_refused_as_a_whole() -> None:
    with pytest.raises(HttpError) as caught:
        bound(bare, request("/?a=%FF"))
    assert caught.value.code == 400


# Row 15 and 16: scalars by default or annotation.


def test_the_default_gives_the_type() -> None:
    def handler(age=16, height=1.5, male=True, name="n"):  # type: ignore[no-untyped-def]  # types come from the defaults
        return age, height, male, name

    assert bound(handler, request("/")) == (16, 1.5, True, "n")
    assert bound(handler, request("/?age=17&height=2&male=0&name=")) == (17, 2.0, False, "")
    assert bound(handler, request("/?male="))[2] is False
    assert errors(handler, request("/?age=&height=x")) == [
        ("query", "age", "expected an integer, got ''"),
        ("query", "height", "expected a number, got 'x'"),
    ]


def test_the_annotation_gives_the_type() -> None:
    def handler(a: int, b: int | None, c: int = None, d: int | None = 5, e: bool = False):  # type: ignore[assignment,no-untyped-def]  # noqa: RUF013 (the seed's form)
        return a, b, c, d, e

    assert bound(handler, request("/?a=1")) == (1, None, None, 5, False)
    assert bound(handler, request("/?a=1&b=2&c=3&d=4&e=yes")) == (1, 2, 3, 4, True)
    assert errors(handler, request("/?b=&c=z")) == [
        ("query", "a", "missing"),
        ("query", "b", "expected an integer, got ''"),
        ("query", "c", "expected an integer, got 'z'"),
    ]


def test_none_as_default_without_a_type_is_a_text() -> None:
    def handler(a=None):  # type: ignore[no-untyped-def]  # the case
        return a

    assert bound(handler, request("/")) is None
    assert bound(handler, request("/?a=1")) == "1"


def test_constraints() -> None:
    def handler(limit: Annotated[int, Meta(ge=1, le=100)] = 20) -> int:
        return limit

    assert [bound(handler, request(f"/?limit={each}")) for each in (1, 100)] == [1, 100]
    assert errors(handler, request("/?limit=101")) == [("query", "limit", "expected an integer <= 100, got '101'")]


# Row 17: lists.


def test_lists() -> None:
    def handler(a: list[int], b: list = [], c: set[str] = set(), d: tuple[int, ...] = (), e: list[int] | None = None):  # type: ignore[no-untyped-def,type-arg]  # noqa: B006 (the seed's form)
        return a, b, c, d, e

    assert bound(handler, request("/?a=1&a=2&b=x&c=y&c=y&d=3&e=4")) == ([1, 2], ["x"], {"y"}, (3,), [4])
    assert bound(handler, request("/?a=1")) == ([1], [], set(), (), None)
    assert errors(handler, request("/?d=x")) == [("query", "a", "missing"), ("query", "d", "expected an integer, got 'x'")]
    assert errors(handler, request("/?a=1&a=x&a=3&a="))[0] == ("query", "a/1", "expected an integer, got 'x'")
    assert len(errors(handler, request("/?a=1&a=x&a=3&a="))) == 2


def test_a_list_by_default_value_is_never_shared() -> None:
    def handler(skills=[], more=["a"]):  # type: ignore[no-untyped-def]  # noqa: B006 (the seed's form)
        skills.append(1)
        more.append("b")
        return skills, more

    assert bound(handler, request("/")) == ([1], ["a", "b"])
    assert bound(handler, request("/")) == ([1], ["a", "b"])


def test_a_tuple_of_so_many() -> None:
    def handler(at: tuple[int, str] = (0, "")) -> Any:
        return at

    assert bound(handler, request("/?at=1&at=x")) == (1, "x")
    assert bound(handler, request("/")) == (0, "")
    assert errors(handler, request("/?at=1")) == [("query", "at", "expected 2 values, got 1")]
    assert errors(handler, request("/?at=x&at=x")) == [("query", "at", "expected an integer, got 'x'")]


# Row 18: dict.


def test_a_dict_is_json_text() -> None:
    def handler(extra={}, typed: dict[str, int] = {}, any_map: Mapping[str, Any] | None = None):  # type: ignore[no-untyped-def]  # noqa: B006 (the seed's form)
        extra["n"] = 1
        return extra, typed, any_map

    assert bound(handler, request('/?extra={"a":[1]}&typed={"b":2}&any_map={}')) == ({"a": [1], "n": 1}, {"b": 2}, {})
    assert bound(handler, request("/")) == ({"n": 1}, {}, None)
    assert errors(handler, request("/?extra={")) == [("query", "extra", "this is no JSON: input data was truncated")]
    assert errors(handler, request("/?extra=[1]")) == [("query", "extra", "expected an object, got a list")]
    assert errors(handler, request('/?typed={"a/b":"x"}')) == [("query", "typed/a~1b", "expected an integer, got 'x'")]


def test_a_list_of_dicts_is_json_texts() -> None:
    def handler(rows: list[dict[str, int]], more: List[Dict] = [], few: set[Parameter] = set()) -> Any:  # type: ignore[type-arg]  # noqa: B006, UP006 (the seed's form)
        return rows, more, few

    assert bound(handler, request('/?rows={"a":1}&rows={}&more={"b":[]}&few=x')) == ([{"a": 1}, {}], [{"b": []}], {"x"})
    assert bound(handler, request("/?rows={}")) == ([{}], [], set())
    assert errors(handler, request("/")) == [("query", "rows", "missing")]
    assert errors(handler, request('/?rows={"a":"x"}&rows=1&more={')) == [
        ("query", "rows/0/a", "expected an integer, got 'x'"),
        ("query", "rows/1", "expected an object, got 1"),
        ("query", "more", "this is no JSON: input data was truncated"),
    ]


def test_json_text_is_not_deep() -> None:
    def handler(extra: dict) -> Any:  # type: ignore[type-arg]  # the seed's form
        return extra

    deep = '{"a":' + "[" * 200 + "]" * 200 + "}"
    assert errors(handler, request("/?extra=" + deep))[0][2].startswith("JSON is nested too deeply")


# Row 12 and 26: forms; the form's values before the query's.


def test_forms() -> None:
    def handler(a: str, all_a: Annotated[list[str], Parameters("a")], n: int = 0) -> Any:
        return a, all_a, n

    on = request("/?a=query&n=1", b"a=form&a=two", [URLENCODED])
    assert bound(handler, on) == ("form", ["form", "two", "query"], 1)
    parts = multipart(('name="a"', b"part"), ('name="n"', b"x"))
    assert errors(handler, request("/", parts, [MULTIPART])) == [("form", "n", "expected an integer, got 'x'")]
    assert errors(handler, request("/?n=x", b"a=1", [URLENCODED])) == [("query", "n", "expected an integer, got 'x'")]


def test_a_form_does_not_count_where_the_route_is_read_only() -> None:
    def handler(a: str = "none") -> str:
        return a

    assert bound(handler, request("/", b"a=form", [URLENCODED]), READ) == "none"


# Row 19: Parameter, Header, Cookie, Parameters.


def test_parameter_in_all_spellings() -> None:
    def handler(  # type: ignore[no-untyped-def]  # bare parameters are the case
        a: Annotated[str, Parameter("p")],
        b: Parameter,
        c=Parameter("q"),  # noqa: B008 (the seed's form)
        d: str = Parameter("r", default="R"),
        e: Annotated[int, Parameter("s", default="5")] = Parameter("unused"),  # type: ignore[assignment]
        f: Annotated[int, Parameter("t")] = 6,
        g: Annotated[int | None, Parameter] = None,
    ):
        return a, b, c, d, e, f, g

    assert bound(handler, request("/?p=1&b=2")) == ("1", "2", "", "R", 5, 6, None)
    assert bound(handler, request("/?p=1&b=2&q=3&r=4&s=5&t=6&g=7")) == ("1", "2", "3", "4", 5, 6, 7)
    assert errors(handler, request("/?t=x")) == [
        ("query", "p", "missing"),
        ("query", "b", "missing"),
        ("query", "t", "expected an integer, got 'x'"),
    ]


def test_required_markers() -> None:
    def handler(  # type: ignore[no-untyped-def]  # bare parameters are the case
        p=Parameter("userName", required=True),  # noqa: B008 (the seed's form)
        h=Header("X-Token", required=True),  # noqa: B008
        c=Cookie("sid", required=True),  # noqa: B008
        s=Parameters("skills", required=True),  # noqa: B008
    ):
        return p, h, c.value, s

    assert errors(handler, request("/")) == [
        ("query", "userName", "missing"),
        ("header", "X-Token", "missing"),
        ("cookie", "sid", "missing"),
        ("query", "skills", "missing"),
    ]
    on = request("/?userName=&skills=a", fields=["x-token: ", "Cookie: sid=1"])
    assert bound(handler, on) == ("", "", "1", ["a"])


def test_a_number_without_a_usable_default_is_required() -> None:
    def handler(page: int = Parameter("page")) -> int:  # type: ignore[assignment]
        return page

    assert errors(handler, request("/")) == [("query", "page", "missing")]


def test_headers() -> None:
    def handler(
        token: Header,
        user_agent: Header = Header(),  # noqa: B008
        n: Annotated[int, Header("X-N")] = 0,
        many: Annotated[list[int], Header("X-Many")] = [],  # noqa: B006
        maybe: str | None = Header("X-Maybe"),
        more: list[int] = Header("X-More", default="1"),  # type: ignore[assignment]  # noqa: B008 (a type checker wants a list)
        none: list[str] = Header("X-None"),  # type: ignore[assignment]  # noqa: B008 (the same)
    ) -> Any:
        assert (more, none) == ([1], [])
        return token, user_agent, n, many, maybe

    fields = ["TOKEN: t", "User-Agent: curl", "x-n: 5", "x-many: 1", "x-many: 2"]
    assert bound(handler, request("/", fields=fields)) == ("t", "curl", 5, [1, 2], None)
    assert bound(handler, request("/", fields=["token: a", "token: b"])) == ("a, b", "", 0, [], None)
    # What a field holds is often secret: it is not repeated.
    assert errors(handler, request("/", fields=["x-n: secret"])) == [
        ("header", "token", "missing"),
        ("header", "X-N", "expected an integer"),
    ]


def test_a_filter_may_change_fields() -> None:
    def handler(token: Header) -> str:
        return token

    on = request("/")
    on.headers["Token"] = "set"
    assert bound(handler, on) == "set"


def test_cookies_as_morsels() -> None:
    def handler(sid: Cookie, more=Cookie("more", default="d", default_options={"path": "/x"}), none: Cookie | None = None):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return sid, more, none

    sid, more, none = bound(handler, request("/", fields=["Cookie: sid=1; more=2"]))
    assert isinstance(sid, Morsel)
    assert (sid.key, sid.value, bool(sid), more.value, none) == ("sid", "1", True, "2", None)
    _, more, _ = bound(handler, request("/", fields=["Cookie: sid=1"]))
    assert (bool(more), more.key, more.value, more["path"]) == (False, "more", "d", "/x")
    assert errors(handler, request("/")) == [("cookie", "sid", "missing")]


def test_a_cookie_that_morsels_do_not_know_is_missing() -> None:
    def handler(c=Cookie("path", required=True)):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return c

    assert errors(handler, request("/", fields=["Cookie: path=1"])) == [("cookie", "path", "missing")]


def test_cookies_as_values() -> None:
    def handler(
        a: Annotated[str, Cookie("a")],
        b: str = Cookie("b", default="B"),
        c: str | None = Cookie("c"),
        d: Annotated[int, Cookie("d")] = 4,
    ) -> Any:
        return a, b, c, d

    assert bound(handler, request("/", fields=["Cookie: a=1"])) == ("1", "B", None, 4)
    assert bound(handler, request("/", fields=["Cookie: a=1; b=2; c=3; d=4"])) == ("1", "2", "3", 4)
    assert errors(handler, request("/", fields=["Cookie: d=x"])) == [
        ("cookie", "a", "missing"),
        ("cookie", "d", "expected an integer"),
    ]


def test_parameters() -> None:
    def handler(  # type: ignore[no-untyped-def]  # bare parameters are the case
        a: Parameters,
        b=Parameters("bb"),  # noqa: B008 (the seed's form)
        c: list[str] = Parameters(default=["x"]),  # noqa: B008
        d: Annotated[list[int] | None, Parameters("d")] = None,
        e: list[str] | None = Parameters("e"),  # noqa: B008
    ):
        c.append("changed")
        return a, b, c, d, e

    assert bound(handler, request("/?a=1")) == (["1"], [], ["x", "changed"], None, None)
    assert bound(handler, request("/?a=1&bb=2&c=3&d=4&e=5")) == (["1"], ["2"], ["3", "changed"], [4], ["5"])
    assert errors(handler, request("/?d=x")) == [("query", "a", "missing"), ("query", "d", "expected an integer, got 'x'")]


# Row 20 and 3 to 5: the path.


def test_path_values() -> None:
    def handler(id: int, name=PathValue("other"), rest=PathValue(), n: Annotated[int, PathValue("n")] = 0):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return id, name, rest, n

    site = Site(path_names=frozenset({"id", "other", "*", "n"}), methods=GET)
    assert bound(handler, request(path={"id": "1", "other": "o", "*": "a/b", "n": "2"}), site) == (1, "o", "a/b", 2)
    assert errors(handler, request("/?id=5", path={"id": "x", "other": "o", "*": "", "n": "y"}), site) == [
        ("path", "id", "expected an integer, got 'x'"),
        ("path", "n", "expected an integer, got 'y'"),
    ]


def test_reg_groups() -> None:
    def handler(groups: RegGroups, first: RegGroup, second=RegGroup(1), n: Annotated[int, RegGroup(1)] = 0):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return groups, first, second, n

    groups, first, second, n = bound(handler, request(groups=("a", "2")))
    assert (groups, first, second, n) == (("a", "2"), "a", "2", 2)
    assert isinstance(groups, RegGroups)
    assert (first.group, second.group) == (0, 1)
    assert errors(handler, request(groups=("a",))) == [("path", "group 1", "the path has 1 groups, counted from 0")] * 2
    assert errors(handler, request(groups=("a", "b"))) == [("path", "group 1", "expected an integer, got 'b'")]


# Row 21: what is injected.


def test_injected_types() -> None:
    def handler(
        req: Request,
        headers: Headers,
        cookies: Cookies,
        simple: SimpleCookie,
        base: BaseCookie[str],
        model: ModelDict,
        body: BytesBody,
        raw: bytes,
        reader: RequestBodyReader,
    ) -> Any:
        return req, headers["host"], cookies["a"].value, simple["a"].value, base["a"].value, model, body, raw, type(reader)

    on = request("/?q=1&q=2", b"p=3", [URLENCODED, "Cookie: a=1; path=2"])
    assert bound(handler, on) == (
        on, "example.org", "1", "1", "1", {"q": ["1", "2"], "p": "3"}, b"p=3", b"p=3", RequestBodyReader,
    )  # fmt: skip


def test_injected_by_default_object() -> None:
    def handler(headers=Headers(), cookies=Cookies(), model=ModelDict(), response=Response(), body=BytesBody()):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return len(headers), len(cookies), model, type(response), body

    assert bound(handler, request("/?a=1")) == (1, 0, {"a": "1"}, Response, b"")


# Row 22 and 23: JSON and octets.


def test_json_body() -> None:
    def by_default(data=JSONBody()):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return data

    def by_type(data: JSONBody) -> Any:
        return data

    def optional(data: JSONBody | None = None) -> Any:
        return data

    for handler in (by_default, by_type, optional):
        for kind in ("application/json", "application/json; charset=utf-8", "application/problem+json"):
            made = bound(handler, request("/", b'{"a":1}', [f"Content-Type: {kind}"]))
            assert (made, type(made)) == ({"a": 1}, JSONBody)
        assert errors(handler, request("/", b"[1]", [JSON])) == [("json", "#", "expected an object, got a list")]
        assert errors(handler, request("/", b'{"a"', [JSON])) == [("json", "#", "this is no JSON: input data was truncated")]
        assert errors(handler, request("/", b"{}", ["Content-Type: text/plain"])) == [
            ("json", "#", "expected content of type application/json, got text/plain")
        ]
        assert errors(handler, request("/", b"{}")) == [
            ("json", "#", "expected content of type application/json, got content without a type")
        ]
    assert errors(by_default, request("/", b"", [JSON])) == [("json", "#", "missing")]
    assert errors(by_type, request("/")) == [("json", "#", "missing")]
    assert bound(optional, request("/")) is None


def test_bytes_body_takes_forms_too() -> None:
    def handler(body: BytesBody, a: str) -> Any:
        return body, type(body), a

    parts = multipart(('name="a"', b"1"))
    assert bound(handler, request("/", parts, [MULTIPART])) == (parts, BytesBody, "1")


# Row 24: streaming.


def test_a_reader_keeps_the_content_unread() -> None:
    async def handler(reader: RequestBodyReader, req: Request, q: str = "none") -> Any:
        return await reader.read(3), await reader.read(), q

    assert bound(handler, request("/?q=1", b"q=2&more", [URLENCODED])) == (b"q=2", b"&more", "1")


# Row 25: files.


def test_files() -> None:
    def handler(  # type: ignore[no-untyped-def]  # bare parameters are the case
        img=MultipartFile("img", required=True),  # noqa: B008 (the seed's form)
        other=MultipartFile(),  # noqa: B008
        many: list[MultipartFile] = [],  # noqa: B006
        maybe: MultipartFile | None = None,
        note: str = "",
    ):
        return img.filename, img.content, other.is_empty, other.name, [each.content for each in many], maybe, note

    parts = multipart(
        ('name="img"; filename="a;b.png"', b"image"),
        ('name="many"; filename="1"', b"one"),
        ('name="many"; filename="2"', b""),
        ('name="note"', b"n"),
    )
    assert bound(handler, request("/", parts, [MULTIPART])) == ("a;b.png", b"image", True, "other", [b"one", b""], None, "n")
    assert errors(handler, request("/", b"img=text", [URLENCODED])) == [("form", "img", "expected a file, got a text")]
    empty = multipart(('name="img"; filename=""', b""))
    assert errors(handler, request("/", empty, [MULTIPART])) == [("form", "img", "missing")]
    assert errors(handler, request("/")) == [("form", "img", "missing")]


def test_a_file_by_annotation_is_required() -> None:
    def handler(img: MultipartFile, many: Annotated[list[MultipartFile], MultipartFile("f")]) -> Any:
        return img, many

    assert errors(handler, request("/", b"", [URLENCODED])) == [("form", "img", "missing"), ("form", "f", "missing")]


# Row 27: signatures.


def test_signatures() -> None:
    def handler(a: int, /, b: int, *args: int, c: int = 3, **kw: str) -> Any:
        return a, b, args, c, kw

    assert bound(handler, request("/?a=1&b=2")) == (1, 2, (), 3, {})
    assert bound(handler, request("/?a=1&b=2&args=5&args=6&c=4&z=9&y=8&y=7")) == (1, 2, (5, 6), 4, {"z": "9", "y": "8"})
    assert errors(handler, request("/?a=1&b=2&args=x")) == [("query", "args", "expected an integer, got 'x'")]


def test_remaining_parameters_are_converted_too() -> None:
    def handler(**kw: int) -> Any:
        return kw

    assert bound(handler, request("/?a=1&b=2")) == {"a": 1, "b": 2}
    assert errors(handler, request("/?a=1&b=x")) == [("query", "b", "expected an integer, got 'x'")]


# Row 28: bindings of the program.


def test_model_bindings() -> None:
    bindings = ModelBindings()

    @bindings.model_binding(Stranger)
    class Known(ModelBinding):
        async def bind(self) -> Any:
            return self.request.get_parameter("name"), self.arg_name, self.arg_type, self.default_value

    @bindings.model_binding(Point)
    class Own(ModelBinding):
        def bind(self) -> Any:
            return "instead of JSON"

    def handler(s: Stranger, p: Point, t: Stranger = None) -> Any:  # type: ignore[assignment]  # the seed's form
        return s, p, t

    expected = (("form", "s", Stranger, None), "instead of JSON", ("form", "t", Stranger, None))
    assert bound(handler, request("/?name=query", b"name=form", [URLENCODED]), bindings=bindings) == expected
    assert [Known.__name__, Own.__name__] == ["Known", "Own"]


def test_the_default_model_binding_is_asked_last() -> None:
    bindings = ModelBindings()

    @bindings.default_model_binding
    class Last(ModelBinding):
        def bind(self) -> Any:
            return "last"

    def handler(s: Stranger, p: Point, n: int = 1) -> Any:
        return s, p, n

    assert bound(handler, request("/", b'{"x":1}', [JSON]), bindings=bindings) == ("last", Point(1), 1)
    assert bindings.default is Last
