"""Which files of a folder are served, and where: what `app.files` is given in front of the folder.

    /p   /p/   /p/**      every file below the folder, at /p/…
    /p/*                  the files directly in the folder
    *.css                 the files directly in the folder whose names end so, at /…
    **.css   /p/**.css    the same, and those of the folders below

Law: a path is taken apart before it is decoded, as everywhere: an encoded slash is part of a name.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from hospes.errors import SetupError
from hospes.routing import split_path

_LAST: Final = re.compile(r"(\*\*?+)([^*]*+)")


class FilePattern(Struct, frozen=True):
    """A pattern, read."""

    prefix: str
    """Percent-encoded, without a slash at its end."""
    deep: bool = True
    """Whether the folders in the folder belong to it."""
    ending: str = ""
    """How the names end; "" for any."""

    @property
    def text(self) -> str:
        """The pattern in its shortest form."""
        if self.deep and not self.ending:
            return self.prefix
        return f"{self.prefix}/{'**' if self.deep else '*'}{self.ending}"

    def covers(self, below: str) -> bool:
        """Whether a raw path, its prefix taken away, is one of a file that may be served."""
        if self.deep and not self.ending:
            return True
        names = split_path(below)
        return names is not None and (self.deep or len(names) <= 2) and names[-1].endswith(self.ending)


def parse_file_pattern(text: str, source: str = "") -> FilePattern:
    """Read a pattern.

    Raises:
        SetupError: if it is none.
    """
    where = (source,) if source else ()
    if not text.startswith(("/", "*")):
        raise SetupError(f"the prefix {text!r} does not begin with a slash", where=where, remedy=f'write "/{text}"')
    prefix, _, last = text.rpartition("/")
    if "*" not in text:
        return FilePattern(quote(text.rstrip("/")))
    found = _LAST.fullmatch(last)
    if found is None or "*" in prefix or (found[2] and not found[2].startswith(".")):
        raise SetupError(
            f"{text!r} is no pattern of files",
            where=where,
            remedy='write "/p", "/p/*", "/p/**", "*.css", "**.css" or "/p/**.css"',
        )
    return FilePattern(quote(prefix.rstrip("/")), found[1] == "**", found[2])
