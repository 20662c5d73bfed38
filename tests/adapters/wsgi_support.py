"""What the tests of WSGI share: applications in a few lines, and asking them without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from tests.adapters.support import Asked, made, respond, whole

from hospes.adapters import from_wsgi
from hospes.adapters.wsgi import Environ, StartResponse, WsgiApplication
from hospes.http.request import Request

Returned = Callable[[], Iterable[Any]]


def returning(make: Returned, status: str = "200 OK", *fields: tuple[str, str]) -> WsgiApplication:
    """An application that answers what `make` gives."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
        start_response(status, list(fields))
        return make()

    return application


def asked(application: WsgiApplication, request: Request | None = None, **options: Any) -> Asked:
    """What an application answers."""

    async def run() -> Asked:
        hosted = from_wsgi(application, **options)
        async with hosted.running():
            return await whole(await respond(hosted, request or made()))

    return asyncio.run(run())
