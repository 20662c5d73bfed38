"""Files as answers: one file, or a folder of them below a prefix.

| file | what |
|---|---|
| `file` | `File`: an answer that is one file, chosen by the program |
| `folder` | `StaticFolder`: a handler that serves what lies in a folder, chosen by the visitor |
| `opening` | from names to an open regular file, and no way out of the folder |
| `representation` | from an open file to a response: validators, preconditions, ranges |
| `media_types` | from a name's ending to a media type |
"""

from hospes.files.file import File, StaticFile
from hospes.files.folder import StaticFolder

__all__ = ["File", "StaticFile", "StaticFolder"]
