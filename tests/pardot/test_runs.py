"""First runs, and what comes after them."""

from __future__ import annotations


def test_a_first_run_brings_everything(unit):
    made = unit()
    made.run("prospects")
    assert len(made.tables["prospects"]) == 159
