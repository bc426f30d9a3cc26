"""Section 5.17, 1, 2, 3 and 6: what must happen when cache, speed, power or restarts change."""

from __future__ import annotations

from dataclasses import replace

from tools.physics.case import Case, Kind, Mark
from tools.physics.cases.c_serving_chain import DEMAND, chain, fleet_replica

from penstock.layers.ai import goodput, goodput_linear, under_power_cap

TITLE = "Stress of compute"
CAPPED = Mark.CONSISTENCY  # the response to a cap is an assumed exponent
SOURCE = "what the closed forms of the worked chain imply"


def cases() -> list[Case]:
    """Half the cache, twice the speed, a fifth less power, ten times the restart."""
    usual, _, _, usual_cost = chain()
    less, _, _, _ = chain(replace(DEMAND, cached=0.25))
    fast, _, _, fast_cost = chain(tokens_per_s_per_user=60.0)
    made = fleet_replica()
    room = (1.0 / 60.0 - made.efficiency.overhead_s) * made.bytes_per_s - made.model.parameters * made.weight_bytes
    by_memory = room / (DEMAND.context_tokens * made.token_bytes)
    dearer = fast_cost.usd_per_million_output_tokens / usual_cost.usd_per_million_output_tokens
    slow = float(goodput(1e5, 50_000, 10.0, 1800.0))
    linear = float(goodput_linear(1e5, 50_000, 10.0, 1800.0))
    short = float(goodput(1e5, 50_000, 10.0, 180.0))
    found = [
        (
            "5.17-1",
            "chips that read, cache 0.25 over 0.5",
            1.5,
            less.prefill_chips / usual.prefill_chips,
            1e-9,
            Kind.RELATIVE,
        ),
        (
            "5.17-2",
            "batch at 60 tokens/s, memory's closed form",
            float(int(by_memory)),
            fast.batch,
            1e-9,
            Kind.RELATIVE,
        ),
        (
            "5.17-2",
            "decoding chips at 60 over 28 tokens/s",
            2.0,
            fast.decode_chips / usual.decode_chips,
            0.0,
            Kind.AT_LEAST,
        ),
        ("5.17-2", "cost of all tokens, reading too, at 60 over 28", 1.0, dearer, 0.0, Kind.AT_LEAST),
        (
            "5.17-3",
            "training lost under a cap of 80 %",
            0.2,
            1.0 - float(under_power_cap(0.8, 0.55)),
            0.0,
            Kind.AT_MOST,
        ),
        (
            "5.17-3",
            "decoding lost under a cap of 80 %",
            0.1,
            1.0 - float(under_power_cap(0.8, 0.25)),
            0.0,
            Kind.AT_MOST,
        ),
        ("5.17-6", "goodput of 100,000 chips, restarts of 3 min", 0.8, short, 0.0, Kind.AT_LEAST),
        ("5.17-6", "goodput of 100,000 chips, restarts of 30 min", 0.5, slow, 0.0, Kind.AT_MOST),
        ("5.17-6", "the same stays above zero", 0.0, slow, 0.0, Kind.AT_LEAST),
        ("5.17-6", "linear form with restarts of 30 min", 0.0, linear, 0.0, Kind.AT_MOST),
    ]
    return [
        Case(name, what, "", told, given, within, CAPPED if name == "5.17-3" else Mark.EXACT, SOURCE, kind)
        for name, what, told, given, within, kind in found
    ]


def text() -> str:
    """Why the whole cost rises less."""
    return """At 60 tokens/s a user, decoding takes 2.4 times the chips; prompts are read as before, so that the whole
bill rises less. The response to a cap on power is an assumed exponent (grade F): the rows show its direction only.
"""
