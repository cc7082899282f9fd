"""How many examples the property tests try: the same ones in every run; others, and many more, in a soak.

A test that says nothing tries `USUAL`; one of which each example is costly says how many. `SOAK` multiplies them all: a
soak (`make soak`) tries many more, and where something else is looked for (`make test-dates`) fewer are tried.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

SOAK: Final = float(os.environ.get("SOAK", "1"))
"""Times as many examples as usual."""
USUAL: Final = 100


def examples(count: int, *, suppressed: Iterable[HealthCheck] = tuple(HealthCheck)) -> settings:
    return settings(
        max_examples=max(1, round(count * SOAK)),
        derandomize=SOAK <= 1,  # whoever has changed nothing is not to find what others left; a soak is there for that
        deadline=None,  # a busy machine is no fault
        suppress_health_check=suppressed,
        print_blob=True,
    )


usual = examples(USUAL, suppressed=[HealthCheck.too_slow])
"""What holds for every property test that says nothing else."""
