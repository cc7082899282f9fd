"""``python -m fleet``: the whole fleet, or the Spaces that are named, without an orchestrator: for cron and CI."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from fleet.loading import load
from fleet.lock import BusyError
from fleet.spaces import Space, spaces


def main() -> int:
    """Load them; a Space that fails holds up no other."""
    parser = argparse.ArgumentParser(prog="python -m fleet", description=__doc__)
    parser.add_argument("spaces", nargs="*", metavar="SPACE", help="default: all of them")
    parser.add_argument("--at-once", type=int, default=4, metavar="N", help="default: %(default)s")
    options = parser.parse_args()
    known = spaces()
    if unknown := set(options.spaces) - set(known):
        parser.error(f"There is no Space {', '.join(sorted(unknown))} in spaces.yaml.")
    wanted = [known[name] for name in options.spaces or known]
    with ThreadPoolExecutor(options.at_once) as pool:
        return max(pool.map(_status, wanted), default=0)


def _status(space: Space) -> int:
    """Return 0 if all is well, 1 if another attempt may help, 2 if somebody must change something first."""
    try:
        outcome = load(space)
    except BusyError as busy:
        print(busy)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, the other Spaces are loaded
        print(f"{space.name}: failed: {error}")
        return 1
    rows = sum(day.row_count for day in outcome.days)
    print(f"{space.name}: {outcome.problem or 'ok'} ({len(outcome.days)} days touched, {rows} rows in them)")
    return 0 if outcome.problem is None else 1 if outcome.is_passing else 2


if __name__ == "__main__":
    sys.exit(main())
