"""Whatever path a visitor sends, the names made of it lead nowhere but down, and they are the only spelling of themselves.

No name is empty (but the last), begins with a dot, or holds a slash, a backslash or NUL; and names that are encoded and taken
apart again are the same names, so that nothing is decoded twice.
"""

from __future__ import annotations

from urllib.parse import quote

from hospes.files.folder import split_path

SEEDS: list[bytes] = [
    b"/css/app.css",
    b"/docs/",
    b"/",
    b"/%2e%2e/etc/passwd",
    b"/..%5cwindows",
    b"/a%2fb",
    b"/%252e%252e/",
    b"/a%00.txt",
    b"/gr%C3%BC%C3%9Fe.txt",
    b"//evil/..",
    b"/%zz",
    b"/.git/config",
]


def target(data: bytes) -> None:
    """Take a path apart."""
    names = split_path(data.decode("latin-1"))
    if names is None:
        return
    for name in names:
        assert not name.startswith("."), "a dot file"
        assert not set(name) & set("/\\\0"), "a separator"
    assert all(names[:-1]), "an empty name"
    assert split_path("/" + "/".join(quote(name, safe="") for name in names)) == names, "another meaning the second time"
