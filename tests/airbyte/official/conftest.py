"""Airbyte's own programs on the installed source, in an environment of their own; everything here is slow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]

PROGRAM = Path(sys.executable).with_name("source-cometly")


def pytest_configure(config):
    config.addinivalue_line("markers", "image_tests: need docker")


def pytest_itemcollected(item):
    item.add_marker(pytest.mark.slow)
