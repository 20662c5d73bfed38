"""A folder below a prefix: `app.files("/static", "./static")`.

Laws:

* The path is taken apart before it is decoded, and each name is decoded once: an encoded slash is part of a name, and no file
  has such a name.
* No name is empty, `.` or `..`, begins with a dot, or holds a slash, a backslash or NUL; what is left cannot lead upwards, on any
  system. Dot files are off: `.git`, `.env` and `.htpasswd` lie in such folders by mistake. To serve `/.well-known`, give that
  folder its own prefix.
* A directory is its `index.html`, at the path that ends with a slash. Without one it is 404, or where the program says so a list
  of what is in it and could be asked for.
* A redirect goes to `./name/`, relative to where the visitor is: no text a visitor sends can make it another host.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from hospes.errors import HttpError, SetupError
from hospes.files.listing import listing
from hospes.files.media_types import is_compressible, media_type_of
from hospes.files.opening import Enter, OpenFile, Place, entrance
from hospes.files.representation import FOR_EVER, REVALIDATE, Describe, Traits, describe, respond
from hospes.http.direct import Shelf, Shelved
from hospes.http.negotiation import choose_encoding
from hospes.http.request import Request
from hospes.http.response import Redirect, Response

INDEX: Final = "index.html"
ENDINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""The ending of a precompressed sibling by content coding, best first."""

_REFUSED: Final = re.compile(r"\.|[^/\\\0]*+[/\\\0]")
_KEPT_FILES: Final = 1024
"""States of files whose fields are kept, about 2 KiB each; what a site's pages consist of, as a rule."""
_KEPT_FIELDS: Final = 64
"""Accept-Encoding fields whose meaning is kept; there are about ten in the world."""
_KEPT_FIELD: Final = 128
"""Characters of the longest Accept-Encoding field whose meaning is kept; browsers' have 25. Longer ones are read each time."""


class StaticFolder:
    """A handler that serves the files of a folder; it sees paths without its prefix.

    Where a file has a sibling with the same name and `.br`, `.zst` or `.gz` after it, not older than itself, that is sent to
    those who take this content coding.

    Args:
        folder: Which. A relative one is taken from the working directory of now.
        immutable: Whether a file never changes under its name; browsers then keep it for a year unasked. By default they ask
            each time whether it is still the same.
        follow_links: Whether symbolic links are followed where they end below the folder; no by default.
        listing: Whether a directory without an `index.html` shows what is in it; no by default.
        source: `file:line` of the declaration, for the error.

    Raises:
        SetupError: if there is no such folder.
    """

    __slots__ = ("_cache_control", "_codings", "_describe", "_enter", "_folder", "_follows_links", "_listing")

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        immutable: bool = False,
        follow_links: bool = False,
        listing: bool = False,
        source: str = "",
    ) -> None:
        path = Path(folder).absolute()
        if not path.is_dir():
            raise SetupError(
                f"there is no folder {str(path)!r}" if not path.exists() else f"{str(path)!r} is no folder",
                where=(source,) if source else (),
                remedy="create it, or correct its path: a relative one is taken from the working directory",
            )
        self._folder = str(path)
        self._follows_links = follow_links
        self._listing = listing
        self._cache_control = FOR_EVER if immutable else REVALIDATE
        self._enter: Enter = entrance(self._folder, follow_links=follow_links)
        # Memories of functions that depend on nothing but their arguments: they cannot go stale.
        self._describe: Describe = lru_cache(_KEPT_FILES)(describe)
        self._codings = lru_cache(_KEPT_FIELDS)(acceptable_codings)

    def __call__(self, request: Request) -> Response:
        """Answer a request; see `answer_at` for what it raises."""
        return self.answer_at(request, request.head.path)

    def answer_at(self, request: Request, path: str) -> Response:
        """Answer a request with what is at a path, whatever the request's own is; see `hospes.http.handler.AnswersAt`.

        Raises:
            HttpError: 405 for other methods than GET and HEAD; 404 for what is not there or not to be seen; 403 for what may not
                be read; 412 and 416 as the request's conditions and ranges will have it.
        """
        head = request.head
        if head.method != "GET" and head.method != "HEAD":
            raise HttpError(405, "", "This path answers GET, HEAD.", {"Allow": "GET, HEAD"})
        names = split_path(path)
        if names is None:
            raise HttpError(404)
        try:
            return self._answer(request, names, path[-1] == "/")
        except PermissionError:
            raise HttpError(403) from None

    def shelf(self, prefix: str) -> Shelf | None:
        """What a carrier may fetch of it by itself, mounted at a prefix; None where links are followed.

        Args:
            prefix: Percent-encoded, without a slash at its end.
        """
        if self._follows_links:
            return None
        return Shelf(f"{prefix}/", self._folder, _shelved_name, self._shelved_fields, _shelved_codings)

    def __repr__(self) -> str:
        return f"StaticFolder({self._folder!r})"

    def _shelved_fields(self, path: str, coding: str, changed: int, size: int, inode: int) -> Shelved | None:
        if changed > time.time_ns():
            return None  # what is told of it depends on the time
        content_type = media_type_of(path if path[-1] != "/" else INDEX)
        traits = Traits(content_type, self._cache_control, coding, "Accept-Encoding" if is_compressible(content_type) else "")
        _, whole, unchanged = self._describe(changed, size, inode, changed // 1_000_000_000, traits)
        return Shelved(whole, unchanged)

    def _answer(self, request: Request, names: list[str], is_directory: bool) -> Response:
        if not names[-1]:
            if _lacks_slash(request) and self._has_page([]):
                return _slash_ended(request, _last_name(request.head.target))
            names[-1] = INDEX
        place = self._enter(names[:-1])
        if place is not None:
            with place:
                opened = place.open(names[-1])
                if opened is not None:
                    return self._serve(request, place, names[-1], opened)
                if self._listing and is_directory:
                    entries = place.entries()
                    if entries is not None:
                        return listing(entries, names[:-1])
        if not is_directory and self._has_page(names):
            return _slash_ended(request, names[-1].encode())
        raise HttpError(404)

    def _has_page(self, names: Sequence[str]) -> bool:
        """Whether these names lead to a directory that can be seen."""
        place = self._enter(names)
        if place is None:
            return False
        with place:
            if self._listing and place.entries() is not None:
                return True
            opened = place.open(INDEX)
        if opened is not None:
            opened.file.close()
        return opened is not None

    def _serve(self, request: Request, place: Place, name: str, opened: OpenFile) -> Response:
        try:
            chosen, traits = self._choose(request, place, name, opened)
        except BaseException:
            opened.file.close()
            raise
        if chosen is not opened:
            opened.file.close()
        return respond(request, chosen, traits, self._describe)

    def _choose(self, request: Request, place: Place, name: str, original: OpenFile) -> tuple[OpenFile, Traits]:
        """The file itself, or the best of its precompressed siblings that this visitor takes."""
        content_type = media_type_of(name)
        if not is_compressible(content_type):
            return original, Traits(content_type, self._cache_control)
        for coding in self._wanted(request):
            ending = name + ENDINGS[coding]
            sibling = _sibling(place, ending, original) if place.has(ending) else None
            if sibling is not None:
                return sibling, Traits(content_type, self._cache_control, coding, "Accept-Encoding")
        # Also where no sibling is there yet: caches must not give this to all, once there is one (RFC 9110 §12.5.5).
        return original, Traits(content_type, self._cache_control, "", "Accept-Encoding")

    def _wanted(self, request: Request) -> tuple[str, ...]:
        """The codings this visitor takes rather than none, the one preferred first."""
        field = request.field("accept-encoding")
        if not field:
            return ()
        return self._codings(field) if len(field) <= _KEPT_FIELD else acceptable_codings(field)


def split_path(path: str) -> list[str] | None:
    """Take a path apart, and decode each of its names once.

    Args:
        path: The path, still percent-encoded, as the wire has checked it.

    Returns:
        The names; the last one is empty where the path ends with a slash. None where one of them is none that is served.
    """
    names = path[1:].split("/")
    if "%" in path:
        try:
            names = [unquote_to_bytes(name).decode() for name in names]
        except UnicodeDecodeError:
            return None
    for name in names:
        if _REFUSED.match(name):
            return None
    return names if path[:1] == "/" and all(names[:-1]) else None


def _shelved_name(path: str) -> str | None:
    """The file of a path without percent signs, seen from the folder."""
    names = split_path(path)
    if names is None:
        return None
    return "/".join(names if names[-1] else [*names[:-1], INDEX])


def _shelved_codings(accept_encoding: str) -> list[tuple[str, str]]:
    """The content codings that a field prefers to none, and the endings of their files."""
    return [(coding, ENDINGS[coding]) for coding in acceptable_codings(accept_encoding)]


def acceptable_codings(accept_encoding: str) -> tuple[str, ...]:
    """The content codings that an Accept-Encoding field prefers to none, best first.

    Where the field excludes everything there is, even the file as it is, that is sent all the same (RFC 9110 §12.1 leaves it to
    the server): a visitor who gets it can do more with it than with a 406.
    """
    offers = list(ENDINGS)
    found: list[str] = []
    while (coding := choose_encoding(offers, accept_encoding)) in ENDINGS:
        found.append(coding)
        offers.remove(coding)
    return tuple(found)


def _sibling(place: Place, name: str, original: OpenFile) -> OpenFile | None:
    """A precompressed sibling; None if there is none, or it is older than what it was made from, or empty."""
    try:
        found = place.open(name)
    except PermissionError:
        return None
    if found is None or (found.stat.st_size and found.stat.st_mtime_ns >= original.stat.st_mtime_ns):
        return found
    found.file.close()
    return None


def _lacks_slash(request: Request) -> bool:
    """Whether the visitor asked for the prefix itself, without a slash: links in the index would then lead past the folder."""
    target = request.head.target
    # Other forms of target are a proxy's; what it shows its visitor is not known here.
    return target.startswith("/") and not target.partition("?")[0].endswith("/")


def _slash_ended(request: Request, name: bytes) -> Response:
    """Send the visitor to the same path with a slash at its end, in a form that is relative and has no scheme."""
    query = request.head.query
    response = Redirect(f"./{quote(name, safe='')}/{'?' + query if query else ''}", 308)
    response.headers["Cache-Control"] = REVALIDATE
    return response


def _last_name(target: str) -> bytes:
    return unquote_to_bytes(target.partition("?")[0].rpartition("/")[2])
