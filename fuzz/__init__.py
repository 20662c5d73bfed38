"""One fuzz target for each parser.

A target is a module fuzz_NAME.py whose docstring's first line is the invariant, with `target(data: bytes) -> None`, which
returns or raises, and `SEEDS: list[bytes]`. `python -m fuzz` drives them; `tests/fuzz` runs each for a moment.
"""
