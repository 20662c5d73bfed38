"""`hospes users`: what a store keeps of its visitors.

Laws:

* What is asked for goes to standard output, as JSON; what is said about it, and progress, to standard error.
* Reading changes nothing, and makes no file where there is no store.
"""

from __future__ import annotations

from pathlib import Path

import click

from hospes.tools import visitors
from hospes.tools.commands import file_argument, migrate, overwrite_option, say, store_option, yes_option
from hospes.tools.lines import to_line
from hospes.tools.opened import opened, run
from hospes.tools.transfer import export as write_file
from hospes.tools.transfer import take_file, text


@click.group()
def users() -> None:
    """Look after what a store keeps of its visitors."""


users.add_command(migrate)


@users.command("list")
@store_option
def list_(store: str) -> None:
    """List the visitors, a line of JSON each."""

    async def work() -> int:
        count = 0
        async with opened(store) as source:
            async for key, record in visitors.everybody(source):
                line = to_line(key, record)
                shown = {name: line.get(name) for name in ("id", "name", "created", "expires")}
                click.echo(text(shown | {"size": len(record.value)}))
                count += 1
        return count

    say(run(work()), "visitor")


@users.command()
@click.argument("who")
@store_option
def show(who: str, store: str) -> None:
    """Show everything that is kept of one visitor: WHO is a public id or a login name."""

    async def work() -> None:
        async with opened(store) as source:
            click.echo(text(to_line(*await visitors.find(source, who))))

    run(work())


@users.command()
@click.argument("file", default="-")
@store_option
def export(file: str, store: str) -> None:
    """Write every visitor to FILE (standard output if there is none), a line of JSON each.

    It is personal data: a FILE can be read by you alone.
    """
    say(write_file(store, file, visitors.lines), "record")


@users.command("import")
@file_argument
@overwrite_option
@store_option
def import_(file: Path, overwrite: bool, store: str) -> None:
    """Take in the visitors of FILE, as `hospes users export` writes it."""
    done = take_file(store, file, visitors.read, lambda target, entries: visitors.take_in(target, entries, overwrite))
    click.echo(f"{done.written} written, {done.kept} there already", err=True)


@users.command()
@click.argument("who", nargs=-1)
@yes_option
@store_option
def purge(who: tuple[str, ...], yes: bool, store: str) -> None:
    """Remove what is over; or erase each WHO, a public id or a login name, for good."""
    if who and not yes:
        click.confirm(f"Erase {', '.join(who)} for good?", abort=True, err=True)

    async def work() -> int:
        async with opened(store) as target:
            found = [await visitors.find(target, each) for each in who]  # all, before the first is gone
            for key, record in found:
                await visitors.erase(target, key, record)
            return len(found) if who else await visitors.sweep(target)

    say(run(work()), "record", "removed")
