"""A clock that is set back, or far ahead and back again: nobody is forgotten, nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

from tests.faults.support import Site, Visitor

DAY = 86_400

# Python imports this module by itself, before hospes asks for the time.
CUSTOM = """
import os, time
real = time.time
def shifted():
    with open(os.environ["SHIFT"]) as file:
        return real() + float(file.read())
time.time = shifted
"""


def test_the_clock_steps(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CUSTOM)
    shift = tmp_path / "shift"

    def step(seconds: float) -> None:
        (tmp_path / "next").write_text(str(seconds))
        os.replace(tmp_path / "next", shift)

    step(0)
    site = Site(f"sqlite:///{tmp_path}/clock.db", tmp_path, SHIFT=str(shift), PYTHONPATH=str(tmp_path))
    with site.running():
        visitor, member = Visitor(site.port), Visitor(site.port)
        assert member.ask("POST", "/login/ada").status == 200
        count = 0
        for seconds in (-1, -3600, -1000 * DAY, 0, 399 * DAY, -10 * DAY, 0):
            step(seconds)
            for _ in range(2):
                count += 1
                assert visitor.ask("POST", "/count") == (200, {"n": count}), seconds
            newcomer = Visitor(site.port)
            assert newcomer.ask("POST", "/count") == (200, {"n": 1})
            assert newcomer.ask("POST", "/count") == (200, {"n": 2})
            newcomer.close()
            if seconds < 30 * DAY:  # else the login has ended, and is there again afterwards
                assert member.ask("GET", "/count").value["name"] == "ada", seconds
        step(-5 * DAY)
        assert site.stop() == 0
        site.start()
        visitor.at(site.port)
        assert visitor.ask("POST", "/count") == (200, {"n": count + 1})
        visitor.close()
        member.close()
