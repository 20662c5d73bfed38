"""Forms: only HttpError 400 or 413 escapes, and every split of the octets gives the same form or is refused all the same.

The first octet says where to split; the rest is read as a query and as a multipart content with the boundary `b`.
"""

from __future__ import annotations

from urllib.parse import urlencode

from hospes.errors import HttpError
from hospes.http.media import MediaType
from hospes.http.multipart import FormReader
from hospes.http.query import parse_query
from hospes.limits import Limits

SEEDS: list[bytes] = [
    b"\x00a=1&b=%C3%A9+x&&c&a=2?d",
    b"\x01%zz=1&a=%ff",
    b"\x05--b--\r\n",
    b'\x07--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n',
    b'\x09\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="C:\\a%22.txt"\r\nContent-Type: text/plain; charset=utf-8'
    b"\r\nContent-Length: 40\r\n\r\n" + b"x" * 38 + b"\r\n\r\n--b--\r\nepilogue",
    b'\x03--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\niso-8859-1\r\n'
    b"--b\r\nContent-Disposition: form-data;\r\n name=t\r\n\r\n\xe9\r\n--\r\n--b--",
    b"\x02--b\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\n\r\n--b--\r\n",
]
_TYPE = MediaType("multipart", "form-data", {"boundary": "b"})
_LIMITS = Limits(form_memory=32, parts=4, part_fields=3, part_header=150, text_field=24)


def target(data: bytes) -> None:
    step, content = data[:1], data[1:]
    _query(content.decode("latin-1"))
    expected = _form(content, max(1, len(content)))
    assert _form(content, 1) == expected
    assert _form(content, step[0] + 1 if step else 1) == expected


def _query(text: str) -> None:
    try:
        found = parse_query(text, 20)
    except HttpError as error:
        _expect(error, 400)
        return
    assert sum(map(len, found.values())) <= 20
    assert parse_query(urlencode(found, doseq=True), 20) == found


def _form(content: bytes, step: int) -> object:
    """What the form is when it comes in pieces; None where it is refused, for which reason may depend on what came first."""
    reader = FormReader(_TYPE, _LIMITS)
    try:
        for at in range(0, len(content), step):
            reader.feed(content[at : at + step])
        with reader.finish() as form:
            files = {name: [(file.filename, file.content) for file in several] for name, several in form.files.items()}
            return form.fields, files
    except HttpError as error:
        _expect(error, 400, 413)
        return None


def _expect(error: HttpError, *codes: int) -> None:
    assert error.code in codes
