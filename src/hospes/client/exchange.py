"""From a call to its answer: fields, cookies, retries, redirects, and the content, decoded and within bounds.

It is written once, for both clients: a `Link` does what waits.

Laws:

* A call has one deadline, whatever happens in between.
* A connection that was kept and turns out to be closed is no failure: the request is sent again, once, if it may be repeated
  (RFC 9112 §9.3.1).
* An answer that the program does not see (a redirect, a 503 before a retry) is read to its end if that is near, so that the
  connection can be used again, and closed otherwise.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import Final

from hospes.client import decoding, errors, planning
from hospes.client.attempt import Attempt
from hospes.client.cookies import CookieJar
from hospes.client.errors import ClientError
from hospes.client.link import Answer, Call, Link
from hospes.client.options import ClientOptions
from hospes.client.url import Url
from hospes.http.content import MANY, gather
from hospes.http.headers import Headers
from hospes.limits import KiB

AGENT: Final = "hospes"
_PASSED_OVER: Final = 64 * KiB
"""Octets of an unseen answer that are read for the sake of its connection."""


class Exchange:
    """Makes calls over a link.

    Args:
        link: The way to the servers.
        options: How the client behaves.
        jar: Where cookies are kept; None where they are not.
    """

    def __init__(self, link: Link, options: ClientOptions, jar: CookieJar | None) -> None:
        self._link = link
        self._options = options
        self._jar = jar

    async def open(self, call: Call, seconds: float | None) -> Incoming:
        """Send a request, follow redirects, and give the answer whose content is still to be read.

        Args:
            call: What is asked.
            seconds: For the whole call; the options' by default.

        Raises:
            ClientError: if a step fails.
        """
        deadline = time.monotonic() + (self._options.timeouts.total if seconds is None else seconds)
        for _ in range(self._options.redirects + 1):
            answer, attempt = await self._answered(call, deadline)
            if self._jar is not None:
                self._jar.keep(call.url, answer.headers.get_all("set-cookie"))
            following = await self._following(call, answer) if self._options.redirects else None
            if following is None:
                return Incoming(answer, call, attempt, self._options)
            await _pass_over(answer)
            call = following
        text = f"this is one redirect more than the {self._options.redirects} that are followed"
        raise errors.RedirectError("redirect", call.url.shown, text)

    async def _following(self, call: Call, answer: Answer) -> Call | None:
        try:
            return planning.redirected(call, answer.status, answer.headers)
        except ClientError:
            await answer.close()
            raise

    async def _answered(self, call: Call, deadline: float) -> tuple[Answer, Attempt]:
        """The answer to one request, after retries."""
        retry = 0
        while True:
            answer: Answer | None = None
            try:
                answer, attempt = await self._sent(call, deadline)
            except ClientError as error:
                if not planning.is_worth_repeating(error) or not self._may_retry(call, retry):
                    raise
                wait = self._pause(retry)
                if time.monotonic() + wait >= deadline:
                    raise
            else:
                asked = planning.asked_pause(answer.status, answer.headers)
                if asked is None or not self._may_retry(call, retry):
                    return answer, attempt
                wait = max(asked, self._pause(retry))
                if asked > self._options.timeouts.retry_after or time.monotonic() + wait >= deadline:
                    return answer, attempt
                await _pass_over(answer)
            retry += 1
            await self._link.sleep(wait)

    def _may_retry(self, call: Call, retry: int) -> bool:
        return retry < self._options.retries and planning.may_repeat(call)

    def _pause(self, retry: int) -> float:
        longest = self._options.timeouts.retry_after
        return min(planning.pause(retry, self._options.retry_pause, random.random()), longest)  # noqa: S311 (no secret)

    async def _sent(self, call: Call, deadline: float) -> tuple[Answer, Attempt]:
        """Send a request; twice, if the first time was on a connection that the server had closed meanwhile."""
        dressed = self._dressed(call)
        attempt = Attempt(call.url, deadline)
        try:
            return await self._link.send(dressed, attempt), attempt
        except (errors.SendError, errors.ReadError):
            if attempt.is_fresh or not planning.may_repeat(call):
                raise
        attempt = Attempt(call.url, deadline)
        return await self._link.send(dressed, attempt), attempt

    def _dressed(self, call: Call) -> Call:
        """The request with the fields that the client adds, where the program names none of that name."""
        fields = Headers({"User-Agent": AGENT, "Accept": "*/*"})
        if self._options.decode:
            fields["Accept-Encoding"] = decoding.accept_encoding()
        if call.url.credentials is not None:
            fields["Authorization"] = _basic(*call.url.credentials)
        cookies = self._jar.field(call.url) if self._jar is not None else ""
        if cookies:
            fields["Cookie"] = cookies
        for name in call.headers:
            fields[name] = call.headers.get_all(name)
        return replace(call, headers=fields)


class Incoming:
    """An answer whose content is read piece by piece, decoded.

    Args:
        answer: The answer as it comes.
        call: What was asked.
        attempt: The attempt that got it.
        options: How the client behaves.
    """

    def __init__(self, answer: Answer, call: Call, attempt: Attempt, options: ClientOptions) -> None:
        self.status = answer.status
        self.reason = answer.reason
        self.headers = answer.headers
        self.url: Url = call.url
        self.received = 0
        self._answer = answer
        self._attempt = attempt
        self._options = options
        self._limit = options.limits.content
        self._decoding: decoding.Decoding | None = None
        self._has_content = call.method != "HEAD" and answer.status not in {204, 304}
        self._pieces: Iterator[bytes] = iter(())
        self._begun = self._ended = False

    @property
    def length(self) -> int | None:
        """Octets of content that the server has announced, before decoding; None where it has not."""
        value = self.headers.get("content-length", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None

    def let_stream(self) -> None:
        """From here on the program reads at its own pace: the deadline is over, and the limit is that of streams."""
        self._attempt.deadline = inf
        self._limit = self._options.limits.stream

    async def read(self) -> bytes:
        """The next piece; b"" at the end.

        Raises:
            ClientError: if it does not come, cannot be decoded, or is too much.
        """
        try:
            return b"" if self._ended else await self._read()
        except decoding.BadCoding as error:
            await self.close()
            reason = f"the content is not {self.headers.get('content-encoding', '')}: {error}"
            raise errors.DecodeError("decode", self.url.shown, reason) from None
        except decoding.Inflated:
            await self.close()
            reason = f"it inflates more than {self._options.limits.inflation} to 1"
            raise errors.ContentTooLarge("decode", self.url.shown, reason) from None
        except BaseException:
            await self.close()
            raise

    async def read_all(self) -> bytes:
        """All of it.

        Raises:
            ClientError: see `read`.
        """
        length = self.length
        if self._has_content and self._limit and length is not None and length > self._limit:
            await self.close()
            raise self._too_large()
        pieces: list[bytes | bytearray | memoryview] = []
        while piece := await self.read():
            pieces.append(piece)
            if len(pieces) == MANY:
                gather(pieces)
        return b"".join(pieces)

    async def close(self) -> None:
        """Read no more; a second call does nothing."""
        if not self._ended:
            self._ended = True
            await self._answer.close()

    async def _read(self) -> bytes:
        if not self._begun:
            self._begun = True
            names = decoding.codings(self.headers.get_all("content-encoding"))
            if names and self._options.decode and self._has_content:
                self._decoding = decoding.Decoding(names, self._options.limits.inflation)
        while True:
            piece = next(self._pieces, b"")
            if piece:
                return self._counted(piece)
            octets = await self._answer.read()
            if not octets:
                if self._decoding is not None:
                    self._decoding.finish()
                await self.close()
                return b""
            self._pieces = iter((octets,)) if self._decoding is None else self._decoding.pieces(octets)

    def _counted(self, piece: bytes) -> bytes:
        self.received += len(piece)
        if self._limit and self.received > self._limit:
            raise self._too_large()
        return piece

    def _too_large(self) -> errors.ContentTooLarge:
        return errors.ContentTooLarge("read", self.url.shown, f"the content is larger than {self._limit} octets")


async def _pass_over(answer: Answer) -> None:
    """Be done with an answer that nobody sees."""
    read = 0
    try:
        while read <= _PASSED_OVER and (octets := await answer.read()):
            read += len(octets)
    except ClientError:
        pass  # it was not wanted
    finally:
        await answer.close()


def _basic(user: str, password: str) -> str:
    """RFC 7617 §2, in UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
