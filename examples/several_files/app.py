"""Handlers in files of their own, which the app finds: each of them declares with `from hospes import get`."""

from pathlib import Path

from hospes import App

app = App()
app.scan(Path(__file__).parent / "pages", r".*_page")


if __name__ == "__main__":
    app.run()
