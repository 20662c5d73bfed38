"""The workloads on Falcon's WSGI side."""

from __future__ import annotations

import falcon

PIECE = 256 * 1024


class Plaintext:
    def on_get(self, _: falcon.Request, response: falcon.Response) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = "Hello, World!"


class AsJson:
    def on_get(self, _: falcon.Request, response: falcon.Response) -> None:
        response.media = {"message": "Hello, World!"}


class Typed:
    def on_get(self, request: falcon.Request, response: falcon.Response, id: int) -> None:
        response.media = {"id": id, "verbose": request.get_param_as_bool("verbose") or False}


class Echo:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.media = request.get_media()


class Upload:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        size = 0
        while piece := request.bounded_stream.read(PIECE):
            size += len(piece)
        response.content_type = falcon.MEDIA_TEXT
        response.text = str(size)


app = falcon.App()
app.add_route("/plaintext", Plaintext())
app.add_route("/json", AsJson())
app.add_route("/users/{id:int}", Typed())
app.add_route("/echo", Echo())
app.add_route("/upload", Upload())
