"""What `hospes run` can be told."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.golden import check_golden

from hospes.limits import Limits, MiB, Timeouts
from hospes.server import AccessLog, Proxies, ServerOptions, Tls, UnixSocket, Workers
from hospes.tools.serving import COUNTS, GROUPS, notes, serving, size

Told = tuple[ServerOptions, Workers | None]


def told(*arguments: str, **environment: str) -> Told:
    seen: list[Told] = []

    @click.command()
    @serving
    def command(options: ServerOptions, workers: Workers | None) -> None:
        seen.append((options, workers))

    result = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen[0]


def complaint(*arguments: str) -> str:
    @click.command()
    @serving
    def command(**_: Any) -> None:
        raise AssertionError

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    return result.output.splitlines()[-1] + "\n"


def test_nothing_said() -> None:
    assert told() == (ServerOptions(), None)


def test_where() -> None:
    assert told("--host", "", "--port", "80")[0] == ServerOptions("", 80)
    unix = UnixSocket("app.sock", 0o600)
    assert told("--unix", "app.sock", "--unix-mode", "600")[0].bind == (unix,)
    assert told("--unix", "app.sock", "--unix-mode", "0600", "--port", "1")[0].bind == (unix, "127.0.0.1:1")
    assert told("--fd", "3", "--fd", "4")[0].bind == ("fd:3", "fd:4")
    assert told("--host", "::1", "--host", "localhost", "--port", "1")[0].bind == ("[::1]:1", "localhost:1")


def test_tls() -> None:
    assert told("--tls-cert", "c.pem", "--tls-key", "k.pem")[0].tls == Tls("c.pem", "k.pem")
    assert "--tls-key needs --tls-cert" in complaint("--tls-key", "k.pem")


def test_workers() -> None:
    assert told("--workers", "auto")[1] == Workers("auto")
    assert told("--workers", "3", "--max-requests", "100", "--hang", "5", "--startup", "7")[1] == Workers(3, 100, 5, 7)
    assert "'0' is neither a number of processes nor auto" in complaint("--workers", "0")


def test_proxies_and_log() -> None:
    options, _ = told("--access-log", "-", "--access-log-format", "json")
    assert options.access_log == AccessLog("-", "json")
    options, _ = told("--trust", "10.0.0.0/8", "--trust", "unix", "--forwarded", "forwarded", "--proxy-protocol")
    assert options.proxies == Proxies(("10.0.0.0/8", "unix"), "forwarded", True)
    assert told(HOSPES_TRUST="10.0.0.1 10.0.0.2")[0].proxies == Proxies(("10.0.0.1", "10.0.0.2"))
    assert "--proxy-protocol needs --trust" in complaint("--proxy-protocol")


def test_limits_and_timeouts() -> None:
    options, _ = told("--limit", "body=50MiB", "--limit", "field-count=7", "--timeout", "keep_alive=2.5")
    assert (options.limits.body, options.limits.field_count, options.timeouts.keep_alive) == (50 * MiB, 7, 2.5)


def test_the_environment_says_the_same() -> None:
    environment = {
        "HOSPES_HOST": "::1",
        "HOSPES_PORT": "99",
        "HOSPES_WORKERS": "2",
        "HOSPES_MAX_REQUESTS": "7",
        "HOSPES_LIMIT": "body=1 parts=2",
        "HOSPES_TIMEOUT": "drain=3",
        "HOSPES_UNREADY": "4",
    }
    options, workers = told(**environment)
    assert (options.host, options.port, options.bind, options.unready) == ("::1", 99, (), 4)
    assert workers == Workers(2, 7)
    assert (options.limits.body, options.limits.parts, options.timeouts.drain) == (1, 2, 3)
    assert told("--port", "1", **environment)[0].port == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--limit", "body"),
        ("--limit", "body=much"),
        ("--limit", "body=0"),
        ("--timeout", "drain=nan"),
        ("--timeout", "drain=1s"),
        ("--unix-mode", "9"),
        ("--port", "65536"),
        ("--hang", "0"),
        ("--startup", "0"),
    ],
    ids=" ".join,
)
def test_mistakes(arguments: tuple[str, str]) -> None:
    check_golden(f"tools/serving/{''.join(arguments).strip('-').replace('=', '_')}", complaint(*arguments))


def test_a_limit_that_is_none() -> None:
    assert "'bodies' is none of request_line, field," in complaint("--limit", "bodies=1")


def test_sizes() -> None:
    for text, octets in {"1": 1, "2KiB": 2048, "2 k": 2048, "3MIB": 3 * MiB, "1g": 1024 * MiB}.items():
        assert size(text) == octets
    for text in ("", "KiB", "1.5MiB", "-1", "1TiB", "²", "1" * 19):
        with pytest.raises(ValueError, match=text or "^$"):
            size(text)


def test_every_option_says_its_unit_and_its_default() -> None:
    @click.command()
    @serving
    def command(**_: Any) -> None: ...

    options = {each.opts[0]: each for each in command.params if isinstance(each, click.Option)}
    assert sorted(options) == sorted(name for names in GROUPS.values() for name in names)
    for name, option in options.items():
        assert option.help, name
        assert option.is_flag or option.metavar, name
        says = option.default is not None or "Without it" in option.help or "several times" in option.help
        assert option.is_flag or says, name


def test_every_limit_and_timeout_is_named_with_its_default() -> None:
    (text,) = map(" ".join, notes().values())
    for each in (*fields(Limits), *fields(Timeouts)):
        assert f"{each.name}=" in text
    assert {each.name for each in fields(Limits)} >= COUNTS
    assert "body=16MiB" in text
    assert "request_line=8448" in text
    assert "connections=16384" in text
    assert "keep_alive=15" in text
