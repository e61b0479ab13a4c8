"""The factories of a real project: those of django-oscar's own tests, and the shop's."""

import sqlite3

import pytest


def test_factories_are_types_with_keys_references_and_traits(asked):
    types = {described["name"]: described for described in asked("describe")["types"]}
    customer = types["customer"]
    assert (customer["key"], customer["traits"], customer["list"]) == (["username"], ["staff", "retired"], "customers")
    sources = {field["name"]: field.get("source", "") for field in customer["fields"]}
    assert (sources["first_name"], sources["last_name"]) == ("Faker", "FuzzyText")
    # A trait that gives a field is not where it comes from without that trait.
    assert sources["is_staff"] == "False"
    assert (sources["username"], sources["member_of"]) == ("Sequence", "member_of()")
    # `django_get_or_create` is a natural key, if there is one; else what is unique.
    assert (types["group"]["key"], types["shipping_event_type"]["key"]) == (["name"], ["code"])
    assert types["product"]["key"] == ["upc"]
    references = {field["name"]: field.get("references") for field in types["product"]["fields"]}
    assert references["product_class"] == "product_class"


def test_a_factory_fills_in_what_is_not_given(asked):
    made = asked.create("customer", {"username": "ada"}, fields=["email", "first_name", "is_staff", "is_active"])
    values = made["values"]
    assert values["email"] == "ada@example.com"
    assert (values["is_staff"], values["is_active"]) == (False, True)
    assert values["first_name"]


def test_traits_and_given_fields_override(asked):
    made = asked.create(
        "customer",
        {"username": "bob"},
        traits=["staff"],
        fields=["first_name", "is_staff", "email"],
    )
    assert made["values"] == {"first_name": "Staff", "is_staff": True, "email": "bob@example.com"}
    error = asked.error("create", "customer", {"key": {"username": "eve"}, "traits": ["admin"]})
    assert error["message"] == "`customer` has no trait `admin`; its traits are staff, retired"


def test_what_is_done_after_generation_gets_what_is_given(asked):
    record = {"key": {"username": "fay"}, "fields": {"member_of": ["editors", "readers"]}}
    (made,) = asked.records("create", "customer", record, fields=["member_of", "password", "email"])
    # What cannot be read again is not told.
    assert made["values"] == {"email": "fay@example.com"}
    assert [label for label, _ in made["made"]].count("auth.group") == 2
    assert asked.records("remove", "customer", {**record, "made": made["made"]}) == [True]
    assert asked.records("find", "group", {"key": {"name": "editors"}}) == [None]


def test_a_reference_is_the_record_that_is_there(asked):
    books = asked.create("product_class", {"slug": "printed"}, fields=["name"])
    record = {"key": {"upc": "978-1"}, "fields": {"product_class": books["primary_key"], "title": "Emma"}}
    (made,) = asked.records("create", "product", record, fields=["product_class", "title"])
    assert made["values"] == {"product_class": books["primary_key"], "title": "Emma"}
    assert "catalogue.productclass" not in [label for label, _ in made["made"]]
    record["fields"]["product_class"] = 999_999
    record["key"]["upc"] = "978-2"
    error = asked.error("create", "product", record)
    assert error["message"] == "there is no catalogue.ProductClass with the primary key 999999"
    assert error["field"] == "product_class"


def test_all_that_was_made_along_goes_with_the_record(another):
    asked = another()

    def rows():
        with sqlite3.connect(asked.database) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}

    before = rows()
    made = asked.create("product", {"upc": "978-3"})
    assert {label for label, _ in made["made"]} >= {"partner.stockrecord", "partner.partner", "catalogue.category"}
    assert rows() != before
    assert asked.records("remove", "product", {"key": {"upc": "978-3"}, "made": made["made"]}) == [True]
    after = rows()
    assert {table: count for table, count in after.items() if count != before[table] and table != "sqlite_sequence"} == {}


def test_an_order_and_all_that_belongs_to_it(asked):
    record = {"key": {"number": "A-1"}, "fields": {"create_line_models": True}}
    (made,) = asked.records("create", "order", record, fields=["number", "total_incl_tax", "currency"])
    assert made["values"]["number"] == "A-1"
    assert "order.line" in [label for label, _ in made["made"]]
    assert asked.records("find", "order", {"key": {"number": "A-1"}})[0]["primary_key"] == made["primary_key"]


def test_the_same_spec_gives_the_same_values_whatever_was_made_before(another):
    def values(*usernames):
        asked = another()
        fields = ["first_name", "last_name", "email"]
        made = {name: asked.create("customer", {"username": name}, fields=fields) for name in usernames}
        products = asked.create("product", {"upc": "978-9"}, fields=["slug"])
        return {name: record["values"] for name, record in made.items()}, products["values"]

    one, product = values("ada", "bob", "eve")
    other, same = values("eve", "ada")
    assert other == {name: one[name] for name in other}
    assert product == same
    assert len({record["last_name"] for record in one.values()}) == 3


def test_another_seed_gives_other_values(another):
    asked = another()
    names = [
        asked.create("customer", {"username": f"u{seed}"}, seed=seed, fields=["last_name"])["values"]["last_name"]
        for seed in range(3)
    ]
    assert len(set(names)) == 3


def test_sequences_keep_clear_of_what_is_there(another):
    asked = another()
    # Each makes a stock record of one partner, with an SKU that is counted and unique with it.
    for number in range(60):
        asked.create("user", {"email": f"u{number}@example.com"})
    (found,) = asked.records("find", "user", {"key": {"email": "u7@example.com"}}, fields=["username"])
    assert found["values"]["username"].startswith("the_j_meister nummer ")


def test_a_factory_that_makes_another_key_is_told(asked):
    asked.create("shipping_event_type", {"name": "Shipped"})
    # Found by its code, which the factory makes of the name, and which is another's.
    error = asked.error("create", "shipping_event_type", {"key": {"name": "Shipped!"}})
    assert error["message"] == "a record with the key {'name': 'Shipped'} was made instead of {'name': 'Shipped!'}"


@pytest.mark.parametrize("verb", ["find", "create"])
def test_an_unknown_type_is_told_with_those_that_there_are(asked, verb):
    error = asked.error(verb, "custumer", {"key": {"username": "x"}})
    assert error["message"].startswith("the project has no type `custumer`; it has ")
    assert "customer" in error["message"]
