"""The map: what an application tells a carrier of itself, so that the usual request goes straight to the program's function.

A carrier calls a handler and need not know what is behind it. But of what a usual request costs (a route without filters,
arguments that are texts and numbers, an answer that is text or JSON) most is the way from the handler to the function and
back. So a handler may have an attribute `map`, and a carrier that can read it may go that way by itself.

    path ── Way ── Way ── Way ── Direct ── arguments ── function ── str, bytes, dict, list ── octets
             │       │      │               │              │          │
             └───────┴──────┘               │              └──────────┘
               the handler           `Direct.endpoint`    `Direct.conclude`
                 where only they know, or anything is not as usual

Laws:

* The map says nothing of its own: where it leads, the handler leads too, with the same outcome. (tests/engine/test_map.py goes
  both ways.)
* Before the function is called nothing has happened yet: whoever cannot go on asks the route's endpoint, or the handler where the
  route is not known, as if he had not begun.
* What a finisher of the request can do quietly (`QuickFinisher`) is done before the answer is gathered; else it is `conclude`'s.
* What it can do later without being awaited (`LaterFinisher`) `settle` begins: the answer is gathered when it is through.
* From then on `conclude` knows what becomes of whatever the function gives, raises or waits for.
* It is made when the application starts, and then only read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from msgspec import Struct, field

from hospes.http.handler import Handler
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import Response

E = TypeVar("E")

Read: TypeAlias = Callable[[Request], Any]


class Origin(Enum):
    """Where an argument of the usual request comes from."""

    PATH = "the path's value of its name, which has no percent sign"
    QUERY = "the query's first value of its name; the query has neither percent sign nor plus"
    CONTENT = "the content, which says that it is application/json"


class Usual(Struct, frozen=True):
    """What an argument is where it comes as it usually does. For all else its reader is asked."""

    origin: Origin
    name: str = ""
    kind: type[str] | type[int] | type[bool] = str
    """str: the text; int: its value, if it is digits; bool: `true`, `1`, `false` or `0`."""
    default: tuple[Any, ...] = ()
    """What it is where the query has none; (): the reader knows."""
    decode: Callable[[bytes], Any] | None = None
    """Makes the value of the content. What it raises means nothing but that the reader has to be asked."""


class Argument(Struct, frozen=True):
    """One argument of a function."""

    read: Read
    """Gives the argument, for any request."""
    usual: Usual | None = None
    has_effect: bool = False
    """Whether asking does something: then it is asked after all others, and a failure is the function's."""
    waits: bool = False
    """Whether what `read` gives may have to be awaited: then `Direct.complete` goes on from there. It has an effect."""


class Content(Enum):
    """What is done with a request's content before the arguments are made."""

    LEFT = "nothing: it is read by the function, or by nobody"
    READ = "it is read, as octets"
    OTHER = "the endpoint knows"


class Direct(Struct, frozen=True, kw_only=True):
    """The way from a route to its function and back."""

    endpoint: Handler
    """Answers any request of this route that has its `services` and `path_values`: where the rest is not known, or not usual."""
    call: Callable[..., Any] | None = None
    """The function: it takes all arguments by position. None: only the endpoint can call it."""
    waits: bool = False
    """Whether it gives a coroutine."""
    conclude: Callable[[Request, Awaitable[Any]], Awaitable[Response]] | None = None
    """Awaits what the function gives, and makes the response of it, whatever happens."""
    settle: Callable[[Request, Any], Any] | None = None
    """Makes the response of what the function gave, and has the one finisher of the request begin, where that can be told of its
    end (`LaterFinisher`): gives a `hospes.execution.Pending` of it. Anything else is what `conclude` has to be asked with: the
    response, once it is made, or the value."""
    complete: Callable[[Request, list[Any], int], Awaitable[Any]] | None = None
    """Goes on where an argument has to be awaited, and gives what the function gives; a coroutine function.

    It gets what there is for the function's parameters (an owner's place among them), the awaitable in its place and None where
    nobody has asked yet, and that place."""
    owner: Read | None = None
    """Gives the object in front of the arguments, where the function is a method; as an argument that has an effect."""
    arguments: tuple[Argument, ...] = ()
    status: int = 200
    """The status of an answer that says none."""
    content: Content = Content.LEFT
    body_limit: int | None = None
    """Octets of content at the most; None for as many as the server takes."""
    guarded: bool = False
    """Whether the endpoint has to look at a request that brings cookies."""


class Way(Struct, Generic[E]):
    """The segments of a path that were matched so far, and where it goes on from there; see `hospes.routing.tree`."""

    literals: dict[str, Way[E]] = field(default_factory=dict[str, "Way[E]"])
    branches: list[Branch[E]] = field(default_factory=list["Branch[E]"])
    """Tried in order, where no literal leads to an end."""
    end: End[E] | None = None
    """Where a path that ends here leads."""
    is_open: bool = False
    """Whether only the handler knows where a path that ends here leads."""


class Branch(Struct, Generic[E], frozen=True):
    """A way on for segments that no literal names."""

    expression: str
    """What the segment looks like, as a regular expression; "" for anything but nothing."""
    test: Callable[[str], object] | None
    """Whether a segment fits; None where only the handler knows."""
    way: Way[E]


class End(Struct, Generic[E], frozen=True):
    """A route."""

    names: tuple[str, ...]
    """Names of the values that the branches took, in order."""
    endpoint: E | None
    """None: only the handler knows."""


class Ways(Struct, Generic[E], frozen=True):
    """All routes that may answer one method."""

    paths: Mapping[str, E | None]
    """Plain paths, asked first; None: only the handler knows."""
    root: Way[E] | None
    """Where a path's first segment is looked for next. Whatever leads nowhere is the handler's."""


class Shelved(Struct, frozen=True):
    """What is said of a file."""

    whole: Headers
    """With all of it. Where Vary is among them, they are true only if no coding that is taken rather than none has a file."""
    unchanged: Headers
    """With a 304, which answers whoever repeats the ETag or the Last-Modified in here, octet for octet."""


class Shelf(Struct, frozen=True):
    """Files below a prefix. Whoever asks for one by GET, without content and ranges, may be given it directly, if it is a small
    regular file which is opened without following any link on the way from the folder to it.

    A file whose fields vary may be there in content codings, too: the first of those that are taken rather than none is given
    whose file is there, is not empty, and was not changed before the file itself.
    """

    prefix: str
    """Percent-encoded, with a slash at its end. No route has a path below it, and no filter guards one."""
    folder: str
    """The folder's path; what it leads to may change at any time."""
    name: Callable[[str], str | None]
    """Which file of the folder a path without percent signs is about, seen from the folder; None: only the handler knows."""
    fields: Callable[[str, str, int, int, int], Shelved | None]
    """What is said of a file: of a path, in a content coding ("" for none), for the nanosecond of its change, its size and its
    inode; None: only the handler knows."""
    codings: Callable[[str], Sequence[tuple[str, str]]]
    """The content codings that an Accept-Encoding takes rather than none, the best first, and what the names of files in them end
    with."""


class Map(Struct, frozen=True):
    """The routes of an application that may be gone directly."""

    methods: Mapping[str, Ways[Direct]]
    """By method; any other method has those under ""."""
    services: Mapping[type, Any]
    """What every request gets as `services`."""
    shelves: tuple[Shelf, ...] = ()
    """Asked where no route is found, the longest prefix first."""
