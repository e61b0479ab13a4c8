"""The program ``seedbed`` as a process that answers: one for each workspace, started when it is first asked something.

The protocol is described in ``docs/formats/api.md``. Everything else in this package that knows a workspace asks it through
:func:`client_for`.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seedbed.values import plain

#: The version of the protocol.
VERSION = 1

#: What marks the root of a workspace, the first that is found upwards.
MARKS = (".dataworkspace", "seedbed.yaml")

#: The variable that names the program.
VARIABLE = "SEEDBED"

#: How many lines of what the program said on standard error are remembered for a failure.
TALK_LINES = 40

#: What is told while a call takes long: the JSON of one notice.
Progress = Callable[[Mapping[str, Any]], None]


class SeedbedError(Exception):
    """Something that could not be done, and how to do it instead.

    ``kind`` is a word for programs, ``help`` a sentence for people (or ``None``).

    >>> print(SeedbedError("there is no resource `raw`", help="`seedbed status` lists them"))
    there is no resource `raw`
    help: `seedbed status` lists them
    """

    def __init__(self, message: str, *, kind: str = "kit", help: str | None = None):
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.help = help

    def __str__(self) -> str:
        return self.message if self.help is None else f"{self.message}\nhelp: {self.help}"


class ProgramMissing(SeedbedError):
    """There is no program ``seedbed`` to ask."""


class ProgramEnded(SeedbedError):
    """The program ended while it was asked something; whether it was done is not known."""


class Refused(SeedbedError):
    """The program answered with an error. ``kind`` is one of those that ``docs/formats/api.md`` lists."""


def find_program() -> str:
    """Finds the program: what ``SEEDBED`` names, what came with this package, or what ``PATH`` has.

    Raises :class:`ProgramMissing` when there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise ProgramMissing(
                f"the variable {VARIABLE} names `{named}`, which is no program",
                kind="program_missing",
                help=f"give {VARIABLE} the path of the program `seedbed`, or remove the variable",
            )
        return found
    for place in _places():
        program = place / ("seedbed.exe" if os.name == "nt" else "seedbed")
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    in_path = shutil.which("seedbed")
    if in_path is None:
        raise ProgramMissing(
            "the program `seedbed` was not found: not beside this package, and not in PATH",
            kind="program_missing",
            help=f"install a wheel that carries it, put it in PATH, or name it in the variable {VARIABLE}",
        )
    return in_path


def _places() -> list[Path]:
    """Where an installer puts the programs of this package: the environment's, the user's, or beside the target."""
    package = Path(__file__).resolve().parent
    places = [Path(sysconfig.get_path("scripts"))]
    user = sysconfig.get_preferred_scheme("user")
    places.append(Path(sysconfig.get_path("scripts", scheme=user)))
    places.append(package.parent / "bin")
    # A checkout, or a package that was imported from an environment that is not the interpreter's.
    return [place for place in dict.fromkeys(places) if _is_ours(place, package)]


def _is_ours(place: Path, package: Path) -> bool:
    """Whether programs there belong to the installation of this package."""
    prefix = place.parent.resolve()
    return prefix in package.parents or place == package.parent / "bin"


def find_root(directory: str | os.PathLike[str] | None = None) -> Path:
    """Gives the root of the workspace that a directory (or the directory of a file) is in, or the directory itself."""
    start = Path(directory if directory is not None else os.curdir).resolve()
    if start.is_file():
        start = start.parent
    for mark in MARKS:
        for place in (start, *start.parents):
            if (place / mark).exists():
                return place
    return start


class Client:
    """One process of the program, for one workspace. Calls are made one at a time, from any thread.

    A process that has ended is replaced by the next call; a call during which it ends is not repeated, since nobody knows how
    far it came. ``generation`` counts the processes: what belongs to one of them, such as a step, ends with it.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        program: str | None = None,
        environment: str | None = None,
        on_progress: Progress | None = None,
    ):
        self.directory = find_root(directory)
        self.environment = environment
        self.on_progress = on_progress
        self.generation = 0
        #: What the program calls its version; known after the first call.
        self.version: str | None = None
        self._program = program
        self._process: subprocess.Popen[str] | None = None
        self._talk: deque[str] = deque(maxlen=TALK_LINES)
        self._number = 0
        self._owner = os.getpid()
        self._lock = threading.RLock()

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Asks for something and gives the result, as JSON has it. Arguments that are ``None`` are left out.

        Raises :class:`Refused` with what the program says against it.
        """
        given = {key: plain(value) for key, value in arguments.items() if value is not None}
        with self._lock:
            process = self._living()
            self._number += 1
            number = self._number
            self._write(process, {"id": number, "call": name, "arguments": given}, name)
            return self._answer(process, number, name)

    def close(self) -> None:
        """Ends the process. Steps that it has begun and not completed are recorded as aborted."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or self._owner != os.getpid():
                return
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    try:
                        stream.close()
                    except OSError:
                        pass
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _living(self) -> subprocess.Popen[str]:
        if self._owner != os.getpid():
            # This is a fork: the process belongs to the parent, and so do the ends of its pipes.
            self._process, self._owner = None, os.getpid()
        if self._process is not None and self._process.poll() is None:
            return self._process
        program = self._program or find_program()
        command = [program, "-C", str(self.directory)]
        if self.environment is not None:
            command += ["--name", self.environment]
        try:
            process = subprocess.Popen(
                [*command, "api"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="surrogateescape",
                # Ctrl-C is for this process, which has steps to end.
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramMissing(
                f"`{program}` cannot be started: {error.strerror}",
                kind="program_missing",
                help=f"name another program in the variable {VARIABLE}",
            ) from error
        self._talk = deque(maxlen=TALK_LINES)
        listener = threading.Thread(target=_listen, args=(process, self._talk), daemon=True)
        listener.start()
        self._process = process
        self.generation += 1
        greeting = self._line(process, "start", listener)
        if greeting.get("seedbed_api") != VERSION:
            self.close()
            raise ProgramMissing(
                f"`{program}` speaks version {greeting.get('seedbed_api')} of the protocol, this package version {VERSION}",
                kind="program_version",
                help="install a package and a program of the same version",
            )
        self.version = greeting.get("version")
        return process

    def _write(self, process: subprocess.Popen[str], request: Mapping[str, Any], name: str) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request, ensure_ascii=False) + "\n")
            process.stdin.flush()
        except (BrokenPipeError, ValueError, OSError) as error:
            raise self._ended(process, name) from error

    def _answer(self, process: subprocess.Popen[str], number: int, name: str) -> Any:
        try:
            while True:
                answer = self._line(process, name)
                # What was left by a call that was interrupted is nobody's.
                if answer.get("id") != number:
                    continue
                if "progress" in answer:
                    if self.on_progress is not None:
                        self.on_progress(answer["progress"])
                    continue
                if "error" in answer:
                    error = answer["error"]
                    raise Refused(error["message"], kind=error.get("kind", "error"), help=error.get("help"))
                return answer.get("result")
        except KeyboardInterrupt:
            # What it is at is undone; then it ends, or goes on with the next call.
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            raise

    def _line(
        self, process: subprocess.Popen[str], name: str, listener: threading.Thread | None = None
    ) -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            if listener is not None:
                listener.join(timeout=5)
            raise self._ended(process, name)
        try:
            answer = json.loads(line)
        except ValueError:
            raise SeedbedError(f"this is no answer of the program: {line.strip()[:200]}", kind="protocol") from None
        if not isinstance(answer, dict):
            raise SeedbedError(f"this is no answer of the program: {line.strip()[:200]}", kind="protocol")
        return answer

    def _ended(self, process: subprocess.Popen[str], name: str) -> ProgramEnded:
        try:
            code: int | None = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._process = None
        said = "\n".join(self._talk).strip()
        message = f"the program ended ({code}) when it was asked for `{name}`"
        return ProgramEnded(f"{message}:\n{said}" if said else message, kind="program_ended")


def _listen(process: subprocess.Popen[str], talk: deque[str]) -> None:
    assert process.stderr is not None
    with process.stderr as stream:
        for line in stream:
            talk.append(line.rstrip("\n"))


_clients: dict[tuple[Path, str | None], Client] = {}
_clients_lock = threading.Lock()


def client_for(directory: str | os.PathLike[str] | None = None, environment: str | None = None) -> Client:
    """Gives the client of the workspace that a directory is in; the same one every time.

    It ends with this process, or with :func:`close_all`.
    """
    root = find_root(directory)
    with _clients_lock:
        client = _clients.get((root, environment))
        if client is None:
            client = _clients[(root, environment)] = Client(root, environment=environment)
        return client


def close_all() -> None:
    """Ends every process that :func:`client_for` has started."""
    with _clients_lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


atexit.register(close_all)


def main() -> None:
    """Becomes the program: what ``python -m seedbed`` does."""
    program = find_program()
    os.execv(program, [program, *sys.argv[1:]])
