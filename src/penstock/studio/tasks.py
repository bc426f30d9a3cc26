"""The tasks that workers know, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.studio import engine_ready, questions_run, questions_sites, questions_world, work_run, work_study

if TYPE_CHECKING:
    from penstock.studio.workers import Task

TASKS: dict[str, Task] = {
    "compile": engine_ready.compile_engine,
    "world": questions_world.facts,
    "circularity": questions_world.money_loops,
    "follow": questions_world.dollar,
    "systemic": questions_world.damage,
    "opening": questions_world.sheets,
    "chain": questions_world.physical_chain,
    "site": questions_sites.campus,
    "grid_queue": questions_sites.queue,
    "site_power": questions_sites.campus_power,
    "token_choices": questions_sites.token_choices,
    "token": questions_sites.token,
    "summary": questions_run.summary,
    "cascade": questions_run.cascade,
    "company": questions_run.company,
    "help": questions_run.help_needed,
    "tokens_lost": questions_run.lost_by_cause,
    "compare": questions_run.compare,
    "card": questions_run.number_card,
    "simulate": work_run.simulate_run,
    "partial": work_run.partial_fan,
    "surrogate": work_study.surrogate,
    "breaking": work_study.breaking_shocks,
    "prevention": work_study.preventions,
    "reverse": work_study.likeliest_shock,
    "bottlenecks": work_study.limits,
    "switches": work_study.assumptions,
    "portfolio": work_study.exposures,
}
