"""What there is about tea."""

from hospes import get


@get("/tea")
async def tea() -> str:
    return "It is ready."
