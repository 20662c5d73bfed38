"""The foreman: the process that holds the listening sockets, and has workers serve them.

    foreman ── opens the sockets, starts this very program again for each worker, and serves nothing itself
       ├── worker 1 ── loads the application, asks for the sockets, says `ready`, beats        (`hospes.server.worker`)
       └── worker 2 ── …

What signals ask for:

| signal          | outcome                                                                                      |
|-----------------|----------------------------------------------------------------------------------------------|
| TERM, QUIT, INT | stops: workers finish what is under way; a second one ends at once                           |
| HUP             | reloads: for each worker a new one, with the code as it is now; the old one drains when that serves |
| TTIN, TTOU      | one worker more, one fewer                                                                   |
| USR1            | passed on: workers open their log files again                                                |

The life of a worker, as it is seen from here:

    STARTING ─ ready ─▶ READY ─ stop, reload, tired, TTOU ─▶ LEAVING ─▶ gone
        │                 └─ no beat ─▶ shows its stacks, is killed ──▶ gone: another one starts
        ├─ not ready in time ─▶ shows its stacks, is killed
        └─ dies ─▶ the first ones of all: we end with its status; in a reload: the old ones stay; else a new one, later and later

Laws:

* The foreman knows no application and has no loop; what a program does brings down workers, and never the foreman.
* No worker leaves before its successor serves. Each worker has the same sockets, so no connection is refused in between.
* Code that has been replaced decides nothing: one that dies while its successor starts, even the very first, ends nobody else.
* Whatever ends a worker is said once, with what ended it; one that dies at once is started again after a wait that doubles.
* When the foreman dies, however, its workers notice, and end.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Final, Literal

from hospes.errors import SetupError
from hospes.server.notify import Notifier
from hospes.server.places import Listening, listen_at, url_of
from hospes.server.server import ServerOptions
from hospes.server.service import LOG
from hospes.server.worker import VARIABLE

STARTING: Final = "starting"
READY: Final = "ready"
LEAVING: Final = "leaving"

TIRED: Final = -1
"""The generation of a worker that is to be relieved."""
_STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT} if sys.platform != "win32" else ())
_GRACE: Final = 5.0
"""Seconds beyond the drain time until a worker is killed."""
_AT_ONCE: Final = 2.0
"""Seconds for a worker that was asked to end at once, or to show its stacks, until it is killed."""
_SOON: Final = 10.0
"""A worker that ends by itself within this time has not really worked: the next one waits."""
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 30.0
_FORGOTTEN: Final = 60.0
"""Seconds after which a failure is not in a row with the next one any more."""
_MANY: Final = 5
"""Failures in a row from which on they are called what they are."""
_LOOK: Final = 1.0


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes serve, and for how long each.

    Args:
        count: How many; "auto" for one per processor that this process may use.
        max_requests: Requests after which a worker is relieved by a new one, as a help against leaks; 0, the default, for never.
        hang: Seconds without a sign of life from its loop after which a worker is ended, and replaced; 30.
        startup: Seconds for a new worker to load the program and to serve; one that takes longer is ended; 60.

    Raises:
        SetupError: for a number that makes no sense.
    """

    count: int | Literal["auto"] = "auto"
    max_requests: int = 0
    hang: float = 30.0
    startup: float = 60.0

    def __post_init__(self) -> None:
        if self.count != "auto" and (type(self.count) is not int or self.count < 1):
            raise SetupError(
                f"Workers(count={self.count!r}): that is no number of processes", remedy='Give 1 or more, or "auto".'
            )
        times = self.hang, self.startup
        is_count = type(self.max_requests) is int and self.max_requests >= 0
        if not is_count or not all(type(each) in (int, float) and each > 0 for each in times):
            raise SetupError(f"{self!r} cannot be", remedy="max_requests is 0 or more, hang and startup are more than 0 seconds.")

    def number(self) -> int:
        """How many processes."""
        return processors() if self.count == "auto" else self.count


def processors() -> int:
    """Processors that this process may use: those it is not kept from, within what its control group allows (containers)."""
    with suppress(AttributeError):  # not on every system
        allowed = len(os.sched_getaffinity(0))
        with suppress(OSError, ValueError):
            quota, period = _read("/sys/fs/cgroup/cpu.max").split()
            allowed = min(allowed, max(-(-int(quota) // int(period)), 1))
        return allowed
    return os.cpu_count() or 1


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


class _Hand:
    """A worker, as the foreman sees it."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket, generation: int) -> None:
        self.process = process
        self.line = line
        self.generation = generation
        self.state = STARTING
        self.since = monotonic()
        """When it got into its state."""
        self.beat = self.since
        self.kill_at: float | None = None
        self.facts: Mapping[str, str] = {}
        self.said = b""

    def go_into(self, state: str) -> None:
        self.state, self.since = state, monotonic()

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class Foreman:
    """Keeps workers at work.

    Args:
        options: Where they serve; the rest of it is theirs.
        workers: How many, and for how long.
        announce: Called once, when all are ready: with the URLs, the number of workers, and what the first one told of itself.
    """

    def __init__(
        self,
        options: ServerOptions,
        workers: Workers,
        announce: Callable[[tuple[str, ...], int, Mapping[str, str]], object] | None = None,
    ) -> None:
        self._options = options
        self._workers = workers
        self._announce = announce
        self._target = workers.number()
        self._generation = 0
        self._reloading = False
        self._hands: list[_Hand] = []
        self._failures = 0  # in a row
        self._failed = 0.0  # the last time
        self._not_before = 0.0
        self._served = False
        """Whether a worker has ever been ready."""
        self._stopping = 0
        """How often we were asked to stop."""
        self._status = 0
        self._signals: list[int] = []
        self._selector = selectors.DefaultSelector()
        self._where = ""
        self._listening = Listening([])
        self._notifier = Notifier.of_this_process()

    def run(self) -> int:
        """Serve until a signal says stop.

        Returns:
            The exit status for the process: 0 after a drain, 128 and the second signal's number, or that of a worker that never
            came to serve.

        Raises:
            SetupError: if it cannot listen, or this program cannot be started again.
        """
        options = self._options
        if threading.current_thread() is not threading.main_thread():
            raise SetupError(
                "workers were asked for outside of the main thread", remedy="Run them from the main thread: it hears signals."
            )
        command = this_program()
        self._where = where_we_are()
        self._listening = listen_at(options.places, options.host, options.port, options.backlog)
        try:
            with self._heard():
                while self._tend(command):
                    self._wait()
        finally:
            for hand in self._hands:
                hand.process.kill()
                self._forget(hand)
            self._listening.close()
            self._selector.close()
        return self._status

    # What happens.

    @contextmanager
    def _heard(self) -> Generator[None]:
        reading, writing = socket.socketpair()
        with reading, writing:
            reading.setblocking(False)
            writing.setblocking(False)
            self._selector.register(reading, selectors.EVENT_READ)
            wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
            wanted = (*_STOPS, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1, signal.SIGCHLD)
            before = {number: signal.signal(number, self._hear) for number in wanted}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler if handler is not None else signal.SIG_DFL)
                signal.set_wakeup_fd(wakeup)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _wait(self) -> None:
        """Until something happens; take what workers say, and do what signals ask for."""
        for key, _ in self._selector.select(self._patience()):
            if isinstance(key.data, _Hand):
                self._listen_to(key.data)
            else:
                with suppress(BlockingIOError):
                    os.read(key.fd, 4096)
        while self._signals:
            self._obey(self._signals.pop(0))

    def _patience(self) -> float:
        due = [hand.kill_at for hand in self._hands if hand.kill_at is not None]
        if self._not_before:
            due.append(self._not_before)
        return min([self._notifier.interval or _LOOK, _LOOK, *(max(when - monotonic(), 0.01) for when in due)])

    def _obey(self, number: int) -> None:
        if number in _STOPS:
            self._stop(number)
        elif number == signal.SIGHUP and not self._stopping:
            LOG.info("reloading: new workers are started, one after the other")
            self._generation += 1
            self._reloading = True
            self._notifier.reloading()
        elif number == signal.SIGTTIN:
            self._target += 1
        elif number == signal.SIGTTOU and self._target > 1:
            self._target -= 1
        elif number == signal.SIGUSR1:
            for hand in self._hands:
                if hand.state != STARTING:  # it would not know the signal yet
                    hand.send(number)

    def _stop(self, number: int) -> None:
        self._stopping += 1
        if self._stopping == 1:
            self._notifier.stopping()
            self._listening.close()  # first: the workers' copies are the last, and what they leave nobody would take
            for hand in self._hands:
                self._dismiss(hand)
            return
        self._status = 128 + number
        for hand in self._hands:
            hand.send(signal.SIGTERM)
            hand.kill_at = monotonic() + _AT_ONCE

    def _listen_to(self, hand: _Hand) -> None:
        try:
            octets = hand.line.recv(65_536)
        except OSError:
            octets = b""
        if not octets:
            self._selector.unregister(hand.line)
            return
        *lines, hand.said = (hand.said + octets).split(b"\n")
        for line in lines:
            self._take(hand, *line.decode().partition(" ")[::2])

    def _take(self, hand: _Hand, word: str, rest: str) -> None:
        hand.beat = monotonic()
        if word == "listen":
            with suppress(OSError):
                socket.send_fds(hand.line, [b"+"], [sock.fileno() for sock in self._listening.sockets])
        elif word == "ready" and hand.state == STARTING:
            hand.go_into(READY)
            hand.facts = json.loads(rest)
            self._served = True
        elif word == "tired" and hand.state == READY:
            LOG.info("worker %d has had its requests: a new one takes its place", hand.process.pid)
            hand.generation = TIRED

    # What is to be done.

    def _tend(self, command: list[str]) -> bool:
        """See to it that there are the right workers; False when there is nothing left to do."""
        for hand in tuple(self._hands):
            if (status := hand.process.poll()) is not None:
                self._hands.remove(hand)
                self._listen_to_the_rest(hand)
                self._forget(hand)
                self._bury(hand, status)
        now = monotonic()
        for hand in self._hands:
            self._look_at(hand, now)
        if self._stopping:
            return bool(self._hands)
        self._replace(command, now)
        self._notifier.alive()
        return True

    def _replace(self, command: list[str], now: float) -> None:
        """Start who is missing, dismiss who is too many. While others serve, one at a time."""
        working = [hand for hand in self._hands if hand.state != LEAVING]
        new = [hand for hand in working if hand.generation == self._generation]
        old = sorted((hand for hand in working if hand.generation != self._generation), key=lambda hand: hand.state == READY)
        ready = [hand for hand in new if hand.state == READY]
        missing = self._target - len(new)
        if old or not self._served:  # the very first one tries whether it can be done: one message is enough
            missing = min(missing, 1) if len(ready) == len(new) else 0
        if now >= self._not_before:
            self._not_before = 0.0
            for _ in range(missing):
                self._try_to_hire(command, now)
        for hand in (*old, *ready)[: max(len(ready) + len(old) - self._target, 0)]:
            self._dismiss(hand)
        if len(ready) == self._target == len(new) and not old:
            self._all_are_ready(ready)

    def _all_are_ready(self, ready: list[_Hand]) -> None:
        if self._announce is not None:
            urls = tuple(url_of(sock, "http" if self._options.tls is None else "https") for sock in self._listening.sockets)
            self._announce(urls, len(ready), ready[0].facts)
            self._announce = None
        if self._reloading:
            self._reloading = False
            LOG.info("reloaded: %d workers serve", len(ready))
        self._notifier.ready(f"{len(ready)} workers serve")

    def _try_to_hire(self, command: list[str], now: float) -> None:
        try:
            self._hire(command)
        except OSError as error:  # no processes, no memory, no such folder any more
            self._fail(now)
            LOG.error("a worker cannot be started: %s; the next try is in %.1f s", error, self._not_before - now)

    def _fail(self, now: float) -> None:
        """The next one waits, twice as long as the last one."""
        self._failures = self._failures + 1 if now - self._failed < _FORGOTTEN else 1
        self._failed = now
        self._not_before = now + min(_FIRST_WAIT * 2**self._failures, _LONGEST_WAIT)

    def _hire(self, command: list[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            process = subprocess.Popen(  # noqa: S603
                command,
                pass_fds=[theirs.fileno()],
                env={**os.environ, VARIABLE: f"{os.getpid()}:{theirs.fileno()}", "PYTHONFAULTHANDLER": "1"},
                cwd=self._where,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        hand = _Hand(process, ours, self._generation)
        self._selector.register(ours, selectors.EVENT_READ, hand)
        self._hands.append(hand)

    def _dismiss(self, hand: _Hand) -> None:
        if hand.state != LEAVING:
            was, drain = hand.state, self._options.timeouts.drain + self._options.unready
            hand.go_into(LEAVING)
            hand.kill_at = hand.since + (drain if was == READY else 0) + _GRACE
            hand.send(signal.SIGTERM)

    def _look_at(self, hand: _Hand, now: float) -> None:
        if hand.kill_at is not None and now >= hand.kill_at:
            hand.kill_at = now + _LONGEST_WAIT
            if hand.state == LEAVING:
                LOG.warning("worker %d does not end by itself: it is killed", hand.process.pid)
            hand.send(signal.SIGKILL)
        elif hand.state == READY and hand.kill_at is None and now - hand.beat > self._workers.hang:
            told = "worker %d has given no sign of life for %.0f s: its loop is blocked; it shows its stacks, and is replaced"
            self._end_by_force(hand, now, told, now - hand.beat)
        elif hand.state == STARTING and hand.kill_at is None and now - hand.since > self._workers.startup:
            told = "worker %d does not serve %.0f s after its start (--startup): it shows its stacks, and is ended"
            self._end_by_force(hand, now, told, now - hand.since)

    def _end_by_force(self, hand: _Hand, now: float, told: str, seconds: float) -> None:
        LOG.error(told, hand.process.pid, seconds)
        hand.kill_at = now + _AT_ONCE
        hand.send(signal.SIGABRT)

    def _bury(self, hand: _Hand, status: int) -> None:
        """A worker has ended; what follows from it."""
        now = monotonic()
        lived, starting = now - hand.since, hand.state == STARTING
        if self._stopping or hand.state == LEAVING or (not starting and not status and lived > _SOON):
            return
        if not self._served and all(each.state == LEAVING for each in self._hands):
            LOG.error("a worker %s before it served: this is the end of all", _how(status))
            self._status = status if status > 0 else 1
            self._stop(0)
            return
        told = f"worker {hand.process.pid} {_how(status)} {'before it served' if starting else f'after {lived:.1f} s'}"
        if starting or lived < _SOON:
            self._fail(now)
            level = logging.ERROR if self._failures >= _MANY else logging.WARNING
            LOG.log(level, "%s (%d in a row): the next one starts in %.1f s", told, self._failures, self._not_before - now)
        else:
            LOG.warning("%s: another one starts", told)
        if starting and self._reloading and hand.generation == self._generation:
            self._give_up_reloading()

    def _give_up_reloading(self) -> None:
        """What is new does not start: those from before stay."""
        before = [hand for hand in self._hands if hand.generation not in (self._generation, TIRED) and hand.state != LEAVING]
        if before:
            self._reloading = False
            for hand in before:
                hand.generation = self._generation
            LOG.error(
                "the reload is given up: %d workers from before go on; mend what the new one said, and reload again", len(before)
            )

    def _listen_to_the_rest(self, hand: _Hand) -> None:
        """What it said before it ended."""
        if hand.line.fileno() in self._selector.get_map():
            self._listen_to(hand)

    def _forget(self, hand: _Hand) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(hand.line)
        hand.line.close()
        hand.process.wait()


def _how(status: int) -> str:
    """What ended a process."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def this_program() -> list[str]:
    """The command that starts this very program again, as it was started.

    Raises:
        SetupError: for a program that cannot be started again.
    """
    if sys.platform == "win32":
        raise SetupError("several workers need a POSIX system", remedy="Leave workers away; one process serves on Windows.")
    words = sys.orig_argv[1:]
    if not words or words[-1] == "-" or not sys.executable:
        raise SetupError(
            "workers are this program, started again, and one that was typed in or piped cannot be",
            remedy="Put it into a file: python main.py, or hospes run main:app.",
        )
    return [sys.executable, *words]


def where_we_are() -> str:
    """The working directory, by the name it was entered under: if that is a link to the newest release, reloading follows it."""
    named, real = os.environ.get("PWD", ""), os.getcwd()
    with suppress(OSError):
        if os.path.isabs(named) and os.path.samefile(named, real):
            return named
    return real
