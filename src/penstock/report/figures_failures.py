"""The figures of a run that show who fails, when, and where the money goes."""

from __future__ import annotations

from penstock.engine.opening.state import LAYERS
from penstock.report.numbers import money, percent, plain, probability_text, wilson_interval
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.spec import Column, Facet, Figure, Rows, run_python, scenario_facet, told_by
from penstock.report.tables import company_failures, default_timeline, layer_failures

COMPANIES_SHOWN = 25

LEFT_NODES = ("users", "other_customers", "lenders", "investors")
"""Payers at the left end of the stack."""
RIGHT_NODES = ("other_suppliers", "workers", "state", "to_lenders", "to_investors")
"""Payees at the right end of the stack."""
REPAID = {"lenders": "to_lenders", "investors": "to_investors"}
"""Funders stand at both ends: what they pay in comes from the left, what they get back goes to the right."""

NODE_NAMES = LAYER_NAMES

STACK_RANK = {"finance": 1, "ai": 1, "data": 2, "platform": 3, "facilities": 4, "silicon": 5, "energy": 6}
LEFT_RANK, RIGHT_RANK = 0, 7


def who_fails(data: ReportData) -> Figure:
    """Share of paths on which each company defaults, the most frequent first, with its 90 % interval."""

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        failures = company_failures(data, scenario)
        for row in failures.head(COMPANIES_SHOWN).to_dict("records"):
            company, count = str(row["company_id"]), int(row["count"])
            weak = data.weak_grade_of(company)
            low, high = wilson_interval(count, data.paths)
            known = data.company_evidence.get(company)
            rows.append(
                [
                    company,
                    data.name_of(company),
                    LAYER_NAMES.get(str(row["layer"]), str(row["layer"])),
                    str(row["layer"]),
                    probability_text(count, data.paths, weak),
                    low,
                    # no single number where the sheet does not support one
                    None if weak else count / data.paths,
                    high,
                    str(row["median_quarter"]),
                    f"{row['p05_quarter']} to {row['p95_quarter']}",
                    known.weak_share if known else None,
                ]
            )
        return rows, _who_fails_sentence(data, scenario)

    rows, findings = told_by(data.scenarios, tell)
    return Figure(
        id="who-fails",
        kind="whiskers",
        title="Who fails",
        unit="% of paths on which the company defaults",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("company_id", "Company id", "text", hidden=True),
            Column("company", "Company", "text"),
            Column("layer_name", "Layer", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("share_text", "Paths with a default", "text"),
            Column("p05", "90% interval, low", "share", hidden=True),
            Column("estimate", "Share of paths", "share", hidden=True),
            Column("p95", "90% interval, high", "share", hidden=True),
            Column("median_quarter", "Median quarter", "text"),
            Column("quarters", "9 of 10 defaults fall in", "text"),
            Column("weak_share", "Sheet at grade E or F", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(data.scenarios),),
        options={
            "category": "company",
            "layer": "layer",
            "low": "p05",
            "value": "estimate",
            "high": "p95",
            "percent": True,
        },
        python=_outcomes_python(data),
        table_open=True,
        note=(
            f"At most {COMPANIES_SHOWN} companies. A share below 10%, below twice its "
            "standard error, or of a "
            "company with more than half of its balance sheet at grade E or F is a range, with that grade; "
            "a bar without a dot marks the latter."
        ),
    )


def _outcomes_python(data: ReportData) -> str:
    return run_python(
        data.directory,
        'defaults = run.outcomes[run.outcomes["default_quarter"].fillna("") != ""]\n'
        'paths = defaults.groupby(["scenario", "company_id"])["path"].nunique()\n'
        'print((paths / run.manifest["paths"]).sort_values(ascending=False))\n',
    )


def _who_fails_sentence(data: ReportData, scenario: str) -> str:
    failures = company_failures(data, scenario)
    if failures.empty:
        return f"No company defaults on any of the {data.paths:,} paths."
    named = [
        f"{data.name_of(str(row['company_id']))} "
        f"{probability_text(int(row['count']), data.paths, data.weak_grade_of(str(row['company_id'])))}"
        for row in failures.head(3).to_dict("records")
    ]
    listed = named[0] if len(named) == 1 else "; ".join(named[:-1]) + "; and " + named[-1]
    return f"{len(failures)} companies default on at least one path, most often {listed}."


def layer_defaults(data: ReportData) -> Figure:
    """Share of paths with a default in each layer."""

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        table = layer_failures(data, scenario)
        for row in table.to_dict("records"):
            count, layer = int(row["count"]), str(row["layer"])
            low, high = wilson_interval(count, data.paths)
            rows.append(
                [
                    LAYER_NAMES[layer],
                    layer,
                    probability_text(count, data.paths),
                    low,
                    count / data.paths,
                    high,
                    float(row["mean_defaults"]),
                    int(row["companies"]),
                ]
            )
        top = table.sort_values("count", ascending=False).iloc[0]
        return rows, (
            f"{LAYER_NAMES[str(top['layer'])]} see a default most often: "
            f"{probability_text(int(top['count']), data.paths)}, "
            f"{plain(float(top['mean_defaults']), 2)} companies per path."
            if int(top["count"])
            else f"No layer sees a default on any of the {data.paths:,} paths."
        )

    rows, findings = told_by(data.scenarios, tell)
    return Figure(
        id="layer-defaults",
        kind="whiskers",
        title="Which layers see a default",
        unit="% of paths with at least one default",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("layer_name", "Layer", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("share_text", "Paths with a default", "text"),
            Column("p05", "90% interval, low", "share", hidden=True),
            Column("estimate", "Share of paths", "share", hidden=True),
            Column("p95", "90% interval, high", "share", hidden=True),
            Column("mean_defaults", "Defaults per path"),
            Column("companies", "Companies that ever default"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(data.scenarios),),
        options={
            "category": "layer_name",
            "layer": "layer",
            "low": "p05",
            "value": "estimate",
            "high": "p95",
            "percent": True,
        },
        python=_outcomes_python(data),
    )


def timeline(data: ReportData) -> Figure:
    """When the companies that fail most often fail: share of paths by quarter of first default."""
    order: list[str] = []
    groups: dict[str, str] = {}
    periods = sorted({str(q) for q in data.economy["quarter"].unique()})

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        failures = company_failures(data, scenario).head(COMPANIES_SHOWN)
        table = default_timeline(data, scenario, failures["company_id"].tolist())
        for company, quarter, count in zip(table["company_id"], table["quarter"], table["count"], strict=True):
            name = data.name_of(str(company))
            groups[name] = data.company_layers.get(str(company), "")
            rows.append([name, str(quarter), count / data.paths])
            if name not in order:
                order.append(name)
        if table.empty:
            return rows, "No company defaults, so there is no quarter of default to show."
        by_year = table.groupby(table["quarter"].str[:4])["count"].sum()
        peak = str(by_year.idxmax())
        return rows, (
            "Among the companies that fail most often, "
            f"{percent(float(by_year.max() / by_year.sum()))} of the "
            f"defaults fall in {peak}, more than in any other year."
        )

    rows, findings = told_by(data.scenarios, tell)
    rank = {layer: index for index, layer in enumerate(LAYERS)}
    order.sort(key=lambda name: (rank.get(groups[name], len(rank)), name))
    return Figure(
        id="default-timeline",
        kind="heat",
        title="When they fail",
        unit="% of paths whose first default of the company falls in the quarter",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("company", "Company", "text"),
            Column("quarter", "Quarter", "text"),
            Column("share", "Share of paths", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(data.scenarios),),
        options={
            "x": "quarter",
            "x_order": periods,
            "y": "company",
            "y_order": order,
            "y_groups": {name: LAYER_NAMES.get(layer, layer) for name, layer in groups.items()},
            "value": "share",
            "labels": False,
        },
        python=run_python(
            data.directory,
            'defaults = run.outcomes[run.outcomes["default_quarter"].fillna("") != ""]\n'
            'print(defaults.groupby(["scenario", "company_id", "default_quarter"])["path"].nunique())\n',
        ),
    )


def money_sankey(data: ReportData) -> Figure | None:
    """Mean yearly payments between layers and sectors; None when the run carries no flows.

    A Sankey needs a graph without cycles. Funders therefore stand at both ends. Payments that run against the
    stack or inside one layer are `return` flows: drawn as arcs beneath, listed in the same table.
    """
    if data.flows is None:
        return None
    flows = data.flows.assign(payee=data.flows["payee"].astype(str).replace(REPAID))
    ranks = _node_ranks(flows["payer"].astype(str).tolist(), flows["payee"].astype(str).tolist())
    years = sorted({str(year) for year in flows["year"].unique()})

    def tell(scenario: str, year: str) -> tuple[Rows, str]:
        rows: Rows = []
        mine = (flows["scenario"].astype(str) == scenario) & (flows["year"].astype(str) == year)
        total = repaid = returned = 0.0
        largest = ""
        for row in flows[mine].sort_values("usd_bn_mean", ascending=False).to_dict("records"):
            payer, payee, mean = str(row["payer"]), str(row["payee"]), float(row["usd_bn_mean"])
            if not mean > 0.0:
                continue
            back = ranks[payer] >= ranks[payee]
            total += mean
            returned += mean if back else 0.0
            repaid += mean if payee in REPAID.values() else 0.0
            largest = largest or f"{node_name(payer)} to {node_name(payee)}, {money(mean)}"
            direction = "return" if back else "forward"
            rows.append([node_name(payer), node_name(payee), direction, mean, float(row["p05"]), float(row["p95"])])
        return rows, (
            f"In {year}, {money(total)} moves between layers and sectors on average over the paths; "
            f"{percent(repaid / total)} of it goes to lenders and investors, {percent(returned / total)} "
            f"runs up the stack or stays inside a layer. The largest flow is {largest}."
            if total > 0
            else f"No payments between layers are recorded for {year}."
        )

    rows, findings = told_by([f"{scenario}|{year}" for scenario in data.scenarios for year in years], tell)
    per = "per year" if all(len(year) == len("2026") for year in years) else "in the period"
    nodes = sorted(ranks, key=lambda node: (ranks[node], node))
    return Figure(
        id="money",
        kind="sankey",
        title="Where the money goes",
        unit=f"$bn {per}, nominal, mean over paths",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("year", "Year", "text"),
            Column("payer", "Payer", "text"),
            Column("payee", "Payee", "text"),
            Column("direction", "Direction", "text"),
            Column("usd_bn", "Mean, $bn"),
            Column("p05", "5th percentile, $bn"),
            Column("p95", "95th percentile, $bn"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(data.scenarios), Facet("year", "Year", tuple((y, y) for y in years))),
        options={
            "source": "payer",
            "target": "payee",
            "value": "usd_bn",
            "direction": "direction",
            "nodes": [[node_name(node), node if node in LAYERS else "", ranks[node]] for node in nodes],
        },
        python=run_python(
            data.directory,
            'print(run.flows.sort_values(["scenario", "year", "usd_bn_mean"], ascending=[True, True, False]))\n',
        ),
        note=(
            "Bands run from payer (left) to payee (right). What lenders and investors put in comes from the left, "
            "what they get (interest, repayments, dividends, buybacks) goes to the right. Dashed arcs beneath: "
            "payments up the stack or inside a layer; those below 1% of the largest stand in the table only."
        ),
    )


def node_name(node: str) -> str:
    """Display name of a layer or sector."""
    return NODE_NAMES.get(node, node.replace("_", " ").capitalize())


def _node_ranks(payers: list[str], payees: list[str]) -> dict[str, int]:
    """Column of each node. An unknown node stands left when it mostly pays, right when it is mostly paid."""
    ranks: dict[str, int] = {}
    for node in dict.fromkeys([*payers, *payees]):
        if node in STACK_RANK:
            ranks[node] = STACK_RANK[node]
        elif node in LEFT_NODES:
            ranks[node] = LEFT_RANK
        elif node in RIGHT_NODES:
            ranks[node] = RIGHT_RANK
        else:
            ranks[node] = LEFT_RANK if payers.count(node) > payees.count(node) else RIGHT_RANK
    return ranks
