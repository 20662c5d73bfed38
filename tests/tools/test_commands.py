"""What the commands say."""

from __future__ import annotations

import pytest

from hospes.tools.commands import many


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1_234_567, "1,234,567 records")]
)
def test_how_many(count: int, said: str) -> None:
    assert many(count, "record") == said
