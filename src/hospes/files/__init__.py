"""Files as answers: one file, or a folder of them below a prefix.

| file | what |
|---|---|
| `file` | `File`: an answer that is one file, chosen by the program |
| `folder` | `StaticFolder`: a handler that serves what lies in a folder, chosen by the visitor |
| `patterns` | which files of a folder, and where |
| `listing` | what is in a directory, as a page |
| `opening` | from names to an open regular file, and no way out of the folder |
| `representation` | from an open file to a response: validators, preconditions, ranges |
| `media_types` | from a name's ending to a media type |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.files.file import File, StaticFile
    from hospes.files.folder import StaticFolder
    from hospes.files.patterns import FilePattern, parse_file_pattern
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "file": "File StaticFile",
            "folder": "StaticFolder",
            "patterns": "FilePattern parse_file_pattern",
        },
    )

__all__ = ["File", "FilePattern", "StaticFile", "StaticFolder", "parse_file_pattern"]
