"""`circularity` and `follow`: loops of money, and where a dollar ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import Simulation
from penstock.cli.output import Section, emit, write_tables
from penstock.cli.source import notice_of, source_of

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.circularity import Circularity
    from penstock.analysis.dollar import DollarFollowed

SHOWN = 20
"""Rows of a table for people; other formats and --out hold all."""
SMALLEST_SHOWN_USD_BN = 0.005
DECIMALS = 4
"""Of a dollar, in tables for people."""
KIND_NAMES = {
    "financed": "financed: money put in comes back as revenue",
    "trade": "trade: purchases alone",
    "cross_holding": "cross-holding: financing alone",
}

QuarterOption = Annotated[
    str | None, typer.Option("--quarter", metavar="Q", help="The year to this quarter, such as 2027Q4 [the last].")
]
StateOption = Annotated[
    str | None, typer.Option("--scenario", metavar="S", help="A scenario's year instead of the opening state.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("circularity")(circularity)
    app.command("follow")(follow)


@common
def circularity(
    settings: Settings,
    simulation: Simulation,
    quarter: QuarterOption = None,
    scenario: StateOption = None,
) -> None:
    """Whose revenue is whose financing: loops of money of any length, no dollar told twice.

    The ties in force in the world; with --run or --scenario the money of the year to --quarter, path by path. --out
    writes the tables as Parquet.
    """
    from penstock.analysis.circularity import circularity as analyse

    source, options, notice = _source(settings, simulation, scenario, quarter)
    found = _with_progress(settings, "circularity", analyse, source, options)
    if simulation.out is not None:
        write_tables(simulation.out, {name: getattr(found, name) for name in ("totals", "loops", "legs", "companies")})
    emit(_loop_sections(found, people=settings.format is Format.TABLE), settings, notice=notice)


@common
def follow(
    settings: Settings,
    simulation: Simulation,
    dollar: Annotated[
        str, typer.Option("--dollar", metavar="user|capex|ID", help="A dollar of users, of AI capex or of a company.")
    ],
    quarter: QuarterOption = None,
    scenario: StateOption = None,
) -> None:
    """Where one dollar ends: by kind, layer and company, round by round.

    In the opening state; with --run or --scenario in the year to --quarter, path by path. --out writes the tables as
    Parquet.
    """
    from penstock.analysis.dollar import follow as analyse

    source, options, notice = _source(settings, simulation, scenario, quarter)
    found = _with_progress(settings, "follow", lambda at, **more: analyse(at, dollar, **more), source, options)
    if simulation.out is not None:
        write_tables(
            simulation.out, {name: getattr(found, name) for name in ("kinds", "layers", "companies", "rounds")}
        )
    emit(_dollar_sections(found, people=settings.format is Format.TABLE), settings, notice=notice)


def _source(
    settings: Settings, simulation: Simulation, scenario: str | None, quarter: str | None
) -> tuple[Any, dict[str, Any], str]:
    """The run or world that is meant, the options of the analysis, and the notice."""
    options: dict[str, Any] = {"scenario": scenario, "quarter": quarter, **simulation.size()}
    source = source_of(settings, simulation.run)
    return source, options, notice_of(source)


def _with_progress(settings: Settings, name: str, analyse: Any, source: Any, options: dict[str, Any]) -> Any:
    from penstock.cli.progress_bar import progress_bar

    with progress_bar(settings, name) as on_progress:
        return analyse(source, on_progress=on_progress, **options)


def _loop_sections(found: Circularity, *, people: bool) -> list[Section]:
    if not people:
        return [
            Section("totals", "Dollars in loops", found.totals),
            Section("loops", "Loops", found.loops),
            Section("legs", "Ties of loops", found.legs),
            Section("companies", "Companies", found.companies),
            Section("whole", "All sellers", dict(found.whole)),
            Section("basis", "Basis", {"basis": found.basis, "sentence": found.sentence}),
        ]
    totals = found.totals[found.totals["usd_bn"] > 0.0].copy()
    totals["kind"] = totals["kind"].map(KIND_NAMES)
    loops, left = _shown(found.loops[found.loops["usd_bn"] >= SMALLEST_SHOWN_USD_BN], len(found.loops))
    companies = found.companies
    rows = companies["financed_usd_bn"] + companies["committed_usd_bn"] + companies["intended_usd_bn"]
    companies, more = _shown(companies[rows >= SMALLEST_SHOWN_USD_BN], len(companies))
    return [
        Section("totals", f"Circular money: {found.basis}", _named(totals), found.sentence),
        Section(
            "loops",
            "Loops, USD bn; money goes round in the order of the companies",
            _named(loops[_present(loops, ("stage", "kind", "usd_bn", "low_usd_bn", "high_usd_bn", "se_usd_bn",
                                          "companies", "binding", "grade"))]),
            f"{left}--format json lists the ties of each loop, with the stage of its dollars on each.",
        ),
        Section(
            "companies",
            "Sellers: revenue of a year that paid loops financed; without it, revenue and value, USD bn",
            _company_table(companies),
            f"{more}Value falls with the revenue lost, at the company's own multiple (assumption), and so do stakes.",
        ),
    ]  # fmt: skip


def _company_table(companies: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    def span(row: Any) -> str:
        return f"{row.share:.2%} ({row.low_share:.2%} to {row.high_share:.2%})" if row.share == row.share else "unknown"

    return pd.DataFrame(
        {
            "company": companies["company_id"],
            "revenue": companies["revenue_usd_bn"],
            "financed": companies["financed_usd_bn"],
            "own": companies["own_usd_bn"],
            "share (range)": [span(row) for row in companies.itertuples(index=False)],
            "rev. netted": companies["revenue_netted_usd_bn"],
            "value": companies["value_usd_bn"],
            "value netted": companies["value_netted_usd_bn"],
            "committed": companies["committed_usd_bn"],
            "intended": companies["intended_usd_bn"],
        }
    )


def _dollar_sections(found: DollarFollowed, *, people: bool) -> list[Section]:
    if not people:
        parts = [Section(name, name, getattr(found, name)) for name in ("kinds", "layers", "companies", "rounds")]
        about = {"dollar": found.dollar, "basis": found.basis, "gap": found.gap}
        return [*parts, Section("basis", "Basis", about)]
    of = {"user": "of users' AI spending", "capex": "of AI capex"}.get(found.dollar, f"that {found.dollar} spends")
    short = {"ended_usd": "ends here", "received_usd": "received", "usd": "ends here"}
    kinds = found.kinds.rename(columns={**short, "of_which_at_firms_abroad": "at firms abroad",
                                        "of_which_before_any_firm": "at once"})  # fmt: skip
    columns = ["layer", "received_usd", "ended_usd", "low", "high", "wages", "profit_retained", "taxes"]
    companies, left = _shown(found.companies[["company_id", *columns]], len(found.companies))
    return [
        Section(
            "kinds",
            f"Where a dollar {of} ends: {found.basis}",
            kinds.round(DECIMALS),
            f"Dollars per dollar. Ends add up to 1 within {found.gap:.0e}.",
        ),
        Section("layers", "By layer", found.layers[columns].rename(columns=short).round(DECIMALS)),
        Section("companies", "By company", companies.rename(columns=short).round(DECIMALS), left.strip()),
        Section(
            "rounds",
            "Received by layer and ended, round by round",
            found.rounds.rename(columns=short).round(DECIMALS),
            "A dollar is received by each firm that it passes: what is received adds up to more than what ends.",
        ),
    ]


def _shown(frame: pd.DataFrame, all_rows: int) -> tuple[pd.DataFrame, str]:
    """The first rows, and how many are not shown."""
    shown = frame.head(SHOWN)
    left = all_rows - len(shown)
    return shown, f"{left} smaller ones are not shown. " if left else ""


def _present(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    return [name for name in columns if name in frame]


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"usd_bn": "USD bn", "low_usd_bn": "low", "high_usd_bn": "high", "se_usd_bn": "se"})
