"""The scenario language: files that change the world and its parameters over time, and their library."""

from penstock.scenarios.building import build_on
from penstock.scenarios.comparing import Difference, compare
from penstock.scenarios.editing import RemovedPair, RemovedPairs, edit_world
from penstock.scenarios.entries import json_schema
from penstock.scenarios.knobs import Knob, find_knobs, knobs
from penstock.scenarios.language import library, load_scenario, read_scenario
from penstock.scenarios.program import (
    EventSpec,
    LeverTable,
    PolicyRules,
    Program,
    Switches,
    compile_program,
)
from penstock.scenarios.quarters import first_quarter
from penstock.scenarios.scenario import Scenario
from penstock.scenarios.template import template, write_new

__all__ = [
    "Difference",
    "EventSpec",
    "Knob",
    "LeverTable",
    "PolicyRules",
    "Program",
    "RemovedPair",
    "RemovedPairs",
    "Scenario",
    "Switches",
    "build_on",
    "compare",
    "compile_program",
    "edit_world",
    "find_knobs",
    "first_quarter",
    "json_schema",
    "knobs",
    "library",
    "load_scenario",
    "read_scenario",
    "template",
    "write_new",
]
