"""A scripted vendor, and files for whoever has a link."""

from __future__ import annotations

import pytest
import requests_mock as rm

from tests.engine.scripted import ScriptedVendor, content


@pytest.fixture
def vendor(clock):
    return ScriptedVendor(clock)


@pytest.fixture
def files():
    with rm.Mocker() as mocker:
        mocker.get(rm.ANY, content=lambda request, _: content(request.path[1:]))
        yield mocker
