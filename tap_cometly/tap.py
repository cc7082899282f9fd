"""The Singer face of the tap: settings, streams, capabilities, signals."""

from __future__ import annotations

import copy
import io
import json
import os
import signal
import sys
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_cometly.config_schema import CONFIG_JSONSCHEMA
from tap_cometly.outputs.singer import MessageWriter
from tap_cometly.reconcile.ledger import EventDaysStream
from tap_cometly.settings import Settings, SettingsError
from tap_cometly.shutdown import Shutdown
from tap_cometly.singer.streams import EventsStream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.streams import Stream

    from tap_cometly.engine import Clock, Limits


class TapCometly(Tap):
    """Singer tap for Cometly: every conversion event in your warehouse, one verified export per day."""

    name = "tap-cometly"
    package_name = "tap-cometly"
    config_jsonschema = copy.deepcopy(CONFIG_JSONSCHEMA)  # the SDK adds its own settings
    message_writer_class = MessageWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    # What the sync depends on besides its settings; a test puts its own in place of the system's and the engine's.
    clock: ClassVar[Clock | None] = None
    patience: ClassVar[Limits | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.shutdown = Shutdown()
        self._settings: Settings | None = None
        super().__init__(*args, **kwargs)

    @property
    def settings(self) -> Settings:
        """The validated configuration.

        Raises:
            ConfigValidationError: If the tap was made without validation and the configuration is not sound.
        """
        if self._settings is None:
            self._settings = self._checked(self.config)
            for warning in self._settings.warnings:
                self.logger.warning(warning)
        return self._settings

    @override
    def discover_streams(self) -> list[Stream]:
        # The schema follows the settings, but nobody needs a key to look at it.
        return [EventDaysStream(self), EventsStream(self, self._checked({"api_key": "none", **self.config}))]

    @property
    def events(self) -> EventsStream:
        """The events stream."""
        return cast("EventsStream", self.streams[EventsStream.name])

    @property
    def ledger(self) -> EventDaysStream:
        """The stream that says which export of a day is true."""
        return cast("EventDaysStream", self.streams[EventDaysStream.name])

    @override
    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files, and say which one cannot be read."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, TypeError, ValueError) as error:
            raise click.BadParameter(f"cannot be read as a JSON object: {error}", ctx, param) from None

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command line with our own option."""
        command = super().get_singer_command()
        plan = click.Option(
            ["--plan"],
            is_flag=False,
            flag_value="text",
            type=click.Choice(["text", "json"]),
            help=(
                "Print which days are delivered, which are due and why, and how long their exports take at least. "
                "Asks Cometly nothing. --plan=json is for programs."
            ),
        )
        command.params.append(plan)
        return command

    @override
    @classmethod
    def invoke(
        cls,
        *,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
        plan: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Run the sync, or print its plan.

        A STATE that is not one would otherwise pass for none, and reload everything.
        """
        if plan is not None:
            cls._print_plan(plan, kwargs["config"], _json_object("--state", state))
            return
        try:
            super().invoke(state=_json_object("--state", state), catalog=_json_object("--catalog", catalog), **kwargs)
        except BrokenPipeError:
            cls.logger.error("The reader of the records went away")  # noqa: TRY400 - that is all there is to say
            # What is still in the buffer of stdout must not be flushed into the broken pipe at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check every rule of the API before the first call; ours first, because they say what to do."""
        if not raise_errors:
            return []  # discovery: what matters for the schema is checked with it
        _ = self.settings
        return super()._validate_config(raise_errors=raise_errors)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Ask the sync to stop, and write nothing: the handler may be running inside a blocked write."""
        self.shutdown.request(signum)

    @classmethod
    def _print_plan(cls, form: str, config: Any, state: IO[str] | None) -> None:
        tap = cls(
            config=config.config,
            parse_env_config=config.parse_env,
            state=json.load(state) if state else None,
            validate_config=False,
            setup_mapper=False,
        )
        # A plan needs no key: it asks nobody.
        tap._settings = cls._checked({"api_key": "none", **tap.config})
        click.echo(tap.events.sync_of_days().plan_as(form))

    @classmethod
    def now(cls) -> datetime:
        """Return the present moment."""
        return datetime.now(timezone.utc)

    @classmethod
    def _checked(cls, config: Mapping[str, Any]) -> Settings:
        try:
            return Settings.from_config(config, now=cls.now())
        except SettingsError as error:
            raise ConfigValidationError("Config validation failed", errors=error.problems) from None


def _json_object(option: str, file: IO[str] | None) -> IO[str] | None:
    """Return the file's text again if it holds a JSON object.

    Raises:
        click.BadParameter: It holds something else.
    """
    if file is None:
        return None
    text = file.read()
    try:
        sound = isinstance(json.loads(text), dict)
    except ValueError:
        sound = False
    if not sound:
        raise click.BadParameter(f"{file.name} must hold a JSON object", param_hint=option)
    return io.StringIO(text)
