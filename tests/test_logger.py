"""Logging in the background: in order, nothing lost, bounded, one thread for the handlers; at exit, and after a fork."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from tests.golden import check_golden

from hospes import logger as logs
from hospes.logger import BackgroundHandler, LineFormatter, LoggerFactory, get_logger, get_logger_factory

WAIT = 20.0
PLACE = ContextVar("place", default="nowhere")


class Notes(logging.Handler):
    """Keeps what it gets, and in which thread."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []
        self.threads: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.threads.add(threading.current_thread().name)

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


class Gate(Notes):
    """Hangs until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.open = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        assert self.open.wait(WAIT)
        super().emit(record)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """A factory's name; what it has begun is ended."""
    name = f"hospes-test-{request.node.name}"
    logger = logging.getLogger(name)
    yield name
    for each in tuple(logger.handlers):
        logger.removeHandler(each)
        each.close()
    logger.propagate = True


@contextmanager
def bare_root() -> Generator[logging.Logger]:
    """The root logger as Python begins: pytest's own handlers, which come with each phase of a test, are away."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    yield root
    for each in root.handlers:
        each.close()
    root.handlers[:] = before
    root.setLevel(level)


def test_an_ordinary_logger(name: str) -> None:
    notes = Notes()
    factory = get_logger_factory(name)
    factory.set_handler(notes)
    factory.log_level = "debug"
    log = factory.get_logger("shop")
    assert log is logging.getLogger(f"{name}.shop") is get_logger("shop", name)
    assert factory.get_logger() is logging.getLogger(name)
    for number in range(1_000):
        log.debug("guest %d", number)
    factory.flush()
    assert notes.messages == [f"guest {number}" for number in range(1_000)]
    assert notes.threads == {"hospes-log"}
    assert notes.records[0].name == f"{name}.shop"
    assert notes.records[0].filename == "test_logger.py"


def test_factories_have_levels_and_handlers_of_their_own(name: str) -> None:
    one, other = get_logger_factory(f"{name}.one"), get_logger_factory(f"{name}.other")
    mine, others = Notes(), Notes()
    one.set_handler(mine)
    other.set_handler(others)
    one.log_level, other.log_level = "ERROR", logging.DEBUG
    assert (one.log_level, other.log_level) == ("ERROR", "DEBUG")
    for factory in (one, other):
        factory.get_logger("x").info("info")
        factory.get_logger("x").error("error")
        factory.flush()
    assert (mine.messages, others.messages) == (["error"], ["info", "error"])
    for factory in (one, other):
        logging.getLogger(factory.name).handlers[0].close()


def test_a_level_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="Unknown level"):
        get_logger_factory(name).log_level = "LOUD"


def test_handlers_are_added_removed_and_replaced(name: str) -> None:
    factory = LoggerFactory(name)
    first, second, third = Notes(), Notes(), Notes()
    factory.set_handler(first)
    log = factory.get_logger()
    log.warning("1")
    factory.add_handler(second)
    factory.add_handler(second)
    assert factory.handlers == (first, second)
    log.warning("2")
    factory.remove_handler(first)
    factory.remove_handler(first)
    log.warning("3")
    factory.set_handler(third)
    log.warning("4")
    factory.flush()
    assert [each.messages for each in (first, second, third)] == [["1", "2"], ["2", "3"], ["4"]]


def test_handlers_that_were_there_are_taken_along(name: str) -> None:
    plain, more = Notes(), Notes()
    logging.getLogger(name).addHandler(plain)
    factory = LoggerFactory(name)
    assert factory.handlers == (plain,)
    factory.add_handler(more)
    factory.get_logger().warning("x")
    factory.flush()
    assert (plain.messages, more.messages, plain.threads) == (["x"], ["x"], {"hospes-log"})


def test_handlers_have_levels_and_failing_ones_harm_nobody(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise ZeroDivisionError

    notes = Notes(logging.ERROR)
    factory = LoggerFactory(name)
    factory.set_handler(Broken(), notes)
    factory.get_logger().warning("x")
    factory.get_logger().error("y")
    factory.flush()
    assert notes.messages == ["y"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_arguments_that_do_not_fit_are_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    LoggerFactory(name).set_handler(notes)
    get_logger("", name).warning("%d", "x")
    LoggerFactory(name).flush()
    assert notes.messages == []
    assert "TypeError" in capsys.readouterr().err


def test_a_message_is_as_it_was(name: str) -> None:
    notes = Notes()
    factory = LoggerFactory(name)
    factory.set_handler(notes)
    cart = ["tea"]
    factory.get_logger().warning("%s", cart)
    cart.append("cake")
    try:
        raise KeyError("x")
    except KeyError:
        factory.get_logger().exception("failed")
    factory.flush()
    assert notes.messages == ["['tea']", "failed"]
    assert notes.records[1].exc_info is not None
    assert notes.records[1].exc_info[0] is KeyError


def test_filters_see_the_context_variables_of_who_logs(name: str) -> None:
    class Placed(Notes):
        def filter(self, record: logging.LogRecord) -> bool:
            record.msg = f"{record.msg} in {PLACE.get()}"
            return True

    notes = Placed()
    LoggerFactory(name).set_handler(notes)
    token = PLACE.set("the garden")
    get_logger("", name).warning("tea")
    PLACE.reset(token)
    get_logger("", name).warning("cake")
    LoggerFactory(name).flush()
    assert notes.messages == ["tea in the garden", "cake in nowhere"]


def test_who_logs_waits_for_no_handler(name: str) -> None:
    gate = Gate()
    LoggerFactory(name).set_handler(gate)
    for number in range(100):
        get_logger("", name).warning("%d", number)  # the handler has not finished the first
    assert gate.messages == []
    gate.open.set()
    LoggerFactory(name).flush()
    assert gate.messages == [str(number) for number in range(100)]


@pytest.mark.parametrize("patience", [0.0, 0.01])
def test_what_does_not_fit_is_dropped_and_counted(name: str, patience: float) -> None:
    gate = Gate()
    handler = BackgroundHandler(gate, most=3, patience=patience)
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.propagate = False
    log.warning("held")
    assert gate.reached.wait(WAIT)
    for number in range(5):
        log.warning("%d", number)
    gate.open.set()
    handler.flush()
    told = "2 records were dropped: the handlers did not keep up"
    assert told in gate.messages  # as soon as there is room
    gate.records = [record for record in gate.records if record.msg != told]
    log.warning("on")
    handler.flush()
    assert gate.messages == ["held", "0", "1", "2", "on"]


def test_room_that_comes_in_time(name: str) -> None:
    gate = Gate()
    handler = BackgroundHandler(gate, most=1, patience=WAIT)
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.propagate = False
    log.warning("held")
    assert gate.reached.wait(WAIT)
    log.warning("waits")
    threading.Timer(0.01, gate.open.set).start()
    log.warning("patient")
    handler.flush()
    assert gate.messages == ["held", "waits", "patient"]


def test_a_handler_that_logs_is_answered_at_once(name: str) -> None:
    class Talks(Notes):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            if record.msg == "x":
                get_logger("", name).warning("of itself")
                LoggerFactory(name).flush()

    notes = Talks()
    LoggerFactory(name).set_handler(notes)
    get_logger("", name).warning("x")
    LoggerFactory(name).flush()
    assert notes.messages == ["x", "of itself"]


def test_after_its_end_it_writes_at_once(name: str) -> None:
    notes = Notes()
    handler = BackgroundHandler(notes)
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.propagate = False
    log.warning("before")
    handler.close()
    handler.close()
    assert notes.messages == ["before"]
    log.warning("after")
    assert notes.messages == ["before", "after"]
    assert "hospes-log" not in {thread.name for thread in threading.enumerate() if thread is handler._thread}


def test_where_no_thread_can_be_started(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    notes = Notes()
    LoggerFactory(name).set_handler(notes)
    get_logger("", name).warning("late")
    assert notes.messages == ["late"]


def test_rotating_files_from_many_threads(name: str, tmp_path: Path) -> None:
    factory = LoggerFactory(name)
    handler = RotatingFileHandler(tmp_path / "log", maxBytes=1_000, backupCount=1_000)
    factory.set_handler(handler)
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait(WAIT)
        for turn in range(200):
            get_logger(f"thread{number}", name).warning("%d %d", number, turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    factory.flush()
    handler.close()
    files = list(tmp_path.iterdir())
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{number} {turn}" for number in range(8) for turn in range(200))
    assert len(files) > 8
    assert all(file.stat().st_size <= 1_000 for file in files)


def test_the_programs_own(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    with bare_root() as root:
        log = get_logger("till")
        assert (log.name, root.level) == ("till", logging.INFO)
        log.info("tea\nis ready\x1b[31m")
        log.debug("not yet")
        LoggerFactory().flush()
        assert capsys.readouterr().err.endswith(" INFO till: tea\\nis ready\\x1b[31m\n")
        logs.set_level("DEBUG")
        logs.add_handler(notes)
        log.debug("now")
        LoggerFactory().flush()
        assert notes.messages == ["now"]
        logs.set_handler(notes)
        capsys.readouterr()
        log.debug("again")
        LoggerFactory().flush()
        logs.remove_handler(notes)
        log.debug("nobody hears")
        assert (notes.messages, capsys.readouterr().err, LoggerFactory().handlers) == (["now", "again"], "", ())


def test_a_level_chosen_first_stays() -> None:
    with bare_root() as root:
        logs.set_level("WARNING")
        get_logger("shop")
        assert root.level == logging.WARNING


def test_a_program_that_has_set_up_logging_is_left_alone() -> None:
    notes = Notes()
    with bare_root() as root:
        root.addHandler(notes)
        get_logger("shop", "hospes-test").warning("x")
        assert notes.messages == ["x"]
        assert notes.threads == {"MainThread"}


def test_stderr_is_only_for_who_has_nothing_else(capsys: pytest.CaptureFixture[str], name: str) -> None:
    notes = Notes()
    with bare_root() as root:
        log = get_logger("shop", name)
        log.info("first")
        LoggerFactory(name).flush()
        root.addHandler(notes)
        log.info("second")
        LoggerFactory(name).flush()
        assert "first" in (error := capsys.readouterr().err)
        assert ("second" not in error, notes.messages) == (True, ["second"])
        LoggerFactory(name).add_handler(Notes())
        log.info("third")
        LoggerFactory(name).flush()
        assert ("third" in capsys.readouterr().err, notes.messages) == (True, ["second"])
        logging.getLogger(name).propagate = True


def test_a_file_that_somebody_has_closed(name: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        LoggerFactory(name).set_handler(logging.StreamHandler(file), notes := Notes())
        get_logger("", name).warning("x")
        LoggerFactory(name).flush()
    LoggerFactory(name).flush()
    LoggerFactory(name).set_handler(notes)
    get_logger("", name).warning("y")
    LoggerFactory(name).flush()
    assert notes.messages == ["x", "y"]


def test_a_line() -> None:
    record = logging.makeLogRecord({"name": "a", "levelname": "INFO", "msg": "b\tc\r\nd\u2028é中", "asctime": ""})
    assert LineFormatter("%(name)s %(message)s").format(record) == "a b\tc\\r\\nd\\u2028é中"
    try:
        raise KeyError("k")
    except KeyError:
        record.exc_info = sys.exc_info()
    assert LineFormatter("%(message)s").format(record).splitlines()[1].startswith("Traceback")


def test_mistakes() -> None:
    said: list[str] = []
    for options in ({"most": 0}, {"patience": -1.0}):
        with pytest.raises(ValueError, match="BackgroundHandler") as caught:
            BackgroundHandler(**options)
        said.append(str(caught.value))
    check_golden("logger", "\n".join(said))


PROGRAM = """
import logging, sys
from hospes.logger import get_logger, set_handler

class Slow(logging.FileHandler):
    def emit(self, record):
        import time
        time.sleep(0.002)
        super().emit(record)

log = get_logger("x")
set_handler(Slow(sys.argv[1], mode="w"))
for number in range(100):
    log.info("%d", number)
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise KeyError"])
def test_nothing_is_lost_at_exit(tmp_path: Path, end: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(end=end))
    subprocess.run([sys.executable, tmp_path / "program.py", tmp_path / "log"], capture_output=True, timeout=WAIT)
    assert (tmp_path / "log").read_text().split() == [str(number) for number in range(100)]


def _child(name: str) -> None:
    for number in range(50):
        get_logger("", name).warning("child %d", number)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: there is no fork here")
def test_nobody_is_forked_off_in_the_middle_of_a_record(name: str, tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    class Slow(logging.FileHandler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg == "parent":
                begun.set()
                may_end.wait(WAIT)
            super().emit(record)

    factory = LoggerFactory(name)
    handler = Slow(tmp_path / "log")
    factory.set_handler(handler)
    factory.get_logger().warning("parent")
    assert begun.wait(WAIT)
    process = multiprocessing.get_context("fork").Process(target=_child, args=(name,))
    release = threading.Timer(0.05, may_end.set)
    release.start()
    process.start()  # waits for the record
    process.join(WAIT)
    assert process.exitcode == 0
    release.join()
    handler.close()
    assert (tmp_path / "log").read_text().splitlines() == ["parent", *(f"child {number}" for number in range(50))]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: there is no fork here")
def test_a_forked_process_logs_by_itself(name: str, tmp_path: Path) -> None:
    factory = LoggerFactory(name)
    handler = logging.FileHandler(tmp_path / "log")
    factory.set_handler(handler)
    factory.get_logger().warning("parent")
    process = multiprocessing.get_context("fork").Process(target=_child, args=(name,))
    process.start()
    process.join(WAIT)
    assert process.exitcode == 0
    factory.flush()
    handler.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert sorted(lines) == sorted(["parent", *(f"child {number}" for number in range(50))])
