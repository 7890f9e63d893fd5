"""All figures as one table: `python -m tests.benchmarks [NAME ...]`.

Each module of this folder has `run() -> [(what, measured, target)]`. A figure is a measurement,
never a test: nothing here fails because a machine is busy.
"""

import importlib
import pkgutil
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; an unknown name is said and ends with 2."""
    known = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])]
    known = [name for name in known if not name.startswith("_")]
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"No benchmark named {', '.join(unknown)}. There are: {', '.join(known)}.")
        return 2
    for name in names or known:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        summary = (module.__doc__ or name).splitlines()[0]
        print(f"\n{name}: {summary}", flush=True)
        rows = module.run()
        widths = [max(len(row[i]) for row in [*rows, ("what", "measured", "")]) for i in (0, 1)]
        for what, measured, target in [("what", "measured", "target"), *rows]:
            print(f"  {what:<{widths[0]}}  {measured:>{widths[1]}}  {target}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
