"""Fixtures for tests that need an environment: its addresses, fresh databases, data from specs.

Tests run outside the environment, in whatever shell or editor; the environment is that of the workspace in which pytest was started, and
it must be up. The program is found as :func:`seedbed.client.find_program` says; without one, tests that need it are skipped.

``seedbed_env`` is the environment, ``seedbed_snapshot`` gives a test databases of its own, ``seedbed_load`` loads specs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from seedbed.client import Client, ProgramMissing, SeedbedError, find_program


@dataclass(frozen=True)
class Loaded:
    """What a load has done."""

    #: Records that were not there before.
    created: int
    #: Records that were there.
    found: int
    #: The report of the program.
    report: dict[str, Any]


class LoadFailed(SeedbedError):
    """What the program said when it could not load a spec."""


@dataclass(frozen=True)
class Address:
    """Where a database is.

    >>> address = Address.of("postgres://ann:p%40ss@127.0.0.1:5432/shop")
    >>> address.host, address.port, address.user, address.password, address.name
    ('127.0.0.1', 5432, 'ann', 'p@ss', 'shop')
    >>> Address.of("sqlite:///tmp/shop.db").name
    '/tmp/shop.db'
    """

    url: str
    #: ``postgres``, ``mysql``, ``sqlite`` or ``redis``.
    engine: str
    #: The database's name on the server, or the path of its file.
    name: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, url: str) -> Address:
        """Takes a URL apart."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        if parts.scheme == "sqlite":
            return cls(url, "sqlite", path)
        part = {"user": parts.username, "password": parts.password}
        known = {name: None if value is None else unquote(value) for name, value in part.items()}
        return cls(url, parts.scheme, path.removeprefix("/"), parts.hostname, parts.port, **known)

    def __str__(self) -> str:
        return self.url


class Environment:
    """An environment that is up."""

    def __init__(self, client: Client, program: str):
        self._client = client
        self._program = program

    @property
    def directory(self) -> Path:
        """The root of the workspace."""
        return self._client.directory

    def status(self) -> dict[str, Any]:
        """Gives what ``seedbed status --json`` says, as it is now."""
        return dict(self._client.call("environment"))

    def reset(self) -> None:
        """Brings every database of the environment back to its declared state. All who use the environment notice."""
        self._client.call("environment.reset")

    def address(self, database: str | None = None) -> Address:
        """Gives the address of a database of the environment itself; without a name that of the only one."""
        name = self._client.environment
        chosen = [*(["--name", name] if name else []), "db", "url", *([database] if database else [])]
        return Address.of(_run(self.directory, [self._program, *chosen]).strip())

    def clone(self, database: str | None = None, state: str | None = None) -> Address:
        """Makes a fresh database with the content of a kept state, and gives its address.

        ``state`` is a step (``schema``, ``data``) or the tag of a snapshot; by default the declared state. It is dropped with
        :meth:`drop`, or when the tests have ended.
        """
        return Address.of(self._client.call("database.clone", database=database, state=state)["url"])

    def drop(self, address: Address | str) -> None:
        """Drops what :meth:`clone` has made."""
        self._client.call("database.drop", url=str(address))


@pytest.fixture(scope="session")
def seedbed_program() -> str:
    """The path of the program ``seedbed``; a test that needs it is skipped when there is none."""
    try:
        return find_program()
    except ProgramMissing as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="session")
def seedbed_env(seedbed_program: str, pytestconfig: pytest.Config) -> Iterator[Environment]:
    """The environment of the workspace in which pytest was started: :class:`Environment`.

    ``pytest --seedbed-env NAME`` chooses another one than ``default``.
    """
    name = pytestconfig.getoption("seedbed_env", default=None)
    with Client(pytestconfig.invocation_params.dir, program=seedbed_program, environment=name) as client:
        yield Environment(client, seedbed_program)


@pytest.fixture
def seedbed_snapshot(seedbed_env: Environment, request: pytest.FixtureRequest) -> Iterator[Callable[..., Address]]:
    """Gives a test databases of its own: ``seedbed_snapshot("shop")``, ``seedbed_snapshot("shop", state="v1")``.

    Each call is a fresh database with the content of the declared state, or of another one (see :meth:`Environment.clone`), which
    nobody else knows, and which is dropped after the test. The marker ``seedbed(database=…, state=…)`` on a test, a class or a module says
    what a call without arguments means.
    """
    meant: dict[str, Any] = {}
    for marker in request.node.iter_markers("seedbed"):
        meant = {**marker.kwargs, **meant}
    made: list[Address] = []

    def clone(database: str | None = None, *, state: str | None = None) -> Address:
        address = seedbed_env.clone(database or meant.get("database"), state or meant.get("state"))
        made.append(address)
        return address

    yield clone
    for address in made:
        seedbed_env.drop(address)


@pytest.fixture(scope="session")
def seedbed_load(seedbed_program: str, pytestconfig: pytest.Config) -> Iterator[Callable[..., Loaded]]:
    """Loads a spec: ``seedbed_load("data/orders.yaml")``. Its path is relative to where pytest was started.

    The records stay when the tests have ended: the next run finds them. ``seedbed_load(…, unload=True)`` removes those that
    this run has made when it ends.
    """
    directory = pytestconfig.invocation_params.dir
    unloaded: list[str] = []

    def load(spec: str | Path, *, service: str | None = None, unload: bool = False) -> Loaded:
        arguments = [str(spec), *(["--service", service] if service else [])]
        report = json.loads(_run(directory, [seedbed_program, "load", "--json", *arguments]))["load"]
        loaded = Loaded(created=report["created"], found=report["found"], report=report)
        if unload and loaded.created:
            unloaded.append(str(spec))
        return loaded

    yield load
    for spec in reversed(unloaded):
        _run(directory, [seedbed_program, "unload", spec])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that chooses an environment."""
    group = parser.getgroup("seedbed")
    group.addoption("--seedbed-env", metavar="NAME", default=None, help="the environment that the fixtures of seedbed use")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", "seedbed(database, state): which database and state `seedbed_snapshot()` clones")


def _run(directory: Path, command: list[str]) -> str:
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise LoadFailed(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr.strip()}")
    return ended.stdout
