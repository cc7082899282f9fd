"""What goes wrong in a local Account Engagement besides what goes wrong everywhere: codes, and fates of exports."""

from __future__ import annotations

from typing import ClassVar

from bulk_exports.sandbox import faults


class Fault(faults.Fault):
    """One thing that goes wrong; see `bulk_exports.sandbox.Fault` for most kinds and details.

    Its steps are ``create``, ``status``, ``link``, ``file``, ``token`` and ``cancel``. Its kinds, besides:

    - ``code``: the error ``code=183``, with ``status`` and ``message`` if given, in ``form="json"`` or ``"xml"``.
    - of exports: ``canceled`` and ``expired``. ``failed`` knows ``word="Failed"``.
    """

    steps: ClassVar = (*faults.STEPS, "token", "cancel")
    answers: ClassVar = {**faults.ANSWERS, "code": frozenset({"code", "status", "message", "form", "handled"})}
    jobs: ClassVar = {**faults.JOB, "canceled": frozenset(), "expired": frozenset()}
