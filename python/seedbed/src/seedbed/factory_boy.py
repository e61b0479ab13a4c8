"""The factories of a Django project as data types.

Each factory is a type: ``UserFactory`` is ``user``. What a spec gives overrides the factory's declarations; what it does not give
comes from them. References are the other record itself, whatever made it. ``Params`` that are traits can be switched on.

The same spec gives the same values: before each record everything that is random (``factory.random``, ``factory.fuzzy``, Faker,
``random``) and every sequence begins anew, from the seed of that record alone. What the operating system or the clock gives
(``uuid4``, ``timezone.now``) stays different each time.
"""

from __future__ import annotations

import hashlib
import importlib
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

import factory
import factory.random
from django.db import IntegrityError, models, transaction
from factory.declarations import SKIP, BaseDeclaration, Maybe, PostGeneration, RelatedFactory, SubFactory
from factory.django import DjangoModelFactory

from seedbed.django.models_provider import ModelsProvider, converted, field_of, natural_key, source_of, stored_fields
from seedbed.provider import DataType, Field, RecordError, Wanted

#: Sequences begin at a number below the first; if what is there has that already, below the next.
SEQUENCES_BELOW = (10_000,) * 8 + (10_000_000,) * 8


class FactoriesProvider(ModelsProvider):
    """Makes records by the factories that some modules have, and by saving those of all other models."""

    def __init__(self, modules: Sequence[str], full_clean: bool = False):
        super().__init__(full_clean)
        self.factories = dict(named_factories(modules))

    def types(self) -> dict[str, type[models.Model]]:
        own = {name: model_of(made_by) for name, made_by in self.factories.items()}
        made = set(own.values())
        others = {name: model for name, model in super().types().items() if name not in own and model not in made}
        return {**others, **own}

    def described(self, name: str, model: type[models.Model], types: dict[str, type[models.Model]]) -> DataType:
        if name not in self.factories:
            return super().described(name, model, types)
        made_by = self.factories[name]
        declarations = {**made_by._meta.pre_declarations.as_dict(), **made_by._meta.post_declarations.as_dict()}
        parameters = made_by._meta.parameters
        # `author__name` says more of `author` and is none of its own.
        declared = {known: without_traits(value) for known, value in declarations.items() if "__" not in known}
        declared = {
            known: value for known, value in declared.items() if known not in parameters and value is not SKIP
        }
        fields = [
            Field(
                field.name,
                references=self.sub_type(declared.get(field.name), types) or self.referenced(field, types),
                source=told(declared[field.name]) if field.name in declared else source_of(field),
            )
            for field in stored_fields(model)
        ]
        stored = {field.name for field in fields}
        others = [Field(known, source=told(value)) for known, value in declared.items() if known not in stored]
        others += [Field(known, source=told(value)) for known, value in parameters.items() if not is_trait(value)]
        key = list(made_by._meta.django_get_or_create) or natural_key(model)
        traits = [known for known, value in parameters.items() if is_trait(value)]
        fields.sort(key=lambda field: field.name not in key)
        return DataType(name, key, fields + others, traits)

    def sub_type(self, declaration: Any, types: dict[str, type[models.Model]]) -> str | None:
        """Returns the type of the factory that a field has a record made by, if a spec can name its records."""
        if not isinstance(declaration, SubFactory):
            return None
        wanted = declaration.get_factory()
        name = next((name for name, known in self.factories.items() if known is wanted), None)
        has_key = name is not None and (wanted._meta.django_get_or_create or natural_key(types[name]))
        return name if has_key else None

    def referenced(self, field: models.Field, types: dict[str, type[models.Model]]) -> str | None:
        """The factory that is called like the model is the model's own, if it has several."""
        model = field.related_model
        if model is not None and not isinstance(model, str) and natural_key(model):
            own = [name for name, known in types.items() if known is model._meta.concrete_model]
            named = snake_case(model.__name__)
            return named if named in own else next(iter(own), None)
        return None

    def make(self, type_name: str, model: type[models.Model], wanted: Wanted) -> models.Model:
        if type_name not in self.factories:
            return super().make(type_name, model, wanted)
        made_by = self.factories[type_name]
        parameters = made_by._meta.parameters
        traits = [known for known, value in parameters.items() if is_trait(value)]
        for trait in wanted.traits:
            if trait not in traits:
                has = f"its traits are {', '.join(traits)}" if traits else "it has none"
                raise RecordError(f"`{type_name}` has no trait `{trait}`; {has}", field="traits")
        taken = {field.name for field in self.described(type_name, model, self.types()).fields}
        for name in {**wanted.key, **wanted.fields}:
            if name.split("__")[0] not in taken:
                raise RecordError(f"{made_by.__name__} takes no `{name}`", field=name)
        given = {name: self.given(model, name, value) for name, value in {**wanted.key, **wanted.fields}.items()}
        first: IntegrityError | None = None
        for attempt in range(len(SEQUENCES_BELOW)):
            begin_anew(f"{wanted.seed}/{type_name}/{wanted.key}", attempt)
            try:
                with transaction.atomic():
                    return made_by.create(**given, **dict.fromkeys(wanted.traits, True))
            except IntegrityError as error:
                # A number of a sequence may be there already; what else is wrong stays wrong.
                first = first or error
        raise RecordError(str(first).strip()) from first

    def given(self, model: type[models.Model], name: str, value: Any) -> Any:
        """Makes of a value of JSON what the factory takes: records for references."""
        field = field_of(model, name)
        if field is None:
            return value
        if not field.is_relation or value is None:
            return converted(field, value)
        other = field.related_model
        found = other._base_manager.filter(**{field.target_field.attname: converted(field, value)}).first()
        if found is None:
            raise RecordError(f"there is no {other._meta.label} with the primary key {value}", field=name)
        return found


def named_factories(modules: Sequence[str]) -> Iterator[tuple[str, type[DjangoModelFactory]]]:
    """Finds the factories of some modules, each under its name."""
    found: dict[str, type[DjangoModelFactory]] = {}
    for module in modules:
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, type) and issubclass(value, DjangoModelFactory) and not value._meta.abstract:
                if value._meta.model is not None:
                    name = snake_case(value.__name__.removesuffix("Factory") or value.__name__)
                    other = found.setdefault(name, value)
                    if other is not value:
                        raise RecordError(f"two factories are called {value.__name__}: of {other.__module__} and {value.__module__}")
    return iter(found.items())


def model_of(made_by: type[DjangoModelFactory]) -> type[models.Model]:
    """Returns the model of which a factory makes records."""
    return made_by._meta.get_model_class()._meta.concrete_model


def is_trait(parameter: Any) -> bool:
    """Says whether an entry of ``Params`` is a trait."""
    return isinstance(parameter, factory.Trait)


def without_traits(declaration: Any) -> Any:
    """Returns what a declaration is when no trait changes it."""
    while isinstance(declaration, Maybe):
        declaration = declaration.no
    return declaration


def begin_anew(seed: str, attempt: int) -> None:
    """Makes everything that is random, and every sequence, depend on this seed alone."""
    state = drawn(seed, attempt)
    factory.random.reseed_random(state)
    random.seed(state)
    below = SEQUENCES_BELOW[attempt]
    for known in all_factories(factory.Factory):
        # One that another one lends its counter gets it from there.
        if known._meta.counter_reference is known._meta:
            known.reset_sequence(1 + drawn(f"{seed}/{known.__module__}.{known.__qualname__}", attempt) % (below - 1))


def all_factories(base: type[factory.Factory]) -> Iterator[type[factory.Factory]]:
    """Goes through all factories that there are."""
    for known in base.__subclasses__():
        if not known._meta.abstract:
            yield known
        yield from all_factories(known)


def drawn(seed: str, attempt: int) -> int:
    """Returns a number of 64 bits that depends on these alone."""
    return int.from_bytes(hashlib.blake2b(f"{attempt}/{seed}".encode(), digest_size=8).digest(), "big")


def told(declaration: Any) -> str:
    """Says where a value comes from."""
    if isinstance(declaration, (SubFactory, RelatedFactory)):
        return f"a record of {declaration.get_factory().__name__}"
    if isinstance(declaration, PostGeneration):
        return f"{declaration.function.__name__}()"
    if isinstance(declaration, BaseDeclaration):
        return type(declaration).__name__
    return repr(declaration)


def snake_case(name: str) -> str:
    """Writes ``ProductClass`` as ``product_class``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
