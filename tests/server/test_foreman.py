"""Workers: started, restarted, reloaded, dismissed; real processes, and a real load, over either carrier."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.golden import check_golden
from tests.server.fleet import Fleet, Load, ask, eventually, gone, listening
from tests.server.support import WAIT, Peer, request

from hospes.errors import SetupError
from hospes.server import Foreman, ServerOptions, Workers
from hospes.server.foreman import processors, this_program, where_we_are


def test_workers_serve_and_stop(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        workers = fleet.workers()
        assert len(workers) == 2
        assert int(ask(port)) in workers
        assert fleet.end() == 0
        assert all(map(gone, workers))
        assert not listening(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_other_signals_that_stop(tmp_path: Path, number: signal.Signals) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.serving()
        assert fleet.end(number) == 0


@pytest.mark.usefixtures("carrier")
def test_a_request_under_way_is_finished(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet, Peer(fleet.serving()) as peer:
        peer.send(request("/wait"))
        fleet.wait_for("waits")
        fleet.send(signal.SIGTERM)
        eventually(lambda: not listening(fleet.port))
        (tmp_path / "enough").touch()
        got = peer.get()
        assert (got.status, got.fields["connection"]) == (200, "close")
        assert fleet.over() == 0


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        with Peer(port) as peer:
            peer.send(request("/sleep?seconds=60"))
            fleet.wait_for("asleep")
            fleet.send(signal.SIGTERM)
            eventually(lambda: not listening(port))
            assert fleet.end() == 143


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        before = fleet.workers()
        with Peer(port) as peer:
            peer.send(request("/exit"))
            assert peer.closed()
        assert "ended with status 7 after" in fleet.wait_for("WARNING worker")
        eventually(lambda: len(fleet.workers()) == 2 and fleet.workers() != before)
        os.kill(fleet.workers()[0], signal.SIGKILL)
        assert "was ended by SIGKILL" in fleet.wait_for("WARNING worker")
        assert int(ask(port)) in fleet.workers()


@pytest.mark.usefixtures("carrier")
def test_workers_end_with_their_foreman(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        workers = fleet.workers()
        with Peer(port) as peer:
            peer.send(request("/sleep?seconds=0.2"))
            fleet.wait_for("asleep")
            fleet.send(signal.SIGKILL)
            assert peer.get().status == 200
        eventually(lambda: all(map(gone, workers)))
        assert not listening(port)
        fleet.over()
    assert sum("the process that started this worker has gone" in line for line in fleet.log) == 2


def test_the_first_one_that_does_not_start_ends_all(tmp_path: Path) -> None:
    with Fleet(tmp_path, "def before():\n    sys.exit(3)") as fleet:
        assert fleet.over() == 3
        assert [line for line in fleet.log if "ERROR" in line] == [
            "ERROR a worker ended with status 3 before it served: this is the end of all"
        ]


@pytest.mark.usefixtures("carrier")
def test_reloading_loads_new_code_and_loses_nothing(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        before = fleet.workers()
        assert ask(port, "/code") == b"1"
        with Load(port) as load:
            for code in ("2", "3"):
                fleet.write(f"code = {code}")
                fleet.send(signal.SIGHUP)
                fleet.wait_for("reloaded: 2 workers serve")
                load.until(50)
        assert load.failures == []
        assert ask(port, "/code") == b"3"
        eventually(lambda: len(fleet.workers()) == 2)
        assert not set(before) & set(fleet.workers())


def test_new_code_that_does_not_start_changes_nothing(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        before = fleet.workers()
        fleet.write("def before():\n    1 / 0")
        fleet.send(signal.SIGHUP)
        fleet.wait_for("ERROR the reload is given up: 2 workers from before go on")
        assert fleet.workers() == before
        assert int(ask(port)) in before


LATE = """
def before():
    print("starts", flush=True)
    while not os.path.exists("enough"):
        time.sleep(0.01)
"""
"""It comes to serve only when it is let."""


def test_reloading_while_the_first_one_starts(tmp_path: Path) -> None:
    """What is announced is what serves then."""
    with Fleet(tmp_path, LATE) as fleet:
        fleet.wait_for("starts")
        fleet.write("code = 2")
        fleet.send(signal.SIGHUP)
        assert ask(fleet.serving(), "/code") == b"2"
        eventually(lambda: len(fleet.workers()) == 2)
        assert fleet.end() == 0
    assert "INFO reloaded: 2 workers serve" in fleet.log


def test_code_that_is_mended_before_it_has_failed(tmp_path: Path) -> None:
    with Fleet(tmp_path, LATE + "    sys.exit(3)") as fleet:
        fleet.wait_for("starts")
        fleet.write("code = 2\n" + LATE.replace("starts", "begins").replace("enough", "more"))
        fleet.send(signal.SIGHUP)
        fleet.wait_for("begins")
        (tmp_path / "enough").touch()
        assert "ended with status 3 before it served (1 in a row)" in fleet.wait_for("WARNING worker")
        (tmp_path / "more").touch()
        assert ask(fleet.serving(), "/code") == b"2"
        assert fleet.end() == 0
    assert "INFO reloaded: 2 workers serve" in fleet.log
    assert not any("ERROR" in line for line in fleet.log)


def test_code_that_is_broken_before_the_first_one_serves(tmp_path: Path) -> None:
    with Fleet(tmp_path, LATE) as fleet:
        fleet.wait_for("starts")
        fleet.write("def before():\n    sys.exit(3)")
        fleet.send(signal.SIGHUP)
        fleet.wait_for("ERROR the reload is given up: 1 workers from before go on")
        fleet.write("code = 2")
        (tmp_path / "enough").touch()
        fleet.serving()
        assert fleet.end() == 0


def test_code_that_is_broken_before_and_after(tmp_path: Path) -> None:
    with Fleet(tmp_path, LATE + "    sys.exit(3)") as fleet:
        fleet.wait_for("starts")
        fleet.write("def before():\n    sys.exit(4)")
        fleet.send(signal.SIGHUP)
        fleet.wait_for("ERROR the reload is given up")
        (tmp_path / "enough").touch()
        assert fleet.over() in {3, 4}
    assert "this is the end of all" in fleet.log[-1]


@pytest.mark.usefixtures("carrier")
def test_a_stop_under_load_loses_nothing(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet, Load(fleet.serving()) as load:
        load.refusing.set()
        assert fleet.end() == 0
    assert load.failures == []
    assert load.answers > 50


def test_one_more_and_one_fewer(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        port = fleet.serving()
        fleet.send(signal.SIGTTIN)
        eventually(lambda: len(fleet.workers()) == 3)
        fleet.send(signal.SIGTTOU)
        eventually(lambda: len(fleet.workers()) == 2)
        fleet.send(signal.SIGTTOU)
        eventually(lambda: len(fleet.workers()) == 1)
        fleet.send(signal.SIGTTOU)  # the last one stays
        assert int(ask(port)) in fleet.workers()
        assert fleet.end() == 0


def test_a_worker_that_has_had_its_requests_is_relieved(tmp_path: Path) -> None:
    with Fleet(tmp_path, "workers = Workers(1, max_requests=10)") as fleet:
        port = fleet.serving()
        (before,) = fleet.workers()
        with Load(port, peers=2) as load:
            fleet.wait_for(f"INFO worker {before} has had its requests")
            load.until(20)
        assert load.failures == []
        eventually(lambda: before not in fleet.workers())


def test_a_blocked_worker_shows_its_stacks_and_is_replaced(tmp_path: Path) -> None:
    with Fleet(tmp_path, "workers = Workers(1, hang=4)") as fleet:
        port = fleet.serving()
        (before,) = fleet.workers()
        with Peer(port) as peer:
            peer.send(request("/block"))
            line = fleet.wait_for("WARNING the loop has been blocked")
            assert "program.py:" in line
            assert line.endswith("in handler")
            fleet.wait_for(f"ERROR worker {before} has given no sign of life")
            fleet.wait_for("in handler")  # of the stacks
            fleet.wait_for("was ended by SIGABRT")
        assert int(ask(port)) != before


WAITS = """
if "HOSPES_WORKER" in os.environ:
    open("begun", "x").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
else:
    workers = Workers(1)
"""


def test_a_foreman_that_dies_while_a_worker_starts_has_no_heir(tmp_path: Path) -> None:
    with Fleet(tmp_path, WAITS) as fleet:
        eventually((tmp_path / "begun").exists)
        [worker] = fleet.workers()
        fleet.process.kill()
        fleet.process.wait()
        (tmp_path / "go").touch()
        fleet.wait_for("the process that started this worker has gone")
        eventually(lambda: gone(worker))


HANGS = 'workers = Workers(1, startup=5)\nif "HOSPES_WORKER" in os.environ:\n    time.sleep(60)'


def test_a_worker_that_never_comes_to_serve_shows_its_stacks_and_is_ended(tmp_path: Path) -> None:
    with Fleet(tmp_path, HANGS) as fleet:
        line = fleet.wait_for("ERROR worker")
        assert line.endswith("after its start (--startup): it shows its stacks, and is ended")
        assert "does not serve " in line
        fleet.wait_for("program.py")  # of the stacks
        fleet.wait_for("ERROR a worker was ended by SIGABRT before it served: this is the end of all")
        assert fleet.over() == 1


def test_new_code_that_never_comes_to_serve_changes_nothing(tmp_path: Path) -> None:
    with Fleet(tmp_path, "workers = Workers(1, startup=5)") as fleet:
        port = fleet.serving()
        before = fleet.workers()
        fleet.write(HANGS)
        fleet.send(signal.SIGHUP)
        fleet.wait_for("is ended")
        fleet.wait_for("ERROR the reload is given up: 1 workers from before go on")
        assert [int(ask(port))] == fleet.workers() == before


def test_a_crash_loop_is_called_one(tmp_path: Path) -> None:
    with Fleet(tmp_path, "workers = Workers(1)") as fleet:
        fleet.serving()
        fleet.write("def before():\n    sys.exit(5)")
        os.kill(fleet.workers()[0], signal.SIGKILL)
        fleet.wait_for("WARNING worker")
        for number in range(2, 5):
            assert f"({number} in a row)" in fleet.wait_for("WARNING worker")
        line = fleet.wait_for("ERROR worker")
        assert "ended with status 5 before it served (5 in a row): the next one starts in 3.2 s" in line
        assert fleet.end() == 0


def test_a_number_that_makes_no_sense() -> None:
    given: dict[str, Any]
    for given in ({"count": 0}, {"count": "many"}, {"count": True}, {"max_requests": -1}, {"hang": 0}, {"startup": 0}):
        with pytest.raises(SetupError):
            Workers(**given)
    with pytest.raises(SetupError) as caught:
        Workers(0)
    check_golden("server/workers_count", str(caught.value))
    assert Workers(3).number() == 3
    assert Workers().number() == processors() >= 1


def test_a_program_that_cannot_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["python"], ["python", "-"]):
        monkeypatch.setattr("sys.orig_argv", words)
        with pytest.raises(SetupError) as caught:
            this_program()
        check_golden("server/workers_piped", str(caught.value))
    monkeypatch.setattr("sys.orig_argv", ["python", "-m", "hospes"])
    assert this_program()[1:] == ["-m", "hospes"]


def test_outside_of_the_main_thread() -> None:
    import threading

    caught: list[SetupError] = []

    def run() -> None:
        try:
            Foreman(ServerOptions(port=0), Workers(1)).run()
        except SetupError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(WAIT)
    check_golden("server/workers_thread", str(caught[0]))


def test_the_folder_keeps_the_name_it_was_entered_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "current").symlink_to("one")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    assert where_we_are() == str(tmp_path / "current")
    for other in (str(tmp_path), "relative", str(tmp_path / "nowhere"), ""):
        monkeypatch.setenv("PWD", other)
        assert where_we_are() == str(tmp_path / "one")


def test_log_files_are_opened_again(tmp_path: Path) -> None:
    more = f"""
from hospes.server import AccessLog
options = ServerOptions(port=0, access_log=AccessLog({str(tmp_path / "log")!r}, "{{path}}"))
"""
    with Fleet(tmp_path, more) as fleet:
        port = fleet.serving()
        ask(port, "/one")
        eventually(lambda: (tmp_path / "log").read_text() == "/one\n")
        (tmp_path / "log").rename(tmp_path / "old")
        fleet.send(signal.SIGUSR1)
        eventually((tmp_path / "log").exists)
        ask(port, "/two")
        assert fleet.end() == 0
    assert sorted((tmp_path / "old").read_text().split() + (tmp_path / "log").read_text().split()) == ["/one", "/two"]
