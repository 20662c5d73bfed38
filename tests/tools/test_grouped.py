"""A command's help, grouped."""

from __future__ import annotations

import click
from click.testing import CliRunner
from tests.golden import check_golden

from hospes.tools.grouped import GroupedCommand


def test_help() -> None:
    @click.command(
        cls=GroupedCommand,
        groups={"Where": ["--port", "--host"], "Else": ["--quiet"]},
        notes={"Where": ["There is more to say about where it listens than there is room in one line of it."]},
        epilog="That is all.",
    )
    @click.option("--quiet", "-q", is_flag=True, help="Say nothing.")
    @click.option("--host", multiple=True, default=("a", "b"), metavar="NAME", help="Who.")
    @click.option("--port", default=80, metavar="PORT", help="Which.")
    @click.option("--wait", default=0.0, metavar="SECONDS", help="How long.")
    @click.option("--file", metavar="PATH", help="What. Without it nothing.")
    def command() -> None:
        """Serve."""

    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    check_golden("tools/grouped/help", result.output)
