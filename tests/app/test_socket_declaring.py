"""The decorators for websockets, and what they refuse."""

from __future__ import annotations

import pytest

import hospes
from hospes import App, SetupError, WebSocket, WebSocketSession


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"origins": "https://a"}, "the websocket at '/x': origins='https://a': give a list of origins, or \"*\" for all"),
        (
            {"subprotocols": "a"},
            "the websocket at '/x': subprotocols='a': give a list of names",
        ),
    ],
)
def test_options_that_are_none(options: dict[str, str], problem: str) -> None:
    with pytest.raises(SetupError) as caught:
        App(store="memory:").websocket("/x", **options)  # type: ignore[arg-type]
    assert caught.value.problem == problem


def test_a_class_in_place_of_a_function() -> None:
    with pytest.raises(SetupError, match="the class Hears is given to websocket, which takes a function") as caught:

        @App(store="memory:").websocket("/x")
        class Hears:
            def on_text_message(self, session: WebSocketSession, text: str) -> None: ...

    assert caught.value.remedy == "write @app.websocket_handler('/x') above a class that hears events"


def test_a_class_that_hears_nothing() -> None:
    with pytest.raises(SetupError, match="the class Deaf hears nothing of a websocket") as caught:

        @App(store="memory:").websocket_handler("/x")
        class Deaf: ...

    assert caught.value.remedy.startswith("define one of on_handshake, on_open, on_text_message")


def test_a_method_that_only_seems_to_hear(caplog: pytest.LogCaptureFixture) -> None:
    @App(store="memory:").websocket_handler("/x")
    class Misprint:
        on_duty = "not a method"

        def on_open(self, session: WebSocketSession) -> None: ...

        def on_message(self, session: WebSocketSession, text: str) -> None: ...

    (said,) = caplog.messages
    assert "Misprint.on_message() is never called; there are on_handshake, on_open, on_text_message, " in said
    assert said.startswith(__file__)


def test_an_unknown_message_type() -> None:
    with pytest.raises(SetupError, match="message_type='image': there is no such message") as caught:
        App(store="memory:").websocket_message("/x", message_type="image")
    assert caught.value.remedy == "take one of text, binary, frame, ping, pong"


def test_two_functions_for_one_event() -> None:
    app = App(store="memory:")

    @app.websocket_open("/x")
    def first(session: WebSocketSession) -> None: ...

    with pytest.raises(SetupError, match=r"second\(\) is the second on_open for '/x'"):

        @app.websocket_open("/x")
        def second(session: WebSocketSession) -> None: ...


def test_regular_expressions_and_functions_of_one_place() -> None:
    app = App(store="memory:")

    @app.websocket_message(regexp="/r/([a-z]+)")
    async def on_text(session: WebSocketSession, text: str) -> None:
        session.send(session.request.reg_groups[0] + text)

    @app.websocket_open(regexp="/r/([a-z]+)")
    async def on_open(session: WebSocketSession) -> None:
        session.send("open")

    @app.websocket(regexp="/s/([a-z]+)")
    async def other(ws: WebSocket, groups: hospes.RegGroups) -> None:
        await ws.send(groups[0])

    with app.test() as client:
        with client.websocket("/r/abc") as ws:
            ws.send("!")
            assert [ws.receive(), ws.receive()] == ["open", "abc!"]
        with client.websocket("/s/def") as ws:
            assert ws.receive() == "def"


def test_a_class_without_a_path() -> None:
    app = App(store="memory:")
    with pytest.raises(SetupError, match="has no path"):

        @app.websocket_handler
        class Handler:
            def on_open(self, session: WebSocketSession) -> None: ...


def test_the_default_app_has_them_too() -> None:
    app = App(store="memory:")
    with hospes.using(app):

        @hospes.websocket("/a")
        async def echo(ws: WebSocket) -> None:
            await ws.send("a")

        @hospes.websocket_handler("/b")
        class Handler:
            async def on_open(self, session: WebSocketSession) -> None:
                session.send("b")

        @hospes.websocket_open("/c")
        async def c(session: WebSocketSession) -> None:
            session.send("c")

    with app.test() as client:
        for name in "abc":
            with client.websocket(f"/{name}") as ws:
                assert ws.receive() == name
