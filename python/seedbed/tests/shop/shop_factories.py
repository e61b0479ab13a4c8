"""Factories of the shop itself, beside those of django-oscar: with traits, random values and what is done afterwards."""

import factory
import factory.fuzzy
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from factory.django import DjangoModelFactory


class GroupFactory(DjangoModelFactory):
    """A group of users."""

    class Meta:
        model = Group
        django_get_or_create = ("name",)

    name = factory.Sequence(lambda number: f"group {number}")


class CustomerFactory(DjangoModelFactory):
    """A user who buys something."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    class Params:
        staff = factory.Trait(is_staff=True, first_name="Staff")
        retired = factory.Trait(is_active=False)

    username = factory.Sequence(lambda number: f"customer{number}")
    email = factory.LazyAttribute(lambda customer: f"{customer.username}@example.com")
    first_name = factory.Faker("first_name")
    last_name = factory.fuzzy.FuzzyText(length=8)

    @factory.post_generation
    def member_of(self, create, extracted, **_):
        """Joins groups by their names."""
        if create and extracted:
            self.groups.set([GroupFactory(name=name) for name in extracted])
