"""Where a dollar ends: of users' spending, of AI capex, or of one company, in a year's payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.follow import Leontief, leontief
from penstock.analysis.money_ties import RANGE
from penstock.analysis.money_year import MoneyYear, money_of
from penstock.engine.opening.state import LAYERS
from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError, UsageError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

ENDS = (
    "wages",
    "suppliers_outside",
    "sellers_outside",
    "taxes",
    "lenders",
    "shareholders",
    "profit_retained",
)
"""Where a dollar leaves the network: workers, unnamed suppliers, unnamed sellers of AI services, the state, interest,
dividends and buybacks, and what a firm keeps."""
HOME = "US"
ROUNDS = 6
"""Rounds told one by one; the last row holds all later ones."""
DRAWS = 200
"""Draws by evidence grade behind a range."""
WAGE_SHARE = (0.3, 0.5, 0.7)
"""Part of a firm's costs outside the ties that is wages (assumption; the engine pays a half)."""
BALANCE = 1e-9
"""A dollar whose ends add up to one within this has not been lost."""
SIGMAS_TO_95 = 1.6448536269514722


@dataclass(frozen=True)
class DollarFollowed:
    """Where one dollar ends. All amounts are dollars per dollar; low and high are 5 and 95 %.

    `kinds`: by kind of end, of which abroad. `layers`, `companies`: received in all (a dollar is received once by each
    firm that it passes, so these add up to more than one) and ended there, by kind. `rounds`: received by layer and
    ended, round by round. `gap`: largest distance from one of what ended in all, which rounding alone may leave.
    """

    dollar: str
    basis: str
    kinds: pd.DataFrame
    layers: pd.DataFrame
    companies: pd.DataFrame
    rounds: pd.DataFrame
    gap: float

    def to_pandas(self) -> pd.DataFrame:
        """By company."""
        return self.companies

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: getattr(self, name) for name in ("kinds", "layers", "companies", "rounds")}
        return {
            "dollar": self.dollar,
            "basis": self.basis,
            "gap": self.gap,
            **{name: frame.to_dict(orient="records") for name, frame in tables.items()},
        }


@dataclass(frozen=True)
class Payments:
    """What each firm does with a dollar it receives, last axis paths or draws.

    network: of the firms. ends: (firms, kinds) share of a dollar that leaves the network there. given: (firms,) who
    receives the dollar that is followed; outside: (kinds,) the part of it that no firm receives.
    """

    network: Leontief
    ends: Array
    given: Array
    outside: Array


def follow(
    run_or_world: Run | World,
    dollar: str = "user",
    *,
    scenario: str | None = None,
    quarter: str | None = None,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    jobs: int = 1,
    on_progress: OnProgress = silent,
) -> DollarFollowed:
    """Where one dollar of users' AI spending ("user"), of AI capex ("capex") or spent by a company (its name) ends.

    Opening state of a world, with a range from the grades of its ties; of a run, or a world with a scenario, the year
    to `quarter` (the last unless given), with the range of paths. A firm passes on what it spends per dollar of its
    receipts, capital spending included; where it spends more than it receives each dollar is spent whole.

    Raises UsageError for a company that is not there or spends nothing, ModelError where dollars are lost.
    """
    from penstock.engine.run import Run

    world = run_or_world.world if isinstance(run_or_world, Run) else run_or_world
    company = None if dollar in ("user", "capex") else world.resolve(dollar)
    money = money_of(
        run_or_world,
        scenario=scenario,
        quarter=quarter,
        paths=paths,
        quarters=quarters,
        seed=seed,
        prior=prior,
        jobs=jobs,
        on_progress=on_progress,
    )
    countries = dict(zip(world.table("companies")["id"], world.table("companies")["country"], strict=True))
    return follow_money(money, company or dollar, countries, seed=seed)


def follow_money(money: MoneyYear, dollar: str, countries: Mapping[str, object], *, seed: int = 7) -> DollarFollowed:
    """Where a dollar ends in a year's money; one column (an opening) gets its range from draws by evidence grade."""
    opening = money.billed.shape[-1] == 1
    central = payments(money, dollar)
    spread = payments(drawn(money, seed), dollar) if opening else central
    layout = money.layout
    names = list(layout.units[: layout.firms])
    where = [LAYERS[layer] for layer in layout.layer]
    abroad = np.array([str(countries.get(name, "")) not in (HOME, "nan", "") for name in names])
    cases = [_Case(central), _Case(spread)]
    gap = max(case.gap for case in cases)
    if not gap <= BALANCE:
        raise ModelError(f"follow: found {gap:.1e} of a dollar unaccounted for; expected at most {BALANCE:.0e}")
    how = (
        f"range 5 to 95 % of {DRAWS} draws by evidence grade of ties"
        if opening
        else f"{money.billed.shape[-1]:,} paths; mean, range 5 to 95 % of paths"
    )
    return DollarFollowed(
        dollar=dollar,
        basis=f"{money.model.program.name}, {money.when}; {how}",
        kinds=_kinds(cases, abroad),
        layers=_layers(cases, where),
        companies=_companies(cases, names, where),
        rounds=_rounds(central, where),
        gap=gap,
    )


class _Case:
    """Dollars received (firms, n) and ended at firms (firms, kinds, n) and outside them (kinds, n)."""

    def __init__(self, paid: Payments) -> None:
        self.received = paid.network.output(paid.given)
        self.ended = paid.ends * self.received[:, None]
        self.outside = paid.outside
        self.gap = float(np.abs(self.ended.sum(axis=(0, 1)) + self.outside.sum(axis=0) - 1.0).max())


def drawn(money: MoneyYear, seed: int) -> MoneyYear:
    """The year's payments at other amounts: ties log-normal with the range of their grade, wages a drawn part."""
    layout = money.layout
    rng = np.random.default_rng(np.random.Philox(key=seed))
    grades = money.model.opening.flow_ties["grade"].tolist()
    sigma = np.array([np.log(RANGE[grade][1]) / SIGMAS_TO_95 for grade in grades])[:, None]
    billed = np.repeat(money.billed, DRAWS, axis=1)
    billed[layout.flow.slice] *= np.exp(sigma * rng.standard_normal((len(sigma), DRAWS)))
    outside = billed[layout.wages.slice] + billed[layout.suppliers.slice]
    low, middle, high = WAGE_SHARE
    share = rng.triangular(low, middle, high, size=outside.shape)
    billed[layout.wages.slice], billed[layout.suppliers.slice] = share * outside, (1.0 - share) * outside
    interest, paid_out = (np.repeat(amount, DRAWS, axis=1) for amount in (money.interest, money.paid_out))
    return replace(money, billed=billed, interest=interest, paid_out=paid_out)


def payments(money: MoneyYear, dollar: str) -> Payments:
    """What firms do with a dollar, and who receives the one that is followed."""
    layout, firms = money.layout, money.layout.firms
    width = money.billed.shape[-1]
    between = np.zeros((firms, firms, width))
    ends = np.zeros((firms, len(ENDS), width))

    def leave(kind: str, payer: Any, amount: Array) -> None:
        np.add.at(ends, (payer, ENDS.index(kind)), amount)

    flow = layout.flow.slice
    payer, payee, billed = layout.payer[flow], layout.payee[flow], money.billed[flow]
    paid_by_firm = payer < firms
    inside = paid_by_firm & (payee < firms)
    np.add.at(between, (payee[inside], payer[inside]), billed[inside])
    to_suppliers = paid_by_firm & (payee == layout.sector["row_suppliers"])
    elsewhere = paid_by_firm & (payee >= firms) & ~to_suppliers
    leave("suppliers_outside", payer[to_suppliers], billed[to_suppliers])
    leave("sellers_outside", payer[elsewhere], billed[elsewhere])
    everyone = np.arange(firms)
    for kind, block in (
        ("wages", layout.wages),
        ("suppliers_outside", layout.suppliers),
        ("suppliers_outside", layout.capital),
        ("taxes", layout.tax),
    ):
        leave(kind, everyone, money.billed[block.slice])
    leave("lenders", layout.borrower, money.interest)
    leave("shareholders", everyone, money.paid_out)
    revenue, spent = money.revenue, between.sum(axis=0) + ends.sum(axis=1)
    ends[:, ENDS.index("profit_retained")] += np.maximum(revenue - spent, 0.0)
    output = np.maximum(revenue, spent)
    # a firm without any money keeps what it might be given
    idle = output <= 0.0
    ends[:, ENDS.index("profit_retained")][idle] = 1.0
    output[idle] = 1.0
    shares = ends / output[:, None]
    given, outside = _given(money, dollar, between, ends, spent)
    return Payments(leontief(between, output), shares, given, outside)


def _given(money: MoneyYear, dollar: str, between: Array, ends: Array, spent: Array) -> tuple[Array, Array]:
    """Who receives the dollar that is followed: (firms, n), and what of it goes outside at once, (kinds, n)."""
    layout, firms = money.layout, money.layout.firms
    width = money.billed.shape[-1]
    given, outside = np.zeros((firms, width)), np.zeros((len(ENDS), width))
    flow = layout.flow.slice
    payer, payee, billed = layout.payer[flow], layout.payee[flow], money.billed[flow]
    if dollar not in ("user", "capex"):
        names = layout.units[:firms]
        if dollar not in names or not (spent[names.index(dollar)] > 0.0).all():
            near = nearest_name(dollar, names)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"--dollar: found {dollar!r}; expected user, capex or a company that spends{hint}")
        firm = names.index(dollar)
        outlays = ends[firm].copy()
        outlays[ENDS.index("profit_retained")] = 0.0
        return between[:, firm] / spent[firm], outlays / spent[firm]
    if dollar == "user":
        rows = layout.category["models"].slice
        chosen = np.zeros(len(payer), dtype=bool)
        chosen[rows] = True
        beyond = "sellers_outside"
    else:
        builders = np.isin(payer, np.append(np.arange(layout.owners), layout.sector["other_ai_buyers"]))
        builders |= np.isin(payer, layout.members("developer"))
        chosen = builders & (layout.capital_payer < layout.unit_count)
        beyond = "suppliers_outside"
    total = billed[chosen].sum(axis=0)
    if not (total > 0.0).all():
        raise UsageError(f"--dollar: found {dollar!r}, of which this world spends nothing; expected a company")
    inside = chosen & (payee < firms)
    np.add.at(given, payee[inside], billed[inside])
    outside[ENDS.index(beyond)] = billed[chosen & (payee >= firms)].sum(axis=0)
    return given / total, outside / total


def _spread(cases: list[_Case], of: Any) -> dict[str, Any]:
    """Central value of a quantity (n last) and its range."""
    middle, each = of(cases[0]), of(cases[1])
    low, high = np.quantile(each, [0.05, 0.95], axis=-1)
    centre = middle.mean(axis=-1)
    return {"usd": centre, "low": np.minimum(low, centre), "high": np.maximum(high, centre)}


def _kinds(cases: list[_Case], abroad: Array) -> pd.DataFrame:
    import pandas as pd

    all_of = _spread(cases, lambda case: case.ended.sum(axis=0) + case.outside)
    there = _spread(cases, lambda case: case.ended[abroad].sum(axis=0))
    at_once = cases[0].outside.mean(axis=-1)
    frame = pd.DataFrame(
        {"kind": ENDS, **all_of, "of_which_at_firms_abroad": there["usd"], "of_which_before_any_firm": at_once}
    )
    return frame.sort_values("usd", ascending=False, ignore_index=True)


def _layers(cases: list[_Case], where: list[str]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for layer in (name for name in LAYERS if name in where):
        mine = np.array([name == layer for name in where])
        received = _spread(cases, lambda case, mine=mine: case.received[mine].sum(axis=0))
        ended = _spread(cases, lambda case, mine=mine: case.ended[mine].sum(axis=(0, 1)))
        kinds = cases[0].ended[mine].sum(axis=0).mean(axis=-1)
        rows.append(
            {
                "layer": layer,
                "received_usd": received["usd"],
                "ended_usd": ended["usd"],
                "low": ended["low"],
                "high": ended["high"],
                **dict(zip(ENDS, kinds.tolist(), strict=True)),
            }
        )
    at_once = cases[0].outside.mean(axis=-1)
    total = float(at_once.sum())
    if total > 0.0:
        rows.append(
            {"layer": "outside", "received_usd": total, "ended_usd": total, "low": np.nan, "high": np.nan}
            | dict(zip(ENDS, at_once.tolist(), strict=True))
        )
        spread = _spread(cases, lambda case: case.outside.sum(axis=0))
        rows[-1] |= {"low": spread["low"], "high": spread["high"]}
    return pd.DataFrame(rows)


def _companies(cases: list[_Case], names: list[str], where: list[str]) -> pd.DataFrame:
    import pandas as pd

    received, ended = (
        _spread(cases, lambda case: case.received),
        _spread(cases, lambda case: case.ended.sum(axis=1)),
    )
    kinds = cases[0].ended.mean(axis=-1)
    frame = pd.DataFrame(
        {
            "company_id": names,
            "layer": where,
            "received_usd": received["usd"],
            "received_low": received["low"],
            "received_high": received["high"],
            "ended_usd": ended["usd"],
            "low": ended["low"],
            "high": ended["high"],
            **{kind: kinds[:, number] for number, kind in enumerate(ENDS)},
        }
    )
    frame = frame[frame["received_high"] > 0.0]
    return frame.sort_values(["ended_usd", "company_id"], ascending=[False, True], ignore_index=True)


def _rounds(paid: Payments, where: list[str]) -> pd.DataFrame:
    """Received by layer and ended in each round, mean of paths; the last row holds the rounds after."""
    import pandas as pd

    each = paid.network.rounds(paid.given, ROUNDS)
    later = np.maximum(paid.network.output(paid.given) - each.sum(axis=0), 0.0)
    received = [*each, later]
    left = paid.ends.sum(axis=1)
    at_once = paid.outside.sum(axis=0)
    rows = []
    for number, mine in enumerate(received):
        ended = (mine * left).sum(axis=0) + (at_once if number == 0 else 0.0)
        by_layer = {
            layer: float(mine[np.array([name == layer for name in where])].sum(axis=0).mean())
            for layer in LAYERS
            if layer in where
        }
        name = str(number + 1) if number < ROUNDS else "later"
        rows.append({"round": name, **by_layer, "ended_usd": float(np.mean(ended))})
    frame = pd.DataFrame(rows)
    total = frame.drop(columns="round").sum().to_dict()
    return pd.concat([frame, pd.DataFrame([{"round": "total", **total}])], ignore_index=True)
