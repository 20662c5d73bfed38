"""The engine's compiled part, for type checkers."""

from hospes.limits import Limits
from hospes.wire import RequestHead

class Head(RequestHead):
    """In truth no subclass, but with its whole face."""

    def __copy__(self) -> Head: ...

def parse_head(octets: bytes, limits: Limits) -> tuple[Head, int] | None: ...
