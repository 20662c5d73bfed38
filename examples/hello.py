"""The smallest program: `python examples/hello.py`, then http://127.0.0.1:8080/ and /hello/Ada."""

from hospes import App

app = App()


@app.get("/")
def home() -> str:
    return "<html><h1>Hello</h1></html>"


@app.get("/hello/{name}")
async def hello(name: str) -> str:
    return f"Hello, {name}"


if __name__ == "__main__":
    app.run()
