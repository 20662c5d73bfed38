"""Provided objects: a function makes them, its return type says what they are, handlers ask for them by type."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from hospes import App, Header

app = App()


@dataclass
class Database:
    """Something that is opened once and closed at the end."""

    rows: list[str] = field(default_factory=list)
    is_open: bool = True


@dataclass
class Transaction:
    """Something that every request gets for itself, made of what lives longer and of the request."""

    database: Database
    author: str
    began: float


@app.provide
async def database() -> AsyncIterator[Database]:
    opened = Database()
    yield opened
    opened.is_open = False


@app.provide("request")
def transaction(database: Database, author: str = Header("X-Author", default="somebody")) -> Transaction:
    return Transaction(database, author, time.time())


@app.post("/rows")
def add(text: str, transaction: Transaction) -> int:
    transaction.database.rows.append(f"{transaction.author}: {text}")
    return 201


@app.get("/rows")
def rows(database: Database) -> list[str]:
    return database.rows


if __name__ == "__main__":
    app.run()
