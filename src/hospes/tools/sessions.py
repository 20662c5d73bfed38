"""`hospes sessions`: what a store keeps of its sessions.

Laws:

* What is asked for goes to standard output, as JSON; what is said about it, and progress, to standard error.
* Reading changes nothing, and makes no file where there is no store.
* A session is called by its key, which is no secret; the beginning of it will do where it means one session.
"""

from __future__ import annotations

from pathlib import Path

import click

from hospes.sessions.record import SPACE
from hospes.tools import stays, visitors
from hospes.tools.commands import file_argument, migrate, overwrite_option, say, store_option, yes_option
from hospes.tools.opened import opened, run
from hospes.tools.transfer import export as write_file
from hospes.tools.transfer import take_file, text


@click.group()
def sessions() -> None:
    """Look after what a store keeps of its sessions."""


sessions.add_command(migrate)


@sessions.command("list")
@store_option
def list_(store: str) -> None:
    """List the sessions, a line of JSON each."""

    async def work() -> int:
        count = 0
        async with opened(store) as source:
            async for key, record in stays.everything(source):
                line = stays.to_line(key, record)
                shown = {name: line[name] for name in ("key", "created", "expires")}
                click.echo(text(shown | {"size": len(record.value)}))
                count += 1
        return count

    say(run(work()), "session")


@sessions.command()
@click.argument("which")
@store_option
def show(which: str, store: str) -> None:
    """Show everything that is kept of one session: WHICH is its key, or the beginning of it."""

    async def work() -> None:
        async with opened(store) as source:
            click.echo(text(stays.to_line(*await stays.find(source, which))))

    run(work())


@sessions.command()
@click.argument("file", default="-")
@store_option
def export(file: str, store: str) -> None:
    """Write every session to FILE (standard output if there is none), a line of JSON each.

    It is personal data: a FILE can be read by you alone. Nobody can take part in a session by what is in it.
    """
    say(write_file(store, file, stays.lines), "session")


@sessions.command("import")
@file_argument
@overwrite_option
@store_option
def import_(file: Path, overwrite: bool, store: str) -> None:
    """Take in the sessions of FILE, as `hospes sessions export` writes it."""
    done = take_file(store, file, stays.read, lambda target, entries: stays.take_in(target, entries, overwrite))
    click.echo(f"{done.written} written, {done.kept} there already", err=True)


@sessions.command()
@click.argument("which", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="End every session there is.")
@yes_option
@store_option
def purge(which: tuple[str, ...], everything: bool, yes: bool, store: str) -> None:
    """Remove what is over; or end each session WHICH, a key or the beginning of one."""
    if which and everything:
        raise click.UsageError("name sessions, or say --all")
    if (which or everything) and not yes:
        click.confirm(f"End {', '.join(which) or 'every session'}?", abort=True, err=True)

    async def work() -> int:
        async with opened(store) as target:
            if not which and not everything:
                return await visitors.sweep(target)
            if everything:
                keys = [key async for key, _ in stays.everything(target)]
            else:
                keys = [(await stays.find(target, each))[0] for each in which]  # all, before the first is gone
            return sum([await target.delete(SPACE, key) for key in keys])

    say(run(work()), "record", "removed")
