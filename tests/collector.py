"""Python's collector of cycles, held off where calls are counted: who listens to it, as Hypothesis does, is called then."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Generator[None]:
    """Nothing is collected in the block."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
