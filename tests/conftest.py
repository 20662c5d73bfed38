"""What all tests share: the programs they need, and the rule that continuous integration skips nothing in silence.

Laws:

* A developer's machine may lack a program: the tests that need it are skipped, with the reason.
* What Hypothesis makes up is the same in every run, and nothing is timed.
* With `CI` in the environment every skip fails the run, unless its reason starts with `platform:`; there a
  missing program is a broken set-up, not a reason.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Callable

import pytest
from hypothesis import settings
from tests.servers import own_postgres, own_valkey, postgres, valkey  # noqa: F401  # fixtures, one of each for all folders

settings.register_profile("hospes", derandomize=True, deadline=None)
settings.load_profile("hospes")

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@pytest.fixture(scope="session")
def need() -> Callable[..., str]:
    """`need("chromium", "google-chrome")`: the path of the first of these programs that is installed."""

    def find(*programs: str) -> str:
        for program in programs:
            if path := shutil.which(program):
                return path
        message = f"{' or '.join(programs)} is not installed"
        if IN_CI:
            pytest.fail(f"{message}; .ci/run is to install it", pytrace=False)
        pytest.skip(message)

    return find


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> None:
    """Each test begins with hospes' logging as Python has it, whatever a program of an earlier test, or a fixture, has set up."""
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("hospes", "hospes.app", "hospes.server"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.setLevel(logging.NOTSET)
        logger.propagate, logger.disabled = True, False


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay until the end: what looks for garbage in a test need not look at them each time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fails a run that passed but skipped."""
    if IN_CI and exitstatus == pytest.ExitCode.OK and _silent_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says which skips failed the run."""
    if IN_CI:
        for line in _silent_skips(config):
            terminalreporter.write_line(f"SKIPPED IN CI {line}", red=True)


def _silent_skips(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, pytest.TerminalReporter):
        return []
    reasons = [(report.nodeid, _reason(report)) for report in reporter.stats.get("skipped", [])]
    return [f"{node}: {reason}" for node, reason in reasons if not reason.startswith("platform:")]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    # pytest keeps a skip as (file, line, "Skipped: reason").
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
