"""Applications inside of one another: each has its own routes, filters, errors and objects, and sees paths without its prefix."""

from collections.abc import Awaitable, Callable

from hospes import App, HttpError, Request, Response

blog = App()
shop = App()
app = App()
app.mount("/blog", blog)
app.mount("/shop", shop)


@app.get("/")
def home() -> str:
    return "the house"


@blog.get("/")
def posts() -> str:
    return "the blog"


@shop.get("/")
def goods() -> str:
    return "the shop"


@shop.get("/{item}")
def item(item: str) -> str:
    raise HttpError(404, f"{item} is sold out")


@shop.error(404)
def sold_out(message: str) -> str:
    return f"Sorry: {message}"


@app.filter
async def signed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """The outer application's filters stand around the inner ones too."""
    response = await call_next(request)
    response.headers["X-House"] = "hospes"
    return response


if __name__ == "__main__":
    app.run()
