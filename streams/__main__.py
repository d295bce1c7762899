"""`python -m streams` is the command `streams`."""

from streams.cli import main

__all__: list[str] = []

main()
