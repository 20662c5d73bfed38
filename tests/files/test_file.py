"""One file as an answer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from tests.files.asking import content, request

from hospes.errors import HttpError
from hospes.files import File, StaticFile
from hospes.http.answer import Answer, to_response
from hospes.http.headers import Headers
from hospes.http.media import parse_content_disposition


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text("<p>report")
    return path


@pytest.mark.parametrize("made", [str, Path])
def test_a_file(path: Path, made: type) -> None:
    response = File(made(path)).respond(request())
    assert response.status == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Content-Disposition" not in response.headers
    assert "Vary" not in response.headers
    assert content(response) == b"<p>report"


def test_the_older_name(path: Path) -> None:
    assert StaticFile is File
    response = StaticFile(path, "text/x-report").respond(request())
    content(response)
    assert response.content_type == "text/x-report"
    response = StaticFile(path, content_type="text/y-report").respond(request())
    content(response)
    assert response.content_type == "text/y-report"


def test_a_handler_may_return_it(path: Path) -> None:
    assert isinstance(File(path), Answer)
    response = to_response((File(path), Headers({"Cache-Control": "no-store"})), request())
    assert response.headers.get_all("Cache-Control") == ["no-store"]
    assert content(response) == b"<p>report"


def test_conditions_and_ranges(path: Path) -> None:
    first = File(path).respond(request())
    content(first)
    assert File(path).respond(request(If_None_Match=first.headers["ETag"])).status == 304
    part = File(path).respond(request(Range="bytes=0-2"))
    assert (part.status, content(part)) == (206, b"<p>")
    for fields, code in (({"Range": "bytes=1000-"}, 416), ({"If_Match": '"other"'}, 412)):
        with pytest.raises(HttpError) as failed:
            File(path).respond(request("/", "GET", **fields))
        assert failed.value.code == code


def test_immutable(path: Path) -> None:
    response = File(path, immutable=True).respond(request())
    content(response)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("Bericht für März.pdf", "Bericht für März.pdf"),
        ('"; filename="evil.exe', '"; filename="evil.exe'),
        ("a\r\nSet-Cookie: x=y", "a__Set-Cookie: x=y"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("100%.txt", "100%.txt"),
        ("報告.pdf", "報告.pdf"),
        ("a\\b", "a_b"),
        ("\udcff", "?"),
    ],
)
def test_download_as(path: Path, name: str, kept: str) -> None:
    response = File(path, download_as=name).respond(request())
    content(response)
    disposition = parse_content_disposition(response.headers["Content-Disposition"])
    assert (disposition.type, disposition.filename) == ("attachment", kept)
    assert disposition.parameters["filename"].isascii()
    assert response.content_type == "text/html; charset=utf-8"


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "fifo", Path(os.devnull), tmp_path / "a\0b"):
        with pytest.raises(HttpError) as failed:
            File(path).respond(request())
        assert failed.value.code == 404


def test_links_are_followed(path: Path) -> None:
    link = path.with_name("link.txt")
    link.symlink_to(path)
    response = File(link).respond(request())
    assert response.content_type == "text/plain; charset=utf-8"
    assert content(response) == b"<p>report"


def test_unreadable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder, "f")
        path.write_text("")
        path.chmod(0)
        superuser = os.geteuid() == 0
        if superuser:
            os.seteuid(65_534)  # nothing is unreadable to root
        try:
            with pytest.raises(HttpError) as failed:
                File(path).respond(request())
        finally:
            if superuser:
                os.seteuid(0)
    assert failed.value.code == 403


def test_repr() -> None:
    assert repr(File("a.txt")) == "File('a.txt')"
