"""Sessions in a real Valkey."""

from __future__ import annotations

import pytest
from tests.servers import ValkeyServer

from hospes.compat.simple_http_server import Session
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.http_server import HttpServer
from hospes.compat.simple_http_server_redis_session.http_session_redis_impl import RedisSessionFactory


@pytest.mark.parametrize(
    ("made", "url"),
    [
        (RedisSessionFactory(), "redis://localhost:6379/0"),
        (RedisSessionFactory("10.0.0.5", 7000, 2, password="a/b@c"), "redis://:a%2Fb%40c@10.0.0.5:7000/2"),
        (RedisSessionFactory(host="::1", username="u", password="p"), "redis://u:p@[::1]:6379/0"),
    ],
)
def test_where_it_is(made: RedisSessionFactory, url: str) -> None:
    assert made.store_url == url


def test_servers_share_sessions(valkey: ValkeyServer) -> None:
    conf = AppConf()

    @conf.route("/")
    def count(session: Session) -> str:
        session.set_attribute("n", (session.get_attribute("n") or 0) + 1)
        return str(session.get_attribute("n"))

    factory = RedisSessionFactory("127.0.0.1", valkey.port)
    first, second = (HttpServer(app_conf=conf, session_factory=factory).application() for _ in range(2))
    with first.test() as one, second.test() as other:
        answer = one.get("/")
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert other.get("/", headers={"Cookie": cookie}).text == "2"
        assert one.get("/", headers={"Cookie": cookie}).text == "3"
