"""Testing: `app.test()` asks an application without sockets. `pytest examples/testing_an_app.py` runs what is below.

Cookies are kept from answer to request, and what is provided can be replaced.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from hospes import App, User

app = App(store="memory:")


@dataclass
class Clock:
    now: datetime


@app.provide("request")
def clock() -> Clock:
    return Clock(datetime.now(UTC))


@app.get("/greeting")
def greeting(clock: Clock) -> str:
    return "Good morning" if clock.now.hour < 12 else "Good evening"


@app.get("/visits")
def visits(user: User) -> dict[str, int]:
    user["visits"] = user.get("visits", 0) + 1
    return {"visits": user["visits"]}


def test_greeting() -> None:
    evening = Clock(datetime(2026, 1, 31, 20, tzinfo=UTC))
    with app.test() as client, app.providers.override(Clock, evening):
        assert client.get("/greeting").text == "Good evening"


def test_visits_are_counted() -> None:
    with app.test() as client:
        assert client.get("/visits").json() == {"visits": 1}
        assert client.get("/visits").json() == {"visits": 2}
        assert client.post("/visits").status == 405


if __name__ == "__main__":
    test_greeting()
    test_visits_are_counted()
    app.run()
