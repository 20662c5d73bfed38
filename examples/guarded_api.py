"""An API with the filters that come with hospes: who may read it, how often, and how it leaves."""

from hospes import App, Compress, Cors, RateLimit, Request, SecurityHeaders, TimeLimit

app = App()
app.filter(
    SecurityHeaders(),
    Cors(["https://shop.example.org"]),
    TimeLimit(10),
    Compress(),
)
app.filter("/quotes/**", RateLimit("5/hour", by=lambda request: request.headers.get("X-Api-Key", request.client.host)))


@app.get("/")
def home() -> str:
    return "Ask for /quotes/tea, not more than five times an hour. " * 20


@app.get("/quotes/{item}")
async def quote(item: str, request: Request) -> dict[str, str]:
    return {"item": item, "price": "3.20", "for": request.headers.get("X-Api-Key", "everybody")}


if __name__ == "__main__":
    app.run()
