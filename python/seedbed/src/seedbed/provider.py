"""The provider's side of the protocol: JSON lines in and out.

The protocol is described in ``docs/formats/providers.md``. A provider is any object with the methods of
:class:`Provider`; :func:`serve` answers requests with it until the input ends.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

#: The version of the protocol.
VERSION = 1

#: What can be asked.
VERBS = ("describe", "find", "create", "update", "remove")


@dataclass(frozen=True)
class Field:
    """A field of a data type."""

    name: str
    #: The data type of the same provider to whose records it refers.
    references: str | None = None
    #: What its value is when none is given, for people.
    source: str = ""


@dataclass(frozen=True)
class DataType:
    """A kind of record that the provider can make."""

    name: str
    #: The fields by which a record is found again; empty if nothing identifies one.
    key: Sequence[str]
    fields: Sequence[Field]
    traits: Sequence[str] = ()
    #: The key under which specs list such records; by default the name with an ``s``.
    list: str | None = None


@dataclass(frozen=True)
class Wanted:
    """A record that is asked for."""

    #: Its natural key. References are primary keys.
    key: dict[str, Any]
    #: Further fields, as the spec and the data type give them.
    fields: dict[str, Any] = field(default_factory=dict)
    traits: Sequence[str] = ()
    #: What the answer to its creation said was made.
    made: Any = None
    #: What everything that is random shall depend on.
    seed: int = 0


@dataclass(frozen=True)
class Record:
    """A record that is there."""

    #: What others store that refer to it; ``None`` if that is not one value.
    primary_key: Any
    #: The fields that were asked for.
    values: dict[str, Any] = field(default_factory=dict)
    #: For a record that was created: everything that was, so that it can be removed. Only the provider reads it.
    made: Any = None


class RecordError(Exception):
    """A record that cannot be found, made, changed or removed."""

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.message = message
        self.field = field


class Provider(Protocol):
    """What makes records. Each call is for records of one type, and is done for all of them or for none."""

    def describe(self) -> Sequence[DataType]:
        """Says which types there are."""

    def find(self, type_name: str, wanted: Wanted, fields: Sequence[str]) -> Record | None:
        """Finds a record by its key."""

    def create(self, type_name: str, wanted: Wanted, fields: Sequence[str]) -> Record:
        """Makes a record that is not there."""

    def update(self, type_name: str, wanted: Wanted, fields: Sequence[str]) -> Record:
        """Gives a record that is there the wanted fields."""

    def remove(self, type_name: str, wanted: Wanted) -> bool:
        """Removes a record, and what was made along with it; says whether it was there."""

    def together(self, work: Callable[[], Any]) -> Any:
        """Does some work wholly or not at all."""


def serve(provider: Provider, source: TextIO | None = None, target: TextIO | None = None) -> None:
    """Answers requests until the input ends.

    What the project's code prints goes to standard error: standard output is for answers alone.
    """
    source = source or sys.stdin
    if target is None:
        target = _own_output()
    for line in source:
        if line.strip():
            target.write(json.dumps(_answer(provider, line), ensure_ascii=False, default=_plain) + "\n")
            target.flush()


def _own_output() -> TextIO:
    """Keeps standard output for answers, and gives everything else that is printed to standard error."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _answer(provider: Provider, line: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
        verb = request["verb"]
    except (ValueError, KeyError, TypeError):
        return {"id": None, "error": {"message": f"this is not a request: {line.strip()[:200]}"}}
    answer: dict[str, Any] = {"id": request.get("id")}
    try:
        if verb == "hello":
            if request.get("seedbed") != VERSION:
                raise RecordError(f"this provider speaks version {VERSION} of the protocol, not {request.get('seedbed')}")
            answer.update(seedbed=VERSION, verbs=list(VERBS))
        elif verb == "describe":
            answer["types"] = [_type(data_type) for data_type in provider.describe()]
        elif verb in VERBS:
            answer["records"] = provider.together(lambda: list(_records(provider, verb, request)))
        else:
            raise RecordError(f"there is no verb `{verb}`")
    except _Failed as failed:
        answer["error"] = failed.told
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is an answer
        answer["error"] = _told(error)
    return answer


class _Failed(Exception):
    """Carries an error with the number of its record through the end of a transaction."""

    def __init__(self, told: dict[str, Any]):
        super().__init__(told["message"])
        self.told = told


def _records(provider: Provider, verb: str, request: dict[str, Any]) -> Iterable[Any]:
    type_name, fields = request["type"], request.get("fields", [])
    for number, given in enumerate(request["records"]):
        wanted = Wanted(
            key=given.get("key", {}),
            fields=given.get("fields", {}),
            traits=given.get("traits", ()),
            made=given.get("made"),
            seed=given.get("seed", 0),
        )
        try:
            if verb == "find":
                record = provider.find(type_name, wanted, fields)
            elif verb == "remove":
                yield provider.remove(type_name, wanted)
                continue
            else:
                record = getattr(provider, verb)(type_name, wanted, fields)
        except Exception as error:
            raise _Failed({**_told(error), "record": number}) from error
        if record is None:
            yield None
        else:
            answer = {"primary_key": record.primary_key, "values": record.values}
            if record.made is not None:
                answer["made"] = record.made
            yield answer


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, RecordError):
        told = {"message": error.message}
        if error.field is not None:
            told["field"] = error.field
        return told
    # Nobody foresaw it: where it happened is in the report.
    traceback.print_exception(error, file=sys.stderr)
    sys.stderr.flush()
    return {"message": f"{type(error).__name__}: {error}"}


def _type(data_type: DataType) -> dict[str, Any]:
    def described(field: Field) -> dict[str, Any]:
        return {key: value for key, value in vars(field).items() if value}

    return {
        "name": data_type.name,
        "list": data_type.list or f"{data_type.name}s",
        "key": list(data_type.key),
        "fields": [described(field) for field in data_type.fields],
        "traits": list(data_type.traits),
    }


def _plain(value: Any) -> str:
    """Writes what JSON has no word for: moments, decimals, UUIDs."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
