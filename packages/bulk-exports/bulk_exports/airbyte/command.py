"""The command line of an Airbyte source: ``spec``, ``check``, ``discover``, ``read``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulk_exports import interpreter
from bulk_exports.airbyte.catalog import discovered
from bulk_exports.airbyte.messages import connection_status, error_trace, logging_to
from bulk_exports.environment import Environment
from bulk_exports.errors import TapError
from bulk_exports.json_files import parsed, text_of
from bulk_exports.outputs.airbyte import AirbyteWriter
from bulk_exports.shutdown import Shutdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulk_exports.airbyte.source import Source


class FileError(TapError):
    """A file that Airbyte hands over cannot be read."""


def main_of(source: Source) -> int:
    """Do what the program was started for, and return its exit status; see `run_command`."""
    interpreter.tune()
    return run_command(source, sys.argv[1:])


def run_command(source: Source, arguments: Sequence[str], environment: Environment | None = None) -> int:
    """Do what the command line says, and return the exit status.

    0: it is done, be it that a check has failed. 1: it is not, and a TRACE message says why. 141: the reader went away.
    A signal that asks a sync to stop ends the process.
    """
    environment = environment or Environment()
    options = _parser(source.name).parse_args(arguments)
    writer = AirbyteWriter(lambda: round(environment.now().timestamp() * 1000))
    try:
        try:
            _Command(source, environment, writer).run(options)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, Airbyte must be told
            writer.write_trace(error_trace(error))
            return 1
    except BrokenPipeError:
        # What is still in the buffer of stdout must not be flushed into the broken pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return 0


class _Command:
    def __init__(self, source: Source, environment: Environment, writer: AirbyteWriter) -> None:
        self._source = source
        self._environment = environment
        self._writer = writer
        self._shutdown = Shutdown()
        self._log = logging.getLogger(source.name)

    def run(self, options: argparse.Namespace) -> None:
        """Do what the options say."""
        level = logging.DEBUG if options.debug else logging.INFO
        with logging_to(self._writer, level):
            getattr(self, options.command)(options)

    def spec(self, _options: argparse.Namespace) -> None:
        self._writer.write({"type": "SPEC", "spec": self._source.specification})

    def check(self, options: argparse.Namespace) -> None:
        # Only what is needed is loaded: a run's machinery takes longer than this.
        from bulk_exports.airbyte.check import problem_with  # noqa: PLC0415

        problem = problem_with(self._source, _config(options.config), self._environment, self._log)
        self._writer.write(connection_status(problem))

    def discover(self, options: argparse.Namespace) -> None:
        settings = self._source.settings(
            _config(options.config), now=self._environment.now(), log=self._log, only_schema=True
        )
        connection = partial(self._environment.connection, self._log, {})
        streams = self._source.connector.streams(settings, connection)
        self._writer.write({"type": "CATALOG", "catalog": discovered(streams)})

    def read(self, options: argparse.Namespace) -> None:
        from bulk_exports.airbyte.read import Sync  # noqa: PLC0415 - see above

        sync = Sync(
            source=self._source,
            config=_config(options.config),
            catalog=_json("--catalog", options.catalog),
            state=_json("--state", options.state) if options.state else None,
            environment=self._environment,
            shutdown=self._shutdown,
            log=self._log,
        )
        try:
            with self._shutdown.asked_for_by_signals():
                sync.read(self._writer)
        except SystemExit:
            self._shutdown.end_by_signal()
            raise


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, description=f"Speaks the Airbyte protocol ({name}).")
    commands = parser.add_subparsers(dest="command", required=True)
    usual = argparse.ArgumentParser(add_help=False)
    usual.add_argument("--debug", action="store_true", help="log every request")
    with_config = argparse.ArgumentParser(add_help=False, parents=[usual])
    with_config.add_argument("--config", required=True, metavar="FILE", help="the settings, as JSON")
    commands.add_parser("spec", parents=[usual], help="print what can be set")
    commands.add_parser("check", parents=[with_config], help="try the settings")
    commands.add_parser("discover", parents=[with_config], help="print what can be read")
    read = commands.add_parser("read", parents=[with_config], help="read what is new")
    read.add_argument("--catalog", required=True, metavar="FILE", help="what to read, as JSON")
    read.add_argument("--state", metavar="FILE", help="what earlier syncs remember, as JSON")
    return parser


def _config(file: str) -> Mapping[str, Any]:
    config = _json("--config", file)
    if not isinstance(config, dict):
        raise FileError(f"The file given with --config must hold a JSON object; found {type(config).__name__}")
    return config


def _json(option: str, file: str) -> Any:
    try:
        with Path(file).open(encoding="utf-8") as opened:
            return parsed(text_of(opened))
    except (OSError, ValueError) as error:
        raise FileError(f"The file given with {option} cannot be read as JSON: {error}") from None
