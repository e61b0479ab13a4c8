"""Parameters of a step that are declared once: for the command line, and for its lineage.

>>> from argparse import ArgumentParser
>>> parameters = [
...     CmdLineParameter("learning_rate", default=0.1, type=float, help="how far a step goes"),
...     ChoiceParameter("kernel", choices=["rbf", "linear"], default="rbf", type=str, help="which kernel"),
...     BooleanParameter("shuffle", default=True, help="take the rows in any order"),
...     ConstantParameter("folds", 5),
... ]
>>> parser = ArgumentParser()
>>> add_lineage_parameters_to_arg_parser(parser, parameters)
>>> arguments = parser.parse_args(["--learning-rate", "0.5", "--no-shuffle"])
>>> get_lineage_parameter_values(parameters, arguments)
{'learning_rate': 0.5, 'kernel': 'rbf', 'shuffle': False, 'folds': 5}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from typing import Any


class LineageParameter(ABC):
    """A named parameter with a default."""

    def __init__(self, name: str, default: Any):
        self.name = name
        self.default = default

    @abstractmethod
    def add_to_arg_parser(self, arg_parser: ArgumentParser) -> None:
        """Adds its option, if it has one."""

    @abstractmethod
    def get_value(self, parsed_args: Namespace) -> Any:
        """Gives its value on a command line that was parsed."""


class CmdLineParameter(LineageParameter):
    """A parameter that is an option: ``learning_rate`` is ``--learning-rate VALUE``."""

    def __init__(self, name: str, default: Any, type: Callable[[str], Any], help: str):
        super().__init__(name, default)
        self.type = type
        self.help = help

    def get_arg_name(self) -> str:
        """Gives the option."""
        return "--" + self.name.replace("_", "-")

    def add_to_arg_parser(self, arg_parser: ArgumentParser) -> None:
        arg_parser.add_argument(
            self.get_arg_name(), dest=self.name, type=self.type, default=self.default, help=self._help()
        )

    def get_value(self, parsed_args: Namespace) -> Any:
        return getattr(parsed_args, self.name)

    def _help(self) -> str:
        # A percent sign is the beginning of a format there.
        return f"{self.help} (default: {self.default})".replace("%", "%%")


class BooleanParameter(CmdLineParameter):
    """A parameter that is on or off: its option, ``--name`` or ``--no-name``, makes it what the default is not."""

    def __init__(self, name: str, default: bool, help: str):
        super().__init__(name, default, bool, help)

    def get_arg_name(self) -> str:
        option = self.name.replace("_", "-")
        return f"--no-{option}" if self.default else f"--{option}"

    def add_to_arg_parser(self, arg_parser: ArgumentParser) -> None:
        action = "store_false" if self.default else "store_true"
        arg_parser.add_argument(
            self.get_arg_name(), dest=self.name, action=action, default=self.default, help=self._help()
        )


class ChoiceParameter(CmdLineParameter):
    """An option whose value is one of several."""

    def __init__(self, name: str, choices: Iterable[Any], default: Any, type: Callable[[str], Any], help: str):
        super().__init__(name, default, type, help)
        self.choices = list(choices)
        if default not in self.choices:
            raise ValueError(f"the default of `{name}` is {default!r}, which is none of its choices {self.choices}")

    def add_to_arg_parser(self, arg_parser: ArgumentParser) -> None:
        arg_parser.add_argument(
            self.get_arg_name(),
            dest=self.name,
            type=self.type,
            choices=self.choices,
            default=self.default,
            help=self._help(),
        )


class ConstantParameter(LineageParameter):
    """A parameter that the code sets; its lineage has it, the command line has not."""

    def add_to_arg_parser(self, arg_parser: ArgumentParser) -> None:
        """Adds nothing."""

    def get_value(self, parsed_args: Namespace) -> Any:
        return self.default


def add_lineage_parameters_to_arg_parser(parser: ArgumentParser, params: Iterable[LineageParameter]) -> None:
    """Adds the options of all parameters."""
    for parameter in params:
        parameter.add_to_arg_parser(parser)


def get_lineage_parameter_values(params: Iterable[LineageParameter], parsed_args: Namespace) -> dict[str, Any]:
    """Gives the values of all parameters by their names, for :meth:`LineageBuilder.with_parameters`."""
    return {parameter.name: parameter.get_value(parsed_args) for parameter in params}
