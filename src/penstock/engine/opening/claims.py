"""Who lent to whom, who holds whom, who stands behind whom.

Named loans are scaled to the debt that a firm is known to owe: a facility is not drawn debt,
so what exceeds the debt is an undrawn committed line. The rest of the debt has anonymous
lenders by rating. Shares of every firm add to one, with one residual holder.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.contracts import weakest
from penstock.engine.opening.estimates import ratings
from penstock.engine.opening.schedules import HAIRCUT, QUARTERS, first_quarter
from penstock.engine.opening.universe import sector_of

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe
    from penstock.engine.rules import Rules
    from penstock.world import World

INVESTMENT_GRADE = frozenset({"AAA", "AA", "A", "BBB"})
BUILDERS = frozenset({"neocloud", "developer"})

AMORTISATION = {"grade": 1 / 24, "builder": 1 / 40, "other": 1 / 20}
"""Share repaid per quarter (assumption): investment grade, builders (mini-perm), others."""

LEASE_AMORTISATION = 1 / 28
"""Share of lease liabilities repaid per quarter (assumption: seven years, range five to twelve)."""

OUTSTANDING = frozenset({"active", "closed", "completed", "signed"})
"""Loan statuses under which money has flowed; announced and undrawn ones are lines."""

DEBT_COLUMNS = [
    "tie_id", "contract_id", "borrower", "lender", "instrument", "balance", "rate", "amortisation",
    "bullet_quarter", "secured", "draw_share", "grade",
]  # fmt: skip
STAKE_COLUMNS = ["tie_id", "contract_id", "holder", "company", "share", "round_share", "strategic", "grade"]
GUARANTEE_COLUMNS = ["contract_id", "guarantor", "beneficiary", "landlord", "cap", "grade"]
FAIR_VALUE = r"[Ff]air value ([0-9]+(?:[.][0-9]+)?)bn"
"""A note that tells the fair value of a holding: the amount of the row is then only its cost."""

SMALLEST_STAKE_WEIGHT = 0.02
"""Weight of a strategic investor of unstated size in the next round of a lab (assumption, 0.005 to 0.05)."""


def unit_of(universe: Universe, party: str, kind: str) -> str:
    """The unit that carries a claim of this party: itself, its sector, else the fitting sector."""
    if party in universe.firms or party in universe.holders or party in universe.sectors:
        return party
    sector = sector_of(party, universe.rules)
    if sector is not None:
        return sector
    return "private_investors" if kind == "equity" else "private_credit"


def anonymous_lenders(rules: Rules, graded: bool) -> dict[str, float]:
    """Lenders of debt that no row names, with their shares: bonds for investment grade, else as the world tells."""
    if graded:
        return {"bond_market": 1.0}
    risky = {"private_credit": "risky_private_credit_share", "bank_syndicate": "risky_bank_share"}
    risky["bond_market"] = "risky_bond_share"
    return {lender: share for lender, name in risky.items() if (share := rules.constants[name]) > 0.0}


def build_credit(
    world: World, universe: Universe, inputs: SheetInputs, contracts: pd.DataFrame
) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Debt ties (balances of each borrower add to its known debt and leases), undrawn lines, notes."""
    notes: list[str] = []
    lines = pd.Series(0.0, index=pd.Index(universe.firms, name="firm"), name="credit_lines")
    rows: list[dict[str, object]] = []
    drawn_part = _drawn_parts(world)
    rating = inputs.rating
    if (rating == "").any():  # unrated firms: by the rule that the profile uses
        rating = ratings(inputs.figures.value, universe.group, rating)
    loans = contracts[contracts["kind"].isin(["loan", "vendor_financing"]) & contracts["amount_usd_bn"].notna()]
    by_firm: dict[str, list[tuple[pd.Series, float]]] = defaultdict(list)
    for contract_id, row in loans.iterrows():
        borrower = str(row["receiver_id"])
        if borrower not in universe.firms:
            continue
        amount = float(row["amount_usd_bn"])
        if row["kind"] == "vendor_financing" and row["binding"] == "intent":
            continue
        if row["status"] not in OUTSTANDING:
            if row["binding"] != "intent":
                lines[borrower] += amount * HAIRCUT.get(str(row["binding"]), 1.0)
            continue
        drawn = drawn_part.get(str(contract_id), amount)
        lines[borrower] += max(0.0, amount - drawn)
        by_firm[borrower].append((row, drawn))
    for firm in universe.firms:
        debt, lease = float(inputs.debt[firm]), float(inputs.lease_liabilities.get(firm, 0.0))
        rate = float(inputs.interest_rate[firm])
        graded = str(rating[firm]) in INVESTMENT_GRADE
        builder = str(universe.group[firm]) in BUILDERS
        named = sum(amount for _, amount in by_firm[firm])
        factor = min(1.0, debt / named) if named > 0 else 1.0
        if factor < 1.0 - 1e-9:
            lines[firm] += named - debt
            notes.append(
                f"{firm}: named loans of {named:.2f} usd_bn exceed its debt of {debt:.2f}; "
                f"{named - debt:.2f} counts as undrawn lines"
            )
        pace = AMORTISATION["grade" if graded else "builder" if builder else "other"]
        placed = 0.0
        for row, amount in by_firm[firm]:
            balance = amount * factor
            placed += balance
            rows.append(_named_loan(world, universe, row, firm, balance, rate, pace, builder))
        shares = anonymous_lenders(universe.rules, graded)
        rest = max(0.0, debt - placed)
        for lender, share in shares.items():
            rows.append(
                _debt_row(
                    firm, lender, "bond" if lender == "bond_market" else "loan", rest * share, rate, pace,
                    secured=builder and lender == "bank_syndicate", draw_share=share,
                )
            )  # fmt: skip
        if lease > 0:
            rows.append(
                _debt_row(firm, "lessors", "lease", lease, rate, LEASE_AMORTISATION, secured=False, draw_share=0.0)
            )
    return pd.DataFrame(rows, columns=DEBT_COLUMNS), lines, notes


def _drawn_parts(world: World) -> dict[str, float]:
    """Drawn part of a facility where another row tells it (that row is `included_in` the facility)."""
    frame = world.table("contracts")
    if "included_in" not in frame:
        return {}
    parts = frame[(frame["kind"] == "loan") & frame["included_in"].notna() & (frame["status"] == "active")]
    facility = frame.set_index("id")["amount_usd_bn"].to_dict()
    out: dict[str, float] = {}
    for parent, amount in zip(parts["included_in"], parts["amount_usd_bn"], strict=True):
        limit = facility.get(parent, math.nan)
        if pd.notna(amount) and pd.notna(limit) and float(amount) < float(limit):
            out[str(parent)] = out.get(str(parent), 0.0) + float(amount)
    return out


def _debt_row(
    borrower: str,
    lender: str,
    instrument: str,
    balance: float,
    rate: float,
    amortisation: float,
    *,
    secured: bool,
    draw_share: float,
    contract: str = "",
    bullet: int = -1,
    grade: str = "F",
) -> dict[str, object]:
    name = contract or ("rest" if instrument != "lease" else "leases")
    return {
        "tie_id": f"debt:{borrower}>{lender}:{name}",
        "contract_id": contract,
        "borrower": borrower,
        "lender": lender,
        "instrument": instrument,
        "balance": balance,
        "rate": rate,
        "amortisation": amortisation,
        "bullet_quarter": bullet,
        "secured": secured,
        "draw_share": draw_share,
        "grade": grade,
    }


def _named_loan(
    world: World,
    universe: Universe,
    row: pd.Series,
    borrower: str,
    balance: float,
    rate: float,
    pace: float,
    builder: bool,
) -> dict[str, object]:
    """One named loan or bond: a bullet only where the data tell its end within the horizon."""
    lender = unit_of(universe, str(row["provider_id"]), "loan")
    instrument = "bond" if str(row["provider_id"]) in universe.rules.part("bond_lender") else "loan"
    bullet = -1
    if pd.notna(row["end"]):
        left = int(pd.Period(row["end"], freq="Q").ordinal - first_quarter(world).ordinal)
        if left >= QUARTERS:
            pace = 1.0 / left
        elif left >= 0:
            bullet = left
            pace = 0.0 if instrument == "bond" else pace
    amount = float(row["amount_usd_bn"])
    scaled = abs(balance - amount) > 1e-9 * max(amount, 1.0)
    grade = weakest(str(row["grade"]), "D") if scaled else str(row["grade"])
    return _debt_row(
        borrower, lender, instrument, balance, rate, pace,
        secured=builder and instrument == "loan", draw_share=0.0, contract=str(row["id"]), bullet=bullet,
        grade=grade,
    )  # fmt: skip


def build_stakes(universe: Universe, inputs: SheetInputs, contracts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Holdings in every firm: named ones, then one residual holder; shares of a firm add to one.

    A stated fraction counts as it is; an amount counts over the firm's value up to the assumed
    cap; an undisclosed part gets the assumed small holding. Deals not closed and warrants that
    still vest hold nothing yet, but their parties take part in the next round.
    """
    notes: list[str] = []
    held: dict[str, dict[str, list[tuple[str, float, float, str]]]] = defaultdict(lambda: defaultdict(list))
    for contract_id, row in contracts[contracts["kind"].isin(["equity", "warrant", "acquisition"])].iterrows():
        investor, company = str(row["provider_id"]), str(row["receiver_id"])
        if row["kind"] == "warrant":
            investor, company = company, investor
        if company not in universe.firms or investor == company or sector_of(company, universe.rules) is not None:
            continue
        found = _stake(universe, inputs, row, company)
        if found is None:
            continue
        holder = unit_of(universe, investor, "equity")
        held[company][holder].append((str(contract_id), *found))
    rows: list[dict[str, object]] = []
    for firm in universe.firms:
        rows.extend(_holders_of(universe, firm, held[firm], notes))
    return pd.DataFrame(rows, columns=STAKE_COLUMNS), notes


def _stake(universe: Universe, inputs: SheetInputs, row: pd.Series, company: str) -> tuple[float, float, str] | None:
    """(share held now, weight in a next round, grade) of one equity, warrant or acquisition row."""
    kind, status, binding = str(row["kind"]), str(row["status"]), str(row["binding"])
    value = float(inputs.market_value.get(company, 0.0))
    stated = float(row["share"]) if pd.notna(row["share"]) else None
    amount = float(row["amount_usd_bn"]) if pd.notna(row["amount_usd_bn"]) else None
    by_amount = None
    if amount is not None and value > 0:
        by_amount = min(amount / value, universe.rules.assumed("stake_cap_from_amount"))
    fair = re.search(FAIR_VALUE, str(row["note"]))
    if fair is not None and value > 0 and stated is None:
        stated = min(1.0, float(fair.group(1)) / value)
    if kind == "acquisition":
        return (1.0, 0.0, str(row["grade"])) if status == "completed" and stated == 1.0 else None
    if kind == "warrant":
        done = binding == "firm" and stated is not None
        return (stated, 0.0, str(row["grade"])) if done and stated is not None else None
    if binding == "intent":
        return None
    weight = stated if stated is not None else by_amount if by_amount is not None else SMALLEST_STAKE_WEIGHT
    if status not in OUTSTANDING or binding == "conditional":
        return 0.0, weight, str(row["grade"])
    if stated is not None:
        return stated, weight, str(row["grade"])
    if by_amount is not None:
        return by_amount, weight, "F"
    return universe.rules.assumed("undisclosed_stake"), weight, "F"


def _holders_of(
    universe: Universe, firm: str, held: dict[str, list[tuple[str, float, float, str]]], notes: list[str]
) -> list[dict[str, object]]:
    """Rows of one firm: holders by name, the residual holder last so that shares add to one."""
    residual = "public_equity" if bool(universe.listed[firm]) else "private_investors"
    share = {h: min(1.0, math.fsum(s for _, s, _, _ in parts)) for h, parts in held.items() if h != residual}
    total = math.fsum(share.values())
    if total > 1.0:
        if total > 1.0 + 1e-9:
            notes.append(f"{firm}: named holdings of {total:.2f} scaled to the whole")
        share = {h: s / total for h, s in share.items()}
    strategic = {h: universe.group.get(firm) == "lab" and h in universe.firms for h in share}
    weight = {h: math.fsum(w for _, _, w, _ in held[h]) for h in share if strategic[h]}
    round_total = math.fsum(weight.values())
    taken = universe.rules.assumed("strategic_round_share") if round_total > 0 else 0.0
    rows: list[dict[str, object]] = []
    rounds = 0.0
    for holder in sorted(share):
        part = taken * weight[holder] / round_total if holder in weight and round_total > 0 else 0.0
        rounds += part
        rows.append(
            {
                "tie_id": f"stake:{holder}>{firm}",
                "contract_id": ";".join(sorted(c for c, _, _, _ in held[holder])),
                "holder": holder,
                "company": firm,
                "share": share[holder],
                "round_share": part,
                "strategic": strategic[holder],
                "grade": weakest(*(g for _, _, _, g in held[holder])),
            }
        )
    rows.append(
        {
            "tie_id": f"stake:{residual}>{firm}",
            "contract_id": ";".join(sorted(c for c, _, _, _ in held.get(residual, []))),
            "holder": residual,
            "company": firm,
            "share": max(0.0, 1.0 - math.fsum(share.values())),
            "round_share": 1.0 - rounds,
            "strategic": False,
            "grade": "F",
        }
    )
    return rows


def build_guarantees(world: World, universe: Universe, contracts: pd.DataFrame) -> pd.DataFrame:
    """Guarantees in force: who backs whom, for which landlord, up to what amount.

    The landlord stands in the notes of the row or of the rows that it contains. A compute
    contract that binds only for unsold capacity is a guarantee for its provider.
    """
    everything = world.table("contracts")
    inside = everything["included_in"] if "included_in" in everything else pd.Series("", index=everything.index)
    rows: list[dict[str, object]] = []
    chosen = contracts[contracts["kind"] == "guarantee"]
    backstops = contracts[contracts["id"].isin(universe.rules.part("backstop"))]
    for frame, guarantor_column, beneficiary_column in (
        (chosen, "provider_id", "receiver_id"),
        (backstops, "receiver_id", "provider_id"),
    ):
        for contract_id, row in frame.iterrows():
            guarantor, beneficiary = str(row[guarantor_column]), str(row[beneficiary_column])
            units = (*universe.firms, *universe.holders, *universe.sectors)
            if guarantor not in units or beneficiary not in universe.firms:
                continue
            notes = [str(row["note"]), *everything.loc[inside == contract_id, "note"].astype(str)]
            found = [m.group(1) for m in (re.search(r"landlord protected: (\w+)", n) for n in notes) if m]
            amount = row["amount_usd_bn"]
            rows.append(
                {
                    "contract_id": str(contract_id),
                    "guarantor": guarantor,
                    "beneficiary": beneficiary,
                    "landlord": found[0] if found else "",
                    "cap": float(amount) if pd.notna(amount) else 0.0,
                    "grade": str(row["grade"]) if pd.notna(amount) else "F",
                }
            )
    return pd.DataFrame(rows, columns=GUARANTEE_COLUMNS)
