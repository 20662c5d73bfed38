"""`python -m hospes`: the command line."""

from hospes.cli import main

main()
