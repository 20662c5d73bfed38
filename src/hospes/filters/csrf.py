"""Cross-site request forgery: another site's page makes a visitor's browser send something here, with the visitor's cookies.

A browser says where a request comes from, in fields that no page can set: Sec-Fetch-Site (to TLS hosts and this machine), and
Origin with everything but GET and HEAD. That is evidence enough; tokens are for whom it is not.

| Sec-Fetch-Site | Origin | a request that asks for a change |
|---|---|---|
| `same-origin`, `none` | | passes |
| `same-site`, `cross-site`, anything else | one of `origins` | passes |
| `same-site`, `cross-site`, anything else | another, or none | 403 |
| none | our host | passes |
| none | one of `origins` | passes |
| none | another, `null`, malformed, two of them | 403 |
| none | none | passes: whoever sends neither is no browser of today, and carries no cookies against anybody's will |

Laws:

* Methods that ask for no change (GET, HEAD, OPTIONS, TRACE; RFC 9110 §9.2.1) are not looked at. So let them change nothing.
* A page of the same site is another one's: `blog.example.org` is not `shop.example.org`.
* A token belongs to one session under one id, looks different every time, and is compared in constant time.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, Protocol

from hospes.errors import HttpError, is_list_of_texts
from hospes.filters.exemption import Paths, exactly
from hospes.http import Request, Response
from hospes.http.handler import CallNext
from hospes.http.origin import checked_origin, is_ours, parse_origin
from hospes.http.request import SAFE_METHODS

FIELD: Final = "X-CSRF-Token"
PARAMETER: Final = "_csrf"

_FROM_HERE: Final = frozenset({b"same-origin", b"none"})
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_PURPOSE: Final = b"hospes csrf token 1\0"
_LENGTH: Final = 32  # octets of a mask, and of what is masked


class CrossSiteRequest(HttpError):
    """A request that asks for a change was made by a page of another site. 403."""

    def __init__(self) -> None:
        super().__init__(403, "This came from another site", "A page of another origin made your browser send it.")


class MissingToken(HttpError):
    """A request that asks for a change brings no token of its session, or another one's. 403."""

    def __init__(self) -> None:
        explain = "It may have been open for too long, or from before you signed in: load it again."
        super().__init__(403, "The form has no valid token", explain)


class Csrf:
    """A filter against cross-site request forgery.

    An `App` has one already, for everything that asks for its visitor or session, and for whatever comes with a cookie;
    `App(csrf=Csrf(…))` gives it options, `App(csrf=False)` leaves it out. As a filter, it looks at every request that it stands
    around: `app.filter("/account/**")(Csrf(token=True))`.

    Args:
        origins: Other sites whose pages may send to here: "https://shop.example.org". A proxy that changes `Host` makes the
            site's own address another one, too.
        exempt: Paths that are open to all, as routes have them: `"/hooks/**"`.
        token: Whether a token is demanded as well, in the field `X-CSRF-Token` or a form's `_csrf`; see `csrf_token`.

    Raises:
        ValueError: for an origin that is none.
        SetupError: for a malformed pattern.
    """

    def __init__(self, *, origins: Sequence[str] = (), exempt: Paths = (), token: bool = False) -> None:
        if not is_list_of_texts(origins):
            raise ValueError(f"Csrf(origins={origins!r}): give a list of origins")
        self._origins = frozenset(checked_origin(each, "Csrf(origins=[…])") for each in origins)
        self._is_exempt = exactly(exempt)
        self.token = token
        """Whether a token is demanded."""

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Let a request pass, or refuse it."""
        self.check(request)
        if self.token and self._looks_at(request):
            await _check_token(request)
        return await call_next(request)

    def check(self, request: Request) -> None:
        """Look at where a request comes from.

        Raises:
            CrossSiteRequest: 403, if it asks for a change and comes from another site.
        """
        if not self.passes(request):
            raise CrossSiteRequest

    def passes(self, request: Request) -> bool:
        """Whether a request asks for no change, or comes from where it may."""
        if request.method in SAFE_METHODS:
            return True
        sites = [value for name, value in request.head.fields if name == b"sec-fetch-site"]
        origins = [value for name, value in request.head.fields if name == b"origin"]
        return not (sites or origins) or self._is_fine(sites, origins, request) or not self._looks_at(request)

    def _is_fine(self, sites: list[bytes], origins: list[bytes], request: Request) -> bool:
        if sites and _FROM_HERE.issuperset(sites):
            return True
        parsed = [parse_origin(value.decode("latin-1")) for value in origins]
        if sites:
            return len(parsed) == 1 and parsed[0] in self._origins
        return all(each in self._origins or (each is not None and is_ours(each, request)) for each in parsed)

    def _looks_at(self, request: Request) -> bool:
        return request.method not in SAFE_METHODS and not self._is_exempt(request)


class HasId(Protocol):
    """What a token belongs to: a session."""

    @property
    def id(self) -> str:
        """The secret that the session's cookie has."""
        ...


def csrf_token(session: HasId) -> str:
    """A token for a form of this session: `<input type="hidden" name="_csrf" value="…">`, or for the field `X-CSRF-Token`.

    Any number of tokens of a session count at the same time, until its id changes (at sign-in) or it ends. Each is masked anew,
    so that a compressed page does not betray it by its length.
    """
    import secrets  # slow to import, and not everybody demands tokens

    mask = secrets.token_bytes(_LENGTH)
    return urlsafe_b64encode(mask + _masked(_secret(session), mask)).rstrip(b"=").decode()


def csrf_matches(session: HasId, token: str) -> bool:
    """Whether a token belongs to a session."""
    import hmac

    try:
        octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:  # UnicodeEncodeError is one
        return False
    if len(octets) != 2 * _LENGTH:
        return False
    return hmac.compare_digest(_masked(octets[_LENGTH:], octets[:_LENGTH]), _secret(session))


async def _check_token(request: Request) -> None:
    session = await request.get_session(create=False)
    token = request.headers.get(FIELD, "")
    if not token and request.media_type is not None and request.media_type.essence in _FORMS:
        form = await request.read_form()
        token = form.fields.get(PARAMETER, [""])[0]
    if session is None or not csrf_matches(session, token):
        raise MissingToken


def _secret(session: HasId) -> bytes:
    import hmac

    # The id is known to this server and this visitor: what is made of it is as good as a secret of its own, and costs no write.
    return hmac.digest(session.id.encode(), _PURPOSE, "sha256")


def _masked(octets: bytes, mask: bytes) -> bytes:
    return (int.from_bytes(octets) ^ int.from_bytes(mask)).to_bytes(_LENGTH)
