"""No connection at all: no such host, nobody listening, no TLS."""

from __future__ import annotations

import socket

import pytest

from bulk_exports.run import UndeliveredDaysError
from tap_cometly.sandbox import Fault
from tests.faults.world import by_id


@pytest.fixture
def closed_port():
    """A port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@pytest.fixture
def unknown_host(monkeypatch):
    """A host that nobody knows. No name server is asked, which may take its time to say so."""
    look_up = socket.getaddrinfo

    def looked_up(host, *args, **kwargs):
        if host == "cometly.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return "cometly.invalid"


@pytest.fixture
def unreachable(world, closed_port, unknown_host):
    return {
        "no such host": f"https://{unknown_host}",
        "nobody listens": f"http://127.0.0.1:{closed_port}",
        "no TLS": world.cometly.api_url.replace("http:", "https:"),
    }


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("no such host", "the host name is not known"),
        ("nobody listens", "connection refused"),
        ("no TLS", "the TLS connection failed"),
    ],
)
def test_an_api_out_of_reach_fails_every_day_with_the_reason(world, unreachable, why, told):
    began = world.clock.now()
    output = world.run(api_url=unreachable[why])
    assert isinstance(output.error, UndeliveredDaysError)
    assert "3 days were not delivered" in str(output.error)
    assert f"no answer from the Cometly API ({told})" in str(output.error)
    assert str(world.days[0]) in str(output.error)
    assert str(world.days[-1]) in str(output.error)
    assert output.records == []
    assert world.clock.now() - began < 20 * 60


@pytest.mark.parametrize("why", ["no such host", "nobody listens", "no TLS"])
def test_a_store_out_of_reach_fails_every_day_and_costs_one_export_each(world, unreachable, monkeypatch, why):
    monkeypatch.setattr(world.cometly._api, "_files_url", unreachable[why])
    output = world.run()
    assert isinstance(output.error, UndeliveredDaysError)
    assert "3 days were not delivered" in str(output.error)
    assert "the download broke off" in str(output.error)
    assert output.records == []
    assert len([request for request in world.cometly.requests if request.endpoint == "create"]) == 3


def fail_at_first(monkeypatch, owner, name, error, times):
    """Let a function of the system raise an error, ``times`` times."""
    act, left = getattr(owner, name), [error] * times

    def failing(*args, **kwargs):
        if left:
            raise left.pop()
        return act(*args, **kwargs)

    monkeypatch.setattr(owner, name, failing)


@pytest.mark.parametrize("closed", [False, True], ids=["at the beginning", "in the middle"])
@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("getaddrinfo", socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")),
        ("create_connection", ConnectionRefusedError(111, "Connection refused")),
        ("create_connection", OSError(101, "Network is unreachable")),
    ],
    ids=["no such host", "nobody listens", "no network"],
)
def test_a_network_that_comes_back_costs_nothing_but_time(world, monkeypatch, function, error, closed):
    owner = socket if function == "getaddrinfo" else pytest.importorskip("urllib3.util.connection")
    if closed:  # every connection is lost once, and cannot be made again at first
        world.inject(Fault("status", "reset"), Fault("file", "reset", at=100))
        on_request = world.cometly._on_request

        def losing(entry):
            if entry.fault == "reset":
                fail_at_first(monkeypatch, owner, function, error, 3)
            if on_request:
                on_request(entry)

        monkeypatch.setattr(world.cometly, "_on_request", losing)
    else:
        fail_at_first(monkeypatch, owner, function, error, 3)
    output = world.run()
    assert output.error is None
    assert by_id(output.records) == world.truth()
    assert len(world.requests("create")) == 1
