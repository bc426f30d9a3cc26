"""`penstock backtest`: the model tried on a past whose end is known, and scored."""

from __future__ import annotations

import typer

from penstock.cli.backtest_ai import ai

app = typer.Typer(help="The model tried on a past whose end is known, and scored.")
app.command("ai")(ai)
