"""The app."""

from django.apps import AppConfig


class SeedbedConfig(AppConfig):
    """Has no models: only the management command."""

    name = "seedbed.django"
    label = "seedbed_django"
