"""Opening balance sheets: named lines that meet exactly, estimated lines graded F, and plugs in plain sight.

Order of the rules, so that a plug is rare:
1. The liability side. Other liabilities = assets - equity - debt - leases - payables. Where that is
   negative, leases go first (they stand in debt or other already), then payables (an estimate), then equity
   or assets that are themselves estimates; what is left is a plug in other assets.
2. The asset side. Cash, stakes as the reported sheet carries them and loans given are named. Property,
   receivables, inventory and goodwill are estimates and shrink together where they would not fit. Where
   even cash, stakes and loans exceed the assets, the carried value of stakes goes first, then assets that
   are an estimate rise; what is left is a plug in other liabilities (negative sign).
3. Stakes are then marked to fair value; the mark is `stake_revaluation`, inside equity and assets.

Property is not in the data: a share of assets for firms that live from their plant, else the larger of
6 x depreciation and 3 x depreciation + the capital spending of the last four quarters (fast builders), at
most 0.6 x assets; split by group into compute equipment, buildings and construction. A firm that earns less
than 2 % of its assets has all of it under construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.figures import Figures, opening_figures
from penstock.engine.opening.state import ASSET_LINES, LIABILITY_LINES, SHEET_COLUMNS
from penstock.errors import ModelError
from penstock.world.grading import weakest

if TYPE_CHECKING:
    from penstock.engine.opening.universe import Universe
    from penstock.world.model import World

ESTIMATED_ASSETS = (
    "receivables",
    "compute_equipment",
    "buildings",
    "construction",
    "inventory",
    "goodwill",
)

MOST_PROPERTY = 0.6
"""Assumption, fraction of assets: property of firms that do not live from their plant is at most this."""

PROPERTY_YEARS = 6.0
"""Assumption, years: property over yearly depreciation (half-written plant of twelve years)."""

MEETS = 1e-9
"""Relative gap at which two sums count as equal."""

EARNING = 0.02
"""Assumption, fraction per year: a firm that earns less on its assets has nothing in service yet."""

COST_STATUSES = ("active", "completed", "closed")


@dataclass(frozen=True)
class LiabilitySide:
    """Settled liability side: usd_bn by firm; `plug` is what assets had to rise by."""

    assets: pd.Series
    equity: pd.Series
    debt: pd.Series
    lease_liabilities: pd.Series
    payables: pd.Series
    other_liabilities: pd.Series
    plug: pd.Series


def liability_side(figures: Figures, universe: Universe) -> LiabilitySide:
    """Debt, leases, payables, other liabilities and equity of each firm, adding up to its assets."""
    value, grade = figures.value, figures.grade
    assets = value["total_assets"].clip(lower=0.0)
    equity, debt = value["total_equity"].copy(), value["total_debt"]
    leases = value["lease_liabilities"].copy()
    days = universe.group.map(universe.rules.by_group("payable_days")).astype(float).fillna(0.0)
    cost = (value["revenue"] - value["operating_income"] - value["depreciation"]).clip(lower=0.0)
    payables = days / 365.0 * cost
    short = (equity + debt + leases + payables - assets).clip(lower=0.0)
    cut = leases.clip(upper=short)
    leases, short = leases - cut, short - cut
    cut = payables.clip(upper=short)
    payables, short = payables - cut, short - cut
    # an equity that a rule filled gives way before an asset figure that somebody stated
    cut = short.where(grade["total_equity"] == "F", 0.0).clip(upper=equity.clip(lower=0.0))
    equity, short = equity - cut, short - cut
    rise = short.where(grade["total_assets"] == "F", 0.0)
    assets, short = assets + rise, short - rise
    assets = assets + short
    other = assets - equity - debt - leases - payables
    # rounding of the sum above must not leave a negative line of 1e-17
    other = other.where(other.abs() > 1e-12, 0.0)
    assets = equity + debt + leases + payables + other
    return LiabilitySide(assets, equity, debt, leases, payables, other, short)


def property_of(figures: Figures, universe: Universe) -> pd.Series:
    """Property, plant and equipment in service and under construction; usd_bn by firm, an estimate."""
    share = universe.group.map(universe.rules.by_group("ppe_of_assets")).astype(float).fillna(0.0)
    assets = figures.value["total_assets"]
    worn = PROPERTY_YEARS * figures.value["depreciation"]
    young = worn / 2.0 + figures.value["capex"]
    by_age = worn.where(worn > young, young)
    modest = by_age.where(by_age < MOST_PROPERTY * assets, MOST_PROPERTY * assets)
    return (share * assets).where(share > 0.0, modest).clip(lower=0.0)


def stakes_book(
    world: World, universe: Universe, figures: Figures, fair_value: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """What the reported sheet carries for stakes, with grades.

    The sum paid for them where ties tell it, else fair value (marketable holdings are carried at market). A
    hand-made amount goes before, as far as the fair value of the stakes that ties tell; the rest of it
    stands for holdings that no tie tells and stays in other assets. Nothing where the network holds no
    stake of the firm.
    """
    ties = world.active_contracts()
    paid = ties[(ties["kind"] == "equity") & ties["status"].isin(COST_STATUSES)]
    paid = paid[paid["amount_usd_bn"].notna()]
    cost = paid.groupby("provider_id")["amount_usd_bn"].sum().reindex(fair_value.index)
    cost_grade = paid.groupby("provider_id")["grade"].agg(weakest).reindex(fair_value.index)
    named = figures.value["stakes_book"]
    named = named.where(named.isna() | (named < fair_value), fair_value)
    book = named.fillna(cost).fillna(fair_value).where(fair_value > 0.0, 0.0)
    grade = figures.grade["stakes_book"].where(named.notna(), cost_grade).fillna("D")
    return book, grade


def opening_sheet(
    world: World,
    universe: Universe,
    stakes_fair_value: pd.Series | None = None,
    loans_given: pd.Series | None = None,
    figures: Figures | None = None,
    stake_grades: pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Opening balance sheet of each firm and the grade of each figure.

    Args:
        stakes_fair_value: usd_bn by firm of the stakes it holds, at fair value.
        loans_given: usd_bn by firm of loans to other units.
        figures: figures of the firms, where they are at hand already.
        stake_grades: weakest grade of the shares and values behind the stakes, by firm.

    Returns:
        Two frames, firm x SHEET_COLUMNS: usd_bn, and grade A to F. Assets = liabilities + equity.
    """
    figures = figures or opening_figures(world, universe)
    firms = figures.value.index
    zero = pd.Series(0.0, index=firms)
    fair = zero if stakes_fair_value is None else stakes_fair_value.reindex(firms).fillna(0.0)
    loans = zero if loans_given is None else loans_given.reindex(firms).fillna(0.0)
    side = liability_side(figures, universe)
    book, book_grade = stakes_book(world, universe, figures, fair)
    cash = figures.value["cash_and_investments"].clip(lower=0.0)
    assets, other_liabilities, plug = side.assets, side.other_liabilities, side.plug.copy()
    room = assets - cash - loans - book
    cut = (-room).clip(lower=0.0)
    cut = cut.where(cut < book, book)
    book, room = book - cut, room + cut
    short = (-room).clip(lower=0.0)
    # cash and loans above all assets: an estimated total rises (and equity, the remainder, with it),
    # a stated one gets a plug
    lift = short.where(figures.grade["total_assets"] == "F", 0.0)
    rest = short - lift
    assets, other_liabilities, plug = assets + short, other_liabilities + rest, plug - rest
    room = room.clip(lower=0.0)
    wanted = _estimated_lines(figures, universe)
    total = wanted.sum(axis=1)
    fit = (room / total.where(total > 0.0)).clip(upper=1.0).fillna(0.0)
    sheet = pd.DataFrame(0.0, index=firms, columns=list(SHEET_COLUMNS))
    sheet["cash"], sheet["loans_given"], sheet["stakes"] = cash, loans, fair
    sheet[list(ESTIMATED_ASSETS)] = wanted.mul(fit, axis=0)
    remainder = room - sheet[list(ESTIMATED_ASSETS)].sum(axis=1)
    sheet["other_assets"] = remainder.where(remainder > 1e-12, 0.0)
    sheet["debt"], sheet["lease_liabilities"] = side.debt, side.lease_liabilities
    sheet["payables"], sheet["other_liabilities"] = side.payables, other_liabilities
    sheet["stake_revaluation"] = fair - book
    sheet["plug"] = plug
    # equity is what is left, so that the sheet meets to the last bit
    sheet["equity"] = sheet[list(ASSET_LINES)].sum(axis=1) - sheet[list(LIABILITY_LINES)].sum(axis=1)
    return sheet, _sheet_grades(figures, universe, sheet, book_grade, stake_grades)


def check_sheet(sheet: pd.DataFrame, figures: Figures | None = None) -> None:
    """Test the opening sheet: it meets, no line is negative, and named lines are still what the figures say.

    Raises:
        ModelError: the first firm and line that fails.
    """
    assets = sheet[list(ASSET_LINES)].sum(axis=1)
    owed = sheet[list(LIABILITY_LINES)].sum(axis=1) + sheet["equity"]
    _demand("assets = liabilities + equity", assets, owed)
    for line in (*ASSET_LINES, *LIABILITY_LINES):
        _demand(f"{line} not negative", sheet[line], sheet[line].clip(lower=0.0))
    if figures is None:
        return
    _demand("cash", sheet["cash"], figures.value["cash_and_investments"].clip(lower=0.0))
    _demand("debt", sheet["debt"], figures.value["total_debt"])
    stated = figures.grade["total_equity"] != "F"
    firm_assets = figures.grade["total_assets"] != "F"
    expected = figures.value["total_equity"] + sheet["stake_revaluation"]
    _demand("equity", sheet["equity"][stated & firm_assets], expected[stated & firm_assets])


def _demand(what: str, found: pd.Series, expected: pd.Series) -> None:
    gap = (found - expected).abs()
    wrong = gap > MEETS * (1.0 + expected.abs())
    if wrong.any():
        firm = str(gap.where(wrong).idxmax())
        raise ModelError(f"opening: {firm}: {what}: found {found[firm]:.9g}; expected {expected[firm]:.9g}")


def _estimated_lines(figures: Figures, universe: Universe) -> pd.DataFrame:
    """Receivables, property by kind, inventory and goodwill by the ratios of the group; usd_bn, firm x
    line.
    """

    def share(name: str) -> pd.Series:
        return universe.group.map(universe.rules.by_group(name)).astype(float).fillna(0.0)

    plant = property_of(figures, universe)
    compute = share("compute_of_ppe")
    construction = share("construction_of_ppe")
    building = figures.value["revenue"] < EARNING * figures.value["total_assets"]
    compute, construction = compute.where(~building, 0.0), construction.where(~building, 1.0)
    assets = figures.value["total_assets"].clip(lower=0.0)
    lines = {
        "receivables": share("receivable_days") / 365.0 * figures.value["revenue"].clip(lower=0.0),
        "compute_equipment": plant * compute,
        "buildings": plant * (1.0 - compute - construction).clip(lower=0.0),
        "construction": plant * construction,
        "inventory": share("inventory_of_assets") * assets,
        "goodwill": share("goodwill_of_assets") * assets,
    }
    return pd.DataFrame(lines)[list(ESTIMATED_ASSETS)]


def _sheet_grades(
    figures: Figures,
    universe: Universe,
    sheet: pd.DataFrame,
    book_grade: pd.Series,
    stake_grades: pd.Series | None,
) -> pd.DataFrame:
    """Grade of each line: that of its figure, F for lines a ratio makes, weakest inputs for remainders.

    A remainder absorbs errors of the estimated split, never of the total, so the totals keep their own grade.
    """
    grade = pd.DataFrame("F", index=sheet.index, columns=list(SHEET_COLUMNS), dtype=object)
    stated = figures.grade
    grade["cash"] = stated["cash_and_investments"]
    grade["debt"] = stated["total_debt"]
    grade["lease_liabilities"] = stated["lease_liabilities"]
    marks = stake_grades.reindex(sheet.index) if stake_grades is not None else book_grade
    grade["stakes"] = [_with_d(g) for g in marks.fillna("D")]
    grade["loans_given"] = "D"
    for firm in sheet.index:
        if sheet.at[firm, "stakes"] == 0.0:
            grade.at[firm, "stakes"] = "D"
        equity = [str(stated.at[firm, "total_equity"])]
        if sheet.at[firm, "stake_revaluation"] != 0.0:
            equity += [str(grade.at[firm, "stakes"]), _with_d(book_grade[firm])]
        grade.at[firm, "equity"] = weakest(equity)
        grade.at[firm, "stake_revaluation"] = weakest([_with_d(book_grade[firm]), str(grade.at[firm, "stakes"])])
        named = [str(stated.at[firm, m]) for m in ("total_assets", "total_equity", "total_debt")]
        grade.at[firm, "plug"] = weakest([*named, str(grade.at[firm, "cash"])])
    return grade


def _with_d(grade: object) -> str:
    return weakest([str(grade), "D"])
