"""The user that a function gets, and the cookie in it.

    user = {"cookie": Cookie(), …whatever the program has put in}

Laws:

* The user is the core's durable User, dressed as the dict that programs expect: what is put in is there again next time, nested
  changes as well, and is on disk before the answer leaves. Only `user["cookie"]` is made anew for every request.
* `user["cookie"]` is what the client has sent, without the cookie by which the visitor is recognised: that one is a secret. In
  its place `["id"]` is the visitor's public id.
* A key that is set or deleted in `user["cookie"]` is sent to the client; what could not be sent is refused where it is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from hospes.compat.alink.checked import CheckedDict
from hospes.http.cookies import SetCookie, parse_cookies
from hospes.users import User as KeptUser

ID: Final = "id"
COOKIE: Final = "cookie"


class Cookie(CheckedDict[str]):
    """Cookies as a dict; `str()` of it is what a Cookie field says.

    Args:
        content: What it begins with: the text of a Cookie field, a mapping or pairs.
        id: The visitor's public id; "" for none.

    Raises:
        ValueError: for a name or value that no cookie can have, also when it is set later.
    """

    def __init__(self, content: str | Mapping[str, str] | Iterable[tuple[str, str]] = (), *, id: str = "") -> None:
        # What a client has sent is taken as it is: it is only ever sent back if the program sets it.
        super().__init__(parse_cookies(content) if isinstance(content, str) else content)
        self._id = id
        self._changed: dict[str, None] = {}  # names, in the order in which they were first changed
        if id:
            super().__setitem__(ID, id)

    def __str__(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.items())

    def __setitem__(self, name: str, value: object) -> None:
        self._check(name)
        text = str(value)  # a number, for one
        SetCookie(name, text, secure=True)  # refuses what could not be sent
        self._changed[name] = None
        super().__setitem__(name, text)

    def __delitem__(self, name: str) -> None:
        if name in self:
            self._check(name)
        super().__delitem__(name)
        self._changed[name] = None

    def popitem(self) -> tuple[str, str]:
        """Delete the last name, and give it with its value."""
        for name in reversed(list(self)):
            if name != ID or not self._id:
                return name, self.pop(name)
        raise KeyError("there is no cookie")

    def clear(self) -> None:
        """Delete every name but the visitor's id."""
        for name in [each for each in self if each != ID or not self._id]:
            del self[name]

    def changes(self, *, secure: bool = False) -> list[SetCookie]:
        """What is to be sent to the client.

        Args:
            secure: Whether it came by TLS; the cookies are then for TLS only.
        """
        return [
            SetCookie(name, self[name], secure=secure or _needs_tls(name)) if name in self else SetCookie.removal(name)
            for name in self._changed
        ]

    def _check(self, name: str) -> None:
        if self._id and name == ID:
            raise ValueError('user["cookie"]["id"] is the visitor: it cannot be changed; take another name')


class User(CheckedDict[Any]):
    """The user of one request: what is kept of the visitor, and the cookie.

    Args:
        kept: The core's user, in its visitor's turn.
        cookie: The cookie of this request.

    Raises:
        TypeError: for a value that cannot be kept, when it is put in.
    """

    def __init__(self, kept: KeptUser, cookie: Cookie) -> None:
        super().__init__(kept)
        self._kept = kept
        self._cookie = cookie
        super().__setitem__(COOKIE, cookie)

    def __setitem__(self, key: str, value: Any) -> None:
        if key != COOKIE:
            self._kept[key] = value
            super().__setitem__(key, self._kept[key])  # the very object that is kept, so that nested changes are
        elif value is not self._cookie:
            replaced = cast("dict[str, str]", dict(value))
            for name in [each for each in self._cookie if each not in replaced and each != ID]:
                del self._cookie[name]
            self._cookie.update({name: text for name, text in replaced.items() if self._cookie.get(name) != text})

    def __delitem__(self, key: str) -> None:
        if key == COOKIE:
            raise ValueError('user["cookie"] stays; clear() it to delete the client\'s cookies')
        del self._kept[key]
        super().__delitem__(key)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of a key; where it has none, `default` is put in and given."""
        return super().setdefault(name, default)

    def popitem(self) -> tuple[str, Any]:
        """Take out the last key, and give it with its value."""
        key, value = self._kept.popitem()
        super().__delitem__(key)
        return key, value

    def clear(self) -> None:
        """Take out everything but the cookie."""
        self._kept.clear()
        super().clear()
        super().__setitem__(COOKIE, self._cookie)


def _needs_tls(name: str) -> bool:
    """Whether the cookie's name itself promises TLS (6265bis §4.1.3)."""
    return name.lower().startswith(("__host-", "__secure-"))
