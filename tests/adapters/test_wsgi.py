"""`wsgi.file_wrapper`: what is read of a file, and its closing."""

from __future__ import annotations

import io
from typing import Any

import pytest

from hospes.adapters.wsgi import FileWrapper


@pytest.mark.parametrize(("size", "pieces"), [(2, [b"ab", b"cd", b"e"]), (5, [b"abcde"]), (6, [b"abcde"])])
def test_it_reads_in_pieces(size: int, pieces: list[bytes]) -> None:
    file = io.BytesIO(b"abcde")
    wrapper = FileWrapper(file, size)
    assert list(wrapper) == pieces
    wrapper.close()
    assert file.closed


def test_what_cannot_be_closed() -> None:
    class Reads:
        def read(self, size: int) -> bytes:
            return b""

    file: Any = Reads()
    FileWrapper(file).close()
