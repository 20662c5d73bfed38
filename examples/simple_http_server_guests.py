"""A program as it was written for simple_http_server: a controller, a filter, a session, an answer sent piece by piece.

Only the imports name hospes; with `import simple_http_server` instead it runs by `python -m hospes.compat`. New programs are
better off with `App`: see controllers.py.
"""

import hospes.compat.simple_http_server.server as server
from hospes.compat.simple_http_server import (
    Header,
    HttpError,
    Parameter,
    Response,
    Session,
    controller,
    request_filter,
    request_map,
)
from hospes.compat.simple_http_server.filters import FilterContext

GUESTS = {"ada": "Ada Lovelace", "alan": "Alan Turing"}


@request_map("/")
def index(session: Session) -> str:
    session.set_attribute("visits", (session.get_attribute("visits") or 0) + 1)
    return f"<html><body>Visit {session.get_attribute('visits')}</body></html>"


@controller(args=["the guest book"])
@request_map("/guests", method="GET")
class Guests:
    def __init__(self, name: str) -> None:
        self._name = name

    @request_map
    def every(self) -> dict[str, object]:
        return {"book": self._name, "guests": GUESTS}

    @request_map("/{name}", method="PUT")
    def put(self, name: str, by: Header, full_name: str = Parameter("fullName", required=True)) -> tuple[int, dict[str, str]]:
        GUESTS[name] = full_name
        return 201, {"name": full_name, "by": by}


@request_filter("/guests/**")
def only_with_a_key(ctx: FilterContext) -> None:
    if ctx.request.method == "PUT" and ctx.request.get_parameter("key") != "open":
        raise HttpError(403, "a key is needed")
    ctx.request.headers["by"] = "the filter"
    ctx.do_chain()


@request_map("/countdown")
async def countdown(res: Response, start: int = 3) -> None:
    for number in range(start, 0, -1):
        await res.write_bytes(b"%d\n" % number)


if __name__ == "__main__":
    server.start(host="127.0.0.1", port=9090)
