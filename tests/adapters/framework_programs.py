"""Small real applications of other frameworks, each with a page, a stream, an upload, and a websocket where it has them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

NUMBERS = ["0\n", "1\n", "2\n"]


async def slowly() -> AsyncIterator[str]:
    """A stream."""
    for number in NUMBERS:
        yield number
        await asyncio.sleep(0)


def starlette() -> Any:
    """Starlette: lifespan state, streams, background tasks, websockets."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[dict[str, object]]:
        yield {"greeting": "Hello"}

    async def hello(request: Request) -> Response:
        return JSONResponse({"said": f"{request.state.greeting}, {request.path_params['name']}", "q": request.query_params["q"]})

    def thread(request: Request) -> Response:
        return PlainTextResponse("from a thread")

    async def numbers(request: Request) -> Response:
        return StreamingResponse(slowly())

    async def upload(request: Request) -> Response:
        return PlainTextResponse(str(sum([len(piece) async for piece in request.stream()])))

    async def chat(ws: WebSocket) -> None:
        await ws.accept()
        async for message in ws.iter_text():
            await ws.send_text(message.upper())

    routes = [
        Route("/hello/{name}", hello),
        Route("/thread", thread),
        Route("/numbers", numbers),
        Route("/upload", upload, methods=["POST"]),
        WebSocketRoute("/chat", chat),
    ]
    return Starlette(routes=routes, lifespan=life)


def fastapi() -> Any:
    """FastAPI: models, dependencies, streams, websockets."""
    from fastapi import FastAPI, Request, WebSocket
    from fastapi.responses import PlainTextResponse, StreamingResponse

    app = FastAPI()

    async def hello(name: str, q: str) -> dict[str, str]:
        return {"said": f"Hello, {name}", "q": q}

    def thread() -> str:
        return "from a thread"

    async def numbers() -> StreamingResponse:
        return StreamingResponse(slowly())

    async def upload(request: Any) -> str:
        return str(sum([len(piece) async for piece in request.stream()]))

    async def chat(ws: Any) -> None:
        await ws.accept()
        async for message in ws.iter_text():
            await ws.send_text(message.upper())

    upload.__annotations__["request"] = Request
    chat.__annotations__["ws"] = WebSocket
    app.get("/hello/{name}")(hello)
    app.get("/thread", response_class=PlainTextResponse)(thread)
    app.get("/numbers", response_model=None)(numbers)
    app.post("/upload", response_class=PlainTextResponse)(upload)
    app.websocket("/chat")(chat)
    return app


def litestar() -> Any:
    """Litestar: typed handlers, streams, websockets."""
    from litestar import Litestar, Request, WebSocket, get, post, websocket
    from litestar.response import Stream

    async def hello(name: str, q: str) -> dict[str, str]:
        return {"said": f"Hello, {name}", "q": q}

    def thread() -> str:
        return "from a thread"

    async def numbers() -> Any:
        return Stream(slowly())

    async def upload(request: Any) -> str:
        return str(sum([len(piece) async for piece in request.stream()]))

    async def chat(socket: Any) -> None:
        await socket.accept()
        async for message in socket.iter_data():
            await socket.send_text(message.upper())

    numbers.__annotations__["return"] = Stream
    upload.__annotations__["request"] = Request
    chat.__annotations__["socket"] = WebSocket
    for function in (hello, thread, numbers, upload, chat):
        function.__annotations__ = {
            name: {"str": str, "None": None, "dict[str, str]": dict[str, str]}.get(str(kind), kind)
            for name, kind in function.__annotations__.items()
        }
    return Litestar([
        get("/hello/{name:str}")(hello),
        get("/thread", sync_to_thread=True)(thread),
        get("/numbers")(numbers),
        post("/upload", status_code=200)(upload),
        websocket("/chat")(chat),
    ])  # fmt: skip


def falcon_asgi() -> Any:
    """Falcon's ASGI side: resources, streams, websockets."""
    import falcon
    import falcon.asgi

    class Hello:
        async def on_get(self, req: Any, resp: Any, name: str) -> None:
            resp.media = {"said": f"Hello, {name}", "q": req.get_param("q")}

    class Numbers:
        async def on_get(self, req: Any, resp: Any) -> None:
            async def pieces() -> AsyncIterator[bytes]:
                async for piece in slowly():
                    yield piece.encode()

            resp.stream = pieces()

    class Upload:
        async def on_post(self, req: Any, resp: Any) -> None:
            resp.text = str(sum([len(piece) async for piece in req.stream]))

    class Chat:
        async def on_websocket(self, req: Any, ws: Any) -> None:
            await ws.accept()
            try:
                while True:
                    await ws.send_text((await ws.receive_text()).upper())
            except falcon.WebSocketDisconnected:
                pass

    app: Any = falcon.asgi.App()
    for path, resource in (("/hello/{name}", Hello()), ("/numbers", Numbers()), ("/upload", Upload()), ("/chat", Chat())):
        app.add_route(path, resource)
    return app


def falcon() -> Any:
    """Falcon's WSGI side."""
    import falcon

    class Hello:
        def on_get(self, req: Any, resp: Any, name: str) -> None:
            resp.media = {"said": f"Hello, {name}", "q": req.get_param("q")}

    class Numbers:
        def on_get(self, req: Any, resp: Any) -> None:
            resp.stream = (number.encode() for number in NUMBERS)

    class Upload:
        def on_post(self, req: Any, resp: Any) -> None:
            resp.text = str(len(req.stream.read()))

    app: Any = falcon.App()
    for path, resource in (("/hello/{name}", Hello()), ("/numbers", Numbers()), ("/upload", Upload())):
        app.add_route(path, resource)
    return app


def flask() -> Any:
    """Flask: generators, uploads."""
    import flask

    app = flask.Flask("program")

    @app.get("/hello/<name>")
    def hello(name: str) -> dict[str, str]:
        return {"said": f"Hello, {name}", "q": flask.request.args["q"]}

    @app.get("/thread")
    def thread() -> str:
        return "from a thread"

    @app.get("/numbers")
    def numbers() -> Iterator[str]:
        yield from NUMBERS

    @app.post("/upload")
    def upload() -> str:
        return str(len(flask.request.get_data()))

    return app


def django(folder: Path, kind: str) -> Any:
    """Django with its admin, its login, its static files, and SQLite. To be called in a process of its own: it has settings."""
    conf = importlib.import_module("django.conf")
    conf.settings.configure(
        DEBUG=True,
        SECRET_KEY="only for this test",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        STATIC_URL="/static/",
        INSTALLED_APPS=[
            f"django.contrib.{each}" for each in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    )
    importlib.import_module("django").setup()
    importlib.import_module("django.core.management").call_command("migrate", verbosity=0)
    models = importlib.import_module("django.contrib.auth.models")
    if not models.User.objects.exists():
        models.User.objects.create_superuser("ada", "ada@example.org", "swordfish")
    handlers = importlib.import_module("django.contrib.staticfiles.handlers")
    core = importlib.import_module(f"django.core.{kind}")
    if kind == "wsgi":
        return handlers.StaticFilesHandler(core.get_wsgi_application())
    return handlers.ASGIStaticFilesHandler(core.get_asgi_application())


def __getattr__(name: str) -> Any:
    """Django's routes, where it looks for them: made when they are asked for, for they need its settings."""
    if name != "urlpatterns":
        raise AttributeError(name)
    http = importlib.import_module("django.http")
    urls = importlib.import_module("django.urls")
    admin = importlib.import_module("django.contrib.admin")
    csrf = importlib.import_module("django.views.decorators.csrf")

    def hello(request: Any, name: str) -> Any:
        return http.JsonResponse({"said": f"Hello, {name}", "q": request.GET["q"]})

    def numbers(request: Any) -> Any:
        return http.StreamingHttpResponse(NUMBERS)

    def upload(request: Any) -> Any:
        return http.HttpResponse(str(len(request.body)))

    return [
        urls.path("hello/<str:name>", hello),
        urls.path("numbers", numbers),
        urls.path("upload", csrf.csrf_exempt(upload)),
        urls.path("admin/", admin.site.urls),
    ]


PROGRAMS: dict[str, Callable[[], Any]] = {
    "starlette": starlette,
    "fastapi": fastapi,
    "litestar": litestar,
    "falcon-asgi": falcon_asgi,
    "falcon": falcon,
    "flask": flask,
}
