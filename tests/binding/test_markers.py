"""Markers: values that stand where a value of their type is declared."""

from __future__ import annotations

from typing import Annotated, get_args

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
from hospes.http.content import ContentReader


def test_text_markers_are_their_default() -> None:
    for kind in (Parameter, Header, Cookie):
        marker = kind("name", default="x", required=True)
        assert (marker, marker.name, marker.default, marker.required) == ("x", "name", "x", True)
        assert (kind(), kind().name, kind().required) == ("", "", False)
        assert repr(marker) == f"{kind.__name__}(name='name', default='x', required=True)"


def test_a_cookie_has_the_face_of_a_morsel() -> None:
    marker = Cookie("sid", "x", default_options={"path": "/"})
    assert (marker.key, marker.value, marker.default_options) == ("sid", "x", {"path": "/"})
    assert Cookie().default_options == {}


def test_parameters_are_their_default_and_share_it_with_nobody() -> None:
    given = ["a"]
    marker = Parameters("tags", given, required=True)
    given.append("b")
    assert (marker, marker.name, marker.default, marker.required) == (["a"], "tags", ("a",), True)
    assert Parameters() == []


def test_path_markers() -> None:
    assert (PathValue("id"), PathValue("id").name) == ("", "id")
    assert (RegGroup(1, "x"), RegGroup(1, "x").group, RegGroup()) == ("x", 1, "")
    assert RegGroups(("a", "b"))[1] == "b"


def test_markers_are_told_apart_although_all_are_empty_texts() -> None:
    markers = [Parameter(), Header(), Header("a"), Cookie(), Cookie(default_options={"path": "/"}), PathValue(), PathValue("a")]
    markers_too = [*markers, RegGroup(), RegGroup(1)]
    assert len(set(markers_too)) == len(markers_too)
    assert Header("a") == Header("a")
    assert Header("a") != Header("b")
    assert [get_args(Annotated[int, each])[1] for each in markers_too] == markers_too


def test_a_group_that_was_matched_is_a_text_among_texts() -> None:
    assert {"x": 1}[RegGroup(3, "x")] == 1
    assert {RegGroup(0, "x"), RegGroup(1, "x"), "x"} == {"x"}
    assert RegGroup(0, "") != RegGroup(0)


def test_parts_of_markers_that_say_nothing_more() -> None:
    assert RegGroup(0, "a") == RegGroup(1, "a")
    assert RegGroup(0) == RegGroup(0)


def test_content_markers() -> None:
    assert (JSONBody(a=1), ModelDict(a="b"), BytesBody(b"x")) == ({"a": 1}, {"a": "b"}, b"x")
    assert RequestBodyReader is ContentReader
