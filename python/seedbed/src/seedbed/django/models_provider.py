"""Every model as a data type: records are found by a unique key, and made by saving."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.deletion import ProtectedError, RestrictedError
from django.db.models.signals import post_save

from seedbed.provider import DataType, Field, Record, RecordError, Wanted


class ModelsProvider:
    """Makes records of the models of a project.

    ``full_clean`` says whether each record is validated before it is saved. Other makers of records, such as factories,
    are subclasses that replace :meth:`types` and :meth:`make`.
    """

    def __init__(self, full_clean: bool = False):
        self.full_clean = full_clean

    # What there is.

    def types(self) -> dict[str, type[models.Model]]:
        """Returns the types by name, with the model of each."""
        named: dict[str, list[type[models.Model]]] = {}
        for model in apps.get_models():
            if not model._meta.proxy and model._meta.managed:
                named.setdefault(model._meta.model_name, []).append(model)
        types = {}
        for name, found in named.items():
            for model in found:
                types[name if len(found) == 1 else f"{model._meta.app_label}_{name}"] = model
        return types

    def describe(self) -> Sequence[DataType]:
        types = self.types()
        return [self.described(name, model, types) for name, model in sorted(types.items())]

    def described(self, name: str, model: type[models.Model], types: dict[str, type[models.Model]]) -> DataType:
        """Describes the type of a model."""
        key = natural_key(model)
        fields = [
            Field(field.name, references=self.referenced(field, types), source=source_of(field))
            for field in stored_fields(model)
        ]
        return DataType(name, key, sorted(fields, key=lambda field: field.name not in key))

    def referenced(self, field: models.Field, types: dict[str, type[models.Model]]) -> str | None:
        """Returns the type to whose records a field refers; none if these have no natural key."""
        model = field.related_model
        if model is None or isinstance(model, str) or not natural_key(model):
            return None
        return next((name for name, known in types.items() if known is model._meta.concrete_model), None)

    def model(self, type_name: str) -> type[models.Model]:
        types = self.types()
        if type_name not in types:
            raise RecordError(f"the project has no type `{type_name}`; it has {', '.join(sorted(types))}")
        return types[type_name]

    # What is done with records.

    def find(self, type_name: str, wanted: Wanted, fields: Sequence[str]) -> Record | None:
        found = self.instance(self.model(type_name), wanted.key)
        return None if found is None else record_of(found, fields)

    def create(self, type_name: str, wanted: Wanted, fields: Sequence[str]) -> Record:
        model = self.model(type_name)
        with Created() as created:
            instance = self.make(type_name, model, wanted)
        found = self.instance(model, wanted.key)
        if found is None or found.pk != instance.pk:
            values = {name: plain(read(instance, name)) for name in wanted.key}
            raise RecordError(f"a record with the key {values} was made instead of {wanted.key}")
        return record_of(found, fields, made=created.rows)

    def update(self, type_name: str, wanted: Wanted, fields: Sequence[str]) -> Record:
        instance = self.instance(self.model(type_name), wanted.key)
        if instance is None:
            raise RecordError("it is not there")
        self.save(instance, wanted.fields)
        return record_of(instance, fields)

    def remove(self, type_name: str, wanted: Wanted) -> bool:
        instance = self.instance(self.model(type_name), wanted.key)
        if instance is None:
            return False
        rows = wanted.made or [[instance._meta.label_lower, plain(instance.pk)]]
        try:
            for label, primary_key in reversed(rows):
                apps.get_model(label)._base_manager.filter(pk=primary_key).delete()
        except (ProtectedError, RestrictedError) as error:
            raise RecordError(str(error.args[0])) from error
        return True

    def together(self, work: Callable[[], Any]) -> Any:
        with transaction.atomic():
            return work()

    # How one record is made.

    def make(self, type_name: str, model: type[models.Model], wanted: Wanted) -> models.Model:
        """Makes a record with everything that is given of it."""
        if wanted.traits:
            raise RecordError(f"`{type_name}` has no traits", field="traits")
        instance = model()
        self.save(instance, {**wanted.key, **wanted.fields})
        return instance

    def save(self, instance: models.Model, values: dict[str, Any]) -> None:
        model = type(instance)
        for name, value in values.items():
            field = field_of(model, name)
            if field is None:
                raise RecordError(f"`{model._meta.label}` has no field `{name}`", field=name)
            if isinstance(instance, AbstractBaseUser) and name == "password":
                instance.set_password(value)
            else:
                setattr(instance, field.attname, converted(field, value))
        try:
            if self.full_clean:
                instance.full_clean()
            with transaction.atomic():
                instance.save()
        except ValidationError as error:
            raise invalid(error) from error
        except IntegrityError as error:
            raise RecordError(str(error).strip()) from error

    def instance(self, model: type[models.Model], key: dict[str, Any]) -> models.Model | None:
        """Finds the one row with this key."""
        if not key:
            raise RecordError("there is no key to find it by")
        lookup = {}
        for name, value in key.items():
            field = field_of(model, name)
            if field is None:
                raise RecordError(f"`{model._meta.label}` has no field `{name}` by which a record could be found", name)
            lookup[field.attname] = converted(field, value)
        found = list(model._base_manager.filter(**lookup).order_by("pk")[:2])
        if len(found) > 1:
            raise RecordError(f"several rows of {model._meta.label} have the key {key}")
        return found[0] if found else None


class Created:
    """Remembers every row that is created while it is entered, in order."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def __enter__(self) -> Created:
        post_save.connect(self.saved)
        return self

    def __exit__(self, *_: object) -> None:
        post_save.disconnect(self.saved)

    def saved(self, sender: type[models.Model], instance: models.Model, created: bool, **_: Any) -> None:
        # Of a model that inherits the rows of its parents are removed with it.
        if created:
            self.rows.append([sender._meta.label_lower, plain(instance.pk)])


def natural_key(model: type[models.Model]) -> list[str]:
    """Returns the fields by which a record of a model is known: best what the model says itself, then what is unique."""
    if issubclass(model, AbstractBaseUser):
        return [model.USERNAME_FIELD]
    lookup = getattr(model._default_manager, "get_by_natural_key", None)
    if lookup is not None:
        names = list(inspect.signature(lookup).parameters)
        if names and all(field_of(model, name) is not None for name in names):
            return names
    options = model._meta
    unique = [field for field in stored_fields(model) if field.unique and not isinstance(field, models.UUIDField)]
    together = [list(names) for names in options.unique_together]
    for constraint in options.constraints:
        if isinstance(constraint, models.UniqueConstraint) and not constraint.condition and constraint.fields:
            together.append(list(constraint.fields))
    keys = [[field.name] for field in unique] + together
    # Where NULL is allowed not every record has such a key.
    always = [key for key in keys if not any(options.get_field(name).null for name in key)]
    return (always or keys or [[]])[0]


def stored_fields(model: type[models.Model]) -> list[models.Field]:
    """Returns the fields of a model that a record may give."""
    return [
        field
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField)
        and not getattr(field, "generated", False)
        and not (field.remote_field and getattr(field.remote_field, "parent_link", False))
    ]


def source_of(field: models.Field) -> str:
    """Says where the value of a field comes from when none is given."""
    if field.has_default():
        default = field.default
        return f"{default.__name__}()" if callable(default) else repr(default)
    return "nothing" if field.null else ""


def field_of(model: type[models.Model], name: str) -> models.Field | None:
    """Returns the stored field of that name."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if getattr(field, "attname", None) and not field.many_to_many else None


def converted(field: models.Field, value: Any) -> Any:
    """Makes of a value of JSON one of the field; a reference is the primary key of the other record."""
    try:
        return field.target_field.to_python(value) if field.is_relation else field.to_python(value)
    except ValidationError as error:
        raise RecordError("; ".join(error.messages), field=field.name) from error


def invalid(error: ValidationError) -> RecordError:
    """Tells of the first field that is not valid."""
    if hasattr(error, "message_dict"):
        name, messages = next(iter(error.message_dict.items()))
        return RecordError("; ".join(messages), field=None if name == "__all__" else name)
    return RecordError("; ".join(error.messages))


def read(instance: models.Model, name: str) -> Any:
    """Returns the value of a field as others would store it."""
    field = field_of(type(instance), name)
    return getattr(instance, field.attname if field is not None else name, None)


def record_of(instance: models.Model, fields: Iterable[str], made: Any = None) -> Record:
    """Tells of a row."""
    # What was done with other fields, and with a password, cannot be seen.
    shown = [name for name in fields if field_of(type(instance), name) is not None]
    if isinstance(instance, AbstractBaseUser):
        shown = [name for name in shown if name != "password"]
    values = {name: plain(read(instance, name)) for name in shown}
    return Record(plain(instance.pk), values, made)


def plain(value: Any) -> Any:
    """Makes a value of JSON."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
