"""Where things go wrong in a local APSIS One: at its token, its lists, and the steps of its two kinds of exports."""

from __future__ import annotations

from typing import ClassVar

from bulk_exports.sandbox import faults


class Fault(faults.Fault):
    """One thing that goes wrong; see `bulk_exports.sandbox.Fault` for kinds and details.

    Its steps are ``create``, ``status``, ``link`` and ``file`` for exports of profiles, the same with the prefix
    ``emails_`` for those of e-mail events, ``token``, and ``list`` for definitions. An export of profiles has one
    address for all: who accepts gzip there fetches the ``file``, anybody else asks for its ``status``.

    ``failed`` is 503 for profiles and the word ``error`` for e-mail events; ``not_found`` is 410 and 404.
    """

    steps: ClassVar = (*faults.STEPS, *(f"emails_{step}" for step in faults.STEPS), "token", "list")
