"""`python -m hospes`."""

from __future__ import annotations

import runpy
import sys

import pytest

from hospes.running import version


def test_it_is_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hospes", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("hospes", run_name="__main__", alter_sys=True)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"hospes {version()}, ")
