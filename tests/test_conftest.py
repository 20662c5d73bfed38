"""The rule on skips, tried on whole pytest runs of a small suite of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PASS = "def test_it(): pass\n"
NEEDS = "def test_it(need): need('no-such-program', 'nor-this')\n"
FINDS = "def test_it(need): assert need('no-such-program', 'sh').endswith('sh')\n"
SKIPS = "import pytest\n@pytest.mark.skip('no mood')\ndef test_it(): pass\n"
SKIPS_MODULE = "import pytest\npytest.skip('no mood', allow_module_level=True)\n"
PLATFORM = "import pytest\n@pytest.mark.skip('platform: only where it snows')\ndef test_it(): pass\n"


def run(folder: Path, suite: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_suite.py").write_text(suite)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | ({"CI": "true"} if ci else {})
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)  # conftest.py takes fixtures from the package of tests
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("suite", "local", "ci", "says"),
    [
        (PASS, 0, 0, "1 passed"),
        (FINDS, 0, 0, "1 passed"),
        (NEEDS, 0, 1, "no-such-program or nor-this is not installed"),
        (SKIPS, 0, 1, "no mood"),
        (SKIPS_MODULE, 5, 5, "no mood"),
        (PASS + PLATFORM.replace("test_it", "test_there"), 0, 0, "only where it snows"),
    ],
    ids=["passes", "finds", "needs", "skips", "skips-module", "platform"],
)
def test_skips(tmp_path: Path, suite: str, local: int, ci: int, says: str) -> None:
    for in_ci, expected in ((False, local), (True, ci)):
        outcome = run(tmp_path, suite, ci=in_ci)
        assert outcome.returncode == expected, outcome.stdout + outcome.stderr
        assert says in outcome.stdout
        assert ("SKIPPED IN CI" in outcome.stdout) == (in_ci and suite in {SKIPS, SKIPS_MODULE})
