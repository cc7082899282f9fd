"""The tap: the settings, streams and client of APSIS One, given to the machinery of every tap for exports."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from bulk_exports.singer.tap import ExportTap
from tap_apsis_one.config_schema import CONFIG_JSONSCHEMA
from tap_apsis_one.settings import PLACEHOLDER, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulk_exports.engine import Connection
    from bulk_exports.spec import ExportStream, ListStream
    from tap_apsis_one.account import Account
    from tap_apsis_one.client import ApsisClient


class TapApsisOne(ExportTap):
    """Singer tap for APSIS One: profiles, their events, and e-mail events, from its asynchronous exports."""

    name = "tap-apsis-one"
    package_name = "tap-apsis-one"
    config_jsonschema = copy.deepcopy(CONFIG_JSONSCHEMA)  # the SDK adds its own settings
    discovery_config: ClassVar[Mapping[str, object]] = {"client_id": PLACEHOLDER, "client_secret": PLACEHOLDER}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._account: Account | None = None
        super().__init__(*args, **kwargs)

    @override
    def read_settings(self, config: Mapping[str, Any]) -> Settings:
        return Settings.from_config(config, now=self.environment.now())

    @override
    def export_streams(self, settings: Settings) -> Sequence[ExportStream | ListStream]:
        from tap_apsis_one.streams import streams_of  # noqa: PLC0415 - neither `--version` nor `--about` needs it

        account = self._account_of(settings)
        with account:
            return streams_of(account, asks_nobody=self.asks_nobody or settings.asks_nobody)

    @override
    def connect(self, connection: Connection) -> ApsisClient:
        from tap_apsis_one.client import ApsisClient  # noqa: PLC0415 - only a run needs it

        return ApsisClient(self._account_of(self.settings))

    def _account_of(self, settings: Settings) -> Account:
        """Return the account, one for all streams: they share its budgets and its token."""
        if self._account is None:
            from tap_apsis_one.account import connect  # noqa: PLC0415 - `--version` and `--about` do without

            environment = self.environment
            self._account = connect(
                settings, environment.clock, environment.limits, self.logger, utc_now=environment.now
            )
        return self._account
