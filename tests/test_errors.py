"""The tree of errors."""

from __future__ import annotations

import copy
import pickle
from http import HTTPStatus
from typing import Any

import pytest

from hospes.errors import (
    ClientDisconnected,
    HospesError,
    HttpError,
    ProtocolError,
    SetupError,
    check_callable,
    check_kind,
    is_list_of_texts,
)
from hospes.http.problem import FieldError, InvalidRequest
from hospes.limits import Limits


def test_one_root() -> None:
    for each in (HttpError, ProtocolError, ClientDisconnected, SetupError):
        assert issubclass(each, HospesError)
    assert HospesError.__bases__ == (Exception,)


def test_http_error_has_defaults() -> None:
    error = HttpError()
    assert (error.code, error.message, error.explain, dict(error.headers)) == (400, "", "", {})
    assert str(error) == "400"


def test_http_error_shows_what_it_has() -> None:
    error = HttpError(503, "Busy", "Come back later.", {"Retry-After": "5"})
    assert str(error) == "503 Busy Come back later."
    assert error.headers["Retry-After"] == "5"
    assert str(HttpError(404, explain="Gone for good.")) == "404 Gone for good."


@pytest.mark.parametrize("code", [400, 401, 499, 500, 599])
def test_http_error_takes_error_statuses(code: int) -> None:
    assert HttpError(code).code == code


@pytest.mark.parametrize("code", [-1, 0, 100, 200, 302, 399, 600, 1000])
def test_http_error_refuses_other_statuses(code: int) -> None:
    with pytest.raises(ValueError, match=rf"HttpError\({code}\): an error's status is 400 to 599"):
        HttpError(code)


@pytest.mark.parametrize("code", ["404", "Not found", None, 404.5])
def test_http_error_wants_its_status_first(code: Any) -> None:
    with pytest.raises(TypeError, match=r"HttpError\(.*\): the status comes first, an int of 400 to 599, and then the message"):
        HttpError(code)


def test_http_error_takes_the_standard_librarys_statuses_as_plain_numbers() -> None:
    error = HttpError(HTTPStatus.NOT_FOUND)
    assert type(error.code) is int
    assert str(error) == "404"


def test_protocol_error() -> None:
    error = ProtocolError(431, "a field line is too long")
    assert (error.status, error.reason) == (431, "a field line is too long")
    assert str(error) == "431 a field line is too long"


def test_setup_error_names_places_and_remedy() -> None:
    error = SetupError("Two routes are the same.", where=("a.py:1", "b.py:2"), remedy="Rename one.")
    assert str(error) == "Two routes are the same.\n  at a.py:1\n  at b.py:2\n  → Rename one."
    assert (error.problem, error.where, error.remedy) == ("Two routes are the same.", ("a.py:1", "b.py:2"), "Rename one.")
    assert str(SetupError("Wrong.")) == "Wrong."


ERRORS = [
    HttpError(503, "Busy", "Later.", {"Retry-After": "5"}),
    InvalidRequest([FieldError("query", "n", "missing")]),
    ProtocolError(400, "no"),
    ClientDisconnected("gone"),
    SetupError("Wrong.", where=("a.py:1",), remedy="Right it."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_the_way_to_another_process(error: HospesError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"a": 1}, "App(limits={'a': 1}) is no Limits\n  → write App(limits=Limits(body=3))"),
        ({}, "App(limits={}) is no Limits\n  → write App(limits=Limits(body=3))"),
        (Limits, "App(limits=Limits) is the class itself\n  → write App(limits=Limits(body=3))"),
        (int, "App(limits=int) is a class, and no Limits\n  → write App(limits=Limits(body=3))"),
        ("{}", "App(limits='{}') is no Limits\n  → write App(limits=Limits(body=3))"),
    ],
)
def test_check_kind(given: object, text: str) -> None:
    for kind in (Limits, (Limits, bytes)):
        check_kind("App(limits={})", Limits(), kind, "Limits(body=3)")
        with pytest.raises(SetupError) as caught:
            check_kind("App(limits={})", given, kind, "Limits(body=3)")
        assert str(caught.value) == text
    check_kind("App(limits={})", b"", (Limits, bytes), "Limits(body=3)")


@pytest.mark.parametrize(
    ("given", "is_one"),
    [
        ([], True),
        (["a"], True),
        (("a", "b"), True),
        ({"a"}, True),
        ("a", False),
        (["a", 1], False),
        ({"a": 1}, False),
        (7, False),
    ],
)
def test_is_list_of_texts(given: object, is_one: bool) -> None:
    assert is_list_of_texts(given) is is_one


def test_check_callable() -> None:
    check_callable("handler", print, "")
    with pytest.raises(SetupError) as error:
        check_callable("handler", 3, "give a function")
    assert str(error.value) == "int is no handler: it cannot be called\n  → give a function"
