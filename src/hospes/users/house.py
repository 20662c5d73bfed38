"""What all visits share: the store, the turns, the options, and what is under way.

Law: a House is of one loop, that of the `Visitors` who made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hospes.http import Request
from hospes.store import Store
from hospes.store.contract import Clock
from hospes.store.shapes import Shapes
from hospes.store.turns import Turns
from hospes.store.underway import Underway
from hospes.users.entrance import Entrance
from hospes.users.options import VisitorOptions, renewal
from hospes.users.seal import Sealer
from hospes.users.values import VALUES

Company: TypeAlias = Callable[[Request], AbstractAsyncContextManager[None]]
"""What stands around signing in and out: entered before, left after it. A failure passes through it."""


def alone(request: Request) -> AbstractAsyncContextManager[None]:
    """No company."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class House:
    """What all visits share.

    Args:
        store: Keeps the records; it is open.
        turns: Gives the turns.
        options: How visitors are remembered.
        clock: Tells the time in seconds since the epoch.
        loop: Where all of it happens.
        sealer: Issues the cookies of anonymous visitors.
        entrance: Where visitors sign in.
        company: What goes along with a visitor who signs in or out.
        underway: What is being written.
        shapes: What is declared of visitors' values.
        is_print: The shapes', which is asked at every request's end.
        renewals: Seconds between two renewals of the cookie, of who is anonymous and of who is signed in.
    """

    store: Store
    turns: Turns
    options: VisitorOptions
    clock: Clock
    loop: asyncio.AbstractEventLoop
    sealer: Sealer
    entrance: Entrance
    company: Company
    underway: Underway = field(default_factory=Underway)
    shapes: Shapes = field(init=False)
    is_print: Callable[[bytes, Mapping[str, Any]], bool] = field(init=False)
    renewals: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", Shapes(self.options.types, VALUES))
        object.__setattr__(self, "is_print", self.shapes.is_print)
        object.__setattr__(self, "renewals", (renewal(self.options, is_member=False), renewal(self.options, is_member=True)))
