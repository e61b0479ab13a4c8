"""``dataworkspaces.lineage``."""

from seedbed.lineage import (
    BooleanParameter,
    ChoiceParameter,
    CmdLineParameter,
    ConstantParameter,
    Lineage,
    LineageBuilder,
    LineageParameter,
    ResourceRef,
    ResultsLineage,
    add_lineage_parameters_to_arg_parser,
    get_lineage_parameter_values,
)

__all__ = [
    "BooleanParameter",
    "ChoiceParameter",
    "CmdLineParameter",
    "ConstantParameter",
    "Lineage",
    "LineageBuilder",
    "LineageParameter",
    "ResourceRef",
    "ResultsLineage",
    "add_lineage_parameters_to_arg_parser",
    "get_lineage_parameter_values",
]
