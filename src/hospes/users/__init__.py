"""Visitors: recognised by a cookie, remembered in the store, one turn at a time.

| file | what |
|---|---|
| `user` | what a program sees: a dict that is there again next time |
| `visitors` | who comes: a request's visitor, recognised or new |
| `visit` | one visitor's record, from its loading to its commit |
| `guest` | who comes, as the request shows |
| `account`, `entrance` | who has signed in, and how an anonymous visitor gets there |
| `merging` | what becomes of what he had |
| `sweeping` | what is over is removed in the background |
| `options` | for how long, how much |
| `seal` | cookie values: made here only, and recognised as such |
| `values`, `plain` | what may be stored, and its octets; the same as JSON |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.users.merging import Merge, keep_both, keep_mine, keep_theirs
    from hospes.users.options import VisitorOptions
    from hospes.users.user import User
    from hospes.users.values import RecordTooLarge
    from hospes.users.visitors import Visitors
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "merging": "Merge keep_both keep_mine keep_theirs",
            "options": "VisitorOptions",
            "user": "User",
            "values": "RecordTooLarge",
            "visitors": "Visitors",
        },
    )

__all__ = [
    "Merge",
    "RecordTooLarge",
    "User",
    "VisitorOptions",
    "Visitors",
    "keep_both",
    "keep_mine",
    "keep_theirs",
]
