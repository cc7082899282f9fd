"""The Singer face of every tap for exports: command line, settings, streams, signals."""

from __future__ import annotations

import contextlib
import copy
import json
import signal
import sys
from functools import partial
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from bulk_exports.environment import Environment
from bulk_exports.errors import TapError, raise_for
from bulk_exports.json_files import MAX_LEVELS, levels, too_deep
from bulk_exports.outputs.singer import MessageWriter
from bulk_exports.outputs.standard_streams import give_up_stdout
from bulk_exports.reading import SettingsError
from bulk_exports.shutdown import Shutdown
from bulk_exports.singer.env_config import settings_in_environment
from bulk_exports.singer.given import checked_file
from bulk_exports.singer.given_state import unwrapped
from bulk_exports.singer.streams import LedgerStream, SingerExportStream, SingerListStream
from bulk_exports.spec import ListStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.streams import Stream

    from bulk_exports.connector import Connector
    from bulk_exports.engine import Connection
    from bulk_exports.export_settings import ExportSettings
    from bulk_exports.spec import ExportStream


class UnusableSettingsError(TapError):
    """The settings, or the catalog, do not pass; holds every problem."""

    page: ClassVar[str] = "docs/troubleshooting.md#settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self._problems = problems

    @property
    @override
    def problems(self) -> Sequence[str]:
        return self._problems


@contextlib.contextmanager
def _as_the_sdk_knows_it() -> Iterator[None]:
    """Turn what is wrong with settings into the error that the SDK has for it."""
    try:
        yield
    except SettingsError as error:
        raise ConfigValidationError("Config validation failed", errors=error.problems) from None


class ExportTap(Tap):
    """A tap whose streams come in exports. A vendor's tap names its connector; all else follows from that.

    Args:
        environment: Time and patience; a test has its own.
        asks_nobody: Whether no request may be sent, not even to find out which columns there are; then nobody needs a
            key either.
    """

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
    connector: ClassVar[Connector]
    """The vendor."""

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = cls.package_name = cls.connector.tap_name
        cls.config_jsonschema = copy.deepcopy(dict(cls.connector.settings_schema))  # the SDK adds its own settings

    def __init__(
        self, *args: Any, environment: Environment | None = None, asks_nobody: bool = False, **kwargs: Any
    ) -> None:
        self.environment = environment or Environment()
        self.shutdown = Shutdown()
        self.kept: dict[str, Any] = {}
        self.undelivered: dict[str, TapError] = {}
        self._order: list[str] = []
        self._settings: ExportSettings | None = None
        self._told: set[str] = set()
        self.asks_nobody = asks_nobody
        super().__init__(*args, **kwargs)

    def connect(self, connection: Connection) -> AbstractContextManager[Any]:
        """Open the vendor's client for one stream."""
        return self.connector.connect(self.settings, connection)

    @property
    def settings(self) -> Any:
        """The validated configuration.

        Raises:
            ConfigValidationError: If the tap was made without validation and the configuration is not sound.
        """
        if self._settings is None:
            self._settings = self._read(needs_key=not self.asks_nobody)
        return self._settings

    @override
    def discover_streams(self) -> list[Stream]:
        settings = self._read(needs_key=False)  # the schema follows the settings, but nobody needs one to look at it
        with _as_the_sdk_knows_it():
            connection = partial(self.environment.connection, self.logger, self.kept, asks_nobody=self.asks_nobody)
            declared = self.connector.streams(settings, connection)
        streams: list[Stream] = []
        for stream in declared:
            if isinstance(stream, ListStream):
                streams.append(SingerListStream(self, stream))
                continue
            if stream.ledger:
                streams.append(LedgerStream(self, stream))
            streams.append(SingerExportStream(self, stream))
        self._order = [stream.name for stream in streams]
        return streams

    @property
    @override
    def streams(self) -> dict[str, Stream]:
        """The streams in the order in which the vendor declares them: the first has the budgets first."""
        if self._streams is None:
            by_name = super().streams
            self._streams = {name: by_name[name] for name in self._order}
        return self._streams

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        """Sync all streams; what one of them could not deliver keeps no other one from being read.

        The SDK means its own to be final; it would end with the first.
        """
        self.undelivered.clear()
        super().sync_all()
        raise_for(self.undelivered)

    @override  # type: ignore[misc]
    def run_connection_test(self) -> bool:
        """Ask for one export of one stream, or for a list: that is enough to know whether key and settings work.

        The SDK means its own to be final; it would cost an export for each stream.
        """
        exports = [stream for stream in self.streams.values() if isinstance(stream, SingerExportStream)]
        lists = [stream for stream in self.streams.values() if isinstance(stream, SingerListStream)]
        return self.run_sync_dry_run(dry_run_record_limit=1, streams=[*exports, *lists][:1])

    def ledger_of(self, declared: ExportStream) -> LedgerStream | None:
        """Return the stream that says which version of a day is true, if there is one."""
        return cast("LedgerStream", self.streams[declared.ledger.name]) if declared.ledger else None

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        """Take over a STATE, also as Meltano prints it and as a whole message.

        Raises:
            UnusableStateError: It is not empty, and holds no bookmark of this tap.
        """
        exports = {name for name, stream in self.streams.items() if isinstance(stream, SingerExportStream)}
        super().load_state(unwrapped(state, exports=exports, others=self.streams.keys() - exports))

    @classproperty
    @override
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """The settings in environment variables; what is not of its setting's type is for the setting to refuse."""
        cls.append_builtin_config(cls.config_jsonschema)
        return settings_in_environment(cls.config_jsonschema, cls._env_var_prefix)

    @override
    @classmethod
    def print_about(cls, output_format: str | None = None) -> None:
        """Print what there is to know about the tap and its settings."""
        if output_format not in {None, "text"}:
            super().print_about(output_format)
            return
        from bulk_exports.singer.about import about_text  # noqa: PLC0415 - nothing else needs it

        click.echo(about_text(cls._get_about_info()))

    @override
    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files, and say which one cannot be read."""
        try:
            given = super().cb_config(ctx, param, value)
            if levels(given.config) > MAX_LEVELS:
                raise ValueError(too_deep())  # noqa: TRY301 - told like the others
        except (OSError, TypeError, ValueError, RecursionError) as error:
            raise click.BadParameter(f"cannot be read as a JSON object: {error}", ctx, param) from None
        return given

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
                "Print which days of each selected stream are delivered, which are due and why, and how long their "
                "exports take at least. Sends no request. --plan=json is for programs."
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

        Raises:
            UnusableSettingsError: The settings do not pass.
        """
        try:
            state, catalog = checked_file("--state", state), checked_file("--catalog", catalog)
            if plan is not None:
                cls._print_plan(plan, kwargs["config"], state=state, catalog=catalog)
                return
            super().invoke(state=state, catalog=catalog, **kwargs)
        except ConfigValidationError as error:
            # Told by ourselves: the SDK's last line would be that the validation failed, and not why.
            raise UnusableSettingsError(error.errors or [str(error)]) from None
        except BrokenPipeError:
            cls.logger.error("The reader of the records went away")  # noqa: TRY400 - that is all there is to say
            give_up_stdout()
            sys.exit(128 + signal.SIGPIPE)

    def _read(self, *, needs_key: bool) -> ExportSettings:
        """Read the settings, and tell what is odd about them, once, whatever the tap was started for."""
        placeholders = {} if needs_key else self.connector.discovery_config
        with _as_the_sdk_knows_it():
            settings = self.connector.read_settings({**placeholders, **self.config}, now=self.environment.now())
        for warning in settings.warnings:
            if warning not in self._told:
                self._told.add(warning)
                self.logger.warning(warning)
        return settings

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
    def _print_plan(cls, form: str, config: Any, *, state: IO[str] | None, catalog: IO[str] | None) -> None:
        tap = cls(
            config=config.config,
            parse_env_config=config.parse_env,
            state=json.load(state) if state else None,
            catalog=json.load(catalog) if catalog else None,
            validate_config=False,
            setup_mapper=False,
            asks_nobody=True,
        )
        plans = []
        for stream in tap.streams.values():
            if isinstance(stream, SingerExportStream) and stream.selected:
                plan = stream.begin_run().plan()
                if state is None and stream.replication_key:
                    plan = plan.with_remark("No STATE was given (`--state`): all days count as not delivered")
                plans.append(plan)
        if form == "json":
            told = {"warnings": tap.settings.warnings, "streams": [plan.as_json() for plan in plans]}
            click.echo(json.dumps(told, indent=2))
        elif len(plans) == 1:
            click.echo(plans[0].text())
        else:
            blocks = [f"{plan.stream}:\n{plan.text()}" for plan in plans]
            click.echo("\n\n".join(blocks) or "No stream that comes in exports is selected: there is nothing to plan")
