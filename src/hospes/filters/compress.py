"""Compression of answers as they leave: `app.filter(Compress())` (RFC 9110 §8.4, §12.5.3).

    is it of a type that shrinks, long enough, whole, and nobody's opted out?   no → as it is
    which of our codings does the peer prefer to none?                       none → as it is, with Vary
    bytes            encoded whole; what does not shrink stays as it is
    file             a small one as bytes, a large one while it is sent
    stream           piece by piece, each on its way before the next

Laws:

* Every answer that would be different for another Accept-Encoding says so (`Vary`), encoded or not.
* Encoded content has an entity tag of its own, `"tag-gzip"` for `"tag"`; what the program knows as `"tag"` is found again under
  it, by If-None-Match and If-Match (§8.8.3.3). If-Range finds nothing, and gets the whole: our ranges are of plain octets.
* Never encoded: a part (206), what is encoded already, what a digest is about, what says `Cache-Control: no-transform`.
* The answer that the program gave is left as it was: it may give the same one to the next request.
* What takes long is done in a thread. Where there is none to be had, it is sent as it is: that serves more visitors.

Compression tells secrets by their length (BREACH): where an answer holds a secret, and beside it text that another site can
choose, let it say `no-transform`, or leave its path out by `exempt`. The tokens of `csrf_token` are masked and need neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Final

from hospes.errors import SetupError
from hospes.execution import PoolSaturated
from hospes.filters.encoded import LONG, FilePieces, InThread, encoded
from hospes.filters.encoding import CODINGS, Encoder, encode
from hospes.filters.exemption import Paths, at_least
from hospes.http.codings import EXTRAS, is_available
from hospes.http.conditional import ETag, parse_etags
from hospes.http.content import FileContent
from hospes.http.handler import CallNext
from hospes.http.headers import Headers
from hospes.http.negotiation import add_vary, choose_encoding
from hospes.http.request import Request, Workers
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent
from hospes.units import KiB

TYPES: Final = (
    "text/*", "*+json", "*+xml", "*+text",
    "application/json", "application/json5", "application/x-ndjson", "application/javascript", "application/xml",
    "application/wasm", "application/graphql", "application/sql", "application/toml", "application/yaml", "application/rtf",
    "application/manifest+json", "application/vnd.ms-fontobject", "application/x-javascript",
    "font/ttf", "font/otf", "font/collection", "image/bmp", "image/vnd.microsoft.icon", "image/x-icon",
)  # fmt: skip
"""Media types that shrink: `text/*` is every type of text, `*+json` every type with this suffix (RFC 6838 §4.2.8)."""

_WHOLE_FILE: Final = 64 * KiB
"""A file up to this size is encoded whole, and goes out with its length."""
_KEPT_FIELDS: Final = 64
"""Accept-Encoding fields whose meaning is kept; there are about ten in the world."""
_KEPT_FIELD: Final = 128
"""Characters of the longest field whose meaning is kept."""
_NEVER: Final = frozenset({101, 204, 205, 206, 304})
"""Statuses without content, and the one whose content is a part (RFC 9110 §15.3.7): a part of what was not encoded."""
_SPEAK_OF_OCTETS: Final = ("Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest", "Digest", "Content-MD5")
"""Fields that say which octets these are, so that they must stay the same."""


class Compress:
    """A filter that compresses answers for whoever takes that.

    Args:
        minimum: Octets below which an answer stays as it is; 256. Less would not leave sooner. With 0 every answer that says
            anything is encoded, even where that makes it longer.
        types: Media types that are compressed: exact ones, `text/*`, `*+json`.
        codings: Which codings to use, the favourite first; all that are installed by default: zstd, br, gzip.
        levels: How hard to try, by coding: gzip 1 to 9 (6), br 0 to 11 (4), zstd 1 to 19 (3).
        exempt: Paths that are left alone, as filters have them: `"/account/**"`.

    Raises:
        ValueError: for an option that makes no sense.
        SetupError: for a coding whose library is not installed, and a malformed pattern.
    """

    def __init__(
        self,
        *,
        minimum: int = 256,
        types: Sequence[str] = TYPES,
        codings: Sequence[str] | None = None,
        levels: Mapping[str, int] | None = None,
        exempt: Paths = (),
    ) -> None:
        if type(minimum) is not int or minimum < 0:
            raise ValueError(f"Compress(minimum={minimum!r}): a number of octets, 0 or more")
        if isinstance(types, str) or isinstance(codings, str):
            raise ValueError("Compress(types=…, codings=…): give lists, also of one")
        self.minimum = minimum
        self._types = frozenset(each.lower() for each in types)
        self._codings = tuple(filter(is_available, CODINGS)) if codings is None else tuple(map(_checked, codings))
        self._levels = _checked_levels(levels or {})
        self._is_exempt = at_least(exempt)
        # A memory of a function that depends on nothing but its argument: it cannot go stale.
        self._choose = lru_cache(_KEPT_FIELDS)(self._chosen)
        self._shrinks = lru_cache(_KEPT_FIELDS)(self._is_of_types)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Have a request answered, and compress that."""
        if self._is_exempt(request.head.path):
            return await call_next(request)
        field = request.field("accept-encoding")
        coding = (self._choose if len(field) <= _KEPT_FIELD else self._chosen)(field)
        tags = _with_own_tags(request, coding) if coding else ()
        response = await call_next(request)
        if response.status == 304:
            return _unchanged(response, coding, tags)
        if not self._may_encode(response):
            return response
        response = response.copy()
        add_vary(response.headers, "Accept-Encoding")
        if coding:
            await self._encode(request, response, coding)
        return response

    def _may_encode(self, response: Response) -> bool:
        content = response.content
        if isinstance(content, WebSocketContent) or response.status in _NEVER or not self._shrinks(response.content_type):
            return False
        length = len(content) if isinstance(content, bytes) else content.length
        if length is not None and length < self.minimum:
            return False
        if response.plain:
            return True
        headers = response.headers
        return not any(name in headers for name in _SPEAK_OF_OCTETS) and "no-transform" not in _directives(headers)

    async def _encode(self, request: Request, response: Response, coding: str) -> None:
        encoder = CODINGS[coding].make(self._levels[coding])
        in_thread = _in_thread(request)
        content = response.content
        assert not isinstance(content, WebSocketContent)
        if isinstance(content, bytes):
            most = self._most(len(content))
            octets = await _whole(content, encoder, most, in_thread if len(content) > LONG else _here)
        elif isinstance(content, FileContent) and content.length <= _WHOLE_FILE:
            most = self._most(content.length)
            octets = await _whole_file(content, encoder, most, in_thread if content.length > LONG else _here)
        else:
            response.content = encoded(content, encoder, in_thread)
            _say_so(response.headers, coding)
            return
        if octets is not None:
            response.content = octets
            _say_so(response.headers, coding)

    def _most(self, length: int) -> float:
        """Octets that encoded content of a length may have."""
        return length - 1 if self.minimum or not length else inf

    def _chosen(self, accept_encoding: str) -> str:
        coding = choose_encoding(self._codings, accept_encoding)
        return coding if coding is not None and coding != "identity" else ""

    def _is_of_types(self, content_type: str) -> bool:
        essence = content_type.partition(";")[0].strip(" \t").lower()
        kind, slash, subtype = essence.partition("/")
        _, plus, suffix = subtype.rpartition("+")
        return bool(slash) and not self._types.isdisjoint({essence, f"{kind}/*", f"*+{suffix}" if plus else essence})


async def _whole(content: bytes, encoder: Encoder, most: float, in_thread: InThread) -> bytes | None:
    """The encoded content; None where that is longer than `most` octets, or there is no thread for it."""
    try:
        octets = await in_thread(lambda: encode(encoder, content))
    except PoolSaturated:
        return None
    return octets if len(octets) <= most else None


async def _whole_file(content: FileContent, encoder: Encoder, most: float, in_thread: InThread) -> bytes | None:
    """The same of a file, which is closed if it was encoded."""
    try:
        octets = await in_thread(lambda: encode(encoder, b"".join(FilePieces(content))))
    except PoolSaturated:
        return None
    except BaseException:
        content.close()
        raise
    if len(octets) > most:
        return None
    content.close()
    return octets


def _in_thread(request: Request) -> InThread:
    workers: Workers | None = request.services.get(Workers)
    return workers.run if workers is not None else _here


async def _here(call: Callable[[], bytes]) -> bytes:
    return call()


def _say_so(headers: Headers, coding: str) -> None:
    """Make the fields those of the encoded content."""
    headers["Content-Encoding"] = coding
    for name in ("Content-Length", "Accept-Ranges"):
        if name in headers:
            del headers[name]
    tag = _own_tag(headers, coding)
    if tag is not None:
        headers["ETag"] = str(tag)


def _with_own_tags(request: Request, coding: str) -> list[ETag]:
    """Let the inside see, beside each tag of encoded content, the one that it was made of; gives those of encoded content."""
    suffix = f"-{coding}"
    ours: list[ETag] = []
    for name in ("If-None-Match", "If-Match"):
        field = request.field(name.lower())
        tags = parse_etags(field) if suffix in field else ()
        found = [tag for tag in tags if isinstance(tag, ETag) and tag.tag.endswith(suffix)]
        if found:
            ours += found
            inner = [str(ETag(tag.tag.removesuffix(suffix), tag.weak)) for tag in found]
            request.headers[name] = ", ".join([field, *inner])
    return ours


def _unchanged(response: Response, coding: str, ours: Sequence[ETag]) -> Response:
    """A 304 with the fields that the encoded content would have had (§15.4.5)."""
    response = response.copy()
    add_vary(response.headers, "Accept-Encoding")
    tag = _own_tag(response.headers, coding)
    if tag is not None and any(tag.matches_weakly(each) for each in ours):
        response.headers["ETag"] = str(tag)
    return response


def _own_tag(headers: Headers, coding: str) -> ETag | None:
    """The entity tag of the encoded content; None where the content has none."""
    try:
        tag = ETag.parse(headers.get("ETag", ""))
    except ValueError:
        return None
    return ETag(f"{tag.tag}-{coding}", tag.weak)


def _directives(headers: Headers) -> set[str]:
    return {each.strip(" \t").lower() for each in headers.get("Cache-Control", "").split(",")}


def _checked(coding: str) -> str:
    if coding not in CODINGS:
        raise ValueError(f"Compress(codings=[{coding!r}]): there are {', '.join(CODINGS)}")
    if not is_available(coding):
        raise SetupError(f"the coding {coding} needs a library", remedy=f'pip install "hospes[{EXTRAS[coding]}]"')
    return coding


def _checked_levels(levels: Mapping[str, int]) -> dict[str, int]:
    for coding, level in levels.items():
        known = CODINGS.get(coding)
        if known is None:
            raise ValueError(f"Compress(levels={{{coding!r}: …}}): there are {', '.join(CODINGS)}")
        if level not in known.levels:
            raise ValueError(
                f"Compress(levels={{{coding!r}: {level}}}): {coding} has levels from {known.levels[0]} to {known.levels[-1]}"
            )
    return {coding: levels.get(coding, known.level) for coding, known in CODINGS.items()}
