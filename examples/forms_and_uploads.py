"""Forms, files, and content that is read while it comes in."""

from dataclasses import dataclass
from hashlib import sha256
from tempfile import TemporaryFile

from hospes import App, MiB, MultipartFile, RequestBodyReader

app = App()

PAGE = """<!doctype html><title>Forms</title>
<form method="post" action="/guests"><input name="name" placeholder="Name"> <input name="nights" type="number" value="1">
<button>Book</button></form>
<form method="post" action="/photos" enctype="multipart/form-data"><input type="file" name="photos" multiple>
<input name="album" value="summer"> <button>Send</button></form>"""


@app.get("/")
def forms() -> str:
    return PAGE


@dataclass
class Guest:
    name: str
    nights: int = 1


@app.post("/guests")
def book(guest: Guest) -> str:
    """The same class is taken from a form and from JSON."""
    return f"{guest.name} stays for {guest.nights}"


@app.post("/photos")
def photos(photos: list[MultipartFile], album: str = "") -> dict[str, object]:
    """Large files wait on the disk, not in memory; `save_to_file` keeps one."""
    return {"album": album, "photos": [{"name": photo.filename, "size": photo.size} for photo in photos]}


@app.post("/digest", body_limit=100 * MiB)
async def digest(content: RequestBodyReader) -> str:
    """Piece by piece: the sender is slowed down to the speed of this loop."""
    found = sha256()
    async for piece in content:
        found.update(piece)
    return found.hexdigest()


@app.post("/archive", body_limit=None)
async def archive(content: RequestBodyReader) -> str:
    """Straight into a file, however large: by the kernel, where the engine serves. A path instead of a file is replaced."""
    with TemporaryFile() as file:
        size = await content.save_to_file(file)
    return f"{size} octets, and gone again"


if __name__ == "__main__":
    app.run()
