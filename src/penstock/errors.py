"""Errors for people: each carries the exit code that the command line returns."""

from __future__ import annotations


class PenstockError(Exception):
    """A mistake that a person can mend; the message says where, what was found and what would be right."""

    exit_code = 1


class CheckFailedError(PenstockError):
    """A test that was asked for did not pass."""

    exit_code = 1


class UsageError(PenstockError):
    """A flag, a value or a name that does not exist."""

    exit_code = 2


class InputError(PenstockError):
    """A world, scenario file, exposure file or trace that is not valid."""

    exit_code = 3


class OutputError(PenstockError):
    """An output place that cannot be used: not writable, full, or holding another run."""

    exit_code = 4


class InUseError(OutputError):
    """An output place that another process is writing now."""


class SchemaNotice(UserWarning):  # nothing is wrong: it tells what was read
    """A run that an older version wrote, read as the present one."""


class ModelError(PenstockError):
    """The model failed: conservation, convergence or a NaN."""

    exit_code = 5
