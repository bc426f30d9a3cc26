"""Targets of a reverse stress test: what must come about, read from text and asked of simulated paths."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import UsageError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    from penstock.engine.model import Model, PathBlock
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

COUNTED = ("defaults", "loss_usd_bn")
QUANTITIES = (*COUNTED, "fails")
FORMS = "defaults>=N, loss_usd_bn>=X or fails=COMPANY (> serves as well as >=)"
_PARTS = re.compile(r"\s*([^<>=!\s]*)\s*([<>=!]+)\s*(.*?)\s*")


@dataclass(frozen=True)
class Target:
    """`quantity` in QUANTITIES; for the counted ones a threshold, reached (>=) or passed (>); else a company."""

    quantity: str
    threshold: float = 1.0
    strict: bool = False
    company_id: str = ""

    @property
    def text(self) -> str:
        """Canonical form: reading it gives this target back."""
        if self.quantity == "fails":
            return f"fails={self.company_id}"
        return f"{self.quantity}{'>' if self.strict else '>='}{self.threshold:g}"

    @property
    def unit(self) -> str:
        """Unit of the threshold."""
        return {"defaults": "defaults", "loss_usd_bn": "usd_bn", "fails": "share of paths"}[self.quantity]

    def met(self, amount: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each amount (as from `amounts`) meets the target."""
        return np.asarray(amount > self.threshold if self.strict else amount >= self.threshold)

    def amounts(self, model: Model, block: PathBlock) -> Array:
        """Defaults, usd_bn lost, or 1 where the company fails, by the end of each path, (paths,)."""
        if self.quantity == "defaults":
            return np.asarray(block.layers["defaults"].sum(axis=(0, 1)), dtype=float)
        if self.quantity == "loss_usd_bn":
            from penstock.analysis.losses import losses_of

            return losses_of(block).loss_usd_bn
        return np.asarray((block.company["failed"][:, self._row(model)] > 0.5).any(axis=0), dtype=float)

    def progress(self, model: Model, block: PathBlock, amount: Array) -> Array:
        """How far each path has come towards the target, 0 to 1: a guide to a search where no path meets it yet.

        Of a company that has not failed: the largest fall of its market value.
        """
        if self.quantity != "fails":
            return np.clip(amount / self.threshold, 0.0, 1.0) if self.threshold > 0 else np.ones_like(amount)
        value = block.company["market_value_usd_bn"][:, self._row(model)].astype(float)
        opening = np.maximum(value[0], 1e-9)
        return np.asarray(np.maximum(amount, np.clip(1.0 - value.min(axis=0) / opening, 0.0, 1.0)))

    def by_quarter(self, model: Model, block: PathBlock) -> Array | None:
        """Amounts at the end of each quarter, (quarters, paths); None where that is not kept."""
        if self.quantity == "defaults":
            return np.asarray(block.layers["defaults"].sum(axis=1).cumsum(axis=0), dtype=float)
        if self.quantity == "fails":
            failed = block.company["failed"][:, self._row(model)] > 0.5
            return np.asarray(np.maximum.accumulate(failed, axis=0), dtype=float)
        return None

    def _row(self, model: Model) -> int:
        return model.firms.index(self.company_id)


def read_target(text: str, world: World) -> Target:
    """The target that a text names; a company by id, ticker, name or a unique part of one.

    Raises UsageError for anything else, with the nearest form.
    """
    match = _PARTS.fullmatch(text)
    if match is None:
        nearest = nearest_name(text, QUANTITIES)
        raise _refused("target", text, FORMS, _form(nearest) if nearest else "")
    quantity, sign, value = match.groups()
    if quantity not in QUANTITIES:
        nearest = nearest_name(quantity, QUANTITIES)
        hint = f"{nearest}{'=' if nearest == 'fails' else '>='}{value}" if nearest else ""
        raise _refused("target", text, FORMS, hint)
    if quantity == "fails":
        if sign != "=":
            raise _refused("target", text, "fails=COMPANY", f"fails={value}")
        return Target("fails", company_id=_company(value, world))
    if sign not in (">=", ">"):
        raise _refused("target", text, f"{quantity}>= or {quantity}>", f"{quantity}>={value}")
    return Target(quantity, _threshold(quantity, value, sign == ">"), sign == ">")


def check_simulated(target: Target, model: Model) -> None:
    """Raises UsageError where the model does not simulate the target's company."""
    if target.quantity == "fails" and target.company_id not in model.firms:
        raise UsageError(f"target: fails: found {target.company_id!r}; expected a company that the model simulates")


def _threshold(quantity: str, text: str, strict: bool) -> float:
    whole = quantity == "defaults"
    least = 0.0 if strict else (1.0 if whole else 0.0)
    expected = (
        f"a {'whole ' if whole else ''}number of {'1 or more' if least else '0 or more' if strict else 'more than 0'}"
    )
    try:
        number = float(text)
    except ValueError:
        raise _refused(f"target: {quantity}", text, expected, _plain_number(text)) from None
    in_range = number >= least if (strict or whole) else number > 0.0
    if not math.isfinite(number) or not in_range or (whole and number != int(number)):
        nearest = f"{max(math.ceil(number), least):g}" if whole and math.isfinite(number) else ""
        raise _refused(f"target: {quantity}", text, expected, nearest)
    return number


def _plain_number(text: str) -> str:
    """`1,000` or `$5` as a plain number; empty where that is none."""
    plain = text.replace(",", "").replace("_", "").strip("$ ")
    return plain if re.fullmatch(r"\d+(\.\d+)?", plain) else ""


def _company(text: str, world: World) -> str:
    try:
        return world.resolve(text)
    except UsageError as error:
        raise UsageError(f"target: fails: {error}") from None


def _form(quantity: str) -> str:
    return {"defaults": "defaults>=5", "loss_usd_bn": "loss_usd_bn>=1000", "fails": "fails=oracle"}[quantity]


def _refused(where: str, found: str, expected: str, nearest: str) -> UsageError:
    return UsageError(f"{where}: found {found!r}; expected {expected}{f'; nearest {nearest}' if nearest else ''}")
