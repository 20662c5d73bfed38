"""A guestbook: it knows its visitors again, takes their words and files, and gives them back as pages, CSV and JSON.

    python examples/guestbook/app.py --port 8080

The visits are hospes' business (`User`, in hospes.db). What guests leave is the application's own: a database and files in the
folder GUESTBOOK_DATA, by default `data` beside this file. The pages are HTML with `$names`, in `pages`.
"""

from __future__ import annotations

import argparse
import codecs
import csv
import io
import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from threading import Lock
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert, structs

from hospes import App, File, HttpError, KiB, MiB, MultipartFile, Redirect, Request, Response, User

HERE = Path(__file__).parent
LARGEST = 10 * MiB
FORM = LARGEST + 16 * KiB  # a form is a little larger than the file in it
TEXT = "text/plain; charset=utf-8"
PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
NOT_FIT = {"name": "Please write your name, in at most 80 characters.", "message": "Please write 1 to 500 characters."}
UNABLE = {404: ("Nobody lives here", "There is no such page in this book."), 500: ("That was us", "The log knows what broke.")}

app = App()
api = App()
app.mount("/api", api)  # an application of its own: its errors are for programs (RFC 9457), those of the pages for people
app.files("/static", HERE / "static")

# What guests leave


class Signature(Struct):
    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=r"\S")]
    message: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class Entry(Signature):
    id: int
    written: datetime


class Upload(Struct):
    id: str  # random, and the file's name on the disk; the guest's own name for it is only ever shown
    name: str
    type: str
    size: int
    excerpt: str


class Book:
    """The database and the folder. Handlers run in several threads; they use its one connection in turns."""

    def __init__(self, database: sqlite3.Connection, folder: Path) -> None:
        self.folder = folder
        self._database = database
        self._lock = Lock()
        self._ask("PRAGMA journal_mode = WAL")
        self._ask("CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, name, message, written)")
        self._ask("CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, name, type, size, excerpt)")

    def _ask(self, question: str, *values: object) -> list[Any]:
        with self._lock:
            return self._database.execute(question, values).fetchall()

    def sign(self, signature: Signature) -> Entry:
        name, message, written = signature.name.strip(), signature.message.strip(), datetime.now(UTC)
        with self._lock:
            row = (name, message, written.isoformat())
            made = self._database.execute("INSERT INTO entries (name, message, written) VALUES (?, ?, ?)", row)
        return Entry(name, message, made.lastrowid or 0, written)

    def entries(self, limit: int, before: int | None = None) -> list[Entry]:
        """The latest ones first."""
        question = "SELECT name, message, id, written FROM entries WHERE id < ? ORDER BY id DESC LIMIT ?"
        rows = self._ask(question, before or 2**63 - 1, limit)
        return [Entry(name, message, id, datetime.fromisoformat(written)) for name, message, id, written in rows]

    def keep(self, file: MultipartFile) -> Upload:
        """Put a file on the shelf. What it is, its content says, not the sender."""
        if file.size > LARGEST:
            raise HttpError(413, "That file is too large", "The shelf takes files of up to 10 MB.")
        start = file.file.read(4 * KiB)
        kind = next((kind for signature, kind in PICTURES.items() if start.startswith(signature)), TEXT)
        excerpt = text_in(start)[:240] if kind == TEXT else ""
        upload = Upload(secrets.token_hex(12), file.filename or "untitled", kind, file.size, excerpt)
        file.save_to_file(self.folder / upload.id)
        self._ask("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", *structs.astuple(upload))
        return upload

    def uploads(self, id: str = "") -> list[Upload]:
        question = "SELECT * FROM uploads WHERE ?1 IN ('', id) ORDER BY rowid DESC LIMIT 60"
        return [Upload(*row) for row in self._ask(question, id)]


def text_in(start: bytes) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # the piece may end inside a character
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise HttpError(415, "The shelf does not take that", "Leave a PNG, JPEG, GIF or WebP picture, or a plain text.")
    return text


@api.provide
@app.provide
def book() -> Iterator[Book]:
    """One for all requests, closed when the application stops."""
    folder = Path(os.environ.get("GUESTBOOK_DATA", HERE / "data"))
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "guestbook.db", isolation_level=None, check_same_thread=False)) as database:
        yield Book(database, folder)


# Pages


class Html(str):
    """Text that is HTML already. All other text is escaped on its way into a page."""


@cache
def template(page: str) -> Template:
    return Template((HERE / "pages" / page).read_text("utf-8"))


def fill(page: str, **values: object) -> Html:
    safe = {key: value if isinstance(value, Html) else escape(str(value)) for key, value in values.items()}
    return Html(template(page).substitute(safe))


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def tile(upload: Upload) -> Html:
    size = f"{upload.size / MiB:.1f} MB" if upload.size >= MiB else f"{max(1, upload.size // KiB)} KB"
    return fill("text.html" if upload.type == TEXT else "picture.html", **structs.asdict(upload), how_large=size)


def home_page(user: User, book: Book, notice: str = "", draft: Mapping[str, str] | None = None) -> Html:
    visits, name = user.get("visits", 0), user.get("name", "")
    form: dict[str, object] = {"name": name, "message": "", **(draft or {})}
    for field in NOT_FIT:
        wrong = draft is not None and field in unfit(draft)
        form[f"{field}_problem"] = NOT_FIT[field] if wrong else ""
        form[f"{field}_invalid"] = Html('aria-invalid="true" autofocus') if wrong else ""
    content = fill(
        "home.html",
        greeting=("Welcome back" if visits > 1 else "Welcome") + (f", {name}" if name else ""),
        visits=visits,
        since=f"The house has kept count since {day(user.created)}." if visits > 1 else "Come back: the house will know you.",
        notice=notice,
        entries=Html("".join(fill("entry.html", **structs.asdict(each), day=day(each.written)) for each in book.entries(30))),
        tiles=Html("".join(map(tile, book.uploads()))),
        **form,
    )
    return fill("layout.html", title=f"Welcome — visit {visits}", content=content)


def unfit(draft: Mapping[str, str]) -> set[str]:
    """The fields of a form that do not fit the declaration that JSON is checked by."""
    found: set[str] = set()
    for field in structs.fields(Signature):
        try:
            convert(draft[field.name], field.type)
        except ValidationError:
            found.add(field.name)
    return found


@app.get("/")
def home(user: User, book: Book) -> Html:
    notice = user.pop("notice", "")
    if not notice:  # whoever comes back from a form has not been away
        user["visits"] = user.get("visits", 0) + 1
    return home_page(user, book, notice)


@app.post("/")
def sign(user: User, book: Book, name: str = "", message: str = "") -> Response | tuple[int, Html]:
    draft = {"name": name, "message": message.replace("\r\n", "\n")}
    if unfit(draft):
        return 400, home_page(user, book, draft=draft)
    user["name"] = book.sign(Signature(**draft)).name
    user["notice"] = f"Thank you, {user['name']}. Your words are in the book."
    return Redirect("/", 303)


@app.post("/files", body_limit=FORM)
def leave(user: User, book: Book, file: MultipartFile) -> Response:
    """The upload without JavaScript."""
    user["notice"] = f"{book.keep(file).name} is on the shelf."
    return Redirect("/", 303)


@app.get("/files/{id}")
def upload(id: str, book: Book) -> File:
    for found in book.uploads(id):
        return File(book.folder / found.id, found.type, immutable=True)
    raise HttpError(404)


@app.get("/guestbook.csv")
def download(book: Book) -> Response:
    disposition = {"Content-Disposition": 'attachment; filename="guestbook.csv"'}
    return Response(rows(book), headers=disposition, content_type="text/csv; charset=utf-8")


def rows(book: Book) -> Iterator[str]:
    """The whole book, however long: its pieces are made while they are sent."""
    yield "id,name,message,written\r\n"
    last: int | None = None
    while entries := book.entries(200, last):
        lines = io.StringIO()
        for entry in entries:
            # A spreadsheet would take a text that begins like a formula for one.
            texts = (f"'{text}" if text[0] in "=+-@" else text for text in (entry.name, entry.message))
            csv.writer(lines).writerow([entry.id, *texts, entry.written.isoformat()])
        yield lines.getvalue()
        last = entries[-1].id


@app.post("/forget")
def forget(user: User) -> Response:
    user.forget()
    return Redirect("/", 303)


@app.get("/oops")
def oops() -> None:
    raise RuntimeError("this text is for the log, and visitors never see it")


@app.error()
async def failed(code: int, message: str, explain: str) -> Html:
    title, words = UNABLE.get(code, (HTTPStatus(code).phrase, ""))
    title, words = message or title, explain or words
    return fill("layout.html", title=title, content=fill("error.html", code=code, title=title, words=words))


@app.filter
async def protect(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Nothing from elsewhere, nothing inline: what a guest leaves cannot become a program in another guest's browser."""
    response = await call_next(request)
    response.headers.setdefault("Content-Security-Policy", "default-src 'self'; base-uri 'none'; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


# The same for programs


@api.get("/entries")
def entries(book: Book, limit: Annotated[int, Meta(ge=1, le=100)] = 20, before: int | None = None) -> dict[str, object]:
    found = book.entries(limit, before)
    return {"entries": found, "next": f"/api/entries?limit={limit}&before={found[-1].id}" if len(found) == limit else None}


@api.post("/entries", status=201)
def write(signature: Signature, book: Book) -> Entry:
    return book.sign(signature)


@api.post("/files", status=201, body_limit=FORM)
def leave_with_progress(file: MultipartFile, book: Book) -> dict[str, object]:
    """The upload with a progress bar; the page takes the tile as it is."""
    kept = book.keep(file)
    return {**structs.asdict(kept), "tile": str(tile(kept))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A guestbook, made with hospes.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    app.run(port=parser.parse_args().port)
