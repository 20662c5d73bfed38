"""The content that turns a connection into a channel: its defaults are bounds, and it is frozen."""

from __future__ import annotations

import asyncio

import pytest

from hospes.http.websocket import Channel, WebSocketContent, WebSocketOptions, binary
from hospes.limits import MiB


class Deaf:
    """A receiver that hears nothing."""

    wants_frames = False

    def opened(self, channel: Channel) -> None:
        pass

    def message(self, message: str | bytes) -> None:
        pass

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        return True

    def ping(self, payload: bytes) -> bool:
        return False

    def pong(self, payload: bytes) -> None:
        pass

    def closed(self, code: int, reason: str) -> None:
        pass


def test_defaults_are_bounds() -> None:
    assert WebSocketOptions() == WebSocketOptions(MiB, 4 * MiB, 20.0, 20.0, True)


def test_content_has_options_of_its_own_by_default() -> None:
    content = WebSocketContent(Deaf())
    assert (content.options, content.deflate) == (WebSocketOptions(), "")


def test_content_is_frozen() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        WebSocketContent(Deaf()).deflate = "permessage-deflate"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["message", "queue"])
@pytest.mark.parametrize("bound", [-1, 0])
def test_bounds_that_are_none(name: str, bound: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^WebSocketOptions\({name}={bound}\): a bound is 1 at least; take a large one to lift it$"
    ):
        WebSocketOptions(**{name: bound})  # type: ignore[arg-type]  # bounds only


@pytest.mark.parametrize("times", [{"ping_interval": -1.0}, {"ping_timeout": 0.0}, {"ping_timeout": float("inf")}])
def test_times_that_are_none(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"^WebSocketOptions: ping_interval is 0 \(never\) or a time in seconds"):
        WebSocketOptions(**times)  # type: ignore[arg-type]  # times only


def test_closing_cleans_up_once_and_in_order() -> None:
    content = WebSocketContent(Deaf())
    done: list[tuple[int, BaseException | None]] = []

    def clean_up(number: int, fails: bool) -> None:
        async def close(error: BaseException | None) -> None:
            done.append((number, error))
            if fails:
                raise OSError(number)

        content.clean_ups.append(close)

    clean_up(1, False)
    clean_up(2, True)
    clean_up(3, False)
    error = KeyError()
    with pytest.raises(OSError, match="2"):
        asyncio.run(content.aclose(error))
    asyncio.run(content.aclose())
    assert done == [(3, error), (2, error), (1, error)]


@pytest.mark.parametrize("octets", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_octets_are_a_binary_message(octets: object) -> None:
    assert type(binary(octets)) is bytes
    assert binary(octets) == b"abc"


@pytest.mark.parametrize(("message", "kind"), [(3, "int"), ([1, 2], "list"), ({"a": 1}, "dict"), (None, "NoneType")])
def test_what_is_no_message(message: object, kind: str) -> None:
    with pytest.raises(TypeError) as caught:
        binary(message)
    assert str(caught.value) == f"a websocket sends str or bytes, not {kind}; send_json() is for what has a JSON form"
