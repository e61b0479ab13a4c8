"""The process that answers: how it is found, what becomes of it, and of errors."""

import os
import sys

import pytest

from seedbed import client as of_client
from seedbed.client import Client, ProgramEnded, ProgramMissing, Refused, SeedbedError, find_program, find_root

#: A program that answers as the real one does, and ends when it is told to.
PROGRAM = f"""#!{sys.executable}
import json, sys
open("starts", "a").write(" ".join(sys.argv[1:]) + "\\n")
print(json.dumps({{"seedbed_api": VERSION, "version": "9.9"}}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    arguments = request["arguments"]
    if request["call"] == "end":
        print("a last word", file=sys.stderr)
        sys.exit(7)
    if request["call"] == "noise":
        print("this is no JSON", flush=True)
        continue
    if request["call"] == "refuse":
        answer = {{"error": {{"kind": "no-resource", "message": "there is none", "help": "add it"}}}}
    else:
        print(json.dumps({{"id": request["id"], "progress": {{"text": "half"}}}}), flush=True)
        answer = {{"result": arguments}}
    print(json.dumps({{"id": request["id"], **answer}}), flush=True)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(version: int = 1) -> str:
        path = tmp_path / "seedbed"
        path.write_text(PROGRAM.replace("VERSION", str(version)))
        path.chmod(0o755)
        return str(path)

    return make


def test_one_process_answers_and_another_takes_its_place(program, tmp_path):
    told = []
    with Client(tmp_path, program=program(), environment="second", on_progress=told.append) as client:
        assert client.call("echo", name="data", path=tmp_path, missing=None) == {"name": "data", "path": str(tmp_path)}
        assert told == [{"text": "half"}]
        assert client.version == "9.9"
        with pytest.raises(ProgramEnded, match=r"ended \(7\) when it was asked for `end`:\na last word"):
            client.call("end")
        assert client.call("echo", number=1) == {"number": 1}
        assert client.generation == 2
    assert (tmp_path / "starts").read_text() == f"-C {tmp_path} --name second api\n" * 2


def test_errors_have_a_kind_and_a_help(program, tmp_path):
    with Client(tmp_path, program=program()) as client:
        with pytest.raises(Refused) as raised:
            client.call("refuse")
        assert (raised.value.kind, raised.value.help) == ("no-resource", "add it")
        assert str(raised.value) == "there is none\nhelp: add it"
        with pytest.raises(SeedbedError, match="this is no answer of the program: this is no JSON"):
            client.call("noise")


def test_another_version_of_the_protocol_is_refused(program, tmp_path):
    with Client(tmp_path, program=program(version=2)) as client:
        with pytest.raises(ProgramMissing, match="speaks version 2 of the protocol, this package version 1"):
            client.call("echo")


def test_the_program_is_found(program, tmp_path, monkeypatch):
    path = program()
    monkeypatch.setenv("SEEDBED", path)
    assert find_program() == path
    monkeypatch.setenv("SEEDBED", str(tmp_path / "nothing"))
    with pytest.raises(ProgramMissing, match="names `.*nothing`, which is no program"):
        find_program()
    monkeypatch.delenv("SEEDBED")
    monkeypatch.setattr(of_client, "_places", list)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program() == path
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProgramMissing, match="not beside this package, and not in PATH"):
        find_program()


def test_the_root_is_the_workspace_above(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_root(inner) == inner
    (tmp_path / "seedbed.yaml").touch()
    assert find_root(inner) == tmp_path
    (tmp_path / "a" / ".dataworkspace").mkdir()
    (inner / "script.py").touch()
    assert find_root(inner / "script.py") == tmp_path / "a"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_has_a_process_of_its_own(program, tmp_path):
    with Client(tmp_path, program=program()) as client:
        client.call("echo")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            answer = client.call("echo", who="child")
            os.write(write, str(answer).encode())
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert os.read(read, 100) == b"{'who': 'child'}"
        assert client.call("echo", who="parent") == {"who": "parent"}
