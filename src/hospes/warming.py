"""What requests may need beyond what their application has loaded, made ready before the server listens, ours or another one.

Laws:

* No request waits for an import or for an expression's compilation that could have been done before it came.
* A start that does not lead to serving (a test, a command, an import) does without all of this.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from hospes.lazily import compile_expressions

NEEDED: Final = (
    "hmac",  # tokens
    "html",  # pages of errors
    "json",  # errors that show a value
    "secrets",  # tokens, boundaries of ranges
    "tempfile",  # large forms
    "hospes.sessions.sessions",  # `request.get_session()`, in programs without a Session
    "hospes.users.visitors",  # `request.get_user()`, in programs without a User
)
"""Modules that are imported when somebody first needs them, because they are slow to import. `multipart` is not among them:
programs without forms stay without it."""


def warm() -> None:
    """Make everything ready; the second time there is nothing left to do."""
    for each in NEEDED:
        import_module(each)
    compile_expressions("hospes")
