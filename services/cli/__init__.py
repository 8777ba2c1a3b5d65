"""The command line. Each command declares its options here and calls the hop that has the work."""

from services.cli.app import main

__all__ = ["main"]
