"""Forms with files: multipart/form-data, read while it comes in (RFC 7578, RFC 2046 §5.1).

Two layers: `PartReader` makes events of octets and keeps the limits, `FormReader` makes a form of the events and spools files.

Laws:

* Any split of the content gives the same form, or a refusal all the same.
* Memory has a bound: texts by their limits, files by `form_memory`; beyond it a form has one private file without a name,
  gone with the form, or with the process. One file for all parts: parts are cheap to send, descriptors are few.
* A content without its closing boundary is refused: what was cut off must not pass for what was sent.
* A file's name is a name, never a path (`hospes.http.media.base_name`).

The library `multipart` finds boundaries and field lines. Its strict mode is not used: it judges by where the octets were split
(it refuses a line end after the closing boundary that comes in a chunk of its own, and a preamble only in small chunks). What
it would refuse is refused here: a preamble, a folded field line, a part without a name. An epilogue is passed over (RFC 2046
§5.1.1). So that every line is judged as it was sent, `_FieldLines` stands before the library's reader of lines.

Reading a spooled file and writing to one is blocking I/O, in steps of at most 64 KiB that the page cache takes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from threading import Lock
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, cast

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http.media import MediaType, base_name, parse_content_disposition, parse_media_type
from hospes.lazily import regexp
from hospes.units import KiB

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from hospes.limits import Limits

_STEP = 64 * KiB
_BOUNDARY = regexp(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")  # RFC 2046 §5.1.1: bcharsnospace at the end
_CONTROL_IN_LINE = regexp(rb"[\x00-\x08\x0a-\x1f\x7f]")
# fmt: off
_CHARSETS = frozenset({
    "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9",
    "iso-8859-15", "latin1", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
    "windows-1256", "koi8-r", "gbk", "gb2312", "gb18030", "big5", "euc-jp", "shift_jis", "iso-2022-jp", "euc-kr",
    "utf-16", "utf-16le", "utf-16be",
})
# fmt: on
"""Charsets of text fields: those browsers can send. Python's other codecs are no charsets, or slow, or decode to surprises."""


class _Segment(Protocol):
    headerlist: list[tuple[str, str]]


class _Parser(Protocol):
    """What is used of `multipart.PushMultipartParser`."""

    _on_segment_headerline: Callable[[bytes], None]

    def parse(self, chunk: bytes) -> Iterator[_Segment | bytes | None]: ...
    def close(self) -> None: ...


class FormPart(Struct, frozen=True):
    """The head of a part."""

    name: str
    filename: str | None
    """As sent, not yet reduced to a base name; None for a text field."""
    content_type: str
    """As sent; empty where it is not given."""
    fields: tuple[tuple[str, str], ...]


class PartReader:
    """Makes parts of the octets of a multipart/form-data content.

    Args:
        media_type: The content's media type, with its boundary.
        limits: `parts`, `part_fields`, `part_header` and `text_field` are kept.

    Raises:
        HttpError: 400 if the media type names no usable boundary.
    """

    __slots__ = ("_error", "_left", "_limits", "_lines", "_parser", "_parts", "_start", "_start_line")

    def __init__(self, media_type: MediaType, limits: Limits) -> None:
        boundary = media_type.parameters.get("boundary", "")
        if not _BOUNDARY.fullmatch(boundary):
            raise HttpError(400, "Malformed form", "Its content type has to name a boundary of 1 to 70 characters.")
        self._limits = limits
        self._lines = _FieldLines(limits)
        self._parser = _open_parser(boundary, self._lines)
        self._start_line = b"--" + boundary.encode("ascii")
        self._start: bytes | None = b""
        self._parts = 0
        self._left: int | None = None
        self._error: HttpError | None = None

    def feed(self, data: bytes) -> Iterator[FormPart | bytes | None]:
        """Take octets and give, as far as they reach: a part's head, pieces of its content, None at its end.

        The iterator has to be used up before the next call.

        Raises:
            HttpError: 400 if the content is malformed, 413 if a limit is exceeded; the same again on every further call.
        """
        if self._error is not None:
            raise self._error
        try:
            if self._start is not None:
                data = self._begin(data)
            if data:
                for event in self._parser.parse(data):
                    yield self._check(event)
        except HttpError as error:
            self._error = error
            raise
        except ValueError as problem:  # the library's MultipartError is one
            self._error = self._explain(problem)
            raise self._error from None

    def finish(self) -> None:
        """Say that the content has ended.

        Raises:
            HttpError: 400 if its closing boundary has not come; an earlier error again.
        """
        if self._error is not None:
            raise self._error
        try:
            self._parser.close()
        except ValueError:
            self._error = HttpError(400, "Incomplete form", "Its closing boundary is missing.")
            raise self._error from None

    def _begin(self, data: bytes) -> bytes:
        """Hold back the first octets until it is sure that they are the boundary; nobody sends a preamble in a form."""
        start = (self._start or b"") + data
        line = self._start_line
        if len(start) < len(line) + 2:  # as long as CRLF and the line, or the line and the `--` of a form without parts
            self._start = start
            return b""
        if not start.startswith((line, b"\r\n" + line)):
            raise HttpError(400, "Malformed form", "It does not begin with its boundary.")
        self._start = None
        return start

    def _check(self, event: _Segment | bytes | None) -> FormPart | bytes | None:
        if event is None:
            return None
        if isinstance(event, bytes):
            if self._left is not None:
                self._left -= len(event)
                if self._left < 0:
                    raise HttpError(413, "Form too large", f"A text field may have at most {self._limits.text_field} octets.")
            return event
        self._parts += 1
        if self._parts > self._limits.parts:
            raise HttpError(413, "Form too large", f"It may have at most {self._limits.parts} parts.")
        self._lines.begin()
        part = _read_part(event.headerlist)
        self._left = self._limits.text_field if part.filename is None else None
        return part

    def _explain(self, problem: ValueError) -> HttpError:
        if getattr(problem, "http_status", 400) == 413:  # a line without end
            return self._lines.too_large()
        # The first argument is the library's sentence; others may repeat what was sent.
        return HttpError(400, "Malformed form", f"{problem.args[0]}.")


class _FieldLines:
    """Judges and counts the field lines of a part, before the library strips, joins or decodes them."""

    __slots__ = ("_count", "_next", "_octets", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._next: Callable[[bytes], None] | None = None
        self.begin()

    def begin(self) -> None:
        """The next line is the first of a part."""
        self._count = self._octets = 0

    def stand_before(self, parser: _Parser) -> None:
        # A private name of the library (2.0): another version without it fails here, at once, and not in silence.
        self._next = parser._on_segment_headerline  # pyright: ignore[reportPrivateUsage]
        parser._on_segment_headerline = self._take  # pyright: ignore[reportPrivateUsage]

    def too_large(self) -> HttpError:
        limits = self.limits
        text = f"A part may have at most {limits.part_fields} fields, of {limits.part_header} octets together."
        return HttpError(413, "Form too large", text)

    def _take(self, line: bytes) -> None:
        self._count += 1
        self._octets += len(line) + 2
        if self._count > self.limits.part_fields or self._octets > self.limits.part_header:
            raise self.too_large()
        if _CONTROL_IN_LINE.search(line):
            raise HttpError(400, "Malformed form", "A part's field holds a control character.")
        if line[0] in b" \t":  # RFC 9112 §5.2 refuses folded lines for the same reason: recipients differ about them
            raise HttpError(400, "Malformed form", "A part's field is folded over several lines.")
        if self._next is not None:
            self._next(line)


def _open_parser(boundary: str, lines: _FieldLines) -> _Parser:
    # Imported here, because few programs take forms with files, and all want to start soon.
    from multipart import PushMultipartParser  # type: ignore[import-untyped]  # ships no types; _Parser says what is used

    limits = lines.limits
    parser = PushMultipartParser(boundary, max_header_size=limits.part_header, max_header_count=limits.part_fields)
    made = cast(_Parser, parser)
    lines.stand_before(made)
    return made


def _read_part(fields: list[tuple[str, str]]) -> FormPart:
    """Make a part's head of its fields. Names are in title case."""
    known: dict[str, str] = {}
    for name, value in fields:
        if name in known:
            raise HttpError(400, "Malformed form", "A part has a field twice.")
        known[name] = value.rstrip(" \t")
    disposition = parse_content_disposition(known.get("Content-Disposition", ""))
    field_name = disposition.parameters.get("name")
    if disposition.type != "form-data" or field_name is None:
        raise HttpError(400, "Malformed form", "A part has no name.")
    # RFC 7578 §4.7 deprecates encodings; to take one for the content itself would be wrong without a word.
    if known.get("Content-Transfer-Encoding", "binary").lower() not in {"7bit", "8bit", "binary"}:
        raise HttpError(400, "Malformed form", "A part is sent in a transfer encoding; send it as it is.")
    return FormPart(field_name, disposition.filename, known.get("Content-Type", ""), tuple(fields))


class _Spool:
    """The private file of a form for what is too large for memory; it is made when it is first written to."""

    __slots__ = ("_file", "_lock", "closed", "size")

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._lock = Lock()  # handlers may read two files of one form in two threads
        self.size = 0
        self.closed = False

    def append(self, data: bytes | bytearray) -> None:
        self.check()
        if self._file is None:
            import tempfile  # slow to import, and few forms are that large

            # Mode 0600, without a name where the system can; closed by `close`.
            self._file = tempfile.TemporaryFile(prefix="hospes-")  # noqa: SIM115
        self._file.seek(self.size)
        view = memoryview(data)
        for at in range(0, len(view), _STEP):
            self._file.write(view[at : at + _STEP])
        self.size += len(view)

    def read(self, at: int, size: int) -> bytes:
        with self._lock:
            self.check()
            if self._file is None:
                return b""
            self._file.seek(at)
            return self._file.read(size)

    def check(self) -> None:
        if self.closed:
            raise ValueError("the form is closed: its files last as long as the request; read or save them in the handler")

    def close(self) -> None:
        with self._lock:
            self.closed = True
            if self._file is not None:
                self._file.close()
                self._file = None


class _Source(Struct, frozen=True):
    """Where a file's content is: in memory, or in the spool from `start` on. Both end with the form."""

    spool: _Spool
    size: int
    content: bytes = b""
    start: int | None = None

    def read(self, at: int, size: int) -> bytes:
        self.spool.check()
        size = max(0, min(size, self.size - at))
        return self.content[at : at + size] if self.start is None else self.spool.read(self.start + at, size)


class _Window(io.RawIOBase):
    """What a source holds, as a file to read."""

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}: before the beginning of the file")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        data = self._source.read(self._at, len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


class MultipartFile:
    """A file a visitor has sent in a form; as a parameter's default, what a handler asks for.

    It lasts as long as its request.

    Args:
        name: The form field's name; the parameter's own by default.
        required: Whether a request without it is refused with 400.
    """

    __slots__ = ("_file", "_source", "content_type", "filename", "name", "required", "size")

    def __init__(self, name: str = "", required: bool = False) -> None:
        self.name = name
        self.required = required
        self.filename = ""
        """The name it had, without any folder; empty where none was sent. Nothing says that it is unique or well chosen."""
        self.content_type = ""
        """The media type the sender claims."""
        self.size = 0
        """Octets of its content."""
        self._source = _Source(_Spool(), 0)
        self._file: IO[bytes] | None = None

    @classmethod
    def received(cls, part: FormPart, source: _Source) -> MultipartFile:
        """The file that came in a part."""
        made = cls(part.name)
        made.filename = base_name(part.filename or "")
        made.content_type = part.content_type or "application/octet-stream"  # RFC 7578 §4.4: of unknown type
        made.size = source.size
        made._source = source
        return made

    @property
    def is_empty(self) -> bool:
        """Whether there is no octet in it: no file was chosen, or an empty one."""
        return self.size == 0

    @property
    def content(self) -> bytes:
        """All of it, in memory; `file` reads a large one in pieces.

        Raises:
            ValueError: if its request has ended.
        """
        return self._source.read(0, self.size)

    @property
    def file(self) -> IO[bytes]:
        """The content as a file to read, always the same one; reading raises ValueError once its request has ended."""
        if self._file is None:
            self._file = cast(IO[bytes], io.BufferedReader(_Window(self._source), _STEP))
        return self._file

    def save_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a file, in one step for all who look: the old one or the whole new one is there, never a part.

        It blocks, for as long as the disk takes. Folders are not made.

        Args:
            path: Where to; an existing file is replaced, a symbolic link too (not what it points to).

        Raises:
            OSError: if it cannot be written; nothing is left behind then.
            ValueError: if its request has ended.
        """
        from hospes.http.saving import replacing

        with replacing(path) as target:
            target.writelines(self._source.read(at, _STEP) for at in range(0, self.size, _STEP))

    def __repr__(self) -> str:
        return f"<MultipartFile {self.name!r}: {self.filename!r}, {self.content_type or 'no type'}, {self.size} octets>"


class Form:
    """A form that has been read: texts and files by name, in the order they were sent.

    Args:
        fields: Texts by name.
        files: Files by name.
        spool: Where large files are; `close` removes it.

    Attributes:
        lingers: Whether somebody still wants the files when the answer leaves, and closes it himself.
    """

    __slots__ = ("_spool", "fields", "files", "lingers")

    def __init__(self, fields: dict[str, list[str]], files: dict[str, list[MultipartFile]], spool: _Spool | None = None) -> None:
        self.fields = fields
        self.files = files
        self._spool = spool
        self.lingers = False

    def close(self) -> None:
        """Remove what was spooled; its files cannot be read any more."""
        if self._spool is not None:
            self._spool.close()

    def __enter__(self) -> Form:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class FormReader:
    """Makes a form of the octets of a multipart/form-data content: `feed` them as they come, then `finish`.

    Where it raises, it has removed what it had spooled; `close` does so where it is given up before.

    Args:
        media_type: The content's media type, with its boundary.
        limits: `form_memory` is kept here, the parts' limits by `PartReader`.

    Raises:
        HttpError: 400 if the media type names no usable boundary.
    """

    __slots__ = ("_content", "_files", "_limit", "_memory", "_part", "_reader", "_spool", "_start", "_texts")

    def __init__(self, media_type: MediaType, limits: Limits) -> None:
        self._reader = PartReader(media_type, limits)
        self._limit = limits.form_memory
        self._memory = 0
        self._spool = _Spool()
        self._texts: list[tuple[FormPart, bytes]] = []
        self._files: dict[str, list[MultipartFile]] = {}
        self._part: FormPart | None = None
        self._content = bytearray()
        self._start: int | None = None

    def feed(self, data: bytes) -> None:
        """Take octets of the content.

        Raises:
            HttpError: 400 if it is malformed, 413 if a limit is exceeded.
            OSError: if a file cannot be spooled.
        """
        try:
            for event in self._reader.feed(data):
                if isinstance(event, bytes):
                    self._take(event)
                elif event is None:
                    self._end_part()
                else:
                    self._part = event
        except BaseException:
            self.close()
            raise

    def finish(self) -> Form:
        """The form, at the end of the content. Whoever has it closes it.

        Raises:
            HttpError: 400 if the content is not complete, or a text is not in its charset.
        """
        try:
            self._reader.finish()
            return Form(_decode_texts(self._texts), self._files, self._spool)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give up, and remove what was spooled."""
        self._spool.close()

    def _take(self, data: bytes) -> None:
        if self._start is not None:
            self._spool.append(data)
            return
        self._content += data
        self._memory += len(data)
        # Texts stay in memory: they become strings anyway, and have limits of their own.
        if self._memory > self._limit and self._part is not None and self._part.filename is not None:
            self._start = self._spool.size
            self._spool.append(self._content)
            self._memory -= len(self._content)
            self._content = bytearray()

    def _end_part(self) -> None:
        part, start, content = self._part, self._start, bytes(self._content)
        if part is not None:  # the reader ends only what it began
            if part.filename is None:
                self._texts.append((part, content))
            else:
                size = len(content) if start is None else self._spool.size - start
                file = MultipartFile.received(part, _Source(self._spool, size, content, start))
                self._files.setdefault(part.name, []).append(file)
        self._part = self._start = None
        self._content = bytearray()


def _decode_texts(texts: list[tuple[FormPart, bytes]]) -> dict[str, list[str]]:
    """The text fields by name. `_charset_` may name the charset of those that name none themselves (RFC 7578 §4.6)."""
    default = next((content.decode("latin-1") for part, content in texts if part.name == "_charset_"), "") or "utf-8"
    fields: dict[str, list[str]] = {}
    for part, content in texts:
        charset = parse_media_type(part.content_type).charset if part.content_type else ""
        fields.setdefault(part.name, []).append(_decode_text(content, (charset or default).lower(), part.name))
    return fields


def _decode_text(content: bytes, charset: str, name: str) -> str:
    if charset not in _CHARSETS:
        raise HttpError(400, "Malformed form", f"Field {name!r} is in an unknown charset.")
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        raise HttpError(400, "Malformed form", f"Field {name!r} is not {charset}.") from None
