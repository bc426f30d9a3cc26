"""Sentences of a story: what each event of a path says in words, and the postings that stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

POSTINGS_SHOWN = 3
"""Largest postings shown behind a sentence; the rest are counted."""

CAUSES = {
    "event": "an event of the scenario had struck it",
    "own_cause": "for reasons of its own, outside the model",
    "freeze": "while lenders lent to nobody",
    "chip_cut": "while chips were cut off",
    "power_cut": "while power was held back",
    "maturity": "debt fell due that nobody refinanced",
    "mood": "money had become scarce as the mood turned",
    "cash": "its cash had run out although it had more than it owed",
    "insolvent": "it owed more than it had",
    "rating_cut": "it had lost its investment grade within the year",
    "covenant": "it owed more than its covenants allow, and lenders called for a part",
}


@dataclass(frozen=True)
class Posting:
    """One entry of the ledger: `debit` receives, `credit` gives (of a write-down: debtor, creditor)."""

    quarter: str
    instrument: str
    debit: str
    credit: str
    amount_usd_bn: float
    tie_id: str


@dataclass(frozen=True)
class Sentence:
    """One event in words, with the postings behind it."""

    quarter: str
    company_id: str
    stage: str
    amount_usd_bn: float
    text: str
    postings: tuple[Posting, ...]
    more: int
    """postings of the same kind beyond those shown"""
    more_usd_bn: float


@dataclass
class PathTables:
    """Events, postings and unpaid dues of one path, by quarter and company."""

    events: pd.DataFrame
    ledger: pd.DataFrame
    unpaid: pd.DataFrame
    name: Callable[[str], str]
    """display name of a company or sector"""
    _rows: Mapping[Any, Any] | None = None
    """numbers of the ledger's rows by quarter and instrument"""
    _by_kind: dict[tuple[str, str], list[Posting]] = field(default_factory=dict)
    """postings by quarter and instrument, the largest first"""

    def postings(self, quarter: str, instrument: str, **ends: str) -> list[Posting]:
        """Postings of a quarter and kind with this debit or credit, the largest first."""
        if self._rows is None:
            # each kind of posting is looked at by few sentences, and there are many postings
            self._rows = self.ledger.groupby(["quarter", "instrument"], sort=False).indices
        key = (quarter, instrument)
        if key not in self._by_kind:
            mine = self.ledger.iloc[self._rows.get(key, [])]
            mine = mine.sort_values("amount_usd_bn", ascending=False, kind="stable")
            cells = mine[list(Posting.__annotations__)].itertuples(index=False, name=None)
            self._by_kind[key] = [Posting(*each) for each in cells]
        return [p for p in self._by_kind[key] if all(getattr(p, end) == unit for end, unit in ends.items())]

    def dues(self, quarter: str, company: str) -> pd.DataFrame:
        """Dues that a company left unpaid in a quarter, the largest gap first."""
        rows = self.unpaid[(self.unpaid["quarter"] == quarter) & (self.unpaid["payer"] == company)]
        gap = rows["due_usd_bn"] - rows["paid_usd_bn"]
        return rows.assign(gap_usd_bn=gap).sort_values("gap_usd_bn", ascending=False, kind="stable")


def usd(amount_usd_bn: float) -> str:
    """Nominal dollars with two to three digits that matter: `$66.5tn`, `$1.2bn`, `$340m`, `$0.95m`, `$12,000`."""
    size = abs(amount_usd_bn)
    if size >= 999.5:
        return f"${amount_usd_bn / 1e3:,.{2 if size < 9995 else 1}f}tn"
    if size >= 99.95:
        return f"${amount_usd_bn:,.0f}bn"
    if size >= 0.9995:
        return f"${amount_usd_bn:,.1f}bn"
    if size >= 0.0009995:
        return f"${amount_usd_bn * 1e3:,.{0 if size >= 0.00995 else 1}f}m"
    if size >= 0.0000995:
        return f"${amount_usd_bn * 1e3:,.2f}m"
    return f"${amount_usd_bn * 1e9:,.0f}"


def tell(tables: PathTables) -> list[Sentence]:
    """A sentence for each event of the path, in the order in which things happened."""
    events = tables.events.astype({"company_id": "object"}).fillna("")
    return [_sentence(tables, row) for row in events.to_dict(orient="records")]


def _sentence(tables: PathTables, event: Mapping[Any, Any]) -> Sentence:
    quarter, company, stage = str(event["quarter"]), str(event["company_id"]), str(event["stage"])
    amount = float(event["amount_usd_bn"])
    text, postings = _TELLERS[stage](tables, event, quarter, company, amount)
    shown = tuple(postings[:POSTINGS_SHOWN])
    rest = postings[POSTINGS_SHOWN:]
    return Sentence(quarter, company, stage, amount, text, shown, len(rest), float(sum(p.amount_usd_bn for p in rest)))


def cause(tables: PathTables, event: Mapping[Any, Any]) -> str:
    """Why, as far as the event tells it."""
    kind, word, other = str(event["cause_kind"]), str(event["cause_id"]), str(event["counterparty_id"])
    if kind == "tie":
        # of a purchase the counterparty is the buyer: the customer stands in the tie
        customer = str(event["tie_id"]).split(":", 1)[-1].split(">", 1)[0]
        return f"{tables.name(customer or other)}, a customer, had failed ({event['tie_id']})"
    return CAUSES.get(word, word.replace("_", " ") or kind)


Told = tuple[str, list[Posting]]


def _distress(tables: PathTables, event: Mapping[Any, Any], quarter: str, company: str, amount: float) -> Told:
    dues = tables.dues(quarter, company)
    text = f"{tables.name(company)} cannot pay all that it owes: {usd(amount)} stays unpaid"
    if dues.empty:
        return f"{text} ({cause(tables, event)}).", _largest_payments(tables, quarter, company)
    worst = dues.iloc[0]
    text += (
        f", first of all to {tables.name(str(worst['payee']))} "
        f"({usd(float(worst['paid_usd_bn']))} paid of {usd(float(worst['due_usd_bn']))} due on {worst['tie_id']})"
    )
    tie = str(worst["tie_id"])
    found = [
        posting
        for kind, end in (("cash", {"credit": company}), ("receivable", {"credit": company}))
        for posting in tables.postings(quarter, kind, **end)
        if posting.tie_id == tie
    ]
    return f"{text}; {cause(tables, event)}.", found[:1] or _largest_payments(tables, quarter, company)


def _largest_payments(tables: PathTables, quarter: str, company: str) -> list[Posting]:
    return tables.postings(quarter, "cash", credit=company)[:1]


def _standstill(tables: PathTables, event: Mapping[Any, Any], quarter: str, company: str, amount: float) -> Told:
    written = tables.postings(quarter, "write_down", debit=company)
    text = f"{tables.name(company)} defaults on debt of {usd(amount)}; {cause(tables, event)}"
    dues = tables.dues(quarter, company)
    if len(dues):
        worst = dues.iloc[0]
        text += (
            f"; it pays {usd(float(worst['paid_usd_bn']))} of {usd(float(worst['due_usd_bn']))} "
            f"due to {tables.name(str(worst['payee']))}"
        )
    if not written:
        return f"{text}; no claim is written down.", _largest_payments(tables, quarter, company)
    losers: dict[str, float] = {}
    for posting in written:
        losers[posting.credit] = losers.get(posting.credit, 0.0) + posting.amount_usd_bn
    first = sorted(losers.items(), key=lambda item: -item[1])[:POSTINGS_SHOWN]
    who = ", ".join(f"{tables.name(unit)} {usd(lost)}" for unit, lost in first)
    total = usd(sum(losers.values()))
    return f"{text}. Creditors write off {total}, most of all {who}.", written


def _acquisition(tables: PathTables, event: Mapping[Any, Any], quarter: str, company: str, amount: float) -> Told:
    buyer = str(event["counterparty_id"])
    sold = tables.postings(quarter, "plant", credit=company)
    repaid = tables.postings(quarter, "repayment", credit=company)
    written = tables.postings(quarter, "write_down", debit=company)
    lost = usd(sum(posting.amount_usd_bn for posting in written if posting.tie_id.startswith("debt:")))
    if not sold:
        return f"{tables.name(buyer)} takes over what is left of {tables.name(company)}; lenders lose {lost}.", written
    text = (
        f"{tables.name(buyer)} buys plant of {tables.name(company)} for {usd(amount)}; lenders are repaid "
        f"{usd(sum(p.amount_usd_bn for p in repaid))} and lose {lost}."
    )
    return text, [*sold, *repaid]


def _restructuring(tables: PathTables, event: Mapping[Any, Any], quarter: str, company: str, amount: float) -> Told:
    text = f"{tables.name(company)} goes on, smaller, under its creditors; lenders lose {usd(amount)}."
    written = tables.postings(quarter, "write_down", debit=company)
    # bills stand behind the sentence on the default
    return text, [posting for posting in written if posting.tie_id.startswith("debt:")] or written


def _rescue(tables: PathTables, event: Mapping[Any, Any], quarter: str, company: str, amount: float) -> Told:
    text = f"The state gives {tables.name(company)} {usd(amount)} so that it can pay ({cause(tables, event)})."
    return text, tables.postings(quarter, "grant", debit=company)


def _liquidation(tables: PathTables, event: Mapping[Any, Any], quarter: str, company: str, amount: float) -> Told:
    repaid = tables.postings(quarter, "repayment", credit=company)
    written = tables.postings(quarter, "write_down", debit=company)
    text = (
        f"{tables.name(company)} is wound up and its contracts end: lenders get "
        f"{usd(sum(p.amount_usd_bn for p in repaid))} and lose {usd(amount)}; creditors write off "
        f"{usd(sum(p.amount_usd_bn for p in written))} in all."
    )
    return text, [*written, *repaid] or _largest_payments(tables, quarter, company)


_TELLERS: dict[str, Callable[[PathTables, Mapping[Any, Any], str, str, float], Told]] = {
    "distress": _distress,
    "standstill": _standstill,
    "restructuring": _restructuring,
    "acquisition": _acquisition,
    "rescue": _rescue,
    "liquidation": _liquidation,
}
