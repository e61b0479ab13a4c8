"""Models without a factory, of a real project."""

import pytest

from conftest import Asked


@pytest.fixture(scope="module")
def models(asked: Asked) -> Asked:
    return asked


def test_a_model_is_found_by_what_is_unique(models):
    types = {described["name"]: described for described in models("describe")["types"]}
    assert types["communicationeventtype"]["key"] == ["code"]
    assert types["session"]["key"] == ["session_key"]
    # Two fields that are unique together; one of them refers to another record.
    assert types["productrecommendation"]["key"] == ["primary", "recommendation"]
    references = {field["name"]: field.get("references") for field in types["productrecommendation"]["fields"]}
    assert references["primary"] == "product"
    # Nothing is unique: a spec cannot name one, unless the data type that is declared has a key.
    assert types["flatpage"]["key"] == []


def test_a_model_is_made_found_changed_and_removed(models):
    key = {"code": "WELCOME"}
    type_name = "communicationeventtype"
    assert models.records("find", type_name, {"key": key}) == [None]
    record = {"key": key, "fields": {"name": "Welcome"}}
    (made,) = models.records("create", type_name, record, fields=["name", "code"])
    assert made["values"] == {"name": "Welcome", "code": "WELCOME"}
    assert made["made"] == [["communication.communicationeventtype", made["primary_key"]]]
    (found,) = models.records("find", type_name, {"key": key}, fields=["name"])
    assert found == {"primary_key": made["primary_key"], "values": {"name": "Welcome"}}
    (changed,) = models.records("update", type_name, {"key": key, "fields": {"name": "Hello"}}, fields=["name"])
    assert changed["values"] == {"name": "Hello"}
    assert models.records("remove", type_name, {"key": key, "made": made["made"]}) == [True]
    assert models.records("remove", type_name, {"key": key}) == [False]


MODEL = "`communication.CommunicationEventType`"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"key": {"code": "X"}, "fields": {"nome": "y"}}, {"message": f"{MODEL} has no field `nome`", "field": "nome"}),
        ({"key": {"cod": "X"}}, {"message": f"{MODEL} has no field `cod`", "field": "cod"}),
        ({"key": {"code": "X"}, "traits": ["big"]}, {"message": "`communicationeventtype` has no traits", "field": "traits"}),
    ],
)
def test_what_a_model_cannot_be_made_of(models, record, said):
    assert models.error("create", "communicationeventtype", record) == {**said, "record": 0}


def test_what_the_database_refuses_is_told_and_undone(models):
    first = {"key": {"code": "ONCE"}}
    error = models.error("create", "communicationeventtype", first, {**first, "fields": {"name": "twice"}})
    assert error["record"] == 1
    assert "UNIQUE constraint failed" in error["message"]
    assert models.records("find", "communicationeventtype", first) == [None]
    assert models.error("find", "communicationeventtype", {"key": {}}) == {
        "message": "there is no key to find it by",
        "record": 0,
    }


def test_validation_is_as_wished(another):
    strict = another("--full-clean")
    record = {"key": {"code": "not upper case"}, "fields": {"name": "x"}}
    error = strict.error("create", "communicationeventtype", record)
    assert (error["field"], error["record"]) == ("code", 0)
    assert another().records("create", "communicationeventtype", record)[0]["primary_key"]
