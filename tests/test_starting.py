"""What a start loads, so that nobody makes it slow again: an application that is ready, and nothing that it does not need.

`python -m bench guard` counts what it costs.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

READY = """
import asyncio, msgspec, sys
before = set(sys.modules)
import hospes
app = hospes.App()
@app.get("/{number:int}")
async def home(number: int, verbose: bool = False) -> str: return "hello"
async def start():
    async with app.started(): pass
asyncio.run(start())
print(*sorted(set(sys.modules) - before))
"""

UNASKED = {
    "hospes.adapters": "for other servers, and other frameworks' applications",
    "hospes.client": "for who asks other servers",
    "hospes.engine": "for who serves",
    "hospes.files.folder": "for who serves a folder",
    "hospes.filters.compress": "for who compresses",
    "hospes.filters.ratelimit": "for who limits",
    "hospes.http.handshake": "for who has websockets",
    "hospes.limits": "for who serves",
    "hospes.logger": "for who shows a log",
    "hospes.quick": "for programs of one file",
    "hospes.server.server": "for who serves",
    "hospes.sessions.sessions": "for who asks for a Session",
    "hospes.signing": "for who asks for a Keyring",
    "hospes.store.url": "for who asks for what a store keeps",
    "hospes.testing": "for tests",
    "hospes.users.user": "for who asks for a User",
    "hospes.websockets.websocket": "for who has websockets",
    "hospes.wire.reader": "for the portable carrier",
    "html": "pages of errors",
    "http.cookies": "for who asks for morsels",
    "json": "errors that show a value",
    "pathlib": "folders",
    "secrets": "tokens",
    "tempfile": "large forms",
    "urllib.parse": "other URLs than our own",
}
"""Modules that an application which is ready has not loaded, and for whom they are."""

MOST = 100
"""Modules of ours that it has loaded, at the most; each takes a quarter of a millisecond."""
MOST_OF_OTHERS = 12
"""Modules of Python beyond those that asyncio and msgspec load."""


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    return subprocess.run([sys.executable, "-c", READY], capture_output=True, text=True, check=True).stdout.split()


def test_an_application_that_is_ready_has_loaded_what_it_needs(loaded: list[str]) -> None:
    assert {name: UNASKED[name] for name in loaded if name in UNASKED} == {}


def test_what_is_not_to_be_loaded_is_there() -> None:
    missing = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    subprocess.run([sys.executable, "-c", missing, *(name for name in UNASKED if name != "hospes.engine")], check=True)


def test_that_is_not_much(loaded: list[str]) -> None:
    ours = [name for name in loaded if name.partition(".")[0] == "hospes"]
    others = [name for name in loaded if name not in ours]
    assert len(ours) <= MOST, ours
    assert len(others) <= MOST_OF_OTHERS, others


def test_the_import_alone_loads_next_to_nothing() -> None:
    program = "import sys, hospes\nprint(*(name for name in sorted(sys.modules) if name.startswith('hospes')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["hospes", "hospes.files", "hospes.lazily"]


def test_who_asks_for_a_visitor_loads_what_keeps_visitors() -> None:
    program = READY
    for before, after in {
        "import hospes\n": "import hospes\nfrom hospes import User\n",
        "verbose: bool = False": "user: User",
        "hospes.App()": "hospes.App(store='memory:')",
    }.items():
        program = program.replace(before, after)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "hospes.users.visitors" in done.stdout.split()
