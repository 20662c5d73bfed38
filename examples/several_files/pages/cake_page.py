"""What there is about cake."""

from hospes import get


@get("/cake")
async def cake() -> str:
    return "There are two pieces."
