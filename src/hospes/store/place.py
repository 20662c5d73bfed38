"""Where a store's server is: the parts of a URL, and its name without the secrets in it."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct


class Place(Struct, frozen=True):
    """A server, as a URL names it.

    Args:
        scheme: Lower case.
        host: Name or address; "" where the URL has none.
        port: 0 where the URL has none.
        path: Without the slash before it, decoded.
        user: Decoded; "" where the URL has none.
        password: Decoded; "" where the URL has none. It is shown nowhere, not even in the repr.
        parameters: Name and value of each query parameter, decoded.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str
    password: str
    parameters: dict[str, str]

    def __repr__(self) -> str:
        return f"Place({self.name})"

    @property
    def name(self) -> str:
        """The URL without user, password and parameters."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}/{self.path}"


def parse_place(url: str) -> Place:
    """The parts of a server's URL.

    Raises:
        ValueError: if it is no URL; the text says what is wrong with it, and repeats nothing of it.
    """
    if any(ord(each) <= 32 or ord(each) == 127 for each in url):
        raise ValueError("it has a space or a control character in it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:  # whose text may repeat the password
        raise ValueError("its host or port cannot be read") from None
    if parts.fragment or "#" in url:
        raise ValueError("it has a # in it; a password's is written %23")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise ValueError("it has a parameter twice")
    path, user, password = unquote(parts.path.removeprefix("/")), unquote(parts.username or ""), unquote(parts.password or "")
    if "\0" in path + user + password:
        raise ValueError("it has a NUL in it")
    return Place(parts.scheme, unquote(host), port, path, user, password, parameters)
