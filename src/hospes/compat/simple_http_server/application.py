"""From what a program declared to a server's handler: the core's application, with these programs' ways.

Laws:

* Each start makes an application of its own, so that one AppConf may be served several times.
* A failure that no `error_message` is for is JSON: code, message and explain. Of an exception that is no HttpError it tells
  nothing; the log has it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from hospes.app.application import Placed
from hospes.app.declarations import ClassEntry, Declaration
from hospes.app.endpoint import Construct, Target
from hospes.app.objects import Objects
from hospes.app.onion import Layer
from hospes.app.places import Runs
from hospes.app.threads import Threads
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.filters import look_ahead
from hospes.compat.simple_http_server.modes import InThreads, Mode, OnLoop, in_thread
from hospes.compat.simple_http_server.outgoing import Response, stripped
from hospes.compat.simple_http_server.process import PROCESS
from hospes.errors import HttpError
from hospes.filters import Compress
from hospes.http import json
from hospes.http.handler import Handler
from hospes.http.problem import phrase_of
from hospes.http.request import Request as CoreRequest
from hospes.http.response import JSON
from hospes.http.response import Response as CoreResponse
from hospes.lazily import signature_of
from hospes.routing import Pattern, Router
from hospes.running import App
from hospes.sessions import SessionFactory, SessionOptions

LOG: Final = logging.getLogger("hospes.compat.simple_http_server")
THREADS: Final = 50
"""Threads of a server whose handlers run in threads: as many as these programs are used to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How an application is served.

    Args:
        on_loop: Whether everything runs on the loop.
        session_factory: Keeps the sessions; else the AppConf's, the one that was set, or the store.
        resources: Folders by the patterns of the paths they are served at.
        gzip_content_types: Media types of content that is compressed.
        gzip_compress_level: How hard, 1 to 9.
    """

    on_loop: bool = False
    session_factory: SessionFactory | None = None
    resources: Mapping[str, str] = field(default_factory=dict[str, str])
    gzip_content_types: frozenset[str] = frozenset()
    gzip_compress_level: int = 9


class FaceApp(App):
    """A program as an application of the core.

    Args:
        conf: What it declared.
        ways: How it is served.
    """

    def __init__(self, conf: AppConf, ways: Ways) -> None:
        factory = ways.session_factory or conf.session_factory or PROCESS.session_factory
        url: str = getattr(factory, "store_url", "")  # one that only says where the core is to keep them
        sessions = SessionOptions() if factory is None or url else factory
        super().__init__(store=url, threads=0 if ways.on_loop else THREADS, sessions=sessions)
        self.adopt(conf)
        for pattern, folder in ways.resources.items():
            self.files(pattern, folder)
        self._in_threads = InThreads()
        self._mode: Mode = OnLoop() if ways.on_loop else self._in_threads
        if ways.gzip_content_types:
            types, levels = sorted(ways.gzip_content_types), {"gzip": ways.gzip_compress_level}
            self._layers.append(Layer(Compress(minimum=0, types=types, codings=["gzip"], levels=levels)))
        if conf.filters:
            self._layers += [Layer(look_ahead), *(each.layer(ways.on_loop) for each in conf.filters)]

    def _services(self, threads: Threads) -> dict[type, Any]:
        self._in_threads.threads = threads
        return {**super()._services(threads), Mode: self._mode}

    def _declarations(self) -> Iterator[tuple[Declaration, ClassEntry | None]]:
        for declaration, entry in super()._declarations():
            options = declaration.options
            if not options.url and not options.regexp and options.websocket is None:  # a bare decorator, and no prefix
                declaration = replace(declaration, options=replace(options, url="/"))
            yield declaration, entry

    def _target(
        self,
        declaration: Declaration,
        entry: ClassEntry | None,
        pattern: Pattern | None,
        objects: Objects,
        threads: Threads,
    ) -> Target:
        target = super()._target(declaration, entry, pattern, objects, threads)
        construct = target.construct
        if self._mode.is_on_loop or entry is None or entry.singleton or construct is None or not construct.plan.takes_nothing:
            return target
        return replace(target, construct=_InThread(construct))

    def _make_router(self) -> Router[Handler]:
        return _LastCounts()

    def _show_failure(self, error: HttpError, accept: str | None) -> CoreResponse:
        message = error.message or phrase_of(error.code)
        content = json.encode({"code": error.code, "message": message, "explain": error.explain or ""})
        return CoreResponse(content, error.code, error.headers, content_type=JSON)

    def _place(self, call: Callable[..., Any], function: Callable[..., Any], inline: bool, threads: Threads) -> Placed:
        if not self._mode.is_on_loop:
            call = partial(_with_object, call)
        if _may_send(function):
            return self._sending(call), Runs.ON_LOOP
        if not self._mode.is_on_loop:
            return (lambda *arguments: stripped(in_thread(call, *arguments))), Runs.IN_POOL
        if inspect.iscoroutinefunction(call):

            async def awaited(*arguments: Any) -> Any:
                return stripped(await call(*arguments))

            return awaited, Runs.ON_LOOP
        return (lambda *arguments: stripped(call(*arguments))), Runs.INLINE

    def _sending(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """A handler that may send its answer itself."""

        async def sending(*arguments: Any) -> Any:
            response = next((each for each in arguments if isinstance(each, Response)), None)
            if response is None:
                return stripped(await self._mode.call(call, *arguments))
            try:
                value = await response.written_by(self._mode.call_long(partial(call, *arguments), _nothing))
            except Exception:
                if response.settles_failure():
                    return response
                raise
            return response if response.has_begun or (value is None and response.says_something) else stripped(value)

        return sending


class _InThread:
    """Has a request's object made where its method runs: in a thread, too, a constructor may wait.

    Args:
        construct: Makes it.
    """

    waits = False

    def __init__(self, construct: Construct) -> None:
        self.plan = construct.plan
        self._construct = construct

    def get(self, request: CoreRequest) -> Any:
        """What stands for the object until then."""
        return _Unmade(self._construct, request)


@dataclass(frozen=True, slots=True)
class _Unmade:
    construct: Construct
    request: CoreRequest


def _with_object(call: Callable[..., Any], *arguments: Any) -> Any:
    if arguments and type(arguments[0]) is _Unmade:
        unmade = arguments[0]
        return call(unmade.construct.get(unmade.request), *arguments[1:])
    return call(*arguments)


class _LastCounts(Router[Handler]):
    """A router that tells which declarations were replaced."""

    def __init__(self) -> None:
        super().__init__("last")

    def freeze(self) -> Any:
        for earlier, later in self.replaced:
            what = later.pattern or later.regexp
            LOG.warning("the route %s is declared twice; %s counts, and not %s", what, later.source, earlier.source)
        return super().freeze()


def _nothing() -> None:
    pass


def _may_send(function: Callable[..., Any]) -> bool:
    """Whether a handler asks for the response."""
    for each in signature_of(function).parameters.values():
        kind = each.annotation
        if isinstance(each.default, Response) or (isinstance(kind, str) and "Response" in kind):
            return True
        if isinstance(kind, type) and issubclass(kind, Response):
            return True
    return False
