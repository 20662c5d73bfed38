"""The guestbook in a real browser: what a visitor sees, what survives `kill -9`, and what the browser complains about."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect, sync_playwright
from tests.ports import own_port

DEMO = Path(__file__).parent.parent.parent / "examples" / "guestbook" / "app.py"
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000
"""Milliseconds for what a browser does, on a machine with much else to do."""
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What Chromium's console says of every error page that a test asks for on purpose."""


class Demo:
    """The guestbook as `make demo` starts it, in a folder of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when the start-up panel tells the address."""
        environment = {**os.environ, "GUESTBOOK_DATA": str(self.folder / "data"), "HOSPES_STORE": "sqlite:///hospes.db"}
        with (self.folder / "log").open("a") as log:
            command = [sys.executable, str(DEMO), "--port", str(self.port)]
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self.url in line:
                return
        raise AssertionError(f"the demo did not start:\n{(self.folder / 'log').read_text()}")

    def kill(self) -> None:
        """`kill -9`: nothing in the process hears of it."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One for all tests: each comes as a new visitor, to a book in which others may have written."""
    with own_port() as port:
        running = Demo(tmp_path_factory.mktemp("guestbook"), port)
        running.start()
        yield running
        running.kill()


@pytest.fixture(scope="module")
def browser(need: Callable[..., str]) -> Iterator[Browser]:
    program = need("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=CHROMIUM, timeout=PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, demo: Demo) -> Iterator[Page]:
    """The guestbook, opened for the first time; whatever the browser complains about later fails the test."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(demo.url)
    yield opened
    assert [complaint for complaint in complaints if not EXPECTED.match(complaint)] == []


def sign(page: Page, name: str, message: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your message").fill(message)
    page.get_by_role("button", name="Sign").click()


def picture(width: int, height: int) -> bytes:
    """A PNG that does not compress: every row is as large as it looks."""
    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(width * 3)) for y in range(height))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    )
    parts = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_visits_are_counted_and_survive_a_kill(page: Page, demo: Demo) -> None:
    expect(page.get_by_text("visit 1")).to_be_visible()
    expect(page).to_have_title("Welcome — visit 1")
    page.reload()
    expect(page.get_by_text("visit 2")).to_be_visible()
    demo.kill()
    demo.start()
    page.reload()
    expect(page.get_by_text("visit 3")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome back")


def test_another_visitor_is_another_visitor(page: Page, demo: Demo, browser: Browser) -> None:
    page.reload()
    with browser.new_context() as other:
        stranger = other.new_page()
        stranger.goto(demo.url)
        expect(stranger.get_by_text("visit 1")).to_be_visible()
    page.reload()
    expect(page.get_by_text("visit 3")).to_be_visible()


def test_forget_me_begins_anew(page: Page) -> None:
    sign(page, "Ada", "Remember these words.")
    expect(page.get_by_text("Remember these words.")).to_be_visible()  # on the page that answers
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome back, Ada")
    page.get_by_role("button", name="Forget me").click()
    expect(page.get_by_text("visit 1")).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("")
    expect(page.get_by_text("Remember these words.")).to_be_visible()


def test_form_errors_stand_beside_their_fields(page: Page) -> None:
    before = page.locator(".entry").count()
    sign(page, "Ada", "  ")
    message = page.get_by_label("Your message")
    expect(page.get_by_text("Please write 1 to 500 characters.")).to_be_visible()
    expect(message).to_have_attribute("aria-invalid", "true")
    expect(message).to_be_focused()
    expect(page.get_by_label("Your name")).to_have_value("Ada")
    expect(page.locator("#name-problem")).to_be_hidden()
    expect(page.locator(".entry")).to_have_count(before)
    page.get_by_label("Your name").evaluate("field => { field.removeAttribute('maxlength'); field.value = 'a'.repeat(81) }")
    page.get_by_label("Your message").fill("Now with words.")
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_text("Please write your name, in at most 80 characters.")).to_be_visible()
    expect(page.get_by_label("Your message")).to_have_value("Now with words.")


def test_what_guests_write_is_text(page: Page) -> None:
    sign(page, "<script>alert(1)</script>", "<img src=x onerror=alert(2)>\n& a second line")
    expect(page.get_by_role("status").first).to_have_text("Thank you, <script>alert(1)</script>. Your words are in the book.")
    entry = page.locator(".entry").first
    expect(entry.locator(".message")).to_have_text("<img src=x onerror=alert(2)>\n& a second line")
    expect(entry.locator(".signature span")).to_have_text("<script>alert(1)</script>")
    assert page.locator(".entry img, .entry script").count() == 0
    expect(page.get_by_text("visit 1")).to_be_visible()


def test_upload_shows_its_progress_and_lands(page: Page, context: BrowserContext, demo: Demo) -> None:
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.evaluate(
        "() => { window.seen = []; const bar = document.getElementById('progress');"
        " new MutationObserver(() => window.seen.push(bar.hidden ? -1 : bar.value))"
        ".observe(bar, { attributes: true, attributeFilter: ['value', 'hidden'] }) }"
    )
    content = picture(1000, 600)
    page.get_by_label("Leave a picture").set_input_files(FilePayload(name="sea.png", mimeType="image/png", buffer=content))
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#upload-status")).to_have_text("sea.png is on the shelf.")
    seen: list[float] = page.evaluate("window.seen")
    assert seen[-1] == -1
    assert any(0 < value < 1 for value in seen)
    assert [value for value in seen if value > 0] == sorted(value for value in seen if value > 0)
    tile = page.locator(".tile").first
    expect(tile).to_contain_text("sea.png 1.7 MB")
    kept = context.request.get(demo.url + str(tile.locator("a").get_attribute("href")))
    assert (kept.headers["content-type"], kept.body()) == ("image/png", content)
    page.reload()
    expect(page.locator(".tile img").first).to_be_visible()
    page.locator(".tile img").first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.tile img').naturalWidth === 1000")


def test_upload_that_is_not_taken_says_why(page: Page, demo: Demo) -> None:
    def files() -> list[str]:
        return sorted(path.name for path in (demo.folder / "data").iterdir() if "guestbook.db" not in path.name)

    def offer(name: str, content: bytes) -> None:
        page.locator("#file").set_input_files(FilePayload(name=name, mimeType="image/png", buffer=content))
        page.get_by_role("button", name="Upload").click()

    before, status = files(), page.locator("#upload-status")
    offer("program.png", b"\x7fELF\0\0\0")
    expect(status).to_contain_text("Leave a PNG, JPEG, GIF or WebP picture, or a plain text.")
    offer("large.txt", b"a" * (10 * 1024 * 1024 + 1))
    expect(status).to_have_text("large.txt is larger than 10 MB.")
    assert files() == before


def test_everything_works_without_javascript(browser: Browser, demo: Demo) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(demo.url)
        sign(page, "", "Words.")
        expect(page.get_by_text("Please write your name, in at most 80 characters.")).to_be_visible()
        page.locator("#file").set_input_files(FilePayload(name="soup.txt", mimeType="text/plain", buffer="Süß & heiß".encode()))
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_text("soup.txt is on the shelf.")).to_be_visible()
        expect(page.locator(".tile .text").first).to_have_text("Süß & heiß")
        page.locator("#file").set_input_files(FilePayload(name="x.png", mimeType="image/png", buffer=b"\0"))
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", name="The shelf does not take that")).to_be_visible()


def test_the_book_can_be_taken_home(page: Page) -> None:
    sign(page, "Ada", "=SUM(A1)")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Take the book home").click()
    assert waiting.value.suggested_filename == "guestbook.csv"
    head, row, *_ = waiting.value.path().read_text().splitlines()
    assert head == "id,name,message,written"
    assert re.match(r"\d+,Ada,'=SUM\(A1\),20", row)


def test_api(page: Page, context: BrowserContext, demo: Demo) -> None:
    api = context.request
    for number in range(3):
        answer = api.post(f"{demo.url}/api/entries", data={"name": "Ada", "message": f"number {number}"})
        assert (answer.status, answer.json()["message"]) == (201, f"number {number}")
    first = api.get(f"{demo.url}/api/entries?limit=2").json()
    assert [entry["message"] for entry in first["entries"]] == ["number 2", "number 1"]
    last = api.get(demo.url + first["next"]).json()
    assert last["entries"][0]["message"] == "number 0"
    refused = api.post(f"{demo.url}/api/entries", data={"name": "", "message": 7})
    assert (refused.status, refused.headers["content-type"]) == (400, "application/problem+json")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/name", "#/message"]
    assert api.get(f"{demo.url}/api/entries?limit=0").status == 400


def test_error_pages(page: Page, demo: Demo) -> None:
    missing = page.goto(f"{demo.url}/nowhere")
    assert missing is not None
    assert missing.status == 404
    expect(page.get_by_role("heading", name="Nobody lives here")).to_be_visible()
    page.get_by_role("link", name="Back to the guestbook").click()
    expect(page.get_by_text("visit 2")).to_be_visible()


def test_failure_is_told_without_its_text(context: BrowserContext, demo: Demo) -> None:
    answer = context.request.get(f"{demo.url}/oops")
    assert answer.status == 500
    assert "That was us" in answer.text()
    assert "for the log" not in answer.text()
    assert "this text is for the log" in (demo.folder / "log").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser: Browser, demo: Demo, scheme: Literal["light", "dark"]) -> None:
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(demo.url)
        sign(page, "A" * 80, "W" * 300)
        for width in (360, 390, 800, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            for path in ("/", "/nowhere"):
                page.goto(demo.url + path)
                assert page.evaluate("() => document.documentElement.scrollWidth") == width
                assert [each for each in page.evaluate(TEXT_CONTRASTS) if each[1] < 4.5] == []


def test_dark_is_dark(browser: Browser, demo: Demo) -> None:
    shots: list[bytes] = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        with browser.new_context(color_scheme=scheme, reduced_motion="reduce") as context:
            page = context.new_page()
            page.goto(demo.url)
            shots.append(page.screenshot())
    assert shots[0] != shots[1]


TEXT_CONTRASTS = """() => {
  const channels = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = channels(color).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const withText = [...document.body.querySelectorAll('*')].filter(
    each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && each.checkVisibility());
  return withText.map(each => {
    const [a, b] = [light(getComputedStyle(each).color), light(ground(each))];
    return [each.textContent.trim().slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
  });
}"""
"""The text of every element that shows some, and its contrast with what is behind it (WCAG 2.2, 1.4.3: at least 4.5)."""
