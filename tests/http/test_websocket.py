"""The content that turns a connection into a channel: its defaults are bounds, and it is frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hospes.http.websocket import Channel, WebSocketContent, WebSocketOptions
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
    with pytest.raises(FrozenInstanceError):
        WebSocketContent(Deaf()).deflate = "permessage-deflate"  # type: ignore[misc]
