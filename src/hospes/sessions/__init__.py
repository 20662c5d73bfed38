"""Sessions: what is remembered of a browser for a while, shared by all who share the store.

| file | what |
|---|---|
| `session` | what a program sees; the base of its own sessions, and of their factory |
| `stored` | the session that the store keeps |
| `sessions` | whose session it is: a request's, recognised or new |
| `stay` | one session in one request, from its loading to its commit |
| `merging` | what becomes of a session that two changed at the same time |
| `record`, `cookie`, `options` | its octets, its cookie, how it is kept |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.sessions.options import SessionOptions
    from hospes.sessions.session import Flash, Session, SessionFactory
    from hospes.sessions.sessions import OwnSessions, Sessions, StoredSessions
    from hospes.sessions.stored import StoredSession
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "options": "SessionOptions",
            "session": "Flash Session SessionFactory",
            "sessions": "OwnSessions Sessions StoredSessions",
            "stored": "StoredSession",
        },
    )

__all__ = ["Flash", "OwnSessions", "Session", "SessionFactory", "SessionOptions", "Sessions", "StoredSession", "StoredSessions"]
