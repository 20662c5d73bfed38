"""A folder below a prefix: no way out, no dot files, redirects that stay, precompressed siblings."""

from __future__ import annotations

import copy
import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.files.asking import content, request

from hospes.errors import HttpError, SetupError
from hospes.files import StaticFolder, opening
from hospes.files.folder import acceptable_codings, split_path
from hospes.http.request import Request
from hospes.http.response import Response

Site: TypeAlias = Path
FILES = ("a.txt", "index.html", "docs/index.html", "docs/deep/b.css", "bare/c.js", "grüße aus.txt", "dots..", "100%25.txt")
BROWSER = "gzip, deflate, br, zstd"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "static"
    (root / "docs" / "deep").mkdir(parents=True)
    (root / "bare").mkdir()
    for name in (
        "index.html",
        "a.txt",
        "docs/index.html",
        "docs/deep/b.css",
        "bare/c.js",
        "grüße aus.txt",
        "dots..",
        "100%25.txt",
    ):
        (root / name).write_text(name)
    for name in (".env", "docs/.htpasswd"):
        (root / name).write_text("secret")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    return root


@pytest.fixture(params=["walked", "by path"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs as on this system, and as on one that cannot walk by descriptors."""
    if request.param == "by path":
        monkeypatch.setattr(opening, "WALKS", False)


def answer(folder: Callable[[Request], Response], asked: Request) -> Response:
    """The response, or where an error is raised one with its status and fields."""
    try:
        return folder(asked)
    except HttpError as error:
        return Response(None, error.code, error.headers)


def get(site: Site, target: str, **fields: str) -> tuple[int, str]:
    response = answer(StaticFolder(site), request(target, "GET", **fields))
    return response.status, content(response).decode()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/a.txt", "a.txt"),
        ("/a.txt?v=1", "a.txt"),
        ("/%61.txt", "a.txt"),
        ("/docs/deep/b.css", "docs/deep/b.css"),
        ("/bare/c.js", "bare/c.js"),
        ("/gr%C3%BC%C3%9Fe%20aus.txt", "grüße aus.txt"),
        ("/dots..", "dots.."),
        ("/100%2525.txt", "100%25.txt"),
        ("/", "index.html"),
        ("/docs/", "docs/index.html"),
        ("/index.html", "index.html"),
    ],
)
def test_what_is_there(site: Site, target: str, name: str) -> None:
    assert get(site, target) == (200, name)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "target",
    [
        "/b.txt", "/a.txt/", "/a.txt/index.html", "/bare", "/bare/", "/docs/deep", "/docs/deep/",
        "/../secret", "/docs/../../secret", "/docs/../a.txt", "/./a.txt", "/docs/./index.html",
        "/%2e%2e/secret", "/%2E%2e/secret", "/.%2e/secret", "/docs/%2e%2e/%2e%2e/secret",
        "/..%2fsecret", "/docs%2findex.html", "/docs/..%2f..%2fsecret", "/%2fetc%2fpasswd", "//etc/passwd", "/%2e%2e%2fsecret",
        "/..%5csecret", "/..%5Csecret", "/docs%5cindex.html", "/C:%5cwindows", "/%5c%5chost%5cshare",
        "/a.txt%00", "/a.txt%00.png", "/%00", "/%00/a.txt",
        "/%252e%252e/secret", "/..%252fsecret", "/%25%32%65%25%32%65/secret", "/100%25.txt",
        "/a.txt.", "/a.txt%20", "/a.txt..", "/dots...", "/A.TXT",
        "/.env", "/%2eenv", "/.git/config", "/docs/.htpasswd", "/.git/", "/...",
        "//a.txt", "/docs//index.html", "/docs///", "//", "//docs/",
        "/%ff", "/%c0%ae%c0%ae/secret", "/%ed%a0%80",
        "/" + "n" * 300, "/" + "docs/" * 500 + "a.txt",
    ],
)  # fmt: skip
def test_what_is_not(site: Site, target: str) -> None:
    assert get(site, target) == (404, "")


@pytest.mark.usefixtures("way")
def test_links(site: Site) -> None:
    (site / "out").symlink_to("../secret")
    (site / "up").symlink_to("..")
    (site / "inside").symlink_to("a.txt")
    (site / "guide").symlink_to("docs")
    for target in ("/out", "/up/secret", "/inside", "/guide/", "/guide", "/guide/index.html"):
        assert get(site, target) == (404, ""), target
    folder = StaticFolder(site, follow_links=True)
    for target, expected in (("/out", 404), ("/up/secret", 404), ("/inside", 200), ("/guide/", 200), ("/guide", 308)):
        response = answer(folder, request(target))
        content(response)
        assert response.status == expected, target


def test_only_regular_files(site: Site) -> None:
    os.mkfifo(site / "fifo")
    os.mkfifo(site / "bare" / "index.html")
    for target in ("/fifo", "/bare/", "/bare"):
        assert get(site, target) == (404, "")


def test_a_folder_that_was_replaced_or_has_gone(site: Site) -> None:
    folder = StaticFolder(site)
    site.rename(site.with_name("old"))
    assert answer(folder, request("/a.txt")).status == 404
    site.mkdir()
    (site / "a.txt").write_text("new")
    assert content(answer(folder, request("/a.txt"))) == b"new"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "PURGE"])
def test_methods(site: Site, method: str) -> None:
    response = answer(StaticFolder(site), request("/a.txt", method))
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"


def test_the_asterisk_is_no_path(site: Site) -> None:
    asked = request("*", "OPTIONS")
    asked.head.method = "GET"
    assert answer(StaticFolder(site), asked).status == 404


def test_head(site: Site) -> None:
    folder = StaticFolder(site)
    got, head = answer(folder, request("/a.txt")), answer(folder, request("/a.txt", "HEAD"))
    assert list(got.lines()) == list(head.lines())
    content(got)
    content(head)


def test_conditions_and_ranges(site: Site) -> None:
    first = StaticFolder(site)(request("/a.txt"))
    content(first)
    assert get(site, "/a.txt", If_None_Match=first.headers["ETag"]) == (304, "")
    assert get(site, "/a.txt", If_Match='"other"') == (412, "")
    assert get(site, "/a.txt", Range="bytes=2-3") == (206, "tx")
    assert get(site, "/a.txt", Range="bytes=100-") == (416, "")


def test_cache_control(site: Site) -> None:
    for immutable, expected in ((False, "no-cache"), (True, "public, max-age=31536000, immutable")):
        response = StaticFolder(site, immutable=immutable)(request("/a.txt"))
        content(response)
        assert response.headers["Cache-Control"] == expected


def test_a_change_is_seen_at_once(site: Site) -> None:
    folder = StaticFolder(site)
    before = folder(request("/a.txt"))
    content(before)
    (site / "a.txt").write_text("something longer")
    after = folder(request("/a.txt", If_None_Match=before.headers["ETag"]))
    assert content(after) == b"something longer"
    assert after.headers["ETag"] != before.headers["ETag"]


# Redirects.


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/docs", "./docs/"),
        ("/docs?a=1&b=//evil", "./docs/?a=1&b=//evil"),
        ("/%64ocs", "./docs/"),
        ("/docs/javascript:x", "./javascript%3Ax/"),
        ("/docs/gr%C3%BC%C3%9F%20e", "./gr%C3%BC%C3%9F%20e/"),
    ],
)
def test_a_directory_is_sent_to_its_slash(site: Site, target: str, location: str) -> None:
    for name in ("javascript:x", "grüß e"):
        (site / "docs" / name).mkdir()
        (site / "docs" / name / "index.html").write_text("")
    response = StaticFolder(site)(request(target))
    assert response.status == 308
    assert response.headers["Location"] == location
    assert response.headers["Cache-Control"] == "no-cache"
    arrived = urljoin("http://h" + target, location)
    assert arrived.startswith("http://h/")
    assert arrived.partition("?")[0].endswith("/")


def below(prefix: str, target: str) -> Request:
    asked = request(target)
    asked.head = copy.copy(asked.head)
    return asked.below(prefix)


@pytest.mark.parametrize(
    ("prefix", "target", "location"),
    [
        ("/static", "/static", "./static/"),
        ("/static", "/static?q=1/", "./static/?q=1/"),
        ("/a/.well-known", "/a/.well-known", "./.well-known/"),
        ("//evil.example", "//evil.example", "./evil.example/"),
        ("/%2F%2Fevil", "/%2F%2Fevil", "./%2F%2Fevil/"),
        ("/static", "/static/docs", "./docs/"),
    ],
)
def test_the_prefix_itself_is_sent_to_its_slash(site: Site, prefix: str, target: str, location: str) -> None:
    response = StaticFolder(site)(below(prefix, target))
    assert response.status == 308
    assert response.headers["Location"] == location
    assert urljoin("http://h" + target, location).startswith("http://h/")
    path = target.partition("?")[0].removeprefix(prefix) or "/"
    assert StaticFolder(site).answer_at(request(target), path).headers["Location"] == location


@pytest.mark.parametrize("path", ["/a.txt", "/docs/", "/docs/deep/b.css", "/", "/docs", "/../secret", "/none", "/.env", "/bare/"])
def test_a_request_is_answered_at_any_path(site: Site, path: str) -> None:
    """It need not be made one below the prefix."""
    folder = StaticFolder(site, listing=True)
    expected = answer(folder, request(path))
    got = answer(lambda asked: folder.answer_at(asked, path), request("/static" + path))
    assert (got.status, [*got.lines()], content(got)) == (expected.status, [*expected.lines()], content(expected))


def test_no_redirect_where_there_is_nothing_or_no_need(site: Site) -> None:
    served = StaticFolder(site)(below("/static", "/static/"))
    assert (served.status, content(served)) == (200, b"index.html")
    proxied = StaticFolder(site)(below("/static", "http://h/static"))
    assert (proxied.status, content(proxied)) == (200, b"index.html")
    assert answer(StaticFolder(site / "bare"), below("/static", "/static")).status == 404


# Precompressed siblings.


def put_sibling(site: Site, name: str, text: str, age: int = 0) -> None:
    original = (site / name).with_suffix("") if name.endswith((".br", ".zst", ".gz")) else site / name
    (site / name).write_text(text)
    changed = original.stat().st_mtime_ns - age
    os.utime(site / name, ns=(changed, changed))


def encoded(site: Site, accept: str | None, **fields: str) -> tuple[str, str]:
    more = fields if accept is None else {"Accept_Encoding": accept, **fields}
    response = StaticFolder(site)(request("/a.txt", "GET", **more))
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.status == 304 or response.content_type == "text/plain; charset=utf-8"
    return response.headers.get("Content-Encoding", ""), content(response).decode()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, ""),
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd", "zstd"),
        ("br", "br"),
        ("BR", "br"),
        (BROWSER, "br"),
        ("*", "br"),
        ("gzip, zstd", "zstd"),
        ("br;q=0, *", "zstd"),
        ("br;q=0, gzip;q=0, zstd;q=0", ""),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0.5, identity", ""),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("deflate", ""),
        ("identity;q=0, deflate", ""),
        ("*;q=0", ""),
        ("gzip;q=2", ""),
        ("gzip" + " " * 200 + ", br", "br"),
    ],
)
def test_siblings(site: Site, accept: str | None, coding: str) -> None:
    for each, ending in (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")):
        put_sibling(site, f"a.txt{ending}", each)
    assert encoded(site, accept) == (coding, coding or "a.txt")


@pytest.mark.usefixtures("way")
def test_a_sibling_that_is_missing_is_passed_over(site: Site) -> None:
    assert encoded(site, BROWSER) == ("", "a.txt")
    put_sibling(site, "a.txt.gz", "gzip")
    assert encoded(site, BROWSER) == ("gzip", "gzip")
    (site / "a.txt.br").mkdir()
    assert encoded(site, BROWSER) == ("gzip", "gzip")


@pytest.mark.parametrize(("age", "coding"), [(-1, "br"), (0, "br"), (1, "")])
def test_a_sibling_that_is_older_is_passed_over(site: Site, age: int, coding: str) -> None:
    put_sibling(site, "a.txt.br", "br", age)
    assert encoded(site, "br")[0] == coding


def test_a_sibling_that_is_empty_is_passed_over(site: Site) -> None:
    put_sibling(site, "a.txt.br", "")
    assert encoded(site, "br")[0] == ""


def test_a_sibling_alone_is_a_file_of_its_own(site: Site) -> None:
    put_sibling(site, "a.txt.gz", "gzip")
    (site / "a.txt").unlink()
    assert get(site, "/a.txt", Accept_Encoding="gzip") == (404, "")
    response = StaticFolder(site)(request("/a.txt.gz", "GET", Accept_Encoding="gzip"))
    assert response.content_type == "application/gzip"
    assert "Content-Encoding" not in response.headers
    assert content(response) == b"gzip"


def test_a_sibling_may_not_be_a_link_outwards(site: Site) -> None:
    (site / "a.txt.br").symlink_to("../secret")
    assert encoded(site, "br") == ("", "a.txt")


def test_ranges_and_conditions_are_about_the_chosen_file(site: Site) -> None:
    put_sibling(site, "a.txt.br", "0123456789")
    folder = StaticFolder(site)
    plain, coded = folder(request("/a.txt")), folder(request("/a.txt", "GET", Accept_Encoding="br"))
    content(plain)
    content(coded)
    assert plain.headers["ETag"] != coded.headers["ETag"]
    assert encoded(site, "br", Range="bytes=8-") == ("br", "89")
    assert encoded(site, "br", If_None_Match=coded.headers["ETag"]) == ("", "")
    assert encoded(site, "br", If_None_Match=plain.headers["ETag"]) == ("br", "0123456789")
    assert encoded(site, "br", Range="bytes=8-", If_Range=plain.headers["ETag"]) == ("br", "0123456789")


def test_what_is_compressed_already_has_no_siblings(site: Site) -> None:
    (site / "a.png").write_text("png")
    (site / "a.png.br").write_text("br")
    response = StaticFolder(site)(request("/a.png", "GET", Accept_Encoding="br"))
    assert "Vary" not in response.headers
    assert content(response) == b"png"


def test_fields_that_a_filter_wrote_count(site: Site) -> None:
    put_sibling(site, "a.txt.br", "br")
    asked = request("/a.txt", "GET", Accept_Encoding="br")
    del asked.headers["Accept-Encoding"]
    response = StaticFolder(site)(asked)
    assert content(response) == b"a.txt"


def test_several_fields_are_one(site: Site) -> None:
    put_sibling(site, "a.txt.br", "br")
    asked = request("/a.txt", "GET", Accept_Encoding="gzip")
    asked.head.fields.append((b"accept-encoding", b"br"))
    response = StaticFolder(site)(asked)
    assert content(response) == b"br"


def test_acceptable_codings() -> None:
    assert acceptable_codings("gzip;q=0.5, br, zstd;q=0.7") == ("br", "zstd", "gzip")
    assert acceptable_codings("gzip;q=0.5, identity;q=0.7, br;q=0.8") == ("br",)
    assert acceptable_codings("") == ()


# What may not be read, what goes wrong, and the declaration.


def test_unreadable() -> None:
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        site.chmod(0o755)
        for each in ("f.txt", "g.txt", "g.txt.br"):
            (site / each).write_text(each)
        (site / "f.txt").chmod(0)
        (site / "g.txt.br").chmod(0)
        superuser = os.geteuid() == 0
        if superuser:
            os.seteuid(65_534)  # nothing is unreadable to root
        try:
            assert get(site, "/f.txt") == (403, "")
            assert get(site, "/g.txt", Accept_Encoding="br") == (200, "g.txt")
        finally:
            if superuser:
                os.seteuid(0)


@pytest.fixture
def descriptors() -> Iterator[None]:
    """The test leaves no descriptor open, without help of the garbage collector."""
    gc.disable()
    listing = Path("/proc/self/fd")
    before = len(os.listdir(listing)) if listing.exists() else 0
    yield
    after = len(os.listdir(listing)) if listing.exists() else 0
    gc.enable()
    assert after <= before  # what tests before this one have left may go in the meantime


@pytest.mark.usefixtures("descriptors", "way")
def test_descriptors_are_closed(site: Site) -> None:
    put_sibling(site, "a.txt.gz", "gzip")
    put_sibling(site, "a.txt.br", "br", 1)
    kept: list[object] = []
    for fields in ({}, {"Range": "bytes=100-"}, {"If_Match": '"x"'}, {"If_None_Match": "*"}, {"Range": "bytes=0-0,2-2"}):
        for target in ("/a.txt", "/docs", "/docs/", "/docs/deep/b.css", "/docs/deep/c.css", "/docs/deep/", "/x/y/z"):
            response = answer(StaticFolder(site), request(target, "GET", Accept_Encoding=BROWSER, **fields))
            content(response)
            kept.append(response)


def out_of_memory(field: str) -> tuple[str, ...]:
    raise MemoryError(field)


@pytest.mark.usefixtures("descriptors")
def test_a_failure_between_opening_and_answering_closes_the_file(site: Site) -> None:
    folder = StaticFolder(site)
    setattr(folder, "_codings", out_of_memory)  # noqa: B010 (no public way leads there)
    with pytest.raises(MemoryError):
        folder(request("/a.txt", "GET", Accept_Encoding="br"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as failed:
        StaticFolder(tmp_path / "missing", source="app.py:3")
    assert str(failed.value).splitlines() == [
        f"there is no folder {str(tmp_path / 'missing')!r}",
        "  at app.py:3",
        "  → create it, or correct its path: a relative one is taken from the working directory",
    ]
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="is no folder") as failed:
        StaticFolder(str(tmp_path / "file"))
    assert failed.value.where == ()


def test_a_relative_folder_stays_where_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    folder = StaticFolder("docs")
    monkeypatch.chdir(site.parent)
    assert content(answer(folder, request("/"))) == b"docs/index.html"
    assert repr(folder) == f"StaticFolder({str(site / 'docs')!r})"


# Any path at all.

ODD = st.sampled_from(
    ["..", ".", "", "%2e", "%2f", "%5c", "%00", "%25", "/", "docs", "a.txt", "secret", "up", "%c0%ae", "~", ":"]
)
PATHS = st.lists(st.one_of(ODD, st.text(max_size=5).map(lambda text: quote(text, safe=""))), max_size=8)


@given(PATHS, st.sampled_from(["/", "", "/../", "//"]))
def test_no_path_leaves_the_folder(pieces: list[str], separator: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "static")
        (root / "docs").mkdir(parents=True)
        Path(name, "secret").write_text("secret")
        (root / "up").symlink_to("..")
        (root / ".secret").write_text("secret")
        for each in ("a.txt", "docs/a.txt", "docs/index.html"):
            (root / each).write_text("public")
        for follow_links in (False, True):
            folder = StaticFolder(root, follow_links=follow_links)
            response = answer(folder, request("/" + separator.join(pieces)))
            assert content(response) in (b"", b"public")
            assert response.status in (200, 308, 404)


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1), min_size=1))
def test_names_are_decoded_once(names: list[str]) -> None:
    found = split_path("/" + "/".join(quote(name, safe="") for name in names))
    refused = any(name.startswith(".") or set(name) & set("/\\\0") for name in names)
    assert found == (None if refused else names)
