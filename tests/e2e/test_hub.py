"""Meltano takes the Hub's definition from a file, as it would from the Hub, and needs no network for it."""

from __future__ import annotations

import os

import pytest
import yaml

from tests.test_hub import FILE

pytestmark = pytest.mark.integrations
NO_NETWORK = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "meltano.yml").write_text(
        "version: 1\ndefault_environment: dev\nproject_id: none\nenvironments:\n- name: dev\n"
    )
    return tmp_path


def test_meltano_adds_the_tap_from_the_definition(program, project):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAP_COMETLY")} | NO_NETWORK

    def meltano(*arguments):
        done = program("meltano", *arguments, cwd=project, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    meltano("add", "--plugin-type", "extractor", "tap-cometly", "--from-ref", FILE, "--no-install")
    (plugin,) = yaml.safe_load((project / "meltano.yml").read_text())["plugins"]["extractors"]
    assert (plugin["name"], plugin["pip_url"]) == ("tap-cometly", "tap-cometly")
    shown = meltano("config", "list", "--all", "tap-cometly")
    for setting in yaml.safe_load(FILE.read_text())["settings"]:
        assert setting["name"] in shown
    meltano("config", "set", "tap-cometly", "attribution_model", "linear")
    (plugin,) = yaml.safe_load((project / "meltano.yml").read_text())["plugins"]["extractors"]
    assert plugin["config"] == {"attribution_model": "linear"}
