"""Which carrier serves: by default, by wish, and where the wish cannot be met."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec

import pytest
from tests.server.support import GET, Peer, plain

from hospes.errors import SetupError
from hospes.server import Server, ServerOptions
from hospes.server.carriers import ENGINE, PORTABLE, carrier_name, new_loop, run_on_loop

BUILT = find_spec("hospes.engine._core") is not None


@pytest.mark.skipif(not BUILT, reason="platform: the engine is not built here")
def test_the_engine_serves_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSPES_CARRIER", raising=False)
    assert carrier_name() == ENGINE
    assert carrier_name(tls=True) == PORTABLE


def test_portable_may_be_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", "portable")
    assert carrier_name() == PORTABLE


@pytest.mark.skipif(not BUILT, reason="platform: the engine is not built here")
def test_the_engine_may_be_demanded_and_leaves_tls_to_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", "engine")
    assert carrier_name() == ENGINE
    assert carrier_name(tls=True) == PORTABLE


def test_an_engine_that_was_not_built_is_missed_only_where_it_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.server.carriers.find_spec", lambda name: None)
    monkeypatch.delenv("HOSPES_CARRIER", raising=False)
    assert carrier_name() == PORTABLE
    monkeypatch.setenv("HOSPES_CARRIER", "engine")
    with pytest.raises(SetupError, match="was not built") as caught:
        carrier_name()
    assert "C compiler" in caught.value.remedy


def test_there_are_two_carriers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", "pigeon")
    with pytest.raises(SetupError, match="HOSPES_CARRIER=pigeon"):
        carrier_name()


@pytest.mark.parametrize(
    "carrier", [PORTABLE, pytest.param(ENGINE, marks=pytest.mark.skipif(not BUILT, reason="platform: no engine"))]
)
def test_a_server_counts_and_ends_its_connections(monkeypatch: pytest.MonkeyPatch, carrier: str) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", carrier)

    async def run() -> None:
        server = Server(plain, ServerOptions(port=0))
        await server.start()
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            assert (await asyncio.to_thread(peer.get)).status == 200
            assert server.connections == 1
            await server.stop()
            assert server.connections == 0
            assert peer.closed()

    asyncio.run(run())
    assert ("hospes.engine.carrier" in sys.modules) or carrier == PORTABLE


async def _loop_kind() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


@pytest.mark.skipif(not BUILT, reason="platform: the engine is not built here")
def test_the_engine_gets_a_loop_that_suits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSPES_CARRIER", raising=False)
    kind = run_on_loop(_loop_kind())
    assert kind.__module__ == "hospes.engine.loop"


@pytest.mark.parametrize("wish", ["portable", "pigeon"])
def test_else_the_loop_is_asyncios(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", wish)
    assert run_on_loop(_loop_kind()) is asyncio.run(_loop_kind())


def test_a_loop_that_the_program_has_chosen_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chosen(asyncio.SelectorEventLoop):
        pass

    monkeypatch.setattr(asyncio, "new_event_loop", Chosen)
    loop = new_loop()
    loop.close()
    assert type(loop) is Chosen
