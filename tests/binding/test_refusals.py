"""Parameters that can never be bound: a mistake of the program, told when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Union

import msgspec
import pytest
from tests.golden import check_golden

from hospes.binding.markers import Cookie, Header, Parameter, Parameters, PathValue, RegGroup
from hospes.binding.plan import compile_plan
from hospes.binding.providers import ProviderRegistry
from hospes.binding.signature import Site
from hospes.errors import SetupError


class Point(msgspec.Struct):
    x: int


class Line(msgspec.Struct):
    start: Point


@dataclass
class Size:
    width: int


class Stranger:
    pass


def unknown(name=PathValue("id")):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
    return name


def nowhere(stranger: Stranger) -> Any:
    return stranger


def odd_default(stranger=Stranger()):  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
    return stranger


def odd_choice(stranger: Stranger | int) -> Any:
    return stranger


def of_two(stranger: Union[Stranger, Size, None]) -> Any:  # noqa: UP007 (the older spelling)
    return stranger


def no_texts_in_header(p: list[complex] = Header("P")) -> Any:  # type: ignore[assignment]  # noqa: B008 (the seed's form)
    return p


def twice(p: Point, s: Size) -> Any:
    return p, s


def no_text_in_path(p: Annotated[Point, PathValue("id")]) -> Any:
    return p


def no_text_in_group(p: Annotated[Point, RegGroup(0)]) -> Any:
    return p


def no_text_in_parameter(p: Annotated[complex, Parameter("p")]) -> Any:
    return p


def no_text_in_parameters(p: Annotated[list[complex], Parameters("p")]) -> Any:
    return p


def no_text_in_header(p: Annotated[Point, Header("P")]) -> Any:
    return p


def no_text_in_cookie(p: Annotated[Point, Cookie("p")]) -> Any:
    return p


def no_text_in_rest(**kw: Point) -> Any:
    return kw


def bad_default(n: int = Parameter("n", default="many")) -> Any:  # type: ignore[assignment]
    return n


def no_json(p: Point | Line) -> Any:
    return p


def no_json_text(p: dict[str, list[int] | set[int]]) -> Any:
    return p


def class_as_default(token=Header):  # type: ignore[no-untyped-def]
    return token


def other_class_as_default(kind: Any = Stranger) -> Any:
    return kind


def test_a_class_of_the_program_may_be_a_default() -> None:
    compile_plan(other_class_as_default, Site())


@pytest.mark.parametrize(
    "handler",
    [
        unknown,
        class_as_default,
        nowhere,
        odd_default,
        odd_choice,
        no_texts_in_header,
        twice,
        no_text_in_path,
        no_text_in_group,
        no_text_in_parameter,
        no_text_in_parameters,
        no_text_in_header,
        no_text_in_cookie,
        no_text_in_rest,
        bad_default,
    ],
)
def test_what_can_never_be_bound(handler: Callable[..., Any]) -> None:
    site = Site(path_names=frozenset({"name"} if handler is unknown else {"id"}), source="/srv/app/main.py:7")
    with pytest.raises(SetupError) as caught:
        compile_plan(handler, site)
    check_golden(f"binding/{handler.__name__}", str(caught.value))


@pytest.mark.parametrize("handler", [no_json, no_json_text])
def test_what_json_can_never_be(handler: Callable[..., Any]) -> None:
    with pytest.raises(SetupError, match="cannot be made of JSON"):
        compile_plan(handler, Site())


def test_a_union_of_a_stranger_and_a_model() -> None:
    with pytest.raises(SetupError):
        compile_plan(of_two, Site(methods=frozenset({"GET"})), ProviderRegistry())
