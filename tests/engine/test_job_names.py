"""What a vendor calls its jobs must be such that STATE can hold it."""

from __future__ import annotations

import pytest

from bulk_exports.engine import Failure, Pipeline
from bulk_exports.job_names import MAX_CHARACTERS
from tests.engine.scripted import LOG, ScriptedVendor, read


class OddlyNaming(ScriptedVendor):
    """Calls the second job something odd."""

    def __init__(self, clock, name):
        super().__init__(clock)
        self.name = name

    def create(self, request):
        return self.name if super().create(request) == 1 else 0


@pytest.mark.parametrize(
    "name", [("a", 1), None, True, "", "x" * (MAX_CHARACTERS + 1), "two\nlines", 10**40], ids=lambda name: str(name)[:9]
)
def test_a_name_that_state_cannot_hold_fails_its_request_in_words(clock, name, files):
    vendor = OddlyNaming(clock, name)
    with Pipeline(vendor, list("ab"), verify=read, log=LOG, clock=clock) as results:
        good, bad = results
    assert not isinstance(good, Failure)
    assert "the name that the vendor gave the export must be a whole number of up to 40 digits, or a text" in bad.reason
