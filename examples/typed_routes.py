"""Values arrive converted and checked: from the path, the query, fields and cookies. Everything that is wrong is told at once.

http://127.0.0.1:8080/rooms/7?guests=2&arrival=2026-05-01&extras=tea&extras=bath
"""

from datetime import date
from enum import Enum
from typing import Annotated

from msgspec import Meta

from hospes import App, Cookie, Header, RegGroup

app = App()


class Extra(Enum):
    TEA = "tea"
    BATH = "bath"


@app.get("/rooms/{number:int}")
def room(
    number: int,
    arrival: date,
    guests: Annotated[int, Meta(ge=1, le=4)] = 1,
    extras: list[Extra] = [],  # noqa: B006 (each request gets a list of its own)
) -> dict[str, object]:
    return {"room": number, "arrival": arrival, "guests": guests, "extras": extras}


@app.get("/who")
def who(
    agent: Annotated[str, Header("User-Agent")] = "nobody",
    theme: Annotated[str, Cookie("theme")] = "light",
) -> str:
    return f"{agent} likes it {theme}"


@app.get("/files/**")
def rest() -> str:
    return "one wildcard, at one end of the path"


@app.route(regexp=r"^/(\d{4})/(\d{2})$", method="GET")
def archive(year: Annotated[int, RegGroup(0)], month: Annotated[int, RegGroup(1)]) -> str:
    return f"month {month} of {year}"


if __name__ == "__main__":
    app.run()
