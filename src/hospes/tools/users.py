"""`hospes users`: what a store keeps of its visitors."""

from __future__ import annotations

import click

from hospes.tools import visitors
from hospes.tools.commands import Words, keeping, say, store_option, yes_option
from hospes.tools.opened import opened, run

users = keeping(
    visitors,
    Words(
        command="users",
        what="visitor",
        exported="record",
        argument="who",
        named="a public id or a login name",
        caution="It is personal data: a FILE can be read by you alone.",
        shown=("id", "name", "created", "expires"),
    ),
)


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
