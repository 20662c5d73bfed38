"""A command whose help is grouped by purpose: what belongs together stands together, each option with its unit and its default.

Laws:

* An option's value is named by its unit (`SECONDS`), or by what it is (`FILE`).
* A default stands in brackets behind the help; an option without one says what holds where it is not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import click

_OTHERS: Final = "Other"


class GroupedCommand(click.Command):
    """A command with many options.

    Args:
        groups: Titles, in the order they are shown, and the names of each one's options.
        notes: Lines below a group, by its title.
        more: What click wants.
    """

    def __init__(self, *, groups: Mapping[str, Sequence[str]], notes: Mapping[str, Sequence[str]], **more: Any) -> None:
        super().__init__(**more)
        self._groups = groups
        self._notes = notes

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups, and at last the options that are in none."""
        rows = {each.opts[0]: _row(each) for each in self.get_params(ctx) if isinstance(each, click.Option)}
        for title, names in self._groups.items():
            with formatter.section(title):
                formatter.write_dl([rows.pop(name) for name in names])
                for note in self._notes.get(title, ()):
                    formatter.write_paragraph()
                    formatter.write_text(note)
        with formatter.section(_OTHERS):
            formatter.write_dl(list(rows.values()))


def _row(option: click.Option) -> tuple[str, str]:
    names = ", ".join(option.opts) + (f" {option.metavar}" if option.metavar else "")
    default = _shown(option.default) if not option.is_flag else ""
    return names, f"{option.help} [{default}]" if default else str(option.help)


def _shown(default: object) -> str:
    """A default, as one would write it; "" for none."""
    if isinstance(default, tuple):
        return " ".join(map(_shown, cast("tuple[object, ...]", default)))
    if isinstance(default, float):
        return f"{default:g}"
    return str(default) if isinstance(default, (str, int)) else ""
