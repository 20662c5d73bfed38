"""What is asked, and how an answer is checked before anything is measured."""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request.

    Args:
        path: Target of the request.
        answer: Content that a right answer has.
        body: Content of the request, as a file in the scratch folder; "" for a GET.
        media_type: The request's media type.
        connections: How many at the most, for those that move much.
    """

    path: str
    answer: bytes
    body: str = ""
    media_type: str = ""
    connections: int = 512

    def check(self, port: int, scratch: Path) -> None:
        """Ask twice over one connection.

        Raises:
            RuntimeError: if an answer is not the right one.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        content = (scratch / self.body).read_bytes() if self.body else None
        fields = {"Content-Type": self.media_type} if self.body else {}
        for _ in range(2):
            connection.request("POST" if content is not None else "GET", self.path, content, fields)
            response = connection.getresponse()
            got = response.read()
            same = got == self.answer
            if not same and response.headers.get_content_subtype() == "json":
                same = json.loads(got) == json.loads(self.answer)
            if response.status != 200 or not same:
                raise RuntimeError(f"{self.path}: {response.status} {got[:60]!r}")
        connection.close()


_RECORD = {"id": 7, "name": "Ada Lovelace", "active": True, "score": 12.5, "tags": ["a", "b", "c"], "note": "x" * 40}
ECHO = json.dumps({"items": [_RECORD] * 7, "pad": "p" * 100}, separators=(",", ":")).encode()
UPLOAD_SIZE = 10 * 1024 * 1024
SMALL = b"0123456789abcde\n" * 64
_USER = b'{"id":42,"verbose":true}'

WORKLOADS = {
    "plaintext": Workload("/plaintext", b"Hello, World!"),
    "inline": Workload("/inline", b"Hello, World!"),
    "threaded": Workload("/threaded", b"Hello, World!"),
    "json": Workload("/json", b'{"message":"Hello, World!"}'),
    "typed": Workload("/users/42?verbose=true", _USER),
    "echo": Workload("/echo", ECHO, "echo.json", "application/json"),
    "upload": Workload("/upload", b"%d" % UPLOAD_SIZE, "upload.bin", "application/octet-stream", connections=8),
    "static1k": Workload("/static/1k.txt", SMALL),
}


def prepare(scratch: Path) -> None:
    """Make the files that workloads send and fetch."""
    (scratch / "static").mkdir(parents=True, exist_ok=True)
    (scratch / "static" / "1k.txt").write_bytes(SMALL)
    (scratch / "echo.json").write_bytes(ECHO)
    if not (scratch / "upload.bin").exists():
        (scratch / "upload.bin").write_bytes(os.urandom(65_536) * (UPLOAD_SIZE // 65_536))
