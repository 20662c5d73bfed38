"""`RedisSessionFactory`: says where a Redis or Valkey is; the core's store keeps the sessions there.

Law: nothing is pickled. What a session holds is what a store keeps: None, numbers, text, bytes, `datetime`, lists and dicts.
"""

from __future__ import annotations

from urllib.parse import quote

from hospes.sessions import SessionFactory


class RedisSessionFactory(SessionFactory):
    """Sessions in Redis: `set_session_factory(RedisSessionFactory(host="10.0.0.5", password="…"))`.

    Args:
        host: The server's.
        port: The server's.
        db: Number of the database.
        username: Who signs in; nobody by default.
        password: With what.
    """

    def __init__(self, host: str = "localhost", port: int = 6379, db: int = 0, username: str = "", password: str = "") -> None:
        who = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username or password else ""
        self.store_url = f"redis://{who}{f'[{host}]' if ':' in host else host}:{port}/{db}"
        """The store that servers with this factory use."""
