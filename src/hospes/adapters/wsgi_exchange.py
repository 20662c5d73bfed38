"""One request as a WSGI application handles it, in one thread from its first octet to its last (PEP 3333).

    loop                        thread
    submit ──────────────────▶  application(environ, start_response)
                                iterates over what that returns
    response  ◀───────────────  whole, where it ends at once or has its announced length
              ◀───────────────  or a stream, at the first octets of which it is not known that they are all
    octets    ◀───────────────  …, the last of them
                                close()

Laws:

* The whole of a request is in one thread: what an application keeps for each thread (a connection to a database) is its own.
* What it returns is closed, in that thread, whatever happens; the answer's end does not wait for it, for it may be work that is
  done afterwards (Flask's `call_on_close`), nor does its failure change an answer that is complete.
* The answer leaves as soon as there is a first octet and more may come; nothing is held back.
* What breaks PEP 3333 is raised where the application did it. Before the answer has begun it becomes a 500; afterwards the
  connection is aborted, so that nothing looks complete that is not.
"""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Callable, Iterable
from functools import partial
from sys import intern
from typing import Any, BinaryIO, Final, cast

from hospes.adapters.wsgi import ExcInfo, FileWrapper, WsgiApplication
from hospes.adapters.wsgi_environ import environ_of
from hospes.adapters.wsgi_input import input_of
from hospes.adapters.wsgi_output import ThreadOutput
from hospes.execution import Job, ThreadPool, as_failure
from hospes.http.content import FileContent, Stream
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import Content, Response

LOG: Final = logging.getLogger("hospes.adapters")
_WITHOUT_CONTENT: Final = frozenset({204, 205, 304})


class WsgiExchange:
    """One request and its answer; to be made on the loop.

    Args:
        application: The application.
        request: The request.
        pool: Where it runs.
    """

    __slots__ = (
        "_application",
        "_content_type",
        "_drops",
        "_headers",
        "_input",
        "_length",
        "_output",
        "_pool",
        "_raw_input",
        "_request",
        "_response",
        "_sent",
        "_status",
        "job",
    )

    job: Job[Response]

    def __init__(self, application: WsgiApplication, request: Request, pool: ThreadPool) -> None:
        self._application = application
        self._request = request
        self._pool = pool
        self._input, self._raw_input = input_of(request.content)
        self._status = 0
        self._content_type = ""
        self._headers: Headers | None = None
        self._length: int | None = None
        self._drops = False
        self._sent = 0
        self._output: ThreadOutput | None = None
        self._response: Response | None = None  # given to the loop already

    # In the thread.

    def run(self) -> Response:
        """Have the application answer.

        Raises:
            BaseException: what it raises, where its answer has not begun.
        """
        try:
            returned = self._application(environ_of(self._request, self._input), self.start_response)
        except BaseException as failure:
            return self.failed(failure)
        return self.go_on(returned)

    def go_on(self, returned: Iterable[bytes]) -> Response:
        """The application has returned this.

        Raises:
            BaseException: what is raised while it is read, where the answer has not begun.
        """
        close = getattr(returned, "close", None)
        if close is not None:
            self._pool.afterwards(partial(self._close, close))
        try:
            response = self._respond(returned)
        except BaseException as failure:
            return self.failed(failure)
        if self._output is not None:
            self._output.end()
        elif self._raw_input is not None and self._raw_input.refusal is not None:
            self.over(response, self._raw_input.refusal)
            raise self._raw_input.refusal
        return response

    def _close(self, close: Callable[[], object]) -> None:
        try:
            close()
        except BaseException:
            LOG.exception("%s: what the WSGI application returned could not be closed", self._request)

    def failed(self, failure: BaseException) -> Response:
        """The application has raised `failure`.

        Raises:
            BaseException: it, or why the content was refused, where the answer has not begun.
        """
        refusal = self._raw_input.refusal if self._raw_input is not None else None
        if self._response is not None and self._output is not None:
            self._output.end(as_failure(failure))
            return self._response
        if refusal is not None:
            raise refusal from None
        try:
            raise failure
        finally:
            del failure  # its traceback names this frame

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None) -> Callable[[bytes], None]:
        """Take the answer's head; gives what PEP 3333 calls `write`.

        Raises:
            AssertionError, TypeError, ValueError: for what breaks PEP 3333.
            BaseException: that of `exc_info`, where the answer has left already.
        """
        if exc_info:
            try:
                if self._response is not None and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # its traceback names this frame
        elif self._status:
            raise AssertionError("the WSGI application called start_response a second time, without exc_info")
        if type(status) is not str or not status[:3].isdigit() or status[3:4] not in {"", " "}:
            raise ValueError(f"the WSGI application gave the status {status!r}; it is text as '200 OK'")
        code = int(status[:3])
        if not 200 <= code <= 599:
            raise ValueError(f"status {code}: an answer's status is 200 to 599")
        self._take_fields(headers)
        self._status = code
        self._drops = code in _WITHOUT_CONTENT or self._request.method == "HEAD"
        return self.write

    def _take_fields(self, fields: Iterable[tuple[str, str]]) -> None:
        content_type = ""
        length: int | None = None
        others = False
        for name, value in fields:
            lower = name.lower()
            if lower == "content-type" and not content_type:
                content_type = intern(value) if type(value) is str else value  # carriers find a head they have made by identity
            elif lower == "content-length" and length is None and value.isdigit():
                length = int(value)
            else:
                others = True
        self._content_type = content_type
        self._length = length
        # Where Content-Type is all there is, the carriers have a short way; what they would not send, they refuse themselves.
        self._headers = Headers(fields) if others else None

    def _respond(self, returned: Iterable[bytes]) -> Response:
        """The response, or where it is a stream the one that was given to the loop."""
        simple = self._status and self._output is None
        if simple and isinstance(returned, FileWrapper) and not self._drops:
            content = _kernel_file(returned, self._length)
            if content is not None:
                return self._made(content)
        kind: type[object] = type(returned)
        pieces = cast("list[bytes]", returned) if simple and kind is list else self._iterate(returned)
        if not self._status:
            raise AssertionError("the WSGI application returned without calling start_response")
        if self._output is not None:
            assert self._response is not None
            self._check_length(self._sent)
            return self._response
        body = _joined(pieces)
        if self._drops:
            body = b""
        else:
            self._check_length(len(body))
        return self._made(body)

    def _iterate(self, returned: Iterable[bytes]) -> list[bytes]:
        """Send what it gives, from the first octet on after which more may come; gives what was not sent, as it is all."""
        pieces: list[bytes] = []
        if isinstance(returned, FileWrapper) and self._length is not None:
            returned = returned.first(self._length)
        for piece in returned:
            if self._output is not None:
                self.write(piece)
                continue
            pieces.append(piece)
            if self._drops and self._status:
                break
            size = sum(map(len, pieces))
            if size and size != self._length:
                self.write(_joined(pieces))
            elif size:
                break  # all that was announced: it need not be asked whether there is more
        return pieces

    def write(self, octets: bytes) -> None:
        """Send octets now."""
        octets = _joined([octets])
        if not self._status:
            raise AssertionError("the WSGI application gave content before it called start_response")
        if self._output is None:
            self._output = ThreadOutput(self._pool)
            stream = b"" if self._drops else Stream(self._output, self._length)
            self._response = self._made(stream)
            self._pool.hand_over(self)
        if octets and not self._drops:
            self._sent += len(octets)
            if self._length is not None and self._sent > self._length:
                self._check_length(self._sent)
            self._output.put(octets)

    def _check_length(self, size: int) -> None:
        if self._length is not None and size != self._length and not self._drops:
            raise AssertionError(
                f"the WSGI application gave {size} octets of content, and announced Content-Length: {self._length}"
            )

    def _made(self, content: Content) -> Response:
        headers = self._headers
        if self._drops and self._length is not None:
            headers = headers or Headers({"Content-Type": self._content_type or []})
            headers["Content-Length"] = self._length
        elif headers is not None:
            headers.pop("content-length", None)  # the carrier measures
        return Response.made_of(content, self._status, self._content_type, headers)

    # On the loop.

    def settle(self) -> None:
        """The answer has begun, in the thread. Where it has ended since, it is no stream any more."""
        response, output = self._response, self._output
        assert response is not None
        assert output is not None
        if output.ended and not output.failed and not self._drops:
            response.content = output.take()
        self.job.conclude(response)

    def over(self, answer: Response | None, failure: BaseException | None) -> None:
        """It has ended, or nobody wants it: let go of what would have been sent."""
        if failure is None:
            return
        if self._output is not None:
            self._output.close()
        if answer is not None and isinstance(answer.content, FileContent):
            answer.content.close()


def _joined(pieces: list[bytes]) -> bytes:
    if len(pieces) == 1:
        kind: type[object] = type(pieces[0])
        if kind is bytes:
            return pieces[0]
    for piece in cast("list[object]", pieces):
        if not isinstance(piece, bytes):
            raise TypeError(f"the WSGI application gave {type(piece).__name__}; it may give bytes")
    return b"".join(pieces)


def _kernel_file(wrapper: FileWrapper, length: int | None) -> FileContent | None:
    """What is left of a wrapped file, where it is one of the system's. With a descriptor of its own: the wrapper is closed."""
    plain = _system_file(wrapper.file)
    if plain is None:
        return None
    try:
        descriptor = plain.fileno()
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        offset = plain.tell()
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return None
    left = max(status.st_size - offset, 0)
    if length is not None and length > left:
        raise AssertionError(f"the file has {left} octets left, and the WSGI application announced Content-Length: {length}")
    file = open(os.dup(descriptor), "rb")  # noqa: SIM115  # the carrier closes it
    return FileContent(file, offset, left if length is None else length)


def _system_file(file: object) -> BinaryIO | None:
    """The file of the system's that is read where this one is: itself, or what it stands for (`tempfile`'s and Django's do).

    That something has a `fileno` is not enough: what GzipFile reads is not what its descriptor has.
    """
    read: object = getattr(file, "read", None)
    reader: object = getattr(getattr(read, "__wrapped__", read), "__self__", None)
    kind: type[object] = type(reader)
    if issubclass(kind, (io.BufferedReader, io.BufferedRandom)):
        kind = type(cast("io.BufferedReader", reader).raw)
    return cast("BinaryIO", reader) if issubclass(kind, io.FileIO) else None


def start(application: WsgiApplication, request: Request, pool: ThreadPool, context: Any) -> Job[Response]:
    """Have an application answer in a thread of the pool.

    Args:
        application: The application.
        request: The request.
        pool: Whose threads.
        context: The context that it runs in.

    Raises:
        PoolSaturated: where too many wait.
    """
    exchange = WsgiExchange(application, request, pool)
    job = exchange.job = pool.submit(context, exchange.run, exchange.over)
    return job
