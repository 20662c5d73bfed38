"""The access log: a line for each answer, written by a thread, off the way of the requests.

    answered ─▶ a tuple into a bounded queue ─▶ thread: lines, some at a time ─▶ one write

| format     | a line is                                                                                         |
|------------|---------------------------------------------------------------------------------------------------|
| `combined` | as Apache and nginx write it, so that every analyser reads it                                     |
| `json`     | an object with time, client, method, path, status, bytes, duration and so on                      |
| any other  | a template, `{client} {method} {path} {status} {bytes} {duration}`; `FIELDS` has the names there are |

Laws:

* No request waits for the log. Beyond `AccessLog.most` lines that wait, lines are dropped, counted, and the number is said.
* A file that cannot be written is said once, and once more when it can again, with the number of lines that are missing.
* A line holds no query, no fragment, no credentials, no cookie, and no content; those of the Referer are cut off, too.
* Whatever a peer sends, a line stays one line: control characters, quotes and backslashes are escaped.
* Lines leave whole, appended, at most `_PIECE` octets at a time, so that several processes may write to one file or pipe.
* Where no log is asked for, nothing is measured, nothing is called.
"""

from __future__ import annotations

import asyncio
import os
import re
import string
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

import msgspec
from msgspec import Struct

from hospes.errors import HttpError, SetupError, check_kind
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Address, Request
from hospes.http.response import Response
from hospes.server.service import LOG

if TYPE_CHECKING:
    from hospes.wire import RequestHead

GONE: Final = 499
"""The status of a request whose peer went away before its answer, as nginx calls it."""
FIELDS: Final = (
    "agent",
    "bytes",
    "client",
    "duration",
    "host",
    "id",
    "method",
    "path",
    "protocol",
    "referer",
    "scheme",
    "status",
    "time",
)
"""What a template may name."""
_PIECE: Final = 4096
_REST: Final = 0.05
"""Seconds that the thread waits for company once there is a line: one write for many costs less."""
_FLUSH: Final = 2.0
_NO_CONTENT: Final = frozenset({204, 304})
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS: Final = re.compile("[\x7f-\x9f]")
"""Controls that JSON lets through, and terminals obey."""
_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_ESCAPED: Final = {number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0x100))} | {0x22: '\\"', 0x5C: "\\\\"}


@dataclass(frozen=True, slots=True)
class AccessLog:
    """How answers are logged.

    Args:
        path: File that lines are appended to, made if it is not there; "-", the default, is standard output.
        format: "combined", "json", or a template.
        most: Lines that may wait to be written; 8,192.

    Raises:
        SetupError: for a template that names what there is not.
    """

    path: str = "-"
    format: str = "combined"
    most: int = 8192

    def __post_init__(self) -> None:
        check_kind("AccessLog({})", self.path, (str, os.PathLike), '"access.log"')
        check_kind("AccessLog(format={})", self.format, str, '"combined"')
        if type(self.most) is not int or self.most < 1:
            raise SetupError(f"AccessLog(most={self.most!r}) is no number of lines", remedy="give 1 or more; 8192 is the default")
        if self.format in ("combined", "json"):
            return
        try:
            parts = list(string.Formatter().parse(self.format))
        except ValueError as error:
            raise self._wrong(str(error)) from None
        names = [name for _, name, _, _ in parts if name is not None]
        for _, name, spec, conversion in parts:
            if name is not None and (name not in FIELDS or spec or conversion):
                raise self._wrong(f"{{{name}}} is no field" if name not in FIELDS else f"{{{name}}} takes no format of its own")
        if not names:
            raise self._wrong("it names no field")

    def _wrong(self, what: str) -> SetupError:
        return SetupError(
            f"AccessLog(format={self.format!r}): {what}",
            remedy=f'Give "combined", "json", or a template of {", ".join(f"{{{name}}}" for name in FIELDS)}.',
        )


class _Entry(Struct):
    """What is kept of an answer until its line is written."""

    ended: float
    duration: float
    client: Address
    status: int
    length: int
    request: tuple[RequestHead, str, str] | None = None  # with scheme and id


class AccessWriter:
    """Writes the lines.

    Args:
        log: Where to, and how.

    Raises:
        SetupError: if the file cannot be opened.
    """

    def __init__(self, log: AccessLog) -> None:
        self._log = log
        self._line: Callable[[_Entry], str] = {"combined": combined, "json": in_json}.get(log.format) or template(log.format)
        self._entries: deque[_Entry] = deque()
        self._dropped = 0
        self._failing = self._torn = False
        self._lost = 0
        self._asleep = False
        self._reopening = False
        self._over = False
        self._wake = threading.Event()
        self._file = self._open()
        self._epoch = time.time() - monotonic()
        self._thread = threading.Thread(target=self._write_all, name="hospes-access", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        if self._log.path == "-":
            return 1
        try:
            return os.open(self._log.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o640)
        except OSError as error:
            raise SetupError(
                f"the access log {self._log.path} cannot be written: {error.strerror}",
                remedy='Name a file in a folder that is there and that this user may write to, or "-" for standard output.',
            ) from error

    # On the loop.

    def around(self, handler: Handler) -> Handler:
        """The handler, its answers logged."""

        def logged(request: Request) -> Response | Awaitable[Response]:
            begun = monotonic()
            try:
                answer = handler(request)
            except BaseException as error:
                self._failed(request, error, begun)
                raise
            if isinstance(answer, Response):
                self._answered(request, answer, begun)
                return answer
            return self._later(request, answer, begun)

        return logged

    def refused(self, client: Address, status: int) -> None:
        """The server answered by itself, to what was no request."""
        self._put(_Entry(monotonic(), 0.0, client, status, 0))

    async def _later(self, request: Request, answer: Awaitable[Response], begun: float) -> Response:
        try:
            response = await answer
        except BaseException as error:
            self._failed(request, error, begun)
            raise
        self._answered(request, response, begun)
        return response

    def _failed(self, request: Request, error: BaseException, begun: float) -> None:
        status = error.code if isinstance(error, HttpError) else GONE if isinstance(error, asyncio.CancelledError) else 500
        self._note(request, status, 0, begun, "")

    def _answered(self, request: Request, response: Response, begun: float) -> None:
        content: object = response.content
        own = "" if response.plain else response.headers.get("x-request-id", "")
        if isinstance(content, bytes):
            length = len(content)
        elif isinstance(content, FileContent):
            length = content.length
        elif isinstance(content, Stream):
            status = response.status
            response.content = _Measured(content, lambda length: self._note(request, status, length, begun, own))
            return
        else:
            length = 0
        if request.method == "HEAD" or response.status in _NO_CONTENT:
            length = 0
        self._note(request, response.status, length, begun, own)

    def _note(self, request: Request, status: int, length: int, begun: float, own: str) -> None:
        now = monotonic()
        connection = request.connection
        kept = (request.head, connection.scheme, own)
        self._put(_Entry(now, now - begun, connection.client, status, length, kept))

    def _put(self, entry: _Entry) -> None:
        if len(self._entries) >= self._log.most:
            self._dropped += 1
            return
        self._entries.append(entry)
        if self._asleep:
            self._asleep = False
            self._wake.set()

    def reopen(self) -> None:
        """Open the file again, which somebody has moved away."""
        self._reopening = True
        self._wake.set()

    def close(self) -> None:
        """Write what waits, and end."""
        self._over = True
        self._wake.set()
        self._thread.join(_FLUSH)
        if self._file != 1 and not self._thread.is_alive():
            os.close(self._file)

    # In the thread.

    def _write_all(self) -> None:
        while True:
            self._asleep = True
            if not self._entries and not self._over and not self._reopening:
                self._wake.wait()
            self._asleep = False
            self._wake.clear()
            if self._reopening:
                self._open_again()
            if not self._over and len(self._entries) < self._log.most // 2:
                self._wake.wait(_REST)
            over = self._over
            self._write_some()
            if over and not self._entries:
                if self._lost:
                    LOG.warning("%d lines of the access log are missing: it could not be written", self._lost)
                return

    def _open_again(self) -> None:
        self._reopening = False
        try:
            file = self._open()
        except SetupError as error:
            LOG.error("%s; the one from before is written on", error.problem)
            return
        if file != self._file:
            os.close(self._file)
            self._file = file

    def _write_some(self) -> None:
        piece: list[bytes] = []
        length = 0
        while self._entries:
            line = self._make(self._entries.popleft())
            if length + len(line) > _PIECE and piece:
                self._write(piece)
                piece, length = [], 0
            piece.append(line)
            length += len(line)
        if piece:
            self._write(piece)
        dropped, self._dropped = self._dropped, 0
        if dropped:
            LOG.warning("%d lines of the access log were dropped: they come faster than they can be written", dropped)

    def _make(self, entry: _Entry) -> bytes:
        entry.ended += self._epoch
        return f"{self._line(entry)}\n".encode()

    def _write(self, lines: list[bytes]) -> None:
        octets = b"\n" + b"".join(lines) if self._torn else b"".join(lines)
        try:
            while octets:
                written = os.write(self._file, octets)
                self._torn, octets = octets[written - 1 : written] != b"\n", octets[written:]
        except OSError as error:
            self._lost += octets.lstrip(b"\n").count(b"\n")
            if not self._failing:
                self._failing = True
                LOG.error("the access log cannot be written: %s", error)
        else:
            if self._failing:
                LOG.warning("the access log is written again; %d lines are missing", self._lost)
                self._failing, self._lost = False, 0


class _Measured(Stream):
    """A stream whose octets are counted; `done` is told how many left, once.

    Args:
        inner: The stream.
        done: Told when it ends.
    """

    __slots__ = ("_done", "_inner", "_sent")

    def __init__(self, inner: Stream, done: Callable[[int], object]) -> None:
        super().__init__(inner.source, inner.length)
        self._inner = inner
        self._done: Callable[[int], object] | None = done
        self._sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with aclosing(cast("_Pieces", aiter(self._inner))) as pieces:
                async for piece in pieces:
                    self._sent += len(piece)
                    yield piece
        finally:
            self._tell()

    async def aclose(self) -> None:
        """See `Stream.aclose`."""
        self._tell()
        await self._inner.aclose()

    def _tell(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(self._sent)


if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    _Pieces = AsyncGenerator[bytes, None]


# Lines.


def combined(entry: _Entry) -> str:
    """Apache's and nginx's combined format."""
    facts = facts_of(entry)
    line = f"{escaped(facts['method'])} {escaped(facts['path'])} {facts['protocol']}" if entry.request else "-"
    return (
        f'{escaped(facts["client"]) or "-"} - - [{_clf(int(entry.ended))}] "{line}" {entry.status} {entry.length} '
        f'"{escaped(facts["referer"]) or "-"}" "{escaped(facts["agent"]) or "-"}"'
    )


def in_json(entry: _Entry) -> str:
    """An object; what is not known is left out."""
    facts: dict[str, object] = {**facts_of(entry)}
    facts["time"], facts["status"], facts["bytes"] = _stamp(entry.ended), entry.status, entry.length
    facts["duration"] = round(entry.duration, 6)
    line = msgspec.json.encode({name: facts[name] for name in _ORDER if facts[name] != ""}).decode()
    return line if line.isascii() and "\x7f" not in line else _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


_ORDER: Final = (
    *("time", "client", "method", "path", "protocol", "status", "bytes", "duration"),
    *("host", "scheme", "referer", "agent", "id"),
)


def template(text: str) -> Callable[[_Entry], str]:
    """A line for each entry, by a template; what is not known is a hyphen."""
    names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]

    def line(entry: _Entry) -> str:
        facts = facts_of(entry)
        facts["status"], facts["bytes"] = str(entry.status), str(entry.length)
        facts["duration"], facts["time"] = f"{entry.duration:.6f}", _stamp(entry.ended)
        return text.format_map({name: escaped(facts[name]) or "-" for name in names})

    return line


def facts_of(entry: _Entry) -> dict[str, str]:
    """What a peer said, unescaped; only what may be logged."""
    facts: dict[str, str] = dict.fromkeys(FIELDS, "")
    facts["client"] = entry.client.host
    if entry.request is None:
        return facts
    head, facts["scheme"], facts["id"] = entry.request
    facts["method"], facts["path"], facts["host"] = head.method, head.path, head.authority
    facts["protocol"] = "HTTP/1.1" if head.minor else "HTTP/1.0"
    for name, value in head.fields:
        if name in _NAMED and not facts[_NAMED[name]]:
            facts[_NAMED[name]] = value.decode("latin-1")
    if facts["referer"]:
        facts["referer"] = without_secrets(facts["referer"])
    return facts


_NAMED: Final = {b"user-agent": "agent", b"referer": "referer", b"x-request-id": "id"}


def without_secrets(url: str) -> str:
    """A URL without query, fragment and user information."""
    url = url.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = url.partition("//")
    place, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{place.rpartition('@')[2]}{slash}{path}"


def escaped(text: str) -> str:
    """Text that may stand in a line, in quotes too."""
    return text if _UNSAFE.search(text) is None else text.translate(_ESCAPED)


@lru_cache(maxsize=4)
def _clf(second: int) -> str:
    """A time as the combined format has it; the months have English names everywhere."""
    moment = time.gmtime(second)
    return f"{moment[2]:02}/{_MONTHS[moment[1] - 1]}/{moment[0]}:{moment[3]:02}:{moment[4]:02}:{moment[5]:02} +0000"


def _stamp(moment: float) -> str:
    second = int(moment)
    return f"{_iso(second)}.{int((moment - second) * 1000):03}Z"


@lru_cache(maxsize=4)
def _iso(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
