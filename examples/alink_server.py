"""A program as it was written for alink: every visitor has a user, kept in a database, and functions get user and request.

Only the import names hospes. New programs are better off with `App` and `User`: see visitors.py.
"""

from hospes.compat.alink.httpserver import HttpServer
from hospes.compat.alink.request import Request
from hospes.compat.alink.response import Http_Response
from hospes.compat.alink.service import User

PAGE = """<!doctype html><title>Notes</title><h1>Visit {visits}</h1><ol>{notes}</ol>
<form method="post" action="/note"><input name="note"> <button>Keep</button></form>"""


def home(user: User, request: Request) -> Http_Response:
    user["visits"] = user.get("visits", 0) + 1
    notes = "".join(f"<li>{len(note)} characters" for note in user.get("notes", []))
    return Http_Response(200, PAGE.format(visits=user["visits"], notes=notes))


def keep(user: User, request: Request) -> Http_Response:
    for note in request.get_name("note"):
        user.setdefault("notes", []).append(note.text)
    user["cookie"]["last"] = "note"
    response = Http_Response(303, "")
    response.set_header("Location", "/")
    return response


def missing(user: User, request: Request) -> Http_Response:
    return Http_Response(404, f"Nothing is at {request.url}, visitor {user['cookie']['id']}.")


server = HttpServer()
server.add_route("/", ["GET"], home)
server.add_route("/note", ["POST"], keep)
server._404_func = missing

if __name__ == "__main__":
    server.mainloop()  # http://127.0.0.1:3030
