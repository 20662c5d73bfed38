"""What surrounds a request."""

from __future__ import annotations

from typing import Any

from tests.binding.making import bound, request

from hospes.binding.environment import HOSTS, Environment, environment_of


def test_in_our_own_server() -> None:
    def handler(env: Environment, same=Environment()) -> Any:  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return type(env), env == same, env

    kind, is_same, env = bound(handler, request("/a%20b?c=1"))
    assert (kind, is_same) == (Environment, True)
    assert env == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "c=1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }


def test_in_a_host() -> None:
    on, environ = request("/"), {"SERVER_SOFTWARE": "host"}
    on.state[HOSTS] = environ
    assert environment_of(on) is environ
    assert Environment.__from_request__(on) == environ
