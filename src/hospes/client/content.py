"""What a request brings: JSON, a form, files, octets, or a stream of them.

Laws:

* Files and iterators are read in pieces while they are sent; nothing is held whole that was not whole before.
* A length that can be known beforehand is sent as Content-Length; else the content goes out in chunks.
* Content that can be begun again says so: only such a request is sent twice.
* Names in a multipart form cannot add a field or a part (WHATWG HTML §4.10.21.8).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast
from urllib.parse import urlencode

from hospes.http import json
from hospes.limits import KiB

STEP: Final = 64 * KiB
"""Octets read from a file at once."""
_SLICE: Final = 256 * KiB

Octets: TypeAlias = "bytes | bytearray | memoryview"
Piece: TypeAlias = "bytes | str"
Source: TypeAlias = "Octets | str | BinaryIO | Path | Iterable[Piece] | AsyncIterable[Piece]"
"""Where content comes from; a Path is a file's, and text is sent as UTF-8."""
Progress: TypeAlias = Callable[[int, "int | None"], object]
"""Is told how many octets have been handed over, and of how many, where that is known."""
FormValue: TypeAlias = "str | int | float"
Form: TypeAlias = "Mapping[str, FormValue | Sequence[FormValue]]"
"""Names and values; a list gives its name several times."""
FileSource: TypeAlias = "Path | tuple[str, Octets | BinaryIO] | tuple[str, Octets | BinaryIO, str]"
"""A file to send: its path; or a name and octets or an open file, and perhaps a media type."""
Files: TypeAlias = "Mapping[str, FileSource | Sequence[FileSource]]"


@dataclass(frozen=True, slots=True)
class Upload:
    """Content with what is known of it.

    Args:
        source: Octets, text, a file's path, an open binary file, or an (async) iterable of octets or text.
        length: Octets in all, where the source itself cannot say; None otherwise.
        progress: Called with octets handed over and octets in all (None where unknown), after each piece.
    """

    source: Source
    length: int | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request brings: one of these, but form and files go together.

    Args:
        json: Anything that has a JSON form; None for no JSON.
        form: Names and values; sent urlencoded, or as multipart/form-data where there are files.
        files: Files by the form field's name.
        content: Octets, text, a path, a file, an iterable, or an `Upload`.
        progress: As for `Upload`, for any of these.
    """

    json: Any = None
    form: Form | None = None
    files: Files | None = None
    content: Source | Upload | None = None
    progress: Progress | None = None

    def open(self) -> Outgoing | None:
        """What is sent; None for nothing.

        Raises:
            TypeError: if JSON, form or source cannot be sent.
            ValueError: if several contents are given that exclude each other.
            OSError: if a file is not there.
        """
        given = [self.json is not None, self.form is not None or self.files is not None, self.content is not None]
        if sum(given) > 1:
            raise ValueError("a request has one content: json, or content, or form and files")
        if self.json is not None:
            return Outgoing(json.encode(self.json), "application/json", self.progress)
        if self.files is not None:
            return _multipart(self.form or {}, self.files, self.progress)
        if self.form is not None:
            octets = urlencode(self.form, doseq=True).encode("ascii")
            return Outgoing(octets, "application/x-www-form-urlencoded", self.progress)
        if self.content is None:
            return None
        upload = self.content if isinstance(self.content, Upload) else Upload(self.content)
        media_type = "text/plain; charset=utf-8" if isinstance(upload.source, str) else ""
        return Outgoing(upload.source, media_type, upload.progress or self.progress, upload.length)


class Outgoing:
    """Content on its way out.

    Args:
        source: Where it comes from.
        media_type: Its media type, "" for none.
        progress: Is told what has been handed over.
        length: Octets in all, where the source does not say.

    Raises:
        TypeError: if the source is none.
        OSError: if it is a file that is not there.
    """

    __slots__ = ("_begun", "_progress", "_source", "_start", "length", "media_type")

    def __init__(self, source: Source, media_type: str = "", progress: Progress | None = None, length: int | None = None) -> None:
        if isinstance(source, str):
            source = source.encode()
        elif isinstance(source, (bytearray, memoryview)):
            source = bytes(source)  # a copy: it must not change while it is sent, or between two attempts
        if not _can_be_sent(source):
            raise TypeError(f"{type(source).__qualname__} cannot be sent: give bytes, text, a path, a file or an iterable")
        self._source = source
        self._start, known = _start_and_length(source)
        self._begun = False
        self._progress = progress
        self.media_type = media_type
        self.length = known if length is None else length

    @property
    def is_replayable(self) -> bool:
        """Whether it can be sent (again): always, until an iterator or a pipe has been begun."""
        return not self._begun or _begins_anew(self._source, self._start)

    @property
    def is_async(self) -> bool:
        """Whether it comes asynchronously."""
        return isinstance(self._source, AsyncIterable) and not isinstance(self._source, (bytes, Path))

    @property
    def may_block(self) -> bool:
        """Whether its pieces may have to be waited for."""
        return not isinstance(self._source, bytes)

    def pieces(self) -> Iterator[bytes]:
        """Its octets, from the beginning; for sources that are not async."""
        self._begin()
        sent = 0
        for piece in _read(self._source, self._start):
            if piece:  # an empty chunk would end the message (RFC 9112 §7.1)
                yield piece
                sent += len(piece)
                self._tell(sent)

    async def async_pieces(self) -> AsyncIterator[bytes]:
        """Its octets, for async sources."""
        self._begin()
        sent = 0
        async for each in cast("AsyncIterable[Piece]", self._source):
            piece = _octets(each)
            if piece:
                yield piece
                sent += len(piece)
                self._tell(sent)

    def _begin(self) -> None:
        if not self.is_replayable:
            raise RuntimeError("this content was sent already and cannot be begun again")
        self._begun = True

    def _tell(self, sent: int) -> None:
        if self._progress is not None:
            self._progress(sent, self.length)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a form: the octets before its content, and where that comes from."""

    head: bytes
    content: Outgoing


@dataclass(frozen=True, slots=True)
class _Parts:
    """A multipart form, to be iterated over as often as its parts can."""

    parts: list[_Part]
    end: bytes
    length: int | None = field(init=False)

    def __post_init__(self) -> None:
        lengths = [part.content.length for part in self.parts]
        known = [length for length in lengths if length is not None]
        fixed = len(self.end) + sum(len(part.head) + 2 for part in self.parts)
        object.__setattr__(self, "length", fixed + sum(known) if len(known) == len(lengths) else None)

    @property
    def is_replayable(self) -> bool:
        return all(part.content.is_replayable for part in self.parts)

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            yield part.head
            yield from part.content.pieces()
            yield b"\r\n"
        yield self.end


def _multipart(form: Form, files: Files, progress: Progress | None) -> Outgoing:
    boundary = f"hospes-{secrets.token_hex(16)}"
    parts = [
        _Part(_part_head(boundary, name, None, ""), Outgoing(str(value)))
        for name, values in form.items()
        for value in ([values] if isinstance(values, (str, int, float)) else values)
    ]
    for field_name, given in files.items():
        for file in [given] if isinstance(given, Path) or _is_file(given) else cast("Sequence[FileSource]", given):
            filename, source, media_type = _file(cast("FileSource", file))
            parts.append(_Part(_part_head(boundary, field_name, filename, media_type), Outgoing(source)))
    made = _Parts(parts, f"--{boundary}--\r\n".encode("ascii"))
    return Outgoing(made, f"multipart/form-data; boundary={boundary}", progress, made.length)


def _is_file(given: object) -> bool:
    """Whether a tuple is one file, and not a sequence of them: it begins with a name."""
    return isinstance(given, tuple) and bool(cast("tuple[object, ...]", given)) and isinstance(given[0], str)


def _file(given: FileSource) -> tuple[str, Source, str]:
    if isinstance(given, Path):
        return given.name, given, "application/octet-stream"
    filename, source, *media_type = given
    return filename, cast("Source", source), media_type[0] if media_type else "application/octet-stream"


def _part_head(boundary: str, name: str, filename: str | None, media_type: str) -> bytes:
    lines = [f'--{boundary}\r\nContent-Disposition: form-data; name="{_escape(name)}"']
    if filename is not None:
        if not media_type.isprintable():
            raise ValueError("a file's media type holds a control character")
        lines.append(f'; filename="{_escape(filename)}"\r\nContent-Type: {media_type}')
    return "".join([*lines, "\r\n\r\n"]).encode()


def _escape(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").replace("\0", "")


def _can_be_sent(source: object) -> bool:
    return isinstance(source, (bytes, Path, Iterable, AsyncIterable)) or hasattr(source, "read")


def _start_and_length(source: object) -> tuple[int, int | None]:
    """Where an open file stands now, and how many octets a source has, where it says."""
    if isinstance(source, bytes):
        return 0, len(source)
    if isinstance(source, Path):
        return 0, source.stat().st_size
    if hasattr(source, "read") and _seekable(source):
        file = cast("BinaryIO", source)
        start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
        return start, max(end - start, 0)
    return 0, None


def _seekable(source: object) -> bool:
    seekable = getattr(source, "seekable", None)
    return seekable is not None and bool(seekable())


def _begins_anew(source: object, start: int) -> bool:
    if isinstance(source, (bytes, Path)):
        return True
    if isinstance(source, _Parts):
        return source.is_replayable
    if hasattr(source, "read"):
        return _seekable(source)
    return not hasattr(source, "__next__") and not hasattr(source, "__anext__")


def _read(source: Source, start: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        # In slices, so that a slow way out shows progress, and is timed by what it takes at once.
        yield from (source[at : at + _SLICE] for at in range(0, len(source), _SLICE)) if len(source) > _SLICE else (source,)
    elif isinstance(source, Path):
        with source.open("rb") as opened:
            yield from iter(lambda: opened.read(STEP), b"")
    elif hasattr(source, "read"):
        file = cast("BinaryIO", source)
        if _seekable(file):
            file.seek(start)
        yield from iter(lambda: _octets(file.read(STEP)), b"")
    elif isinstance(source, Iterable):
        for piece in cast("Iterable[Piece]", source):
            yield _octets(piece)
    else:
        raise TypeError("an async source is sent by AsyncHttpClient; HttpClient takes plain ones")


def _octets(piece: object) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", piece))
    # bytes(3) would be three octets of zero.
    raise TypeError(f"content gave {type(piece).__qualname__}; it may give bytes and str")
