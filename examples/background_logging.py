"""Logging off the hot path: a thread of its own writes, and whoever logs does not wait. Run it, ask it, and look at the log."""

from collections.abc import AsyncIterator
from logging import Formatter
from logging.handlers import RotatingFileHandler

from hospes import App, Request
from hospes.logger import FORMAT, get_logger_factory

app = App()

tearoom = get_logger_factory("tearoom")
log = tearoom.get_logger("orders")


@app.lifespan
async def logs_to_a_file() -> AsyncIterator[None]:
    """From the start on; what is logged before goes to stderr."""
    handler = RotatingFileHandler("tearoom.log", maxBytes=1_000_000, backupCount=5)
    handler.setFormatter(Formatter(FORMAT))
    tearoom.set_handler(handler)
    yield
    tearoom.remove_handler(handler)  # when all that was logged is written
    handler.close()


@app.post("/orders")
async def order(request: Request, item: str) -> str:
    log.info("%s orders %s", request.client.host, item)
    return f"{item} is on its way"


@app.get("/log")
def last_lines() -> str:
    tearoom.flush()
    with open("tearoom.log", encoding="utf-8") as file:
        return "".join(file.readlines()[-20:])


if __name__ == "__main__":
    app.run()
