"""The price of a token: one waterfall from joules to the price, who keeps what, two side by side, made or bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.analysis.ranges import Range, spread
from penstock.analysis.token_inputs import Setup, gather
from penstock.analysis.token_keepers import keepers_of
from penstock.analysis.token_place import Input
from penstock.analysis.token_waterfall import PARTS, physics, served, waterfall
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World


@dataclass(frozen=True)
class TokenPrice:
    """The price of a million output tokens with the input tokens that come with them; usd."""

    model: str
    layout: str
    chip: str
    chips_per_replica: int
    place: dict[str, Any]
    price: dict[str, Any]
    """usd_per_mtok, compute_usd_per_mtok (what a lab pays), lab_usd_per_mtok (what it has left), each with _low and
    _high; basis (list or built), list prices where there are some"""
    parts: pd.DataFrame
    """part, layer, kind, paid_to, usd_per_mtok (with _low, _high), share; the parts add up to the price"""
    layers: pd.DataFrame
    """layer, cost, margin, usd_per_mtok, share"""
    companies: pd.DataFrame
    """company, usd_per_mtok, margin_usd_per_mtok, share; adds up to the price"""
    physics: pd.DataFrame
    """quantity, value (with _low, _high): from tokens down to joules, water and carbon"""
    drivers: pd.DataFrame
    """input, low, central, high, unit, grade, price_at_low, price_at_high, cost_at_low, cost_at_high"""
    integrated: pd.DataFrame | None = None
    """part, bought, integrated, difference; with `integrated`"""
    versus: TokenPrice | None = None

    def to_pandas(self) -> pd.DataFrame:
        """The parts."""
        return self.parts

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        frames = ("parts", "layers", "companies", "physics", "drivers")
        out: dict[str, Any] = {
            "model": self.model,
            "layout": self.layout,
            "chip": self.chip,
            "chips_per_replica": self.chips_per_replica,
            "place": self.place,
            "price": self.price,
            **{name: getattr(self, name).to_dict(orient="records") for name in frames},
        }
        if self.integrated is not None:
            out["integrated"] = self.integrated.to_dict(orient="records")
        if self.versus is not None:
            out["versus"] = self.versus.to_dict()
        return out


def token_price(
    world: World,
    model: str,
    *,
    chip: str | None = None,
    site: str | None = None,
    power: str | None = None,
    layout: str | None = None,
    versus: str | None = None,
    integrated: bool = False,
    inputs: Mapping[str, float] | None = None,
) -> TokenPrice:
    """The price of a million output tokens of a model, taken apart.

    model: a preset, or a model with a list price whose layout is public; with `layout`, any model with a list price.
    chip: a chip with a price and a known bill of materials (b200 unless given). site: a site of the world, for cooling,
    power and owners. power: usd per MWh, or grid, nuclear, hydro, gas, or plan (of the site). versus: another model in
    the same place. integrated: own chips, own power and own model beside the bought ones. inputs: numbers set
    exactly, by name.
    Raises UsageError for unknown names, a chip without price, a site without power, what no replica can serve, and
    inputs that leave no finite price.
    """
    try:
        return _priced(world, model, chip, site, power, layout, versus, integrated, inputs)
    except ArithmeticError as error:
        told = ", ".join(f"{name}={value:g}" for name, value in (inputs or {}).items())
        raise UsageError(
            f"input: found {told or 'inputs'} with which no price can be computed ({error}); expected numbers nearer "
            "to their ranges"
        ) from error


def _priced(
    world: World,
    model: str,
    chip: str | None,
    site: str | None,
    power: str | None,
    layout: str | None,
    versus: str | None,
    integrated: bool,
    inputs: Mapping[str, float] | None,
) -> TokenPrice:
    setup = gather(world, model, chip=chip, site=site, power=power, layout=layout, given=inputs)
    _, _, size = served(setup, setup.central())
    ranges = {name: row.value for name, row in setup.inputs.items()}
    if setup.rental_usd_per_hour is not None:
        ranges["rental_usd_per_hour"] = setup.rental_usd_per_hour
    found, moves = spread(lambda values: waterfall(setup, values), ranges)
    parts = parts_table(found)
    other = None
    if versus is not None:
        other = token_price(world, versus, chip=chip, site=site, power=power, inputs=inputs)
    made = None
    if integrated:
        made = integrated_table(found, spread(lambda values: waterfall(setup, values, integrated=True), ranges)[0])
    place = setup.place
    return TokenPrice(
        model=setup.model.id,
        layout=setup.model.layout.id,
        chip=setup.chip.id,
        chips_per_replica=size,
        place={
            "site": place.site or None,
            "region": place.region,
            "owner": place.owner,
            "operator": place.operator,
            "power": place.power,
            "power_from": place.power_from,
            "remark": place.remark or None,
        },
        price=price_fields(setup, found),
        parts=parts,
        layers=layer_table(parts),
        companies=company_table(parts, keepers_of(world, setup)),
        physics=physics_table(setup, ranges),
        drivers=driver_table(setup, ranges, moves, found),
        integrated=made,
        versus=other,
    )


def price_fields(setup: Setup, found: Mapping[str, Range]) -> dict[str, Any]:
    """The price, what a lab pays of it for compute and has left for research, and what it rests on."""
    model = setup.model
    listed = model.list_output_usd is not None
    return {
        **found["price"].to_dict("usd_per_mtok"),
        **found["compute"].to_dict("compute_usd_per_mtok"),
        **found["lab"].to_dict("lab_usd_per_mtok"),
        "basis": "list" if listed else "built",
        "list_output_usd_per_mtok": model.list_output_usd,
        "list_input_usd_per_mtok": model.list_input_usd,
        "list_date": model.list_date or None,
    }


def parts_table(found: Mapping[str, Range]) -> pd.DataFrame:
    """A row a part, upstream first; the last column is its share of the price."""
    import pandas as pd

    price = found["price"].central
    rows = [
        {
            "part": part.name,
            "layer": part.layer,
            "kind": part.kind,
            "paid_to": part.paid_to,
            **found[part.name].to_dict("usd_per_mtok"),
            "share": found[part.name].central / price,
        }
        for part in PARTS
    ]
    return pd.DataFrame(rows)


def layer_table(parts: pd.DataFrame) -> pd.DataFrame:
    """What each layer is paid beyond the layers below it: costs of its own and its margin."""
    wide = parts.pivot_table(index="layer", columns="kind", values="usd_per_mtok", aggfunc="sum", sort=False).fillna(
        0.0
    )
    wide = wide.reindex(columns=["cost", "margin"]).fillna(0.0)
    wide["usd_per_mtok"] = wide.sum(axis=1)
    wide["share"] = wide["usd_per_mtok"] / float(wide["usd_per_mtok"].sum())
    return wide.reset_index().rename_axis(columns=None)


def company_table(parts: pd.DataFrame, keepers: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Who is paid, by company: each part divided among those it is paid to; adds up to the price."""
    import pandas as pd

    rows = [
        {
            "company": company,
            "usd_per_mtok": row["usd_per_mtok"] * share,
            "margin_usd_per_mtok": row["usd_per_mtok"] * share if row["kind"] == "margin" else 0.0,
        }
        for row in parts.to_dict("records")
        for company, share in keepers[str(row["paid_to"])].items()
    ]
    table = pd.DataFrame(rows).groupby("company", sort=False).sum().reset_index()
    table["share"] = table["usd_per_mtok"] / float(table["usd_per_mtok"].sum())
    return table.sort_values("usd_per_mtok", ascending=False, kind="stable").reset_index(drop=True)


def physics_table(setup: Setup, ranges: Mapping[str, Range]) -> pd.DataFrame:
    """Quantities with ranges."""
    import pandas as pd

    held = {name: value for name, value in ranges.items() if name != "rental_usd_per_hour"}
    found, _ = spread(lambda values: physics(setup, values), held)
    return pd.DataFrame([{"quantity": name, **value.to_dict("value")} for name, value in found.items()])


def driver_table(
    setup: Setup,
    ranges: Mapping[str, Range],
    moves: Mapping[str, Mapping[str, tuple[float, float]]],
    found: Mapping[str, Range],
) -> pd.DataFrame:
    """Each input with what the price and a cloud's full cost become at its low and high; the widest first."""
    import pandas as pd

    from penstock.analysis.token_waterfall import BELOW_PLATFORM

    price = found["price"].central
    cost = sum(found[name].central for name in BELOW_PLATFORM)
    rows = []
    for name, value in ranges.items():
        row = setup.inputs.get(name, Input(value, "usd_per_hour", setup.chip.grade, "rental price of the chip"))
        moved = moves.get(name, {})
        at = [sum(moved[part][end] for part in BELOW_PLATFORM) if moved else 0.0 for end in (0, 1)]
        to = [moved["price"][end] if moved else 0.0 for end in (0, 1)]
        rows.append(
            {
                "input": name,
                "low": value.low,
                "central": value.central,
                "high": value.high,
                "unit": row.unit,
                "grade": row.grade,
                "price_at_low": price + to[0],
                "price_at_high": price + to[1],
                "cost_at_low": cost + at[0],
                "cost_at_high": cost + at[1],
                "note": row.note,
            }
        )
    table = pd.DataFrame(rows)
    width = (table["cost_at_high"] - table["cost_at_low"]).abs()
    return table.iloc[(-width).argsort(kind="stable")].reset_index(drop=True)


def integrated_table(bought: Mapping[str, Range], made: Mapping[str, Range]) -> pd.DataFrame:
    """Part by part: bought, integrated, and the difference of their centres.

    The last rows are `compute`, everything below research and the lab's margin, and `price`, everything.
    """
    import pandas as pd

    names: Sequence[str] = [*(part.name for part in PARTS), "compute", "price"]
    rows = [
        {
            "part": name,
            **bought[name].to_dict("bought"),
            **made[name].to_dict("integrated"),
            "difference": made[name].central - bought[name].central,
        }
        for name in names
    ]
    return pd.DataFrame(rows)
