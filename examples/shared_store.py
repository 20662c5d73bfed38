"""One set of visitors for many machines: name a server in HOSPES_STORE, and run this program wherever you like.

HOSPES_STORE=redis://store.example:6379/0 python examples/shared_store.py
HOSPES_STORE=postgresql://shop:secret@store.example/shop python examples/shared_store.py

Nothing in the program changes. A visitor's requests take turns over all of the machines, so no visit is lost. Without the
variable it is the file hospes.db. (pip install 'hospes[redis]' or 'hospes[postgres]'.)
"""

import socket

from hospes import App, HttpError, User

app = App()


@app.get("/")
def home(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return f"Visit {user['visits']}, answered by {socket.gethostname()}\n"


@app.error(503)
def away(error: HttpError) -> tuple[int, str]:
    return 503, "We cannot look you up just now. Nothing of yours is lost; please try again.\n"


if __name__ == "__main__":
    app.run()
