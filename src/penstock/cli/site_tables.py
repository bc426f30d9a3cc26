"""What `penstock site` prints: dates, stages, cost, cooling and water; with --power mix, cost, hours short, carbon."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pandas as pd

from penstock.analysis.site import Site
from penstock.analysis.site_inputs import SiteInputs
from penstock.analysis.site_power import SitePower
from penstock.cli.output import Section, number
from penstock.report.numbers import percent

BAR = 24
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WAITS = {"power: grid": "the grid", "power: heavy_turbine": "turbines", "power: reciprocating": "engines"}


def site_grades(inputs: SiteInputs) -> dict[str, float]:
    """Rows behind a site by evidence grade: itself, its plants, its stages, and what was filled in."""
    grades = [inputs.grade, *(s.grade for s in inputs.supplies), *(s.grade for s in inputs.stages.values())]
    return {grade: float(count) for grade, count in Counter([*grades, *(f.grade for f in inputs.filled)]).items()}


# --- the campus -----------------------------------------------------------------------------------------


def site_sections(found: Site, *, people: bool) -> list[Section]:
    """The parts of a campus."""
    plain = found.to_dict()
    if not people:
        return [
            Section("summary", "summary", plain["summary"]),
            *(Section(name, name, plain[name]) for name in ("stages", "blocks", "capex", "spending", "year")),
            Section("assumed", "assumed", _assumed(found.inputs)),
        ]
    sections = [
        Section("summary", found.inputs.name, _card(found)),
        Section("blocks", "Power on, block by block: day passed with 10, 50, 90 % of draws", _dates(found), DATES),
        Section("stages", "Stages, months", _stages(found), _waits(found)),
        Section("capex", "Cost, $bn of the years it is paid", _capex(found), CAPEX),
        Section("spending", "First block: share of its cost paid", _spending(found)),
        Section("year", "The year: cooling and water", _year(found), _cooling_note(found)),
    ]
    if len(found.blocks) == 0:
        sections = [s for s in sections if s.key not in ("blocks", "stages", "spending")]
    return _with_assumed(sections, found.inputs)


DATES = (
    "Conditional on completion and on no power so far where none is on. Stages of one project lean on each other\n"
    "(correlation 0.3; 0.5 among equipment markets). Ranges of stages: docs/site.md."
)
CAPEX = (
    "Low and high are sums of lows and highs, wider than a 90 % range. Building rises 5.5 % a year; chips and servers\n"
    "at prices of 2025."
)


def _card(found: Site) -> dict[str, Any]:
    s = found.summary
    size = f"{number(s['it_mw'])} MW of IT"
    if s["it_mw_now"]:
        size += f", {number(s['it_mw_now'])} MW on"
    announced = f" (announced {number(s['facility_mw_announced'])} MW)" if s["facility_mw_announced"] else ""
    curtailed = f"{s['hours_curtailed']} h at {percent(s['least_share_in_hot_hours'])} of IT load or more"
    litres, million_m3 = f"{s['water_l_per_kwh']:.2f}", number(s["water_m3_per_year"] / 1e6)
    card: dict[str, Any] = {
        "status": f"{s['status']}; completion {percent(s['completion_probability'])} (judgement)",
        "size": size + (f", {number(s['area_km2'])} km2" if s["area_km2"] else ""),
        "power to contract": f"{number(s['contracted_mw'])} MW{announced}",
        "cooling": f"{s['cooling']}; climate {s['climate']}",
        "PUE": f"{s['pue_mean']:.3f} mean, {s['pue_hottest_hour']:.3f} in the hottest hour",
        "water": f"{litres} L/kWh of IT, {million_m3} million m3 a year",
        "energy": f"{number(s['facility_mwh_per_year'] / 1e6)} TWh a year at {percent(s['load_share'])} load",
        "hot hours": f"{curtailed}, if sized for 99 % of hours",
    }
    for label in ("first", "full"):
        told, met = s.get(f"{label}_power_announced"), s.get(f"{label}_power_by_announced")
        if told is None:
            continue
        text = f"{told.isoformat()}"
        if met is not None:
            text += f", met by {percent(met)} of draws" if told > found.inputs.as_of else ", passed"
        card[f"{label} power announced"] = text
    return card


def _dates(found: Site) -> pd.DataFrame:
    rows: list[tuple[str, ...]] = []
    days = [(row["p10"], row["p90"]) for row in found.blocks.to_dict("records") if row["block"]]
    begin = found.inputs.as_of
    end = max((late for _, late in days), default=begin)
    for row in found.blocks.to_dict("records"):
        if row["block"] == 0:
            rows.append(("on", number(row["it_mw_total"]), "", "", "", ""))
            continue
        when = [f"{row[name]:%Y-%m}" for name in ("p10", "p50", "p90")]
        rows.append((str(row["block"]), number(row["it_mw_total"]), *when, _bar(row, begin, end)))
    span = f"{begin:%Y-%m} to {end:%Y-%m}"
    return pd.DataFrame(rows, columns=["block", "MW on", "p10", "p50", "p90", span])


def _bar(row: Any, begin: dt.date, end: dt.date) -> str:
    """A line from the 10 to the 90 % day with the median marked."""
    span = max((end - begin).days, 1)

    def place(day: dt.date) -> int:
        return min(max(round((day - begin).days / span * (BAR - 1)), 0), BAR - 1)

    low, middle, high = (place(row[name]) for name in ("p10", "p50", "p90"))
    return "".join("o" if n == middle else "-" if low <= n <= high else " " for n in range(BAR)).rstrip()


def _stages(found: Site) -> pd.DataFrame:
    rows = []
    for row in found.stages.to_dict("records"):
        given = f"{row['low']:.0f} / {row['central']:.0f} / {row['high']:.0f}"
        drawn = f"{row['p10']:.0f} / {row['p50']:.0f} / {row['p90']:.0f}"
        rows.append((row["what"], given, drawn, row["grade"]))
    return pd.DataFrame(rows, columns=["stage", "5 / 50 / 95 %", "drawn 10 / 50 / 90 %", "grade"])


def _waits(found: Site) -> str:
    waits = found.summary["waiting_for"]
    if not waits:
        return ""
    named = [f"{WAITS.get(name, name)} {percent(share)}" for name, share in list(waits.items())[:4]]
    return f"First power waits for: {', '.join(named)} of draws."


def _capex(found: Site) -> pd.DataFrame:
    rows = []
    for row in found.capex.to_dict("records"):
        told = "" if row["announced"] is None or row["announced"] != row["announced"] else number(row["announced"])
        rows.append(
            (row["part"].replace("_", " "), number(row["low"]), number(row["central"]), number(row["high"]), told)
        )
    return pd.DataFrame(rows, columns=["part", "low", "central", "high", "announced"])


def _spending(found: Site) -> pd.DataFrame:
    rows = []
    for row in found.spending.to_dict("records"):
        rows.append((f"{row['date']:%Y-%m}", percent(row["paid"]), "#" * round(BAR * row["paid"])))
    return pd.DataFrame(rows, columns=["by", "paid", ""])


def _year(found: Site) -> pd.DataFrame:
    rows = []
    for row in found.year.to_dict("records"):
        rows.append(
            (
                MONTHS[row["month"] - 1],
                f"{row['dry_bulb_c']:.0f}",
                f"{row['pue']:.3f}",
                f"{row['pue_highest']:.3f}",
                number(row["facility_mw"]),
                f"{row['water_l_per_kwh']:.2f}",
                number(row["water_thousand_m3"]),
            )
        )
    return pd.DataFrame(rows, columns=["month", "C", "PUE", "highest", "MW mean", "L/kWh", "1,000 m3"])


def _cooling_note(found: Site) -> str:
    return f"Weather: {found.summary['climate_source']}."


# --- its power ------------------------------------------------------------------------------------------


def power_sections(found: SitePower, *, people: bool) -> list[Section]:
    """What powers a campus at each load."""
    plain = found.to_dict()
    if not people:
        parts = [Section("site", "site", plain["site"])]
        parts += [Section(name, name, plain[name]) for name in ("summary", "mix")]
        parts.append(Section("turbines", "turbines", found.turbines))
        parts.append(Section("given", "given", pd.DataFrame(plain["given"], columns=GIVEN)))
        return [*parts, Section("assumed", "assumed", _assumed(found.inputs))]
    sections = [Section("given", f"{found.inputs.name}: power that is given", _given(found), _grid_note(found))]
    summary, mix = found.summary(), found.mix()
    for case in found.cases:
        label = f"{case.label} load, {number(case.load_mw)} MW"
        mine = summary[summary["case"] == case.label]
        sections.append(Section(f"{case.label}_summary", f"At {label}", _outcome(mine)))
        rows = mix[mix["case"] == case.label]
        sections.append(Section(f"{case.label}_mix", f"Least-cost mix at {label}", _mix(rows)))
    sections[-1] = Section(sections[-1].key, sections[-1].title, sections[-1].body, POWER)
    if len(found.turbines) and any(case.plan.new_mw.get(name, 0.0) >= 0.5 for case in found.cases for name in TURBINES):
        sections.append(Section("turbines", "Makers of heavy gas turbines", _turbines(found.turbines), BOOKS))
    return _with_assumed(sections, found.inputs)


TURBINES = ("ccgt", "ocgt")
BOOKS = (
    "Wait from order to power of an order placed now: 3.5 years, stretched by the book (range: high and low output)."
)
GIVEN = ["name", "technology", "mw", "ordered", "delivered", "status", "grade"]
POWER = (
    "Least cost: capacities from 12 clustered days and the hardest one, peaking units topped up and all run at\n"
    "every hour of the year. Reserve: units against single outages, to 99.99 % of hours."
)


def _given(found: SitePower) -> pd.DataFrame | dict[str, str]:
    if not found.inputs.supplies:
        return {"plants": "none is named for the site", "grid": f"at most {number(found.inputs.grid_cap_mw)} MW"}
    rows = []
    for supply, units in Counter(found.inputs.supplies).items():
        size = (f"{units} x " if units > 1 else "") + number(supply.mw)
        days = _iso(supply.ordered), _iso(supply.delivered)
        rows.append((supply.name, supply.technology, size, *days, supply.status, supply.grade))
    return pd.DataFrame(rows, columns=["name", "technology", "MW", "ordered", "delivers", "status", "grade"])


def _turbines(frame: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (
            row["maker"],
            number(row["backlog_gw"]),
            number(row["output_gw_per_year"]),
            f"{row['lead_years']:.1f} ({row['lead_low']:.1f} to {row['lead_high']:.1f})",
            row["grade"],
        )
        for row in frame.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["maker", "book, GW", "output, GW a year", "wait, years", "grade"])


def _iso(day: dt.date | None) -> str:
    return "" if day is None else day.isoformat()


def _grid_note(found: SitePower) -> str:
    if not found.inputs.supplies:
        return ""
    return f"The grid gives at most {number(found.inputs.grid_cap_mw)} MW."


def _outcome(rows: pd.DataFrame) -> pd.DataFrame:
    """Measures down, supplies across."""
    columns = list(rows["supply"])
    values = rows.to_dict("records")

    def line(what: str, texts: list[str]) -> dict[str, str]:
        return {"": what, **dict(zip(columns, texts, strict=True))}

    lines = [
        line("hours short, all plants at their mean", [number(v["hours_short"]) for v in values]),
        line("hours short by single outages", [number(v["hours_short_by_outages"]) for v in values]),
        line("  with common causes", [_maybe(v["hours_short_with_common_causes"]) for v in values]),
        line("energy short, TWh", [number(v["energy_short_mwh"] / 1e6) for v in values]),
        line("cost, $ million a year", [number(v["cost_usd_per_year"] / 1e6) for v in values]),
        line("cost, $/MWh served", [_maybe(v["usd_per_mwh_served"]) for v in values]),
        line("CO2 at the stack, million t a year", [number(v["co2_t"] / 1e6) for v in values]),
        line("gas lost upstream, million t CO2e", [number(v["upstream_t_co2e"] / 1e6) for v in values]),
        line("water at the site, million m3", [number(v["water_site_m3"] / 1e6) for v in values]),
        line("water at power plants, million m3", [number(v["water_plants_m3"] / 1e6) for v in values]),
    ]
    return pd.DataFrame(lines)


def _maybe(value: Any) -> str:
    return "" if value is None or value != value else number(value)


def _mix(rows: pd.DataFrame) -> pd.DataFrame:
    out = []
    for row in rows.to_dict("records"):
        bar = "#" * round(16 * row["share"])
        out.append(
            (
                row["what"],
                number(row["given_mw"]),
                number(row["added_mw"]),
                number(row["energy_mwh"] / 1e6),
                percent(row["share"]),
                _maybe(row["usd_per_mwh"]),
                _maybe(row["lead_years"]),
                bar,
            )
        )
    return pd.DataFrame(out, columns=["source", "given MW", "add MW", "TWh", "share", "$/MWh", "lead, y", ""])


# --- what was filled in ---------------------------------------------------------------------------------


def _assumed(inputs: SiteInputs) -> pd.DataFrame:
    rows = [(f.quantity, f.value, f.rule, f.grade) for f in inputs.filled]
    return pd.DataFrame(rows, columns=["quantity", "value", "rule", "grade"])


def _with_assumed(sections: list[Section], inputs: SiteInputs) -> list[Section]:
    if not inputs.filled:
        return sections
    return [*sections, Section("assumed", "Filled in by rule", _assumed(inputs))]
