"""How many examples the costly property tests try: a few in every run, many in a soak (`make soak`)."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

SOAK: Final = int(os.environ.get("SOAK", "1"))
"""Times as many examples as usual."""


def examples(count: int) -> settings:
    return settings(max_examples=count * SOAK, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
