"""Where things go wrong in a local Cometly: at the steps of three kinds of exports."""

from __future__ import annotations

from typing import ClassVar

from bulk_exports.sandbox import faults


class Fault(faults.Fault):
    """One thing that goes wrong; see `bulk_exports.sandbox.Fault` for kinds and details.

    Its steps are ``create``, ``status``, ``link`` and ``file``, and the same with the prefix ``contacts_`` or
    ``companies_`` for those exports.
    """

    steps: ClassVar = tuple(prefix + step for prefix in ("", "contacts_", "companies_") for step in faults.STEPS)
