"""The counts of the model card: how much of the opening rests on what."""

from __future__ import annotations

from penstock.engine.opening.assemble import open_world
from penstock.engine.opening.state import ASSET_LINES
from penstock.engine.opening.universe import build_universe
from penstock.world import load_world

INVESTMENT_GRADE = ("AAA", "AA", "A", "BBB")


def card_counts() -> str:
    """Points of the card on evidence, ratings, ties and scope, counted from the opening of the bundled world."""
    world = load_world()
    opening, universe = open_world(world), build_universe(world)
    profile, ties = opening.profile, opening.flow_ties
    weak = profile["evidence_share_ef"] > 0.5
    junk = ~profile["rating"].isin(INVESTMENT_GRADE)
    assets = opening.sheet[list(ASSET_LINES)].sum(axis=1)
    filled = ties.loc[ties["grade"] == "F", "base"].sum() / ties["base"].sum()
    points = (
        f"**Evidence.** {len(opening.firms)} companies are simulated. Total assets of "
        f"{(opening.assets_grade == 'F').sum()} of them are estimated, {weak.sum()} have more than half of their sheet "
        f"at grade E or F. By dollars that is little: these {weak.sum()} hold "
        f"{100.0 * assets[weak].sum() / assets.sum():.0f} % of all assets. Of the {junk.sum()} companies below "
        f"investment grade it is {(junk & weak).sum()}. Who fails first is therefore known worst.",
        f"**Ratings** of {profile['rating_estimated'].sum()} companies are estimated by a rule; those of the large "
        "firms are from memory (grade E).",
        f"**Ties.** Of {len(ties)} payment ties at the opening most are filled in proportion, not named: "
        f"{100.0 * filled:.0f} % of the dollars along them are grade F.",
        f"**Scope.** One region; the rest of the economy is {len(opening.sectors)} counterpart sectors; other business "
        f"of large firms grows exogenously; {len(universe.left_out)} companies of the data are left out, each with its "
        "reason.",
        f"**Lenders do not fail.** Losses of {len(opening.holders)} holders and of sectors are counted and shut "
        "lending, no more.",
    )
    return "".join(f"- {point}\n" for point in points)
