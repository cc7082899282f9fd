"""How long tests wait for what must come."""

from __future__ import annotations

from typing import Final

HANG_SECONDS: Final = 900
"""Whoever waits longer than this waits for something that hangs.

A limit in a test is there so that a hang ends; it never judges how quick a machine is. What takes the longest, a start
of Meltano, takes a minute on a machine on which fifty other programs run.
"""
