"""`make bench`: every benchmark of this folder, one after the other, each in its own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Status 1 if any of them failed. Names on the command line choose."""
    chosen = set(sys.argv[1:])
    found = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    failed = []
    for name in found:
        if not chosen or name.removeprefix("bench_") in chosen:
            print(f"\n== {name.removeprefix('bench_')}", flush=True)
            if subprocess.run([sys.executable, "-m", f"tests.bench.{name}"]).returncode:
                failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
