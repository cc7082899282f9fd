"""A faithful local APSIS One, for demos, tests and CI.

::

from tap_apsis_one.sandbox import Sandbox

with Sandbox(events_per_day=1000) as sandbox:
    config = sandbox.credentials
"""

from tap_apsis_one.sandbox.api import Limits
from tap_apsis_one.sandbox.faults import Fault
from tap_apsis_one.sandbox.happenings import EmailEvent, ProfileEvent
from tap_apsis_one.sandbox.local import Sandbox
from tap_apsis_one.sandbox.quirks import Quirks

__all__ = ["EmailEvent", "Fault", "Limits", "ProfileEvent", "Quirks", "Sandbox"]
