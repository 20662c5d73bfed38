"""Logging off the hot path: records are handed to a thread, and that thread alone has the handlers.

    from hospes.logger import get_logger

    log = get_logger("shop")
    log.info("%d guests", 3)

Underneath is Python's own `logging`: `get_logger` gives an ordinary Logger, and a factory is the name that its loggers have in
common. So everything that knows `logging` fits, and all that is kept is kept there.

    any thread        queue, bounded        one thread
    log.info() ─────▶ ▢▢▢▢▢▢▢▢▢▢▢▢ ─────▶ handler, handler, …

Laws:

* Whoever logs waits for no handler, as long as there is room in the queue. A handler is called by one thread: a rotating file is
  turned over by one, at the right time, however many loggers share it.
* The message is made by whoever logs, so that later changes of its arguments are not seen; a handler's filters and formatter see
  the context variables of that moment.
* Nothing is lost when the program ends or a handler is taken away; a process that is forked off, never in the middle of a record,
  has a thread of its own. Memory is bounded all the same: where a handler hangs, who logs waits a moment; then records are
  dropped, and a line tells how many.
* Control characters in a message are escaped: a visitor's text cannot make up lines (CWE-117).
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from copy import copy
from queue import SimpleQueue
from typing import Final, TypeAlias

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""What a line has, where a program names no format of its own."""
MOST: Final = 10_000
"""Records waiting for the handlers at the most; about 10 MB."""
PATIENCE: Final = 1.0
"""Seconds that whoever logs waits for room, until records are dropped."""
FLUSH: Final = 10.0
"""Seconds that the end of the program, or of a handler, waits for the handlers."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

_Item: TypeAlias = "tuple[Context, logging.LogRecord] | threading.Event | None"
"""A record as it was logged; an event that is to be set when everything before it is written; or the end."""


class LineFormatter(logging.Formatter):
    """A formatter whose messages stay in their line; tracebacks have lines of their own."""

    def __init__(self, fmt: str = FORMAT) -> None:
        super().__init__(fmt)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with control characters escaped."""
        return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), super().formatMessage(record))


class BackgroundHandler(logging.Handler):
    """A handler that hands records to others in a thread of its own, which begins with the first record.

    Args:
        handlers: Who gets them.
        most: Records that wait at the most.
        patience: Seconds to wait for room when there is none.

    Raises:
        ValueError: for a bound that is none.
    """

    def __init__(self, *handlers: logging.Handler, most: int = MOST, patience: float = PATIENCE) -> None:
        if most < 1 or patience < 0:
            raise ValueError(f"BackgroundHandler(most={most}, patience={patience}): one record at least, and no negative time")
        super().__init__()
        self._handlers = handlers
        self._most = most
        self._patience = patience
        self._closed = self._rests = False
        self._begin()
        if hasattr(os, "register_at_fork"):
            _rest_at_fork(self)

    def _begin(self) -> None:
        """An empty queue, and nobody who serves it yet."""
        self._writing = threading.RLock()  # a handler may log itself
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._room = threading.Event()
        self._room.set()
        self._counting = threading.Lock()
        self._dropped = 0

    @property
    def handlers(self) -> tuple[logging.Handler, ...]:
        """Who gets the records."""
        return self._handlers

    @handlers.setter
    def handlers(self, handlers: tuple[logging.Handler, ...]) -> None:
        """Have others get the records from now on; what was logged before still goes to those before."""
        self.flush()
        self._handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over; its message is made now."""
        try:
            self._hand_over(_settled(record))
        except Exception:  # its arguments do not fit its message, for one
            self.handleError(record)

    def flush(self) -> None:
        """Wait until what has been logged so far is written; for `FLUSH` seconds at the most."""
        if self._thread is not None and threading.current_thread() is not self._thread:
            written = threading.Event()
            self._queue.put(written)
            written.wait(FLUSH)

    def close(self) -> None:
        """Write what is left, and end the thread. What is logged after that is written at once. The handlers stay open."""
        self.flush()
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None:
            atexit.unregister(self.flush)
            self._queue.put(None)
            thread.join(FLUSH)
        super().close()

    def _hand_over(self, record: logging.LogRecord) -> None:
        if self._closed or threading.current_thread() is self._thread or not self._serving():
            self._handle(record)
        elif self._has_room():
            self._queue.put((copy_context(), record))
        else:
            with self._counting:
                self._dropped += 1

    def _serving(self) -> bool:
        """Whether there is a thread; at the very end of a program none can be started any more."""
        if self._thread is None:
            thread = threading.Thread(target=self._serve, args=(self._queue,), name="hospes-log", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
            atexit.register(self.flush)  # it runs before that of logging, which closes the files
            forking = sys.modules.get("multiprocessing.util")
            if forking is not None:  # whose processes end without atexit
                forking.Finalize(None, self.flush, exitpriority=0)
        return True

    def _has_room(self) -> bool:
        """Whether there is room, after some patience. Who comes while none has been made waits no second time."""
        if self._queue.qsize() < self._most:
            return True
        was_room = self._room.is_set()
        self._room.clear()
        if self._queue.qsize() < self._most:  # made before it was cleared: nobody will set it
            self._room.set()
        return self._room.wait(self._patience if was_room else 0.0)

    def _serve(self, queue: SimpleQueue[_Item]) -> None:
        """In the thread."""
        while (item := queue.get()) is not None:
            if isinstance(item, threading.Event):
                with self._writing:
                    for each in self._handlers:
                        with suppress(Exception):  # its file was closed by somebody, for one
                            each.flush()
                item.set()
            else:
                context, record = item
                context.run(self._handle, record)
            if not self._room.is_set() and queue.qsize() < self._most:
                self._room.set()
                self._tell_dropped()

    def _tell_dropped(self) -> None:
        with self._counting:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            text = f"{dropped} records were dropped: the handlers did not keep up"
            self._handle(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, None, None))

    def _handle(self, record: logging.LogRecord) -> None:
        with self._writing:
            for each in self._handlers:
                if record.levelno >= each.level:
                    try:
                        each.handle(record)
                    except Exception:  # its filter's, for one; a handler looks after its own
                        self.handleError(record)

    # A process that is forked off while the thread writes would have a file in the middle of a line, locked for ever.

    def rest(self) -> None:
        """Before a fork: wait until nothing is being written; for `FLUSH` seconds at the most."""
        self._rests = self._writing.acquire(timeout=FLUSH)

    def go_on(self) -> None:
        """After it, in the parent."""
        if self._rests:
            self._writing.release()

    def begin_anew(self) -> None:
        """After it, in the child: the thread, and what waited for it, stayed with the parent."""
        self._begin()


def _rest_at_fork(handler: BackgroundHandler) -> None:
    found = weakref.ref(handler)  # the registration is for ever, the handler is not

    def called(method: Callable[[BackgroundHandler], None]) -> Callable[[], None]:
        def call() -> None:
            handler = found()
            if handler is not None:
                method(handler)

        return call

    os.register_at_fork(
        before=called(BackgroundHandler.rest),
        after_in_parent=called(BackgroundHandler.go_on),
        after_in_child=called(BackgroundHandler.begin_anew),
    )


def _settled(record: logging.LogRecord) -> logging.LogRecord:
    """A record of its own, with its message made."""
    settled = copy(record)
    settled.msg, settled.args = record.getMessage(), None
    return settled


class LoggerFactory:
    """The loggers that have a name in common, with one level and the same handlers. A factory of a name is there once.

    Args:
        name: The name; "" for all loggers of the program.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._logger = logging.getLogger(name or None)

    @property
    def log_level(self) -> str:
        """The level: "DEBUG", "INFO", "WARNING", "ERROR" or "CRITICAL"; "NOTSET" where it is that of the program."""
        return logging.getLevelName(self._logger.level)

    @log_level.setter
    def log_level(self, level: str | int) -> None:
        """Set it.

        Raises:
            ValueError: for a level that is none.
        """
        self._begin()
        self._logger.setLevel(level.upper() if isinstance(level, str) else level)

    def get_logger(self, name: str = "") -> logging.Logger:
        """A logger of this factory; where nobody has said where its records go, they go to stderr."""
        self._begin()
        return logging.getLogger(".".join(filter(None, (self.name, name))))

    @property
    def handlers(self) -> tuple[logging.Handler, ...]:
        """Who gets the records."""
        background = self._background()
        return background.handlers if background is not None else tuple(self._logger.handlers)

    def set_handler(self, *handlers: logging.Handler) -> None:
        """Have these handlers get the records, from INFO on where no level is set, and no others. Those before are not closed."""
        self._logger.propagate = False
        background = self._background()
        if background is not None:
            background.handlers = handlers
            return
        for each in tuple(self._logger.handlers):
            self._logger.removeHandler(each)
        self._logger.addHandler(BackgroundHandler(*handlers))
        if self._logger.level == logging.NOTSET:
            self._logger.setLevel(logging.INFO)

    def add_handler(self, handler: logging.Handler) -> None:
        """Have one more handler get the records."""
        if handler not in self.handlers:
            self.set_handler(*self.handlers, handler)

    def remove_handler(self, handler: logging.Handler) -> None:
        """Have a handler get no more records; what was logged before still goes there."""
        self.set_handler(*(each for each in self.handlers if each is not handler))

    def flush(self) -> None:
        """Wait until what has been logged so far is written."""
        for each in self._logger.handlers:
            each.flush()

    def _begin(self) -> None:
        """Have records go to stderr, from INFO on, where nobody has said anything else, and for as long."""
        own, above = self._logger, self._logger.parent
        if not own.hasHandlers():
            handler = logging.StreamHandler()
            handler.setFormatter(LineFormatter())
            handler.addFilter(lambda record: above is None or not (own.propagate and above.hasHandlers()))
            own.addHandler(BackgroundHandler(handler))
            own.setLevel(logging.INFO)

    def _background(self) -> BackgroundHandler | None:
        found = self._logger.handlers
        return found[0] if len(found) == 1 and isinstance(found[0], BackgroundHandler) else None


def get_logger_factory(name: str = "") -> LoggerFactory:
    """The factory of a name; the program's own where there is none."""
    return LoggerFactory(name)


def get_logger(name: str = "", factory: str = "") -> logging.Logger:
    """A logger, of a factory of its own where one is named."""
    return LoggerFactory(factory).get_logger(name)


def set_level(level: str | int) -> None:
    """Set the level of all loggers that have none of their own.

    Raises:
        ValueError: for a level that is none.
    """
    LoggerFactory().log_level = level


def set_handler(*handlers: logging.Handler) -> None:
    """Have these handlers get the program's records, and no others."""
    LoggerFactory().set_handler(*handlers)


def add_handler(handler: logging.Handler) -> None:
    """Have one more handler get the program's records."""
    LoggerFactory().add_handler(handler)


def remove_handler(handler: logging.Handler) -> None:
    """Have a handler get no more of the program's records."""
    LoggerFactory().remove_handler(handler)
