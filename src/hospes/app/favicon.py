"""The icon that every browser asks for, where a program has none of its own: an open door, with a light in it.

Law: it is drawn here, and made when it is first asked for. A route for `/favicon.ico`, or a folder that owns that path, replaces
it.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

from hospes.http.request import Request
from hospes.http.response import Response

PATH: Final = "/favicon.ico"
_A_DAY: Final = "public, max-age=86400"

_COLOURS: Final = {".": (0, 0, 0), "#": (92, 46, 26), "o": (255, 214, 130), "+": (255, 244, 214)}
"""Red, green and blue by sign; a dot is transparent."""
_DRAWING: Final = """
................
.....######.....
....##oooo##....
...##oooooo##...
..##oooooooo##..
..#oooo++oooo#..
..#ooo++++ooo#..
..#ooo++++ooo#..
..#ooo++++ooo#..
..#oooo++oooo#..
..#oooo++oooo#..
..#ooo++++ooo#..
..#ooo++++ooo#..
..#ooo++++ooo#..
.##############.
................
"""


def is_favicon(request: Request) -> bool:
    """Whether a request is for the site's icon; one below a prefix is not."""
    head = request.head
    return head.path == PATH and head.method in {"GET", "HEAD"} and head.target.partition("?")[0] == PATH


def favicon() -> Response:
    """The answer."""
    return Response(_icon(), headers={"Cache-Control": _A_DAY}, content_type="image/vnd.microsoft.icon")


@cache
def _icon() -> bytes:
    """The drawing as an ICO of one picture: a bitmap of 4 bits a pixel, its lines from below, and a mask of what is clear."""
    rows = _DRAWING.split()
    size, signs = len(rows), list(_COLOURS)
    palette = b"".join(bytes((blue, green, red, 0)) for red, green, blue in _COLOURS.values()).ljust(64, b"\0")
    pixels = b"".join(bytes.fromhex("".join(f"{signs.index(sign):x}" for sign in row)) for row in reversed(rows))
    lines = [int("".join("01"[sign == "."] for sign in row), 2) for row in reversed(rows)]
    mask = b"".join(struct.pack(">HH", line, 0) for line in lines)
    bitmap = struct.pack("<IiiHHIIiiII", 40, size, size * 2, 1, 4, 0, len(pixels) + len(mask), 0, 0, 16, 0)
    picture = bitmap + palette + pixels + mask
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, size, size, 16, 0, 1, 4, len(picture), 22) + picture
