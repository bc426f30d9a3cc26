"""One path told as a dated story: who failed first and why, who lost what, who bought whom."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.losses import BEARERS, PathLosses, losses_of
from penstock.analysis.story import PathTables, Sentence, tell, usd
from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

CHOICES = ("worst", "median")
SECTOR_NAMES = {
    "households": "households",
    "enterprises": "enterprises",
    "governments": "the state",
    "workers": "employees",
    "tax_office": "the tax office",
    "row_customers": "other customers",
    "row_suppliers": "other suppliers",
    "other_ai_buyers": "other buyers of AI equipment",
    "bond_market": "the bond market",
    "private_credit": "private credit",
    "bank_syndicate": "bank syndicates",
    "public_equity": "shareholders",
    "private_investors": "private investors",
    "oem_vendors": "other makers of equipment",
    "lessors": "lessors",
    "row_rest": "others",
}


@dataclass(frozen=True)
class Explanation:
    """One path of a scenario in words and numbers."""

    scenario: str
    path: int
    chosen: str
    """`worst`, `median` or the number asked for"""
    paths: int
    loss_usd_bn: float
    """claims written down and equity of failed companies at its last value before distress, over the whole path"""
    rank: int
    """1 is the path with the largest loss"""
    mean_usd_bn: float
    se_usd_bn: float
    """mean loss over all paths and its standard error"""
    by_bearer: dict[str, float]
    """who bears the loss, usd_bn; they add to it"""
    rescue_usd_bn: float
    summary: tuple[str, ...]
    """what happened in a few sentences: the first contract that failed, who lost most, who bought whom"""
    story: tuple[Sentence, ...]
    losers: pd.DataFrame
    """creditor_id, creditor, loss_usd_bn, most_to: who lost most of claims (equity apart)"""

    def to_pandas(self) -> pd.DataFrame:
        """A row a posting behind a sentence: sentence, quarter, company_id, stage, text, then the posting."""
        import pandas as pd

        rows = []
        for number, sentence in enumerate(self.story, start=1):
            head = (number, sentence.quarter, sentence.company_id, sentence.stage, sentence.text)
            empty = [("", "", "", np.nan, "")]
            entries = [(p.instrument, p.debit, p.credit, p.amount_usd_bn, p.tie_id) for p in sentence.postings] or empty
            rows += [(*head, *entry) for entry in entries]
        columns = ["sentence", "quarter", "company_id", "stage", "text"]
        return pd.DataFrame(rows, columns=[*columns, "instrument", "debit", "credit", "amount_usd_bn", "tie_id"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("story", "losers")}
        return {
            **plain,
            "summary": list(self.summary),
            "story": [asdict(sentence) for sentence in self.story],
            "losers": self.losers.to_dict(orient="records"),
        }


def explain(
    run_or_world: Run | World,
    path: int | str = "worst",
    *,
    scenario: str | None = None,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    losses: PathLosses | None = None,
    on_progress: OnProgress = silent,
) -> Explanation:
    """Tell one path of a run: a number from 0, `worst` (largest `loss_usd_bn`) or `median`.

    `scenario` is one of the run's (its first unless given). A world is simulated first, with the other options.
    `losses` are those of the scenario where they have been counted before. The path is simulated again from the
    manifest, bit for bit what the run saw, so that each sentence has its postings.

    Raises UsageError for a path or scenario that the run does not have.
    """
    from penstock.engine.run import Run

    if isinstance(run_or_world, Run):
        run = run_or_world
    else:
        from penstock.engine.ensemble import simulate

        options: dict[str, Any] = {"paths": paths, "quarters": quarters, "seed": seed, "jobs": jobs, "prior": prior}
        run = simulate(run_or_world, scenario or "baseline", **options, on_progress=on_progress)
        scenario = None
    name = scenario or run.scenarios[0]
    if name not in run.scenarios:
        raise UsageError(f"scenario: found {name!r}; expected one of {', '.join(run.scenarios)}")
    found = losses_of(run, name) if losses is None else losses
    number = _path_number(path, found)
    detail = run.path(number, name)
    names = _names(run)
    tables = PathTables(detail.events, detail.ledger, detail.unpaid, lambda unit: names.get(unit, unit or "nobody"))
    story = tuple(tell(tables))
    at = int(np.flatnonzero(found.paths == number)[0])
    loss = float(found.loss_usd_bn[at])
    count = len(found.paths)
    rows = run.losses[(run.losses["scenario"] == name) & (run.losses["path"] == number)]
    losers = _losers(rows, names)
    return Explanation(
        scenario=name,
        path=number,
        chosen=str(path),
        paths=count,
        loss_usd_bn=loss,
        rank=int((found.loss_usd_bn > loss).sum()) + 1,
        mean_usd_bn=float(found.loss_usd_bn.mean()),
        se_usd_bn=float(found.loss_usd_bn.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan"),
        by_bearer={bearer: float(found.by_bearer[bearer][at]) for bearer in BEARERS},
        rescue_usd_bn=float(found.rescue_usd_bn[at]),
        summary=_summary(tables, story, losers, rows, loss),
        story=story,
        losers=losers,
    )


def _path_number(asked: int | str, found: PathLosses) -> int:
    """The number of the path asked for."""
    if (isinstance(asked, int) and not isinstance(asked, bool)) or str(asked).isdecimal():
        number = int(asked)
        if number in found.paths:
            return number
    elif asked == "worst":
        return found.worst_path
    elif asked == "median":
        # of paths in order of loss the one in the middle; of equal losses the first path
        order = np.lexsort((found.paths, found.loss_usd_bn))
        return int(found.paths[order[(len(order) - 1) // 2]])
    near = nearest_name(str(asked), CHOICES)
    hint = f"; nearest {near}" if near else ""
    raise UsageError(
        f"path: found {asked!r}; expected a number from {found.paths[0]} to {found.paths[-1]}, worst or median{hint}"
    )


def _names(run: Any) -> dict[str, str]:
    """Display names of companies and sectors, without what the world's table says in brackets."""
    table = run.world.table("companies")
    pairs = zip(table["id"].astype(str), table["name"].astype(str), strict=True)
    return {company: name.split(" (", 1)[0] for company, name in pairs} | SECTOR_NAMES


def _losers(losses: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Creditors by what they lost on a path, with the debtor that cost them most."""
    import pandas as pd

    claims = losses[losses["instrument"] != "equity"].astype({"creditor_id": "object", "company_id": "object"})
    owed: dict[str, dict[str, float]] = {}
    columns = claims[["creditor_id", "company_id", "loss_usd_bn"]]
    for creditor, debtor, lost in columns.itertuples(index=False, name=None):
        mine = owed.setdefault(str(creditor), {})
        mine[str(debtor)] = mine.get(str(debtor), 0.0) + float(lost)
    rows = []
    for creditor, mine in owed.items():
        debtor = max(mine, key=lambda name: mine[name])
        told = f"{names.get(debtor, debtor)} {usd(mine[debtor])}"
        rows.append((creditor, names.get(creditor, creditor), sum(mine.values()), told))
    table = pd.DataFrame(rows, columns=["creditor_id", "creditor", "loss_usd_bn", "most_to"])
    return table.sort_values(["loss_usd_bn", "creditor_id"], ascending=[False, True], ignore_index=True)


def _summary(
    tables: PathTables,
    story: tuple[Sentence, ...],
    losers: pd.DataFrame,
    losses: pd.DataFrame,
    loss_usd_bn: float,
) -> tuple[str, ...]:
    """The story in a few sentences."""
    if not story:
        return ("No company comes into distress on this path.",)
    defaults = [sentence for sentence in story if sentence.stage == "standstill"]
    told = []
    unpaid = ((sentence, tables.dues(sentence.quarter, sentence.company_id)) for sentence in story)
    for sentence, dues in ((sentence, dues) for sentence, dues in unpaid if len(dues)):
        worst = dues.iloc[0]
        told.append(
            f"The first contract to go unpaid is {worst['tie_id']}, {sentence.quarter}: "
            f"{tables.name(sentence.company_id)} pays {tables.name(str(worst['payee']))} "
            f"{usd(float(worst['paid_usd_bn']))} of {usd(float(worst['due_usd_bn']))} due."
        )
        break
    if defaults:
        largest = max(defaults, key=lambda sentence: sentence.amount_usd_bn)
        first = defaults[0]
        told.append(
            f"{len(defaults)} companies default, {tables.name(first.company_id)} first ({first.quarter}); the largest "
            f"is {tables.name(largest.company_id)} ({largest.quarter}, debt of {usd(largest.amount_usd_bn)})."
            if len(defaults) > 1
            else f"One company defaults: {tables.name(first.company_id)} ({first.quarter}, debt of "
            f"{usd(first.amount_usd_bn)})."
        )
    equity = losses[losses["instrument"] == "equity"].sort_values("loss_usd_bn", ascending=False, kind="stable")
    if len(equity):
        most = ", ".join(
            f"{tables.name(str(row.company_id))} {usd(float(str(row.loss_usd_bn)))}"
            for row in equity.head(3).itertuples(index=False)
        )
        told.append(
            f"Of {usd(loss_usd_bn)} lost, owners of failed companies bear {usd(float(equity['loss_usd_bn'].sum()))} "
            f"(last value before distress): most of all {most}."
        )
    if len(losers):
        who = ", ".join(
            f"{row.creditor} {usd(float(str(row.loss_usd_bn)))}" for row in losers.head(3).itertuples(index=False)
        )
        told.append(f"Creditors write off {usd(float(losers['loss_usd_bn'].sum()))}: most of all {who}.")
    bought = [
        f"{tables.name(posting.debit)} buys plant of {tables.name(posting.credit)} ({usd(posting.amount_usd_bn)})"
        for sentence in story
        for posting in sentence.postings
        if sentence.stage == "acquisition" and posting.instrument == "plant"
    ]
    if bought:
        more = f" and {len(bought) - 3} more" if len(bought) > 3 else ""
        told.append(f"Who buys whom: {'; '.join(bought[:3])}{more}.")
    return tuple(told)
