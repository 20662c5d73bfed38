"""A class whose methods are handlers: one object for all requests; what its constructor takes is provided."""

from hospes import App, HttpError

app = App()


class Shelf:
    """Where the notes are."""

    def __init__(self) -> None:
        self.notes: dict[int, str] = {}


@app.provide
def shelf() -> Shelf:
    return Shelf()


@app.controller("/notes")
class Notes:
    def __init__(self, shelf: Shelf) -> None:
        self.notes = shelf.notes

    @app.get("")
    def all(self) -> dict[int, str]:
        return self.notes

    @app.post("", status=201)
    def add(self, text: str) -> dict[str, int]:
        number = len(self.notes) + 1
        self.notes[number] = text
        return {"number": number}

    @app.get("/{number:int}")
    def one(self, number: int) -> str:
        if number not in self.notes:
            raise HttpError(404, f"There is no note {number}")
        return self.notes[number]


if __name__ == "__main__":
    app.run()
