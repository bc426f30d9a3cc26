"""`penstock calibrate`: what the cited course of the build-out says about the parameters of the model."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_SEED, JobsOption, OutOption, SeedOption, read_seed
from penstock.cli.output import Section, emit, notice
from penstock.errors import UsageError
from penstock.machine import usable_cores

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.calibration import Calibration
    from penstock.world import World

DEFAULT_BANK = 40_000
DEFAULT_UNTIL = "2025-12-31"
PRESENT = "ai-2025"

BankOption = Annotated[int, typer.Option("--paths", "-n", min=1, help="Simulations in the bank, at least 2,000.")]
UntilOption = Annotated[str, typer.Option("--until", metavar="DATE", help="Last day of the data, a quarter's end.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("calibrate")(calibrate)


@common
def calibrate(
    settings: Settings,
    until: UntilOption = DEFAULT_UNTIL,
    paths: BankOption = DEFAULT_BANK,
    seed: SeedOption = str(DEFAULT_SEED),
    jobs: JobsOption = None,
    out: OutOption = None,
) -> None:
    """Weigh parameters by how well the model, started in the past, gives the cited series since.

    Starts from ai-2024, or from the past world of --world. One ensemble from the wide prior is the bank; the cited
    points pick from it. --out keeps the bank there, so that the same call goes on where it stopped, and writes the
    draws (posterior.csv, posterior.json) and the page calibration.md.
    """
    from penstock.analysis.calibration import calibrate as study
    from penstock.cli.progress_bar import progress_bar

    last = _day(until)
    world = _world(settings)
    with progress_bar(settings) as on_progress:
        found = study(
            world,
            until=last,
            paths=paths,
            seed=read_seed(seed),
            jobs=jobs or usable_cores(),
            folder=out,
            on_progress=on_progress,
        )
    people = settings.format is Format.TABLE
    if settings.format is Format.JSON:
        emit(found, settings, notice=notice(found.world))
    else:
        emit(sections_of(found, people=people), settings, notice=notice(found.world))
    if out is not None:
        from penstock.analysis.calibration_files import write_calibration

        written = write_calibration(found, out)
        settings.say("wrote " + ", ".join(str(path) for path in written))


def _world(settings: Settings) -> World | None:
    """The world that was asked for; None for the usual start, where none was."""
    if settings.world == PRESENT and settings.overlay is None and settings.as_of is None:
        return None
    return settings.load_world()


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--until: found {text!r}; expected an ISO date, as {DEFAULT_UNTIL}") from None


def sections_of(found: Calibration, *, people: bool) -> list[Section]:
    """What is known of each parameter, by which data, and how the data look when simulated again."""
    told = found.parameters[found.parameters["informed"]]
    head = (
        f"Calibration from {found.world.name} to {found.until}: {len(told)} of {len(found.parameters)} parameters"
        " informed"
    )
    return [
        Section("summary", head, _summary(found)),
        Section(
            "parameters",
            "Parameters that the data inform",
            _parameters_for_people(told) if people else found.parameters,
            "told: share of the prior's variance that the data explain. Quantiles 10, 50, 90 %.\n"
            "All others keep their prior: the data do not inform them.",
        ),
        Section(
            "data",
            "Share of variance that each family of data explains alone",
            _data_for_people(found.data) if people else found.data,
            "Families overlap: a row need not add up to what all data tell.",
        ),
        Section(
            "families",
            "The cited points simulated again",
            _families_for_people(found.families) if people else found.families,
            "error: mean log of median over data (minus: too low), before and after the fit. in 80 %:\n"
            "share of points in the interval of the model, before, after, and with the discrepancy.",
        ),
        *([] if people else [Section("series", "", found.series)]),
    ]


def _summary(found: Calibration) -> dict[str, object]:
    posterior = found.posterior
    aside = ", ".join(f"{name} ({far:.1f} sd)" for name, far in posterior.allowance.beyond_reach.items())
    wider = ", ".join(f"{name} (x {factor:g})" for name, factor in posterior.allowance.widened.items())
    return {
        "bank": f"{posterior.paths:,} simulations, seed {found.seed}",
        "data": f"{len(found.targets.points)} points of {len(found.series)} series",
        "set aside, beyond reach": aside or "none",
        "data as odd under the prior": f"{posterior.joint_p_value:.2%}",
        "widened, series": wider or "none",
        "discrepancy": f"as stated, times {posterior.allowance.inflation:g}",
        "not ruled out": f"{posterior.share_left:.0%} of the bank",
        "draws": f"{len(posterior.weights):,}, effective sample size {posterior.effective_size:,.0f}",
    }


def _parameters_for_people(told: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from penstock.cli.output import number

    rows = []
    for name, row in told.iterrows():
        before, after = (
            " ".join(number(float(row[f"{part}_{level}"])) for level in (10, 50, 90)) for part in ("prior", "posterior")
        )
        rows.append((str(name), f"{row['share']:.0%}", before, after, "" if row["carried"] else "own day"))
    return pd.DataFrame(rows, columns=["parameter", "told", "prior", "posterior", "runs"])


SHORT = {
    "capital_spending": "capex",
    "cloud_revenue": "cloud",
    "chip_sales": "sales",
    "chips_counted": "chips",
    "lab_revenue": "labs",
    "user_spending": "users",
}


def _data_for_people(data: pd.DataFrame) -> pd.DataFrame:
    """Per cent, blank below one; narrow headings."""
    import pandas as pd

    cells = {
        SHORT.get(str(name), str(name)): [f"{100 * value:.0f}" if value >= 0.005 else "" for value in column]
        for name, column in data.items()
    }
    return pd.DataFrame(cells, index=data.index).rename_axis("share, %")


def _families_for_people(families: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    columns = {
        "points": families["points"].astype(int),
        "error before": families["prior_error"].map("{:+.2f}".format),
        "after": families["posterior_error"].map("{:+.2f}".format),
        "in 80 %": families["prior_cover_80"].map("{:.0%}".format),
        "after ": families["posterior_cover_80"].map("{:.0%}".format),
        "both": families["with_discrepancy_cover_80"].map("{:.0%}".format),
    }
    return pd.DataFrame(columns).rename_axis("family")
