"""Forms with files."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import HttpError
from hospes.http.media import MediaType
from hospes.http.multipart import Form, FormPart, FormReader, MultipartFile, PartReader
from hospes.limits import KiB, Limits

BOUNDARY = "----b0undary"
TYPE = MediaType("multipart", "form-data", {"boundary": BOUNDARY})
TEXT = 'form-data; name="t"'
FILE = 'form-data; name="f"; filename="a.bin"'


def part(disposition: str, content: bytes = b"", *fields: str) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *fields]
    return f"--{BOUNDARY}\r\n".encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + content + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def read(*pieces: bytes, limits: Limits | None = None) -> Form:
    reader = FormReader(TYPE, limits or Limits())
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


def describe(form: Form) -> object:
    files = {name: [(f.filename, f.content_type, f.content) for f in several] for name, several in form.files.items()}
    return form.fields, files


def outcome(*pieces: bytes, limits: Limits | None = None) -> object:
    """The form, or the status it is refused with."""
    try:
        with read(*pieces, limits=limits) as form:
            return describe(form)
    except HttpError as error:
        return error.code


def refusal(content: bytes, limits: Limits | None = None) -> HttpError:
    with pytest.raises(HttpError) as caught:
        read(content, limits=limits)
    return caught.value


BROWSER = whole(
    part('form-data; name="note"', "Grüße\r\n--\r\n".encode()),
    part('form-data; name="note"', b""),
    part('form-data; name="photo"; filename="naïve; %22x%22.png"', bytes(range(256)), "Content-Type: image/png"),
    part('form-data; name="photo"; filename=""', b"", "Content-Type: application/octet-stream"),
    part(
        "form-data; name=plain; filename*=UTF-8''%e2%82%ac.txt",
        b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n\r",
        "Content-Type: text/plain",
    ),
)


def test_reads_a_browsers_form() -> None:
    with read(BROWSER) as form:
        assert form.fields == {"note": ["Grüße\r\n--\r\n", ""]}
        assert [(file.filename, file.content_type, file.content, file.is_empty) for file in form.files["photo"]] == [
            ('naïve; "x".png', "image/png", bytes(range(256)), False),
            ("", "application/octet-stream", b"", True),
        ]
        (plain,) = form.files["plain"]
        assert (plain.name, plain.filename, plain.content_type) == ("plain", "€.txt", "text/plain")
        assert plain.content == b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n\r"


CONTENTS = {
    "browser": BROWSER,
    "no parts": whole(),
    "leading line end": b"\r\n" + BROWSER,
    "epilogue": BROWSER + b"more\r\n--" + BOUNDARY.encode() + b"\r\n",
    "no last line end": BROWSER[:-2],
    "cut off": BROWSER[:-4],
    "preamble": b"hello\r\n" + BROWSER,
    "other boundary": BROWSER.replace(BOUNDARY.encode(), b"other-boundary"),
    "bare LF": BROWSER.replace(b"\r\n", b"\n"),
    "LF in a field": whole(part(TEXT, b"x", "A: b\nC: d")),
    "CR in a field": whole(part(TEXT, b"x", "A: b\rC: d")),
    "LF in a name": whole(part(TEXT, b"x", "A\n: b")),
    "LF after the boundary": BROWSER.replace(b"\r\n", b"\n", 1),
    "octets after the boundary": BROWSER.replace(b"\r\n", b" \r\n", 1),
    "no name": whole(part("form-data")),
    "length that fits": whole(part(TEXT, b"12345", "Content-Length: 5")),
    "length that does not": whole(part(TEXT, b"12345", "Content-Length: 4")),
    "folded": whole(part('form-data;\r\n name="t"', b"x")),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_any_split_gives_the_same(content: bytes) -> None:
    expected = outcome(content)
    assert outcome(*(content[at : at + 1] for at in range(len(content)))) == expected
    for at in range(1, len(content)):
        assert outcome(content[:at], content[at:]) == expected, at


@given(st.lists(st.integers(0, len(BROWSER))))
def test_several_splits(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BROWSER)]
    assert outcome(*(BROWSER[start:stop] for start, stop in pairwise(edges))) == outcome(BROWSER)


@pytest.mark.parametrize("name", ["no parts", "leading line end", "epilogue", "no last line end", "length that fits"])
def test_accepts(name: str) -> None:
    assert not isinstance(outcome(CONTENTS[name]), int)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "closing boundary"),
        (b"-", "closing boundary"),
        (CONTENTS["cut off"], "closing boundary"),
        (part(TEXT, b"x"), "closing boundary"),
        (f"--{BOUNDARY}\r\n".encode(), "closing boundary"),
        (CONTENTS["preamble"], "begin with its boundary"),
        (CONTENTS["other boundary"], "begin with its boundary"),
        (b" " + BROWSER, "begin with its boundary"),
        (CONTENTS["bare LF"], "line break"),
        (CONTENTS["octets after the boundary"], "after first boundary"),
        (CONTENTS["LF in a field"], "control character"),
        (CONTENTS["CR in a field"], "control character"),
        (whole(part(TEXT, b"x", "A: b\0")), "control character"),
        (whole(part(TEXT, b"x", "no colon")), "header"),
        (whole(part(TEXT, b"x", "bad name: x")), "header"),
        (whole(part(TEXT, b"x", "A: 1", "a: 2")), "twice"),
        (whole(part(TEXT, b"x", "Content-Disposition: form-data; name=u")), "twice"),
        (CONTENTS["LF in a name"], "control character"),
        (CONTENTS["folded"], "folded"),
        (CONTENTS["no name"], "no name"),
        (whole(part('attachment; name="t"')), "type"),
        (whole(part('form-data; name="t')), "parameter"),
        (whole(part('form-data; name="t"; name="u"')), "twice"),
        (CONTENTS["length that does not"], "Content-Length"),
        (whole(part(TEXT, b"12345", "Content-Length: 6")), "Content-Length"),
        (whole(part(TEXT, b"1", "Content-Length: +1")), "Content-Length"),
        (whole(part(TEXT, b"eA==", "Content-Transfer-Encoding: base64")), "transfer encoding"),
        (whole(part(TEXT, b"\xff")), "'t' is not utf-8"),
        (whole(part(TEXT, b"x", "Content-Type: text/plain; charset=zlib")), "unknown charset"),
        (whole(part(TEXT, b"x", "Content-Type: nonsense")), "type/subtype"),
        (whole(part('form-data; name="_charset_"', b"rot13"), part(TEXT, b"x")), "unknown charset"),
    ],
)
def test_refuses(content: bytes, text: str) -> None:
    error = refusal(content)
    assert error.code == 400
    assert text in error.explain


def test_refuses_names_that_are_not_utf8() -> None:
    error = refusal(whole(part(TEXT).replace(b'"t"', b'"\xff"')))
    assert (error.code, error.explain) == (400, "Segment header failed to decode.")


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a\nb", "a ", "é", 'a"b'])
def test_refuses_boundaries(boundary: str) -> None:
    with pytest.raises(HttpError) as caught:
        FormReader(MediaType("multipart", "form-data", {"boundary": boundary}), Limits())
    assert caught.value.code == 400
    with pytest.raises(HttpError):
        FormReader(MediaType("multipart", "form-data", {}), Limits())


@pytest.mark.parametrize("boundary", ["x", "x" * 69, "x" * 70, "a b'()+_,-./:=?c"])
def test_takes_boundaries(boundary: str) -> None:
    reader = FormReader(MediaType("multipart", "form-data", {"boundary": boundary}), Limits())
    reader.feed(BROWSER.replace(BOUNDARY.encode(), boundary.encode()))
    with reader.finish() as form:
        assert len(form.fields["note"]) == 2


def test_charsets() -> None:
    content = whole(
        part('form-data; name="_charset_"', b"ISO-8859-1"),
        part('form-data; name="a"', b"\xe9"),
        part('form-data; name="b"', "é".encode(), "Content-Type: text/plain; charset=UTF-8"),
        part('form-data; name="c"', b"\xe9", "Content-Type: text/plain"),
    )
    with read(content) as form:
        assert form.fields == {"_charset_": ["ISO-8859-1"], "a": ["é"], "b": ["é"], "c": ["é"]}
    with read(whole(part('form-data; name="_charset_"', b""), part(TEXT, "é".encode()))) as form:
        assert form.fields["t"] == ["é"]


def test_an_error_stays() -> None:
    for reader in (FormReader(TYPE, Limits()), FormReader(TYPE, Limits())):
        with pytest.raises(HttpError) as first:
            reader.feed(b"x" * 100)
        with pytest.raises(HttpError) as again:
            reader.feed(BROWSER)
        with pytest.raises(HttpError) as last:
            reader.finish()
        assert first.value is again.value is last.value


def test_part_events() -> None:
    reader = PartReader(TYPE, Limits())
    events = list(reader.feed(whole(part(TEXT, b"x", "X-Y: z"), part(FILE, b""))))
    reader.finish()
    fields = (("Content-Disposition", TEXT), ("X-Y", "z"))
    assert events == [
        FormPart("t", None, "", fields),
        b"x",
        None,
        FormPart("f", "a.bin", "", (("Content-Disposition", FILE),)),
        None,
    ]


# Limits: one below, at, one above


def test_limit_of_parts() -> None:
    limits = Limits(parts=3)
    for count in (2, 3):
        assert outcome(whole(*[part(TEXT)] * count), limits=limits) == ({"t": [""] * count}, {})
    assert refusal(whole(*[part(TEXT)] * 4), limits).code == 413


def test_limit_of_fields() -> None:
    for count in (6, 7):
        assert outcome(whole(part(TEXT, b"", *(f"A{each}: b" for each in range(count))))) == ({"t": [""]}, {})
    error = refusal(whole(part(TEXT, b"", *(f"A{each}: b" for each in range(8)))))
    assert error.code == 413
    assert "8 fields" in error.explain


@pytest.mark.parametrize("lines", [1, 3])
def test_limit_of_a_parts_header(lines: int) -> None:
    def content(octets: int) -> bytes:
        fixed = len(f"Content-Disposition: {TEXT}\r\n") + lines * len("A0: \r\n")
        values = ["v"] * (lines - 1) + ["v" * (octets - fixed - lines + 1)]
        return whole(part(TEXT, b"", *(f"A{index}: {value}" for index, value in enumerate(values))))

    limits = Limits(part_header=300)
    for octets in (299, 300):
        split = content(octets)
        assert outcome(split, limits=limits) == ({"t": [""]}, {})
        assert outcome(*(split[at : at + 1] for at in range(len(split))), limits=limits) == ({"t": [""]}, {})
    assert refusal(content(301), limits).code == 413


def test_a_header_line_without_end_is_refused_early() -> None:
    reader = FormReader(TYPE, Limits())
    for piece in [f"--{BOUNDARY}\r\n".encode(), *[b"x" * 1024] * 4]:
        reader.feed(piece)
    with pytest.raises(HttpError) as caught:
        reader.feed(b"x")
    assert caught.value.code == 413


def test_limit_of_a_text_field() -> None:
    limits = Limits(text_field=10)
    for octets in (9, 10):
        assert outcome(whole(part(TEXT, b"x" * octets)), limits=limits) == ({"t": ["x" * octets]}, {})
    assert refusal(whole(part(TEXT, b"x" * 11)), limits).code == 413
    two = whole(part(TEXT, b"x" * 10), part(FILE, b"x" * 100), part(TEXT, b"y" * 10))
    assert outcome(two, limits=limits) == (
        {"t": ["x" * 10, "y" * 10]},
        {"f": [("a.bin", "application/octet-stream", b"x" * 100)]},
    )


# Spooling


class Folder:
    """Counts the temporary files that are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[Any] = []
        original = tempfile.TemporaryFile

        def make(*arguments: Any, **options: Any) -> Any:
            self.made.append(original(*arguments, **options))
            return self.made[-1]

        monkeypatch.setattr(tempfile, "TemporaryFile", make)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    folder = Folder(monkeypatch)
    yield folder
    assert all(file.closed for file in folder.made)


def test_memory_limit(folder: Folder) -> None:
    limits = Limits(form_memory=1000)
    for octets in (999, 1000):
        with read(whole(part(FILE, b"x" * octets)), limits=limits):
            assert not folder.made
    with read(whole(part(FILE, b"x" * 1001)), limits=limits) as form:
        assert len(folder.made) == 1
        assert form.files["f"][0].content == b"x" * 1001


def test_one_file_holds_all_that_is_spooled(folder: Folder) -> None:
    contents = [b"a" * 600, b"b" * 600, b"c" * 300, b"d" * 700, b"e" * 100, b"f" * 200]
    content = whole(part(TEXT, b"text"), *(part(FILE, each) for each in contents))
    with read(*(content[at : at + 7] for at in range(0, len(content), 7)), limits=Limits(form_memory=1000)) as form:
        assert len(folder.made) == 1
        files = form.files["f"]
        assert [file.content for file in files] == contents
        assert [file.size for file in files] == [600, 600, 300, 700, 100, 200]
        assert [file.file.read(5) for file in files] == [each[:5] for each in contents]
        assert [file.file.read() for file in reversed(files)] == [each[5:] for each in reversed(contents)]
        mode = os.fstat(folder.made[0].fileno())
        assert stat.S_IMODE(mode.st_mode) == 0o600
        assert mode.st_nlink == 0


def test_texts_count_as_memory(folder: Folder) -> None:
    with read(whole(part(TEXT, b"x" * 2000), part(FILE, b"y")), limits=Limits(form_memory=1000)) as form:
        assert len(folder.made) == 1
        assert form.files["f"][0].content == b"y"


def test_spool_is_removed_where_reading_fails(folder: Folder) -> None:
    limits = Limits(form_memory=10)
    for content in (
        part(FILE, b"x" * 100),
        part(FILE, b"x" * 100) + part("form-data"),
        whole(part(FILE, b"x" * 100), part(TEXT, b"\xff")),
    ):
        assert refusal(content, limits).code == 400
    assert len(folder.made) == 3


def test_a_reader_that_is_given_up_spools_no_more(folder: Folder) -> None:
    reader = FormReader(TYPE, Limits(form_memory=10))
    start = part(FILE, b"x" * 100)[:-50]
    reader.feed(start)
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.feed(b"y" * 1000)
    assert len(folder.made) == 1


@pytest.mark.parametrize("size", [5, 5000])
def test_files_end_with_the_form(size: int) -> None:
    form = read(whole(part(FILE, b"x" * size)), limits=Limits(form_memory=1000))
    (file,) = form.files["f"]
    opened = file.file
    form.close()
    form.close()
    with pytest.raises(ValueError, match="the form is closed"):
        _ = file.content
    with pytest.raises(ValueError, match="the form is closed"):
        opened.read()
    assert file.size == size


@pytest.mark.parametrize("size", [0, 1, 1000, 200 * KiB])
def test_file_reads_and_seeks(size: int) -> None:
    content = os.urandom(size)
    with read(whole(part(FILE, content)), limits=Limits(form_memory=100 * KiB)) as form:
        (uploaded,) = form.files["f"]
        file = uploaded.file
        assert file is uploaded.file
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.read() == content
        assert file.read() == b""
        assert file.seek(-(size // 2), io.SEEK_END) == size - size // 2
        assert file.read(10) == content[size - size // 2 :][:10]
        assert file.seek(0) == 0
        assert file.read(1) == content[:1]
        assert file.seek(0, io.SEEK_CUR) == min(1, size)
        assert file.seek(size + 10) == size + 10
        assert file.read() == b""
        with pytest.raises(ValueError, match="before the beginning"):
            file.seek(-size - 1, io.SEEK_END)
        assert uploaded.content == content


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"%\\'), max_size=8), st.binary(max_size=50)
        )
    )
)
def test_files_round_trip(sent: list[tuple[str, bytes]]) -> None:
    content = whole(*(part(f'form-data; name="{name}"; filename="x"', each) for name, each in sent))
    with read(content, limits=Limits(form_memory=60)) as form:
        expected: dict[str, list[bytes]] = {}
        for name, each in sent:
            expected.setdefault(name, []).append(each)
        assert {name: [file.content for file in several] for name, several in form.files.items()} == expected


def test_hostile_sizes_finish() -> None:
    for content in (b"\r\n--" * 250_000, b"-" * 1_000_000, b"\r" * 1_000_000, (b"\r\n--" + BOUNDARY.encode()[:-1]) * 60_000):
        sent = whole(part(FILE, content))
        pieces = [sent[at : at + 1000] for at in range(0, len(sent), 1000)]
        with read(*pieces) as form:
            assert form.files["f"][0].content == content
        assert outcome(*(content[at : at + 1000] for at in range(0, len(content), 1000))) == 400


# MultipartFile


def test_a_marker_is_empty() -> None:
    marker = MultipartFile("img", required=True)
    assert (marker.name, marker.required, marker.filename, marker.content_type) == ("img", True, "", "")
    assert (marker.is_empty, marker.size, marker.content, marker.file.read()) == (True, 0, b"", b"")
    assert (MultipartFile().name, MultipartFile().required) == ("", False)


def test_repr() -> None:
    assert repr(MultipartFile("img")) == "<MultipartFile 'img': '', no type, 0 octets>"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\dir\\a.txt", "a.txt"),
        ("..", ""),
        ("/", ""),
        ("a%0D%0Ab", "ab"),
        ("a;b%22c.txt", 'a;b"c.txt'),
    ],
)
def test_a_file_name_is_a_base_name(sent: str, name: str) -> None:
    with read(whole(part(f'form-data; name="f"; filename="{sent}"', b"x"))) as form:
        assert form.files["f"][0].filename == name


@pytest.mark.parametrize("size", [0, 10, 300 * KiB])
def test_saves(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    with read(whole(part(FILE, content)), limits=Limits(form_memory=100)) as form:
        (file,) = form.files["f"]
        file.save_to_file(tmp_path / "one")
        file.save_to_file(str(tmp_path) + "/" + file.filename)
        (tmp_path / "two").write_bytes(b"old")
        file.save_to_file(tmp_path / "two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": content, "a.bin": content, "two": content}
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_saves_beside_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with read(whole(part(FILE, b"x"))) as form:
        form.files["f"][0].save_to_file("here")
    assert (tmp_path / "here").read_bytes() == b"x"


def test_saving_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with read(whole(part(FILE, b"x"))) as form:
        form.files["f"][0].save_to_file(tmp_path / "link")
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert (tmp_path / "link").read_bytes() == b"x"
    assert not (tmp_path / "link").is_symlink()


def test_saving_leaves_nothing_behind_where_it_fails(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    form = read(whole(part(FILE, b"x")))
    (file,) = form.files["f"]
    with pytest.raises(FileNotFoundError):
        file.save_to_file(tmp_path / "missing" / "x")
    with pytest.raises(OSError, match="folder"):
        file.save_to_file(tmp_path / "folder")
    form.close()
    with pytest.raises(ValueError, match="the form is closed"):
        file.save_to_file(tmp_path / "late")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_form_without_files_closes() -> None:
    form = Form({"a": ["b"]}, {})
    form.close()
    assert form.fields == {"a": ["b"]}
