"""Values with parameters: media types and content dispositions (RFC 9110 §5.6.6 and §8.3, RFC 6266, RFC 8187, RFC 7578).

Laws:

* One scanner reads the parameters, from left to right, each octet once.
* What is ambiguous is refused: a parameter that comes twice, a quoted string without its end, anything that is no parameter.
* A file name a peer sent is only ever a name: whatever could make it a path is cut off.
* What is written here, `parse_media_type` and `parse_content_disposition` read back.
"""

from __future__ import annotations

import re
from contextlib import suppress

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http.percent import percent_encode, percent_octets
from hospes.lazily import regexp

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # noqa: S105 (RFC 9110 §5.6.2, no secret)
_TYPE = regexp(rf"[ \t]*+({_TOKEN})/({_TOKEN})")
_DISPOSITION = regexp(rf"[ \t]*+({_TOKEN})")
# RFC 9110 §5.6.6: parameters = *( OWS ";" OWS [ parameter ] ); a run of empty ones is taken at once.
_PARAMETER = regexp(rf'(?:[ \t]*+;)++[ \t]*+(?:({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*+)"))?+', re.DOTALL)
_QUOTED_PAIR = regexp(r"\\(.)", re.DOTALL)
_NEEDS_PAIR = regexp(r'(["\\])')
_IS_TOKEN = regexp(_TOKEN)
_EXT_VALUE = regexp(r"([A-Za-z0-9\-]++)'([A-Za-z0-9\-]*+)'((?:[!#$&+\-.^_`|~0-9A-Za-z]|%[0-9A-Fa-f]{2})*+)")  # RFC 8187 §3.2
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 8187 §3.2.1, beside letters and digits
_UNSAFE_IN_NAME = regexp(r"[\x00-\x1f\x7f/\\]")
_UNSAFE_IN_FALLBACK = regexp(r"[^ !#$&-.0-\[\]-~]")  # RFC 6266 appendix D: no quote, backslash or percent, ASCII only
_CONTROLS = regexp(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = regexp(r"(?: *+[A-Za-z]:)*+ *+")
_CONTROL_IN_VALUE = regexp(r"[\x00-\x08\x0a-\x1f\x7f]")


class MediaType(Struct, frozen=True):
    """A media type: `text/html; charset=utf-8`. Type, subtype and the parameters' names are in lower case."""

    type: str
    subtype: str
    parameters: dict[str, str]

    @property
    def essence(self) -> str:
        """Type and subtype without parameters: `text/html`."""
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str:
        """The `charset` parameter in lower case; empty where it is not given."""
        return self.parameters.get("charset", "").lower()

    def __str__(self) -> str:
        return self.essence + _format_parameters(self.parameters)


class ContentDisposition(Struct, frozen=True):
    """A content disposition: `attachment; filename="a.txt"`. Type and the parameters' names are in lower case."""

    type: str
    parameters: dict[str, str]
    filename: str | None
    """The file's name as sent, `filename*` before `filename` (RFC 6266 §4.3); not to be used as a path: see `base_name`."""


def parse_media_type(value: str) -> MediaType:
    """Read a Content-Type value.

    Args:
        value: The field's value.

    Raises:
        HttpError: 400 if it is no media type, or has a malformed parameter or one twice.
    """
    head = _TYPE.match(value)
    if head is None:
        raise HttpError(400, "Malformed media type", "It has to be of the form type/subtype.")
    parameters: dict[str, str] = {}
    if head.end() < len(value):
        parameters = {name: text if token else _unquote(text) for name, (text, token) in _scan(value, head.end()).items()}
    return MediaType(head[1].lower(), head[2].lower(), parameters)


def parse_content_disposition(value: str) -> ContentDisposition:
    """Read a Content-Disposition value, of a message (RFC 6266) or of a part of a form (RFC 7578).

    Args:
        value: The field's value.

    Raises:
        HttpError: 400 if it is malformed, or has a parameter twice.
    """
    head = _DISPOSITION.match(value)
    if head is None:
        raise HttpError(400, "Malformed content disposition", "It has to begin with its type.")
    kind = head[1].lower()
    unquote = _unquote_form if kind == "form-data" else _unquote
    found = _scan(value, head.end())
    parameters = {name: text if token else unquote(text) for name, (text, token) in found.items()}
    filename = parameters.get("filename")
    extended = found.get("filename*")
    if extended is not None:
        with suppress(ValueError):  # RFC 6266 §4.3: a recipient falls back to `filename`, where one is there
            filename = decode_ext_value(extended[0])
    return ContentDisposition(kind, parameters, filename)


def content_disposition(filename: str = "", *, attachment: bool = True) -> str:
    """Write a Content-Disposition value that is safe for any file name.

    A name beyond plain ASCII is given twice: as `filename` with `_` for what old recipients misread, and as `filename*`.

    Args:
        filename: The name under which the visitor shall keep it; `/`, `\\` and controls become `_`. None is given if empty.
        attachment: Whether to offer it for saving; otherwise it is shown in place.
    """
    kind = "attachment" if attachment else "inline"
    if not filename:
        return kind
    # A lone surrogate (an undecodable octet of a path) has no UTF-8.
    name = _UNSAFE_IN_NAME.sub("_", filename).encode("utf-8", "replace").decode()
    fallback = _UNSAFE_IN_FALLBACK.sub("_", name)
    line = f'{kind}; filename="{fallback}"'
    return line if fallback == name else f"{line}; filename*={encode_ext_value(name)}"


def decode_ext_value(value: str) -> str:
    """Read an extended value: `UTF-8'en'%e2%82%ac%20rates` (RFC 8187 §3.2).

    Raises:
        ValueError: if it is malformed, or in another charset than UTF-8 or ISO-8859-1.
    """
    found = _EXT_VALUE.fullmatch(value)
    if found is None:
        raise ValueError("an extended value is charset'language'percent-encoded text")
    charset = found[1].lower()
    if charset not in {"utf-8", "iso-8859-1"}:
        raise ValueError("an extended value is in UTF-8")
    return percent_octets(found[3]).decode(charset)


def encode_ext_value(text: str) -> str:
    """Write an extended value in UTF-8 (RFC 8187 §3.2).

    Raises:
        ValueError: if the text holds a lone surrogate.
    """
    return "UTF-8''" + percent_encode(text, _ATTR_CHAR)


def base_name(filename: str) -> str:
    """Reduce a name a peer sent to one that cannot leave the folder it is put in, on any system.

    Args:
        filename: As sent: perhaps a path of the peer's machine, with either kind of slash and a drive.

    Returns:
        The last part without drive and controls; empty where nothing of a name is left (`..`, `a/`).
    """
    name = _CONTROLS.sub("", filename).replace("\\", "/").rpartition("/")[2].rstrip(" ")
    name = _DRIVE.sub("", name, count=1)  # at its beginning: "C:a.txt" is in another folder where drives exist
    return "" if name.strip(" .") == "" else name


def _scan(value: str, at: int) -> dict[str, tuple[str, bool]]:
    """The parameters from `at` on: text by name, and whether it was a token; the text of a quoted string is still escaped."""
    found: dict[str, tuple[str, bool]] = {}
    while True:
        step = _PARAMETER.match(value, at)
        if step is None:
            break
        at = step.end()
        if step[1] is None:
            continue
        name = step[1].lower()
        if name in found:
            raise HttpError(400, "Ambiguous field", "A parameter is given twice.")
        found[name] = (step[2], True) if step[2] is not None else (step[3], False)
    if value[at:].strip(" \t") or _CONTROL_IN_VALUE.search(value):
        raise HttpError(400, "Malformed field", 'A parameter has to be of the form name=value or name="value".')
    return found


def _unquote(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def _unquote_form(text: str) -> str:
    r"""Undo what forms do to names: browsers write `%22`, `%0D` and `%0A` and leave backslashes (WHATWG HTML §4.10.21.8).

    Older senders escape with backslashes; that they do so is seen only where a quote is among what they escape. A path such
    as `C:\new` would lose its parts if every backslash were taken for an escape.
    """
    if '\\"' in text:
        return _unquote(text)
    if "%" in text:
        return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    return text


def _format_parameters(parameters: dict[str, str]) -> str:
    pieces: list[str] = []
    for name, text in parameters.items():
        shown = text if _IS_TOKEN.fullmatch(text) else '"' + _NEEDS_PAIR.sub(r"\\\1", text) + '"'
        pieces.append(f"; {name}={shown}")
    return "".join(pieces)
