"""The workloads on socketify. python socketify_app.py PORT"""

import sys
from typing import Any

import msgspec
from socketify import App, CompressOptions

app = App()
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


def plaintext(response: Any, _: Any) -> None:
    response.write_header("Content-Type", TEXT)
    response.end("Hello, World!")


def as_json(response: Any, _: Any) -> None:
    response.write_header("Content-Type", JSON)
    response.end(msgspec.json.encode({"message": "Hello, World!"}))


def typed(response: Any, request: Any) -> None:
    response.write_header("Content-Type", JSON)
    verbose = request.get_query("verbose") == "true"
    response.end(msgspec.json.encode({"id": int(request.get_parameter(0)), "verbose": verbose}))


def upload(response: Any, _: Any) -> None:
    size = 0

    def take(response: Any, piece: bytes, is_last: bool, *_: Any) -> None:
        nonlocal size
        size += len(piece or b"")
        if is_last:
            response.write_header("Content-Type", TEXT)
            response.end(str(size))

    response.on_data(take)


app.get("/plaintext", plaintext)
app.get("/json", as_json)
app.get("/users/:id", typed)
app.post("/upload", upload)
app.ws(
    "/ws",
    {
        "compression": CompressOptions.DISABLED,
        "max_payload_length": 16 * 1024 * 1024,
        "idle_timeout": 120,
        "message": lambda socket, message, opcode: socket.send(message, opcode),
    },
)
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"}, lambda _: None)
app.run()
