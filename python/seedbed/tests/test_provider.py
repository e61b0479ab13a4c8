"""The protocol itself, with a provider that has a list."""

import io
import json

import pytest

from seedbed.provider import DataType, Field, Record, RecordError, serve


class Shelf:
    """Keeps books by their title."""

    def __init__(self):
        self.books = {}

    def describe(self):
        return [DataType("book", ["title"], [Field("title"), Field("shelf", references="shelf", source="'A'")], ["rare"])]

    def find(self, type_name, wanted, fields):
        book = self.books.get(wanted.key["title"])
        return book and Record(wanted.key["title"], {name: book.get(name) for name in fields})

    def create(self, type_name, wanted, fields):
        if wanted.fields.get("shelf") == "Z":
            raise RecordError("there is no shelf Z", field="shelf")
        self.books[wanted.key["title"]] = {"rare": "rare" in wanted.traits, **wanted.fields}
        return Record(wanted.key["title"], made=["one"])

    def update(self, type_name, wanted, fields):
        self.books[wanted.key["title"]].update(wanted.fields)
        return self.find(type_name, wanted, fields)

    def remove(self, type_name, wanted):
        return self.books.pop(wanted.key["title"], None) is not None

    def together(self, work):
        before = dict(self.books)
        try:
            return work()
        except Exception:
            self.books = before
            raise


def answers(*requests, shelf=None):
    lines = [request if isinstance(request, str) else json.dumps(request) for request in requests]
    target = io.StringIO()
    serve(shelf or Shelf(), io.StringIO("\n".join(lines) + "\n"), target)
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_hello_tells_the_version_and_refuses_another():
    first, second = answers({"seedbed": 1, "id": 1, "verb": "hello"}, {"seedbed": 2, "id": 2, "verb": "hello"})
    assert (first["seedbed"], first["id"]) == (1, 1)
    assert first["verbs"] == ["describe", "find", "create", "update", "remove"]
    assert second["error"]["message"] == "this provider speaks version 1 of the protocol, not 2"


def test_describe_tells_types_with_what_is_known_of_them():
    (answer,) = answers({"id": 1, "verb": "describe"})
    assert answer["types"] == [
        {
            "name": "book",
            "list": "books",
            "key": ["title"],
            "fields": [{"name": "title"}, {"name": "shelf", "references": "shelf", "source": "'A'"}],
            "traits": ["rare"],
        }
    ]


def test_records_are_made_found_changed_and_removed():
    key = {"key": {"title": "Emma"}}
    request = {"type": "book", "fields": ["shelf", "rare"]}
    found, made, again, changed, removed, gone = answers(
        {"id": 1, "verb": "find", **request, "records": [key]},
        {"id": 2, "verb": "create", **request, "records": [{**key, "fields": {"shelf": "B"}, "traits": ["rare"]}]},
        {"id": 3, "verb": "find", **request, "records": [key]},
        {"id": 4, "verb": "update", **request, "records": [{**key, "fields": {"shelf": "C"}}]},
        {"id": 5, "verb": "remove", **request, "records": [key]},
        {"id": 6, "verb": "remove", **request, "records": [key]},
    )
    assert found["records"] == [None]
    assert made["records"] == [{"primary_key": "Emma", "values": {}, "made": ["one"]}]
    assert again["records"] == [{"primary_key": "Emma", "values": {"shelf": "B", "rare": True}}]
    assert changed["records"][0]["values"]["shelf"] == "C"
    assert (removed["records"], gone["records"]) == ([True], [False])


def test_one_record_that_fails_undoes_its_request_and_is_named():
    shelf = Shelf()
    records = [{"key": {"title": "Emma"}}, {"key": {"title": "Zadig"}, "fields": {"shelf": "Z"}}]
    (answer,) = answers({"id": 1, "verb": "create", "type": "book", "records": records}, shelf=shelf)
    assert answer["error"] == {"message": "there is no shelf Z", "field": "shelf", "record": 1}
    assert shelf.books == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not JSON", "this is not a request: not JSON"),
        ('{"id": 1}', "this is not a request"),
        ('{"id": 1, "verb": "sing"}', "there is no verb `sing`"),
        ('{"id": 1, "verb": "find", "type": "book", "records": [{}]}', "KeyError: 'title'"),
    ],
)
def test_what_cannot_be_done_is_an_answer(line, said):
    answer, after = answers(line, {"id": 2, "verb": "describe"})
    assert said in answer["error"]["message"]
    assert "types" in after
