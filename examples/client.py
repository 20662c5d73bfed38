"""Asking others: `HttpClient` waits, `AsyncHttpClient` is awaited; both do the same. Here they ask a little server of our own.

python examples/client.py
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hospes import App, AsyncHttpClient, HttpClient, MultipartFile, Redirect, RequestBodyReader, SetCookie
from hospes.client import Body, ClientError, ClientOptions, Upload

app = App()


@app.get("/weather/{city}")
def weather(city: str) -> dict[str, str]:
    return {"city": city, "sky": "blue"}


@app.get("/old/{city}")
def moved(city: str) -> Redirect:
    response = Redirect(f"/weather/{city}", 308)
    response.set_cookie(SetCookie("seen", city))
    return response


@app.post("/photos")
async def photos(photo: MultipartFile, title: str) -> str:
    return f"{title}: {photo.filename}, {photo.size} octets"


@app.put("/big", body_limit=None)
async def big(body: RequestBodyReader) -> str:
    return f"{sum([len(piece) async for piece in body])} octets"


@app.get("/numbers")
def numbers() -> Iterator[str]:
    return (f"{number}\n" for number in range(100_000))


def simple(url: str) -> str:
    """One question. `raise_for_status` makes an exception of a 4xx or 5xx."""
    sky: str = HttpClient().get(f"{url}/weather/Rome", timeout=5).raise_for_status().json()["sky"]
    return sky


def redirected(url: str) -> tuple[str, int]:
    """Redirects and cookies are taken on demand."""
    with HttpClient(redirects=3, cookies=True) as client:
        response = client.get(f"{url}/old/Rome")
        return response.url.removeprefix(url), len(client.cookies)


def uploaded(url: str) -> str:
    with HttpClient() as client:
        return client.post(f"{url}/photos", form={"title": "Sea"}, files={"photo": ("sea.png", b"\x89PNG")}).text


def streamed_up(url: str) -> tuple[str, list[int]]:
    """Content that is made while it is sent; `progress` is told after each piece."""
    steps: list[int] = []
    pieces = (bytes(10_000) for _ in range(3))
    with HttpClient() as client:
        content = Upload(pieces, progress=lambda sent, total: steps.append(sent))
        return client.put(f"{url}/big", content=content).text, steps


def streamed_down(url: str, folder: Path) -> int:
    """An answer that is never held whole. The file is there when it is complete."""
    with HttpClient() as client, client.stream("GET", f"{url}/numbers") as response:
        response.save_to_file(folder / "numbers.txt")
    return (folder / "numbers.txt").read_text().count("\n")


def careful(url: str) -> str:
    """URLs that strangers give: nothing inside our own network is asked. The error says which step failed, and for whom."""
    with HttpClient(ClientOptions(public_only=True)) as client:
        try:
            return client.request("POST", f"{url}/weather/Rome?key=secret", body=Body(json={})).text
        except ClientError as error:
            return str(error)


async def several(url: str) -> list[str]:
    """Many questions at once, over few connections."""
    async with AsyncHttpClient(retries=2) as client:
        answers = await asyncio.gather(*(client.get(f"{url}/weather/{city}") for city in ("Rome", "Oslo", "Lima")))
        return [answer.json()["city"] for answer in answers]


def main() -> None:
    with app.serving() as server, tempfile.TemporaryDirectory() as folder:
        print(simple(server.url))
        print(*redirected(server.url))
        print(uploaded(server.url))
        print(*streamed_up(server.url))
        print(streamed_down(server.url, Path(folder)))
        print(careful(server.url))
        print(*asyncio.run(several(server.url)))


if __name__ == "__main__":
    main()
