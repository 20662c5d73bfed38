"""What a finisher gives that has nothing to wait for, and which finishers can tell so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hospes.http.finishing import DONE, LaterFinisher, QuickFinisher
from hospes.http.response import Response


async def finisher(response: Response | None) -> None:
    """One that cannot tell."""


class Quick:
    """One that can."""

    async def __call__(self, response: Response | None) -> None:
        """Finish."""

    def finish_quietly(self) -> bool:
        """Finish at once."""
        return True


class Later(Quick):
    """One that can say when it is through."""

    def finish_later(self, heard: Callable[[BaseException | None], object]) -> bool:
        """Begin."""
        heard(None)
        return True


async def wait() -> None:
    await DONE
    await DONE  # as often as one likes


def test_there_is_nothing_to_wait_for() -> None:
    coroutine = wait()
    with pytest.raises(StopIteration):  # at the first step: it has not waited
        coroutine.send(None)


def test_who_can_tell() -> None:
    assert isinstance(Quick(), QuickFinisher)
    assert not isinstance(finisher, QuickFinisher)
    assert isinstance(Later(), LaterFinisher)
    assert not isinstance(Quick(), LaterFinisher)
