"""What `hospes users` and `hospes sessions` share: all their commands but purging, for records of one kind.

Laws:

* What is asked for goes to standard output, as JSON; what is said about it, and progress, to standard error.
* Reading changes nothing, and makes no file where there is no store.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from hospes.app.application import DEFAULT_STORE
from hospes.errors import SetupError
from hospes.store import Record, Store
from hospes.tools import migration
from hospes.tools.lines import Line
from hospes.tools.opened import is_same, opened, run
from hospes.tools.transfer import Entry, Imported, take_file, text
from hospes.tools.transfer import export as write_file

C = TypeVar("C", bound=Callable[..., Any])


class Records(Protocol):
    """Records of one kind; a module that can do all of this is one."""

    def everything(self, store: Store, /) -> AsyncIterator[tuple[bytes, Record]]:
        """The records that a list shows, by ascending key."""
        ...

    async def find(self, store: Store, which: str, /) -> tuple[bytes, Record]:
        """The record that is named."""
        ...

    def to_line(self, key: bytes, record: Record) -> Line:
        """What a record says."""
        ...

    def lines(self, store: Store) -> AsyncIterator[Line]:
        """What all records say."""
        ...

    def read(self, texts: Iterable[str]) -> Iterator[Entry]:
        """The records that `lines` speaks of."""
        ...

    async def take_in(self, store: Store, entries: Iterable[Entry], overwrite: bool) -> Imported:
        """Write records."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How records are spoken of.

    Args:
        command: The group's name: "users".
        what: What one is called: "visitor".
        exported: What is counted in an export: "record".
        argument: The argument that names one: "who".
        named: What that is: "a public id or a login name".
        caution: What is to be known of an export.
        shown: What of a line a list shows.
    """

    command: str
    what: str
    exported: str
    argument: str
    named: str
    caution: str
    shown: tuple[str, ...]

    @property
    def title(self) -> str:
        """Several of them."""
        return f"{self.what}s"


def store_option(command: C) -> C:
    """Give a command the option `--store`."""
    return click.option(
        "--store", envvar="HOSPES_STORE", default=DEFAULT_STORE, show_default=True, metavar="URL", help="The store's URL."
    )(command)


def yes_option(command: C) -> C:
    """Give a command the option `--yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def say(count: int, what: str, how: str = "") -> None:
    """Say on standard error how many there were."""
    click.echo(f"{many(count, what)} {how}".rstrip(), err=True)


def many(count: int, what: str) -> str:
    """A number of things: "1 record", "2,000 records"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def keeping(records: Records, words: Words) -> click.Group:
    """The commands that list, show, export, import and migrate records."""
    group = click.Group(words.command, help=f"Look after what a store keeps of its {words.title}.")

    @store_option
    def list_(store: str) -> None:
        say(run(_list(store, records, words)), words.what)

    @click.argument(words.argument)
    @store_option
    def show(store: str, **named: str) -> None:
        run(_show(store, records, named[words.argument]))

    @click.argument("file", default="-")
    @store_option
    def export(file: str, store: str) -> None:
        say(write_file(store, file, records.lines), words.exported)

    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--overwrite", is_flag=True, help="Replace what is there; else it stays.")
    @store_option
    def import_(file: Path, overwrite: bool, store: str) -> None:
        done = take_file(store, file, records.read, lambda target, entries: records.take_in(target, entries, overwrite))
        click.echo(f"{done.written} written, {done.kept} there already", err=True)

    commands: dict[str, tuple[Callable[..., Any], str]] = {
        "list": (list_, f"List the {words.title}, a line of JSON each."),
        "show": (show, f"Show everything that is kept of one {words.what}: {words.argument.upper()} is {words.named}."),
        "export": (
            export,
            f"Write every {words.what} to FILE (standard output if there is none), a line of JSON each.\n\n{words.caution}",
        ),
        "import": (import_, f"Take in the {words.title} of FILE, as `hospes {words.command} export` writes it."),
    }
    for name, (call, told) in commands.items():
        group.command(name, help=told)(call)
    group.add_command(migrate)
    return group


async def _list(url: str, records: Records, words: Words) -> int:
    count = 0
    async with opened(url) as source:
        async for key, record in records.everything(source):
            line = records.to_line(key, record)
            click.echo(text({name: line.get(name) for name in words.shown} | {"size": len(record.value)}))
            count += 1
    return count


async def _show(url: str, records: Records, named: str) -> None:
    async with opened(url) as source:
        click.echo(text(records.to_line(*await records.find(source, named))))


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--overwrite", is_flag=True, help="Replace what is different in TARGET, and delete what SOURCE does not have.")
def migrate(source: str, target: str, overwrite: bool) -> None:
    """Copy everything in the store SOURCE to the store TARGET: visitors, sessions, keys.

    Stop the server first. If this is interrupted, run it again: it goes on where it was. At the end both are compared, record by
    record.
    """
    if is_same(source, target):
        raise SetupError("the source and the target are the same store", remedy="name two different ones")

    async def work() -> migration.Comparison:
        async with opened(source) as ours, opened(target, makes=True) as theirs:
            total = await migration.count(ours)
            with click.progressbar(length=total, label="copying", file=sys.stderr) as bar:
                return await migration.copy(ours, theirs, bar.update, overwrite)

    done = run(work())
    click.echo(f"{many(done.records, 'record')} in both stores, SHA-256 {done.checksum}", err=True)
