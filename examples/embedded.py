"""A host program with a server inside: it goes on with its own work while a thread answers requests.

`await app.serve()` does the same on a loop of the host's own.
"""

import time
from urllib.request import urlopen

from hospes import App

app = App()


class Work:
    """What the host program does."""

    done = 0


@app.get("/progress")
async def progress() -> dict[str, int]:
    return {"done": Work.done}


def work() -> str:
    """Work for a while, and ask oneself how far one has come."""
    with app.serving() as server:  # on a free port
        for step in range(1, 4):
            time.sleep(0.01)
            Work.done = step
        with urlopen(f"{server.url}/progress") as answer:
            text: str = answer.read().decode()
    return text


if __name__ == "__main__":
    print(work())
