"""Files: a folder below a prefix, and single files. Validators, ranges and precompressed siblings come with both."""

from pathlib import Path

from hospes import App, File, HttpError

HERE = Path(__file__).parent

app = App()
app.files("/static", HERE / "guestbook" / "static")
app.files("/examples/*.py", HERE)  # by a pattern: these files, and none of the folders below


@app.get("/source")
def source() -> File:
    """Shown in place."""
    return File(__file__, "text/plain; charset=utf-8")


@app.get("/download/{name}")
def download(name: str) -> File:
    """Saved under a name of its own. The path is the program's choice, never a visitor's text."""
    examples = {path.stem: path for path in HERE.glob("*.py")}
    if name not in examples:
        raise HttpError(404, f"There is no example {name}")
    return File(examples[name], download_as=f"Example – {name}.py")


if __name__ == "__main__":
    app.run()
