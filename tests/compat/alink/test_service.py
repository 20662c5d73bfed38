"""Cookie and user, as dicts."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.compat.alink.service import Cookie, User
from hospes.users import User as KeptUser


def lines(cookie: Cookie, *, secure: bool = False) -> list[str]:
    return [each.to_field() for each in cookie.changes(secure=secure)]


def test_a_cookie_is_a_dict_and_a_text() -> None:
    cookie = Cookie("a=b; c=d e")
    assert isinstance(cookie, dict)
    assert cookie == {"a": "b", "c": "d e"}
    assert str(cookie) == "a=b; c=d e"
    assert str(Cookie()) == ""
    assert Cookie({"a": "b"}) == Cookie([("a", "b")]) == {"a": "b"}
    assert "a" in cookie
    assert "x" not in cookie


def test_what_came_is_not_sent_back() -> None:
    assert lines(Cookie("a=b; c=d e", id="7")) == []


def test_what_is_set_or_deleted_is_sent() -> None:
    cookie = Cookie("a=1; b=2; c=3; d=4; e=5", id="7")
    cookie["new"] = "x"
    cookie["a"] = "1"  # set anew counts, too
    del cookie["b"]
    assert cookie.pop("c") == "3"
    assert cookie.pop("nothing", "default") == "default"
    assert cookie.setdefault("d", "other") == "4"
    assert cookie.setdefault("f", "6") == "6"
    cookie.update({"g": "7"}, h="8")
    cookie |= {"i": 9}
    rest = "; Path=/; HttpOnly; SameSite=Lax"
    gone = "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" + rest
    assert lines(cookie) == [
        f"new=x{rest}", f"a=1{rest}", f"b{gone}", f"c{gone}", f"f=6{rest}", f"g=7{rest}", f"h=8{rest}", f"i=9{rest}",
    ]  # fmt: skip
    assert str(cookie) == "a=1; d=4; e=5; id=7; new=x; f=6; g=7; h=8; i=9"


def test_the_last_word_counts() -> None:
    cookie = Cookie("a=1")
    del cookie["a"]
    cookie["a"] = "2"
    cookie["b"] = "3"
    del cookie["b"]
    assert [each.partition(";")[0] for each in lines(cookie)] == ["a=2", "b="]


def test_tls_makes_them_secure() -> None:
    cookie = Cookie()
    cookie["a"] = "b"
    cookie["__Host-c"] = "d"
    assert [("Secure" in each) for each in lines(cookie, secure=True)] == [True, True]
    assert [("Secure" in each) for each in lines(cookie)] == [False, True]


@pytest.mark.parametrize(
    ("name", "value"), [("a b", "c"), ("", "c"), ("a", "b; c"), ("a", "b\r\nX: y"), ("a", "ü"), ("a", "x" * 5_000)]
)
def test_what_cannot_be_sent_is_refused_at_once(name: str, value: str) -> None:
    cookie = Cookie()
    with pytest.raises(ValueError, match="cookie"):
        cookie[name] = value
    assert cookie == {}
    assert lines(cookie) == []


def test_the_id_stays() -> None:
    cookie = Cookie("id=mine; a=b", id="7")
    assert cookie["id"] == "7"
    for change in (
        lambda: cookie.update(id="8"),
        lambda: cookie.pop("id"),
        lambda: cookie.__setitem__("id", "8"),
        lambda: cookie.__delitem__("id"),
    ):
        with pytest.raises(ValueError, match="is the visitor"):
            change()
    assert cookie.popitem() == ("a", "b")
    with pytest.raises(KeyError):
        cookie.popitem()
    cookie["c"] = "d"
    cookie.clear()
    assert cookie == {"id": "7"}


def test_without_a_visitor_the_id_is_a_name_as_any_other() -> None:
    cookie = Cookie("id=mine")
    cookie["id"] = "other"
    cookie.clear()
    assert cookie == {}
    with pytest.raises(KeyError):
        del cookie["id"]


def made(**content: Any) -> tuple[KeptUser, User]:
    kept = KeptUser(content)
    return kept, User(kept, Cookie("a=b", id="7"))


def test_a_user_is_a_dict_with_a_cookie() -> None:
    kept, user = made(n=1)
    assert isinstance(user, dict)
    assert user == {"n": 1, "cookie": {"a": "b", "id": "7"}}
    assert isinstance(user["cookie"], Cookie)
    assert kept == {"n": 1}


def test_what_is_put_in_is_kept() -> None:
    kept, user = made(n=1)
    user["n"] += 1
    user["list"] = (1, 2)
    user["list"].append({"deep": []})
    user["list"][2]["deep"].append(3)
    user.update({"a": 1}, b=2)
    user |= {"c": 3}
    assert user.setdefault("d", {}) == {}
    user["d"]["e"] = 4
    assert user.setdefault("n", 9) == 2
    assert kept == {"n": 2, "list": [1, 2, {"deep": [3]}], "a": 1, "b": 2, "c": 3, "d": {"e": 4}}
    assert {**user, "cookie": None} == {**kept, "cookie": None}


def test_what_was_there_is_the_kept_object() -> None:
    kept, user = made(cart=[])
    user["cart"].append("tea")
    assert kept == {"cart": ["tea"]}


def test_what_is_taken_out_is_gone() -> None:
    kept, user = made(a=1, b=2, c=3, d=4)
    del user["a"]
    assert user.pop("b") == 2
    assert user.pop("x", None) is None
    assert user.popitem() == ("d", 4)
    assert kept == {"c": 3}
    user.clear()
    assert kept == {}
    assert user == {"cookie": {"a": "b", "id": "7"}}
    with pytest.raises(KeyError):
        user.popitem()
    with pytest.raises(KeyError):
        user.pop("x")
    with pytest.raises(KeyError):
        del user["x"]


def test_what_cannot_be_kept_is_refused_at_once() -> None:
    kept, user = made()
    with pytest.raises(TypeError):
        user["x"] = object()
    assert "x" not in user
    assert kept == {}


def test_the_cookie_stays_but_can_be_replaced() -> None:
    kept, user = made()
    cookie = user["cookie"]
    user["cookie"] = cookie
    assert cookie.changes() == []
    user["cookie"] = {"c": "d"}
    assert user["cookie"] is cookie
    assert cookie == {"id": "7", "c": "d"}
    assert [each.name for each in cookie.changes()] == ["a", "c"]
    with pytest.raises(ValueError, match="stays"):
        del user["cookie"]
    with pytest.raises(ValueError, match="stays"):
        user.pop("cookie")
    assert kept == {}
