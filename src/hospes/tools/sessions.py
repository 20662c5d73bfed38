"""`hospes sessions`: what a store keeps of its sessions.

A session is called by its key, which is no secret; the beginning of it will do where it means one session.
"""

from __future__ import annotations

import click

from hospes.sessions.record import SPACE
from hospes.tools import stays, visitors
from hospes.tools.commands import Words, keeping, say, store_option, yes_option
from hospes.tools.opened import opened, run

sessions = keeping(
    stays,
    Words(
        command="sessions",
        what="session",
        exported="session",
        argument="which",
        named="its key, or the beginning of it",
        caution="It is personal data: a FILE can be read by you alone. Nobody can take part in a session by what is in it.",
        shown=("key", "created", "expires"),
    ),
)


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
