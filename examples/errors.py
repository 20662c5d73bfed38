"""Errors are answers: raise them, and say how they look. Without a word they are RFC 9457 details, or a page for browsers."""

from hospes import App, HttpError, Request, Response

app = App()


class OutOfTea(Exception):
    """The program's own."""


@app.get("/teapot")
def teapot() -> str:
    raise HttpError(418, "I am a teapot", "Coffee is made elsewhere.", {"Retry-After": "3600"})


@app.get("/tea")
def tea() -> str:
    raise OutOfTea


@app.get("/broken")
def broken() -> float:
    return 1 / 0


@app.error(404)
def missing(request: Request) -> str:
    return f"Nothing is at {request.path}"


@app.error(OutOfTea)
def out_of_tea() -> Response:
    return Response("Tea comes at four", 503, {"Retry-After": "600"})


@app.error("5xx")
async def failed(code: int, error: Exception) -> dict[str, object]:
    """What has happened is in the log; the visitor need not know."""
    return {"status": code, "kind": type(error).__name__}


if __name__ == "__main__":
    app.run()
