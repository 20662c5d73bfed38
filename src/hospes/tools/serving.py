"""What `hospes run` can be told: options of the command line, made into `ServerOptions` and `Workers`.

Laws:

* Each option has an environment variable, `HOSPES_` and its name, for places where a command line is not to be had; the command
  line wins.
* What an option means is said once, by the dataclass it ends in; here are only names and spellings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from typing import Any, Final, Literal, TypeVar, cast

import click
from click.core import ParameterSource

from hospes.limits import GiB, KiB, Limits, MiB, Timeouts
from hospes.server import AccessLog, Proxies, ServerOptions, Tls, UnixSocket, Workers
from hospes.server.places import Place

C = TypeVar("C", bound=Callable[..., Any])

_UNITS: Final = {"": 1, "kib": KiB, "mib": MiB, "gib": GiB, "k": KiB, "m": MiB, "g": GiB}
_SIZE: Final = re.compile(r"(\d{1,18})\s*([a-z]*)", re.ASCII | re.IGNORECASE)


def _count(context: click.Context, option: click.Parameter, text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit() and int(text)):
        raise click.BadParameter(f"{text!r} is neither a number of processes nor auto")
    return int(text)


def _mode(context: click.Context, option: click.Parameter, text: str) -> int:
    if not re.fullmatch("[0-7]{3,4}", text):
        raise click.BadParameter(f"{text!r} are no permissions: write them as 660")
    return int(text, 8)


def _settings(kind: type[Limits] | type[Timeouts], convert: Callable[[str], float]) -> Callable[..., dict[str, float]]:
    """A callback that makes a dict of `NAME=VALUE`, the names being fields of a dataclass."""
    names = [each.name for each in fields(kind)]

    def settings(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, float]:
        return dict(map(setting, given))

    def setting(given: str) -> tuple[str, float]:
        name, equals, text = given.partition("=")
        name = name.strip().replace("-", "_")
        if name not in names:
            raise click.BadParameter(f"{name!r} is none of {', '.join(names)}")
        try:
            return name, convert(text)
        except ValueError:
            raise click.BadParameter(f"{text!r} is no value for {name}" if equals else f"{given!r} has no value") from None

    return settings


def size(text: str) -> int:
    """Octets: a number, with KiB, MiB or GiB behind it if need be.

    Raises:
        ValueError: for anything else.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or found[2].lower() not in _UNITS:
        raise ValueError(text)
    return int(found[1]) * _UNITS[found[2].lower()]


_GROUPS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "Where it listens": {
        "--host": {
            "multiple": True,
            "default": ("127.0.0.1",),
            "metavar": "ADDRESS",
            "help": 'Address or name; "" is every interface. May be given several times.',
        },
        "--port": {"default": 8080, "type": click.IntRange(0, 65_535), "metavar": "PORT", "help": "0 takes a free one."},
        "--unix": {
            "multiple": True,
            "metavar": "PATH",
            "help": "Unix socket, in place of host and port. May be given several times.",
        },
        "--unix-mode": {"default": "660", "callback": _mode, "metavar": "OCTAL", "help": "Its permissions."},
        "--fd": {
            "multiple": True,
            "type": click.IntRange(0),
            "metavar": "NUMBER",
            "help": "Descriptor that listens already, by whoever starts this. May be given several times.",
        },
    },
    "Encryption": {
        "--tls-cert": {
            "metavar": "FILE",
            "help": "Certificate, PEM; serves HTTPS. Read again at SIGHUP. Without it HTTP is served.",
        },
        "--tls-key": {"metavar": "FILE", "help": "Its private key, PEM. Without it the key is in the certificate's file."},
    },
    "Workers": {
        "--workers": {
            "callback": _count,
            "metavar": "N|auto",
            "help": "Processes that serve, reloaded at SIGHUP; auto is one per processor. Without it this process serves.",
        },
        "--max-requests": {
            "default": 0,
            "type": click.IntRange(0),
            "metavar": "REQUESTS",
            "help": "After so many a worker is relieved by a new one; 0 for never.",
        },
        "--startup": {
            "default": 60.0,
            "type": click.FloatRange(0, min_open=True),
            "metavar": "SECONDS",
            "help": "Time for a new worker to load the application and to serve; then it is ended.",
        },
        "--hang": {
            "default": 30.0,
            "type": click.FloatRange(0, min_open=True),
            "metavar": "SECONDS",
            "help": "Time until a worker whose loop is blocked is replaced.",
        },
    },
    "Proxies in front": {
        "--trust": {
            "multiple": True,
            "metavar": "ADDRESS",
            "help": 'Proxy that is believed; a network, unix, or "*" for everybody. May be given several times. '
            "Without it nobody is.",
        },
        "--forwarded": {
            "default": "x-forwarded",
            "type": click.Choice(["x-forwarded", "forwarded", "none"]),
            "metavar": "FIELDS",
            "help": "What they set: x-forwarded, forwarded or none.",
        },
        "--proxy-protocol": {"is_flag": True, "help": "Their connections begin with a PROXY preamble."},
    },
    "Access log": {
        "--access-log": {
            "metavar": "FILE",
            "help": "File for a line about each answer; - is standard output. Without it there is none.",
        },
        "--access-log-format": {
            "default": "combined",
            "metavar": "FORMAT",
            "help": "combined, json, or a template: {client} {path} …",
        },
    },
    "Limits and timeouts": {
        "--limit": {
            "multiple": True,
            "callback": _settings(Limits, size),
            "metavar": "NAME=SIZE",
            "help": "How much a peer may send: body=50MiB. May be given several times.",
        },
        "--timeout": {
            "multiple": True,
            "callback": _settings(Timeouts, float),
            "metavar": "NAME=SECONDS",
            "help": "How long it is waited for: keep_alive=30. May be given several times.",
        },
        "--unready": {
            "default": 0.0,
            "type": click.FloatRange(0),
            "metavar": "SECONDS",
            "help": "At stop: time for which connections are still taken, and /readyz says no.",
        },
    },
}
"""Titles, each option's name, and what click is told of it."""
_OPTIONS: Final = {name: settings for options in _GROUPS.values() for name, settings in options.items()}

GROUPS: Final[Mapping[str, Sequence[str]]] = {title: tuple(options) for title, options in _GROUPS.items()}
"""Titles and names of the options, for `hospes.tools.grouped`."""
COUNTS: Final = frozenset({
    "connections", "connections_per_address", "field_count", "json_containers", "json_depth", "json_digits", "parameters",
    "part_fields", "parts", "requests_per_connection",
})  # fmt: skip
"""Limits that are no sizes."""
VARIABLES: Final = "Each option of serving is a variable, too: --max-requests is HOSPES_MAX_REQUESTS. The command line wins."


def notes() -> dict[str, list[str]]:
    """What stands below the groups: the names of limits and timeouts, with their defaults."""
    limits, timeouts = Limits(), Timeouts()
    names = [each.name for each in fields(Limits)]
    sizes = [f"{name}={_size_text(getattr(limits, name))}" for name in names if name not in COUNTS]
    counts = [f"{name}={getattr(limits, name)}" for name in names if name in COUNTS]
    times = [f"{each.name}={getattr(timeouts, each.name):g}" for each in fields(Timeouts)]
    return {
        "Limits and timeouts": [
            f"Limits in octets, KiB, MiB or GiB: {', '.join(sizes)}.",
            f"Limits in number: {', '.join(counts)}.",
            f"Timeouts in seconds (body_rate in octets a second): {', '.join(times)}.",
        ]
    }


def _size_text(octets: int) -> str:
    """As `size` reads it, the shortest way."""
    return next((f"{octets // unit}{name}" for name, unit in (("MiB", MiB), ("KiB", KiB)) if not octets % unit), str(octets))


def serving(command: C) -> C:
    """Give a command all options of serving; it is called with `options` and `workers` for them."""

    @wraps(command)
    def call(*args: Any, **given: Any) -> Any:
        said = {name: given.pop(name) for name in map(_name, _OPTIONS)}
        return command(*args, options=options_of(said), workers=workers_of(said), **given)

    made: Any = call
    for option, settings in reversed(_OPTIONS.items()):
        variable = f"HOSPES_{_name(option)}".upper()
        made = click.option(option, envvar=variable, show_envvar=True, **settings)(made)
    return cast("C", made)


def _name(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def workers_of(said: Mapping[str, Any]) -> Workers | None:
    """The workers that were asked for; None for none."""
    if said["workers"] is None:
        return None
    return Workers(said["workers"], max_requests=said["max_requests"], hang=said["hang"], startup=said["startup"])


def options_of(said: Mapping[str, Any]) -> ServerOptions:
    """Where and how to serve.

    Raises:
        click.UsageError: for options that do not go together, or values that make no sense.
    """
    cert, key = said["tls_cert"], said["tls_key"]
    if key is not None and not cert:
        raise click.UsageError("--tls-key needs --tls-cert")
    try:
        limits, timeouts = Limits(**said["limit"]), Timeouts(**said["timeout"])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return ServerOptions(
        host=said["host"][0],
        port=said["port"],
        bind=_places(said),
        tls=Tls(cert, key) if cert else None,
        limits=limits,
        timeouts=timeouts,
        unready=said["unready"],
        access_log=AccessLog(said["access_log"], said["access_log_format"]) if said["access_log"] is not None else None,
        proxies=_proxies(said),
    )


def _proxies(said: Mapping[str, Any]) -> Proxies | None:
    if said["trust"]:
        return Proxies(said["trust"], said["forwarded"], said["proxy_protocol"])
    if said["proxy_protocol"]:
        raise click.UsageError("--proxy-protocol needs --trust: only who is trusted may say whom a connection comes from")
    return None


def _places(said: Mapping[str, Any]) -> tuple[Place, ...]:
    """What was named besides the one host and port that are the default."""
    places: list[Place] = [UnixSocket(path, said["unix_mode"]) for path in said["unix"]]
    places += [f"fd:{number}" for number in said["fd"]]
    hosts, context = said["host"], click.get_current_context()
    named = any(context.get_parameter_source(each) is not ParameterSource.DEFAULT for each in ("host", "port"))
    if (places and named) or len(hosts) > 1:
        places += [f"{f'[{host}]' if ':' in host else host}:{said['port']}" for host in hosts]
    return tuple(places)
