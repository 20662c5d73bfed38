"""Media types: the table, names, what is worth compressing."""

from __future__ import annotations

import pytest

from hospes.files.media_types import BY_ENDING, OCTETS, is_compressible, media_type_of
from hospes.http.media import parse_media_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("README.md", "text/markdown; charset=utf-8"),
        ("a.json", "application/json"),
        ("app.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("a.svg", "image/svg+xml"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("a.mp4", "video/mp4"),
        ("a.pdf", "application/pdf"),
        ("a.tar.gz", "application/gzip"),
        ("PHOTO.JPG", "image/jpeg"),
        ("/srv/x.d/a.png", "image/png"),
        ("/srv/x.png/a", OCTETS),
        ("a", OCTETS),
        ("", OCTETS),
        ("a.", OCTETS),
        (".html", OCTETS),
        ("html", OCTETS),
        ("a.unheard-of", OCTETS),
    ],
)
def test_type_of_name(name: str, expected: str) -> None:
    assert media_type_of(name) == expected


def test_every_type_is_one() -> None:
    for content_type in BY_ENDING.values():
        assert str(parse_media_type(content_type)) == content_type
        assert content_type.startswith("text/") == content_type.endswith("; charset=utf-8")


@pytest.mark.parametrize("name", ["a.html", "a.js", "a.svg", "a.json", "a.wasm", "a.ttf", "a.ico", "a.unheard-of", "a.tar"])
def test_compressible(name: str) -> None:
    assert is_compressible(media_type_of(name))


@pytest.mark.parametrize("name", ["a.png", "a.jpeg", "a.woff2", "a.zip", "a.gz", "a.mp4", "a.mp3", "a.docx", "a.zst"])
def test_compressed_already(name: str) -> None:
    assert not is_compressible(media_type_of(name))
