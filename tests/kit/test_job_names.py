"""What a vendor calls its jobs comes back from STATE as it was, and what STATE cannot hold is said in words."""

from __future__ import annotations

import json
import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.job_names import MAX_CHARACTERS, in_file_name, job_name
from bulk_exports.windows.bookmark import Bookmark, StartedJob
from tests.kit.account import Account

names = st.integers() | st.text() | st.sampled_from(["007", "0", "-1", "\u00b2", "x" * MAX_CHARACTERS]) | st.booleans()


@given(names)
def test_a_name_that_a_run_takes_the_next_run_finds_in_state_as_it_was(name):
    try:
        job_name(name)
    except ValueError:
        return
    started = StartedJob(date(2025, 3, 1), date(2025, 3, 5), None, name, "2025-03-11T05:00:00Z")
    state = json.loads(json.dumps(Bookmark("at", jobs=()).with_job(started).to_state()))
    (found,) = Bookmark.from_state(state, start=date(2025, 3, 1), replication_key="at").jobs
    assert (found, type(found.job)) == (started, type(name))


def is_a_name(found):
    try:
        return job_name(found) == found
    except ValueError:
        return False


@given(names.filter(is_a_name), names.filter(is_a_name))
def test_a_name_leads_to_no_other_folder_and_no_two_share_a_file(one, other):
    """It is the vendor's to choose, and may be an address, or worse."""
    for name in (one, "../../etc/passwd", "a/b"):
        assert re.fullmatch(r"[A-Za-z0-9-]{1,80}", in_file_name(name))
    assert (in_file_name(one) == in_file_name(other)) is (str(one) == str(other))


def test_an_export_whose_name_begins_with_noughts_is_gone_on_with():
    with Account() as account:
        account.run(room=12, is_killed=True)
        begun = len(account.orchard.exports)
        named = {job["job"] for job in account.bookmark["jobs"]}
        assert named
        assert named <= {each.id for each in account.orchard.exports}
        account.run()
        assert account.table == account.truth()
        gone_on_with = [(each.variant, each.first) for each in account.orchard.exports if each.id in named]
        again = [(variant, first) for variant, first, _ in account.asked(since=begun)]
        assert not set(gone_on_with) & set(again)
