"""WSGI's words (PEP 3333): what its applications, and those who call them, hand to each other.

Text is what PEP 3333 calls a native string: a str of which each character stands for one octet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, TypeAlias

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None"
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
WsgiApplication: TypeAlias = Callable[[Any, Any], Iterable[bytes]]
"""`application(environ, start_response)`; frameworks type the two each in a way of their own."""


class FileWrapper:
    """`wsgi.file_wrapper`: a file as an application's answer; sent by the kernel where it is one of the system's.

    Args:
        file: Anything with `read`.
        size: Octets of one piece, where it is read.
    """

    def __init__(self, file: BinaryIO, size: int = 65_536) -> None:
        self.file = file
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self._size), b"")

    def first(self, count: int) -> Iterator[bytes]:
        """So many octets, where there are."""
        while count and (piece := self.file.read(min(count, self._size))):
            yield piece
            count -= len(piece)

    def close(self) -> None:
        """Close the file, if it can be."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()
