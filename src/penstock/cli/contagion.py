"""`contagion` and `systemic`: what a loss does to a network of firms, and whose failure would do most."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import Simulation
from penstock.cli.output import Section, emit, write_tables
from penstock.cli.source import notice_of, source_of, world_of
from penstock.errors import ModelError, UsageError

if TYPE_CHECKING:
    from penstock.analysis.contagion import Contagion
    from penstock.analysis.firm_network import FirmNetwork
    from penstock.analysis.systemic import Systemic

LEAST_SHOWN = 1e-9
"""Losses below this part of all equity are left out of the table for people."""
SHOWN = 25
"""Rows of a table for people; other formats and --out hold all."""


class Method(StrEnum):
    """How losses run through a network."""

    EN = "en"
    RV = "rv"
    DEBTRANK = "debtrank"
    DEBTRANK_THRESHOLD = "debtrank-threshold"
    NEVA_EN = "neva-en"
    NEVA_LINEAR = "neva-linear"
    NEVA_BLACKCOX = "neva-blackcox"
    NEVA_MERTON = "neva-merton"


class RankMethod(StrEnum):
    """How losses run when each firm fails in turn."""

    DEBTRANK = "debtrank"
    DEBTRANK_THRESHOLD = "debtrank-threshold"


QuarterOption = Annotated[
    str | None, typer.Option("--quarter", metavar="Q", help="The end of this quarter, such as 2027Q4 [the last].")
]
StateOption = Annotated[
    str | None, typer.Option("--scenario", metavar="S", help="A scenario's state instead of the opening.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("contagion")(contagion)
    app.command("systemic")(systemic)


@common
def contagion(
    settings: Settings,
    simulation: Simulation,
    ties: Annotated[
        Path | None, typer.Argument(metavar="[TIES.csv]", help="debtor,creditor,amount[,seniority,kind,obligor].")
    ] = None,
    balances: Annotated[
        Path | None,
        typer.Argument(metavar="[BALANCES.csv]", help="id,external_assets,external_liabilities[,volatility]."),
    ] = None,
    method: Annotated[Method, typer.Option("--method", help="How losses run.")] = Method.DEBTRANK,
    shock: Annotated[Path | None, typer.Option("--shock", metavar="FILE", help="id,loss: losses from outside.")] = None,
    fail: Annotated[
        list[str] | None, typer.Option("--fail", metavar="ID", help="This firm loses its equity; may be given again.")
    ] = None,
    remove: Annotated[
        str | None, typer.Option("--remove", metavar="TIE", help="The same without this tie, side by side.")
    ] = None,
    recovery: Annotated[float, typer.Option("--recovery", help="Part of a claim that is sure (debtrank, neva).")] = 0.0,
    alpha: Annotated[
        float | None, typer.Option("--alpha", help="What a defaulter's own assets bring (rv) [0.9].")
    ] = None,
    beta: Annotated[float | None, typer.Option("--beta", help="What a defaulter's claims bring (rv) [0.9].")] = None,
    quarter: QuarterOption = None,
    scenario: StateOption = None,
) -> None:
    """What a loss does to a network: who fails, who loses how much, and what one tie has to do with it.

    Without files the network is that of the world: its opening state, or that of a run or scenario at the end of a
    quarter (mean over paths). --out writes the table as Parquet.
    """
    from penstock.analysis.contagion import contagion as analyse
    from penstock.analysis.network_tables import network_from, shock_from
    from penstock.cli.network_files import read_text_table

    if (ties is None) != (balances is None):
        raise UsageError("files: found ties alone; expected TIES.csv and BALANCES.csv, or neither")
    size = simulation.size()
    notice = ""
    if ties is not None and balances is not None:
        if simulation.run is not None or scenario is not None or quarter is not None:
            raise UsageError("files: found a run, scenario or quarter beside them; expected one of the two")
        network = network_from(read_text_table(ties), read_text_table(balances))
        resolve = str
    else:
        network, notice, resolve = _network(settings, simulation.run, scenario, quarter, size)
    losses = shock_from(read_text_table(shock), resolve, network.firms) if shock is not None else {}
    for name in fail or []:
        company = _failing(network, resolve, name)
        losses[company] = max(float(network.equity[network.firms.index(company)]), 0.0)
    found = analyse(
        network, method=method.value, shock=losses, remove=remove, recovery=recovery, alpha=alpha, beta=beta
    )
    if simulation.out is not None:
        write_tables(simulation.out, {"contagion": found.firms})
    emit(_contagion_sections(found, people=settings.format is Format.TABLE), settings, notice=notice)
    if not found.converged:
        raise ModelError("convergence: found losses that do not settle; expected a fixed point")


def _failing(network: FirmNetwork, resolve: Any, name: str) -> str:
    from penstock.world.naming import nearest_name

    found = str(resolve(name))
    if found not in network.firms:
        near = nearest_name(found, network.firms)
        hint = f"; nearest {near}" if near else ""
        raise UsageError(f"--fail: found {name!r}; expected a firm of the network{hint}")
    return found


def _network(
    settings: Settings, run: Path | None, scenario: str | None, quarter: str | None, size: dict[str, Any]
) -> tuple[FirmNetwork, str, Any]:
    """The network of a world, scenario or run, its notice, and how its firms are named."""
    from penstock.analysis.firm_network import network_of

    source = source_of(settings, run)
    network = network_of(
        source,
        scenario=scenario,
        quarter=quarter,
        **{name: size[name] for name in ("paths", "quarters", "seed", "prior")},
    )
    return network, notice_of(source), world_of(source).resolve


@common
def systemic(
    settings: Settings,
    simulation: Simulation,
    method: Annotated[RankMethod, typer.Option("--method", help="How losses run.")] = RankMethod.DEBTRANK,
    quarter: QuarterOption = None,
    scenario: StateOption = None,
) -> None:
    """Firms and ties by the damage they would do: each firm fails in turn, each tie is cut in turn.

    On the opening network, or that of a run or scenario at the end of a quarter (mean over paths). --out writes the
    two tables as Parquet.
    """
    from penstock.analysis.systemic import systemic as analyse
    from penstock.cli.progress_bar import progress_bar

    network, notice, _ = _network(settings, simulation.run, scenario, quarter, simulation.size())
    with progress_bar(settings, "systemic") as on_progress:
        found = analyse(network, method=method.value, on_progress=on_progress)
    if simulation.out is not None:
        write_tables(simulation.out, {"firms": found.firms, "ties": found.ties})
    emit(_systemic_sections(found, people=settings.format is Format.TABLE), settings, notice=notice)


def _contagion_sections(found: Contagion, *, people: bool) -> list[Section]:
    unit = "USD bn" if found.unit == "usd_bn" else found.unit
    title = f"Losses by {found.method}: {found.where}; {unit}"
    frame = found.firms
    if not people:
        return [Section("totals", title, {**found.totals, "unit": found.unit}), Section("firms", title, frame)]
    totals = found.totals
    text = (
        f"Shock {totals['shock']:,.2f}, loss {totals['loss']:,.2f}, of which by contagion "
        f"{totals['loss_by_contagion']:,.2f}, of equity {totals['equity_before']:,.1f}; "
        f"{totals['failed']} failed, {totals['failed_without_shock']} of them without any shock. "
        f"{totals['rounds']} rounds, {'converged' if found.converged else 'NOT CONVERGED'}."
    )
    if "unpaid" in totals:
        text += f"\nOwed {totals['owed']:,.2f}, paid {totals['paid']:,.2f}, unpaid {totals['unpaid']:,.2f}."
    if "removed" in totals:
        text += (
            f"\nWithout {totals['removed']}: loss {totals['loss_without']:,.2f} "
            f"({totals['loss_saved']:,.2f} saved), {totals['failed_without']} failed"
        )
        text += f", unpaid {totals['unpaid_without']:,.2f}." if "unpaid_without" in totals else "."
    if not totals["shock"]:
        text += "\nNo shock was given: add --shock FILE or --fail ID."
    shown = frame
    if len(frame) > SHOWN:
        shown = frame[(frame["loss"] > LEAST_SHOWN * totals["equity_before"]) | frame["failed"]].head(SHOWN)
    if len(shown) < len(frame):
        text = f"{len(shown)} of {len(frame)} firms shown, those with losses first; other formats hold all.\n{text}"
    return [Section("firms", title, _for_people(shown), text)]


def _for_people(frame: Any) -> Any:
    """Shares in percent, spreads in basis points."""
    shown = frame.copy()
    for name, factor, label in (("relative_loss", 100.0, "loss_percent"), ("spread", 1e4, "spread_bp")):
        if name in shown:
            shown[name] = shown[name] * factor
            shown = shown.rename(columns={name: label})
    return shown


def _systemic_sections(found: Systemic, *, people: bool) -> list[Section]:
    unit = "USD bn" if found.unit == "usd_bn" else found.unit
    firms = f"Firms by the damage of their failure ({found.method}): {found.where}; {unit}"
    ties = f"Ties by the damage that they carry, all single failures added up; {unit}"
    if not people:
        return [Section("firms", firms, found.firms), Section("ties", ties, found.ties)]
    by_damage = found.firms.head(SHOWN)
    damage = by_damage[
        ["rank", "company_id", "equity", "damage", "damage_low", "damage_high", "damage_share", "failures", "hits_most"]
    ].copy()
    damage["damage_share"] *= 100.0
    suffering = found.firms.sort_values(["suffered_share", "company_id"], ascending=[False, True]).head(SHOWN // 2)
    suffered = suffering[["company_id", "equity", "suffered", "suffered_share", "suffers_most_from"]].copy()
    suffered["suffered_share"] *= 100.0
    note = (
        "damage: loss of equity of all others; low and high: over the assumed part of committed dues that is lost "
        "(0.15 to 0.6, central 0.3; grade F)."
    )
    return [
        Section("firms", firms, damage.rename(columns={"damage_share": "damage_percent"}), note),
        Section(
            "suffering",
            f"Firms by what they lose when another fails, mean over all others; {unit}",
            suffered.rename(columns={"suffered_share": "suffered_percent"}),
        ),
        Section("ties", ties, found.ties.head(SHOWN).drop(columns=["kind"])),
    ]
