"""What is asked, how an answer is checked before anything is measured, and whom the result is compared with."""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path

KiB, MiB = 1024, 1024 * 1024
VISITORS = 64
"""Different visitors whose records are read or changed in turn."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request, or of message.

    Args:
        path: Target of the request.
        answer: Content that a right answer has; empty where `check` cannot know it.
        body: Content of the request, as a file in the scratch folder; "" for a GET.
        media_type: The request's media type.
        connections: How many at the most, for those that move much.
        message: Octets of a websocket's message; 0 for a request.
        introduction: Where `VISITORS` visitors become known, from whom the requests come; "" for nobody in particular.
        against: What the reference serves instead, where it has no such workload.
    """

    path: str
    answer: bytes = b""
    body: str = ""
    media_type: str = ""
    connections: int = 512
    message: int = 0
    introduction: str = ""
    against: str = "plaintext"

    def check(self, port: int, scratch: Path, connection: str = "") -> None:
        """Ask twice over one connection; what brings a message is checked by its load program.

        Args:
            port: The server's.
            scratch: Where the request's content is.
            connection: What a request says of its connection; see `Peer`. With "close" each has its own.

        Raises:
            RuntimeError: if an answer is not the right one.
        """
        if self.message:
            return
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        content = (scratch / self.body).read_bytes() if self.body else None
        fields = {"Content-Type": self.media_type} if self.body else {}
        if connection:
            fields["Connection"] = connection
        for _ in range(2):
            asking.request("POST" if content is not None else "GET", self.path, content, fields)
            response = asking.getresponse()
            got = response.read()
            same = got == self.answer or not self.answer
            if not same and response.headers.get_content_subtype() == "json":
                same = json.loads(got) == json.loads(self.answer)
            if response.status != 200 or not same:
                raise RuntimeError(f"{self.path}: {response.status} {got[:60]!r}")
            if connection == "close":
                asking.close()
        asking.close()


_RECORD = {"id": 7, "name": "Ada Lovelace", "active": True, "score": 12.5, "tags": ["a", "b", "c"], "note": "x" * 40}
ECHO = json.dumps({"items": [_RECORD] * 7, "pad": "p" * 100}, separators=(",", ":")).encode()
LARGE = 10 * MiB
SMALL = b"0123456789abcde\n" * 64
_PATTERN = bytes(range(256)) * 256
_USER = b'{"id":42,"verbose":true}'
_SENT = b"%d" % LARGE

WORKLOADS = {
    "plaintext": Workload("/plaintext", b"Hello, World!"),
    "inline": Workload("/inline", b"Hello, World!"),
    "threaded": Workload("/threaded", b"Hello, World!"),
    "json": Workload("/json", b'{"message":"Hello, World!"}'),
    "typed": Workload("/users/42?verbose=true", _USER),
    "echo": Workload("/echo", ECHO, "echo.json", "application/json"),
    "upload": Workload("/upload", _SENT, "upload.bin", "application/octet-stream", connections=8),
    "upload-file": Workload("/upload/file", _SENT, "upload.bin", "application/octet-stream", connections=8, against="upload"),
    "static1k": Workload("/static/1k.txt", SMALL),
    "static10m": Workload("/static/10m.bin", _PATTERN * (LARGE // len(_PATTERN)), connections=8),
    "user-read": Workload("/user/read", introduction="/user/write"),
    "user-write": Workload("/user/write", introduction="/user/write"),
    "session-read": Workload("/session/read", introduction="/session/write"),
    "ws125": Workload("/ws", message=125),
    "ws64k": Workload("/ws", message=64 * KiB),
    "ws125-for": Workload("/ws/for", message=125, against="ws125"),
    "ws64k-for": Workload("/ws/for", message=64 * KiB, against="ws64k"),
}


def prepare(scratch: Path) -> None:
    """Make the files that workloads send and fetch."""
    static = scratch / "static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "1k.txt").write_bytes(SMALL)
    (static / "10m.bin").write_bytes(WORKLOADS["static10m"].answer)
    (scratch / "echo.json").write_bytes(ECHO)
    (scratch / "upload.bin").write_bytes(os.urandom(65_536) * (LARGE // 65_536))


def introduce(port: int, scratch: Path, target: str) -> None:
    """Become `VISITORS` visitors who have stored something; their cookies are for the load.

    Args:
        port: The server's.
        scratch: Where the cookies are put; see `cookies`.
        target: What they ask for.

    Raises:
        RuntimeError: if the server does not give them.
    """
    given: list[str] = []
    for _ in range(VISITORS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
        cookie = response.headers.get("set-cookie", "")
        if response.status != 200 or not cookie:
            raise RuntimeError(f"{target}: {response.status}, and the cookie {cookie!r}")
        given.append(cookie.partition(";")[0])
        connection.close()
    cookies(scratch, target).write_text("\n".join(given) + "\n")


def cookies(scratch: Path, target: str) -> Path:
    """The file of the cookies that were given there."""
    return scratch / f"cookies{target.replace('/', '-')}.txt"
