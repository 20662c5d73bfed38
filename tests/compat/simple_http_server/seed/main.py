"""A program of simple_http_server's, made of its README's snippets: routes, binding, answers, filters, errors, sessions."""

import sys

import ctrls.answers
import ctrls.binding
import ctrls.classes
import ctrls.filters
import ctrls.models
import ctrls.routes
import ctrls.sessions
import ctrls.websockets
import simple_http_server.server as server


def main(*args):
    port, mode, *more = args
    if more:
        ctrls.sessions.use_own_sessions()
    server.start(
        host="127.0.0.1",
        port=int(port),
        gzip_content_types={"text/html", "text/plain", "text/css", "application/json", "text/javascript"},
        gzip_compress_level=9,
        prefer_coroutine=mode == "coroutine",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
