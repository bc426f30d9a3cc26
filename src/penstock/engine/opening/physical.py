"""Who owns the chips, halls and power at the as-of date.

Chips: shipments cumulated by designer and by owner (8-bit H100 equivalents), less
retired (survival by age) and waiting ones. Power in use: units x server power x load by
designer, given to owners by their chips. Method: the economy prototype (docs/decisions/0003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from penstock.engine.opening.layer_numbers import owner_cooling
from penstock.engine.opening.state import PHYSICAL_COLUMNS
from penstock.engine.rules import Rules, rules_of
from penstock.layers import chips as chip_table
from penstock.layers.chips import H100E_TFLOPS

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe
    from penstock.world import World

SLACK_OWNER = "other_ai_buyers"


@dataclass(frozen=True)
class FleetBridge:
    """From shipped to installed chips, million H100e, and power by designer line, GW."""

    shipped: pd.Series
    retired: pd.Series
    waiting: pd.Series
    delivered_quarter: pd.Series
    nameplate_gw: pd.Series
    it_load: float
    """average over peak load"""

    @property
    def installed(self) -> pd.Series:
        """In service, million H100e by designer line."""
        return self.shipped - self.retired - self.waiting

    @property
    def in_use_gw(self) -> pd.Series:
        """IT power of the chips in service at average load, GW by designer line."""
        return self.nameplate_gw * self.installed / self.shipped * self.it_load


def cumulative(world: World, series: str) -> pd.DataFrame:
    """A cumulative series as (date, entity) in millions, up to the as-of date."""
    frame = world.table("series")
    frame = frame[frame["series"] == series].assign(date=lambda f: pd.to_datetime(f["date"]))
    frame = frame[frame["date"] <= pd.Timestamp(world.as_of)]
    wide = frame.pivot_table(index="date", columns="entity", values="value", aggfunc="last")
    return wide.sort_index() / 1e6


def _last_step(wide: pd.DataFrame) -> pd.Series:
    """Increase over the last quarter; a series of yearly points gives a quarter of its last step."""
    steps = {}
    for entity in wide.columns:
        points = wide[entity].dropna()
        if len(points) < 2:
            steps[entity] = 0.0
            continue
        quarters = max(1, round((points.index[-1] - points.index[-2]).days / 91.3))
        steps[entity] = float(points.iloc[-1] - points.iloc[-2]) / quarters
    return pd.Series(steps, dtype=float)


def _retired(wide: pd.DataFrame, as_of: pd.Timestamp, rules: Rules) -> pd.Series:
    """Chips out of service by age: survival exp(-ln 2 (age / 1.1 L)^4), age from the middle of a step."""
    life = 1.1 * rules.assumed("fleet_life_years")
    steps = wide.ffill().diff()
    steps.iloc[:1] = wide.iloc[:1]
    ages = np.array([(as_of - d).days / 365.25 + 0.125 for d in wide.index])
    gone = 1.0 - np.exp(-np.log(2.0) * (ages / life) ** 4)
    return (steps.fillna(0.0).mul(gone, axis=0)).sum()


def chip_power(world: World) -> pd.DataFrame:
    """Units shipped and server power by chip: index chip, line, units (million), kw, h100e per unit."""
    if "chips" not in world.tables or world.table("chips").empty:
        return pd.DataFrame(columns=["line", "units", "kw", "h100e"])
    rules = rules_of(world)
    chips = world.table("chips").set_index("id")
    watts = pd.Series({chip: _nameplate_w(str(chip), row) for chip, row in chips.iterrows()}, dtype=float)
    units = chips[["units_2023", "units_2024", "units_2025"]].fillna(0.0).sum(axis=1) / 1e6
    eight_bit = chips["fp8_tflops"].fillna(chips["bf16_tflops"])
    frame = pd.DataFrame(
        {
            "line": chips["designer_id"].map(dict(rules.part("designer_line"))),
            "units": units,
            "kw": watts / 1000.0,
            "h100e": eight_bit / H100E_TFLOPS,
        }
    )
    return frame[(frame["units"] > 0) & frame["line"].notna()]


def _nameplate_w(chip: str, row: pd.Series) -> float:
    """Power of a chip's system as the silicon layer has it; NaN where neither system nor chip is known."""
    server, own = (None if pd.isna(row[name]) else float(row[name]) for name in ("server_w_per_chip", "tdp_w"))
    known = chip_table.nameplate_w(chip, server, own)
    return float("nan") if known is None else known


def fleet_bridge(world: World) -> FleetBridge:
    """Shipped, retired, waiting chips by designer line; needs the two series and `chips.csv`."""
    rules = rules_of(world)
    shipped = cumulative(world, "h100e_shipped_cumulative")
    last = shipped.ffill().iloc[-1] if len(shipped) else pd.Series(dtype=float)
    chips = chip_power(world)
    waiting = pd.Series(0.0, index=last.index)
    newest = rules.part("waiting_chip")
    for line in sorted(set(newest.values()) & set(waiting.index)):
        mine = chips[chips.index.isin([chip for chip, of_line in newest.items() if of_line == line])]
        waiting[line] = min(
            rules.assumed("waiting_share_of_blackwell") * float((mine["units"] * mine["h100e"]).sum()),
            0.5 * float(last[line]),
        )
    power = (chips["units"] * chips["kw"]).groupby(chips["line"]).sum().reindex(last.index).fillna(0.0)
    # a line whose units no table tells draws what the assumption gives it
    power = power.where(power > 0.0, last * rules.constants["power_per_capacity"])
    retired = _retired(shipped, pd.Timestamp(world.as_of), rules) if len(shipped) else last
    delivered = _last_step(shipped).reindex(last.index)
    return FleetBridge(last, retired.reindex(last.index), waiting, delivered, power, rules.assumed("it_load"))


def _owner_weights(universe: Universe, inputs: SheetInputs) -> pd.Series:
    """AI capex of the compute owners, usd_bn per quarter."""
    owners = [f for f in universe.firms if universe.layer[f] in ("ai", "platform")]
    flows = inputs.flows.loc[owners]
    return (flows["capex"] * flows["ai_capex_share"]).clip(lower=0.0)


def _split(amount: float, weights: pd.Series) -> pd.Series:
    total = float(weights.sum())
    return weights * (amount / total) if total > 0 else weights * 0.0


def _told_by_owner(values: pd.Series, total: float, capex: pd.Series, rules: Rules) -> pd.Series:
    """Chips of a line by compute owner: named owners, pooled ones by capex, the rest to others and the slack."""
    out = pd.Series(0.0, index=[*capex.index, SLACK_OWNER])
    named = [e for e in values.index if e in capex.index]
    out[named] = values[named]
    pooled = rules.part("pooled_owner")
    members, together = [f for f in pooled if f in capex.index], 0.0
    for pool in dict.fromkeys(pooled.values()):
        mine = capex[[f for f in members if pooled[f] == pool]]
        held = float(values.get(pool, 0.0))
        out[SLACK_OWNER] += held if mine.sum() <= 0 else 0.0
        out = out.add(_split(held, mine), fill_value=0.0)
        together += held
    rest = max(0.0, total - float(values[named].sum()) - together)
    small = capex.drop([f for f in (*named, *members) if f in capex.index])
    slack = rest if small.sum() <= 0 else rest * rules.assumed("other_owner_slack")
    out[SLACK_OWNER] += slack
    return out.add(_split(rest - slack, small), fill_value=0.0)


def _shares_by_ties(contracts: pd.DataFrame, owners: pd.Index, designer: str) -> pd.Series:
    """Shares of a designer's chips by its named yearly ties; what they leave belongs to the slack owner."""
    out = pd.Series(0.0, index=owners)
    ties = contracts[(contracts["provider_id"] == designer) & (contracts["kind"] == "supply")]
    for _, row in ties.iterrows():
        if pd.notna(row["share"]) and row["receiver_id"] in owners:
            out[row["receiver_id"]] += float(row["share"])
    out = out / max(1.0, float(out.sum()))
    out[SLACK_OWNER] += 1.0 - float(out.sum())
    return out


def _site_pipeline(world: World, owners: pd.Index) -> pd.Series:
    """IT power that named sites add that are full by the end of the second year ahead, GW by user.

    The user is the operator, else the tenant, else the owner that runs a fleet.
    """
    out = pd.Series(0.0, index=owners)
    if "sites" not in world.tables:
        return out
    limit = pd.Timestamp(world.as_of) + pd.DateOffset(years=2)
    for _, site in world.table("sites").iterrows():
        full = pd.to_datetime(site["full_power"])
        full = full if pd.notna(full) else pd.to_datetime(site["first_power"])
        if pd.isna(full) or pd.isna(site["it_mw_planned"]) or full > limit:
            continue
        built = float(site["it_mw_2025"]) if pd.notna(site["it_mw_2025"]) else 0.0
        added = float(site["it_mw_planned"]) - built
        users = (site["operator_id"], site["tenant_id"], site["owner_id"])
        user = next((u for u in users if u in owners), SLACK_OWNER)
        out[user] += max(0.0, added) / 1000.0
    return out


def build_physical(
    world: World, universe: Universe, inputs: SheetInputs, contracts: pd.DataFrame
) -> tuple[pd.DataFrame, FleetBridge]:
    """PHYSICAL_COLUMNS by compute owner, and the bridge from shipped to installed chips."""
    rules = rules_of(world)
    assumed = rules.assumed
    bridge = fleet_bridge(world)
    capex = _owner_weights(universe, inputs)
    owners = pd.Index([*capex.index, SLACK_OWNER])
    lines: dict[str, pd.Series] = {}
    new: dict[str, pd.Series] = {}
    for line in bridge.shipped.index:
        total, added = float(bridge.shipped[line]), float(bridge.delivered_quarter[line])
        told = rules.part("line_owners_series").get(str(line))
        owned = cumulative(world, told) if told else pd.DataFrame()
        if len(owned):
            lines[line] = _told_by_owner(owned.ffill().iloc[-1], total, capex, rules)
            new[line] = _told_by_owner(_last_step(owned), added, capex, rules)
        else:
            owner = rules.part("line_owner").get(str(line), "")
            shares = pd.Series(0.0, index=owners)
            if line in rules.part("line_by_ties"):
                shares = _shares_by_ties(contracts, owners, rules.part("line_by_ties")[str(line)])
            else:
                shares[owner if owner in owners else SLACK_OWNER] = 1.0
            lines[line], new[line] = shares * total, shares * added
        # sums by owner may differ from the designer's total by rounding of two estimates
        lines[line] = _split(total, lines[line].reindex(owners).fillna(0.0))
        new[line] = _split(added, new[line].reindex(owners).fillna(0.0))
    chips = pd.DataFrame(lines, index=owners).fillna(0.0)
    delivered = pd.DataFrame(new, index=owners).fillna(0.0)
    share_new = delivered.div(delivered.sum().where(lambda s: s > 0, 1.0))
    waiting = (share_new * bridge.waiting).clip(upper=chips * 0.9) if len(chips.columns) else chips
    missing = bridge.waiting - waiting.sum()
    waiting += (chips - waiting).div((chips - waiting).sum().where(lambda s: s > 0, 1.0)) * missing
    alive = chips.mul((bridge.shipped - bridge.retired) / bridge.shipped) - waiting
    in_use = alive.mul(bridge.in_use_gw / bridge.installed).sum(axis=1)

    frame = pd.DataFrame(0.0, index=owners, columns=list(PHYSICAL_COLUMNS))
    frame.index.name = "owner"
    frame["h100e_installed"] = alive.sum(axis=1)
    frame["h100e_waiting"] = waiting.sum(axis=1).clip(lower=0.0)
    frame["h100e_per_quarter"] = delivered.sum(axis=1)
    frame["h100e_on_order"] = frame["h100e_per_quarter"] * assumed("order_book_quarters")
    if frame["h100e_installed"].sum() <= 0.0:
        in_use = _fleets_from_spending(frame, capex, rules)
    frame["it_power_in_use_gw"] = in_use
    weight = frame["h100e_per_quarter"] / max(float(frame["h100e_per_quarter"].sum()), 1e-12)
    frame["halls_gw"] = in_use + assumed("spare_halls_gw") * weight
    frame["power_gw"] = in_use + assumed("spare_power_gw") * weight
    named = _site_pipeline(world, owners)
    extra = float(named.sum()) * (assumed("pipeline_scale_up") - 1.0)
    frame["halls_pipeline_gw"] = named + extra * weight
    frame["power_pipeline_gw"] = frame["halls_pipeline_gw"] * assumed("power_pipeline_over_halls")
    groups = [universe.group[o] if o in universe.firms else SLACK_OWNER for o in owners]
    pairs = list(zip(owners, groups, strict=True))
    frame["leased_share"] = [assumed("leased_share", o, g) for o, g in pairs]
    frame["own_use_share"] = [assumed("own_use_share", o, g) for o, g in pairs]
    frame["pue"] = _pue(world, owners)
    return frame, bridge


def _fleets_from_spending(frame: pd.DataFrame, capex: pd.Series, rules: Rules) -> pd.Series:
    """Fills in the chips of a world that has no series of them, from the AI capex of a quarter; gives power in use."""
    constants, assumed = rules.constants, rules.assumed
    quarter = capex.reindex(frame.index).fillna(0.0) / constants["capex_per_capacity"]
    quarter[SLACK_OWNER] = max(constants["least_rest_of_world"] / 8.0, assumed("other_owner_slack") * quarter.sum())
    frame["h100e_per_quarter"] = quarter
    frame["h100e_on_order"] = quarter * assumed("order_book_quarters")
    frame["h100e_installed"] = quarter * 4.0 * constants["fleet_years_of_spending"]
    return frame["h100e_installed"] * constants["power_per_capacity"]


def _pue(world: World, owners: pd.Index) -> pd.Series:
    """Facility over IT energy: the latest known fleet average, else that of the owner's halls in their weather."""
    out = pd.Series({owner: halls.pue for owner, halls in owner_cooling(world, owners).items()}).reindex(owners)
    frame = world.table("series")
    frame = frame[(frame["series"] == "pue_fleet") & frame["entity"].isin(owners)]
    frame = frame[pd.to_datetime(frame["date"]) <= pd.Timestamp(world.as_of)]
    for entity, rows in frame.groupby("entity"):
        out[str(entity)] = float(rows.sort_values("date")["value"].iloc[-1])
    return out
