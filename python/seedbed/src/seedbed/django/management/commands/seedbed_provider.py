"""``manage.py seedbed_provider``: makes records for the program ``seedbed``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from seedbed.django.models_provider import ModelsProvider
from seedbed.provider import serve


class Command(BaseCommand):
    """Answers requests of the program ``seedbed``, one line of JSON each, until the input ends."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--factories",
            nargs="+",
            metavar="MODULE",
            default=getattr(settings, "SEEDBED_FACTORIES", []),
            help="modules whose factories make records; by default those of the setting SEEDBED_FACTORIES",
        )
        parser.add_argument("--full-clean", action="store_true", help="validate each record that no factory makes")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["factories"]:
            from seedbed.factory_boy import FactoriesProvider

            provider: ModelsProvider = FactoriesProvider(options["factories"], options["full_clean"])
        else:
            provider = ModelsProvider(options["full_clean"])
        serve(provider)
