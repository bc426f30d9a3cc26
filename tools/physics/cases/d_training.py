"""R5 to R9: training runs, failures and goodput."""

from __future__ import annotations

from tools.physics.case import Case, Kind, Mark

from penstock.layers.ai import best_split, checkpoint_interval, goodput, training, training_flop
from penstock.layers.ai.training import Training
from penstock.layers.chips import as_chip

TITLE = "Training runs"
HERD = "Llama 3 herd, arXiv:2407.21783: 405B, 126 layers, width 16,384, 15.6e12 tokens"
TABLE = "Llama 3 herd, table 4"
FAILURES = "Llama 3 herd, section 3.3.4: 54 days, 16,384 chips, 466 interruptions, 419 of them unexpected"
CARD = "model card of Llama 3.1 405B: 30.84 million H100 hours"
DALY = "Daly (2006), exact form at the best interval; 50,000 h a chip, 10 s checkpoints"
MLPERF = "MLPerf Training v5.0, Llama 3.1 405B on H100, log files; the simulated figure is not an MLPerf result"
CHINCHILLA = "Hoffmann et al. (2022), arXiv:2203.15556: 70B on 1.4e12 tokens; law as fitted again by arXiv:2404.10102"
H100_BF16 = 989.0
SAMPLE = 8192.0
LAYOUT = {"layers": 126, "width": 16_384}


def run(chips: int, sequence: float) -> Training:
    """The 405B run on a number of H100 at a length of sequence."""
    return training(405e9, 15.6e12, chips, "h100", sequence=sequence, **LAYOUT)


def cases() -> list[Case]:
    """Work, rates, failures, goodput, and published times."""
    return _work() + _rates() + _failures() + _mlperf() + _split()


def _work() -> list[Case]:
    at_400 = training(405e9, 15.6e12, 16_384, "h100", mfu_bf16=400.0 / H100_BF16)
    usual = training(405e9, 15.6e12, 16_384, "h100")
    hours = at_400.compute_days * 24.0 * 16_384 / 1e6
    return [
        Case("R5", "work of 405B on 15.6e12 tokens", "FLOP", 3.79e25, at_400.training_flop, 0.01, Mark.EXACT, HERD),
        Case("R5", "compute alone at 400 TFLOP/s on 16,384", "days", 66.9, at_400.compute_days, 0.01, Mark.EXACT, HERD),
        Case("R5", "chip-hours of that", "million", 26.3, hours, 0.01, Mark.EXACT, HERD),
        Case(
            "R5",
            "chip-hours of the run with failures",
            "million",
            30.84,
            usual.chip_hours / 1e6,
            0.10,
            Mark.CONSISTENCY,
            CARD,
        ),
    ]


def _rates() -> list[Case]:
    shapes = ((8192, 8192, 430), (16_384, 8192, 400), (16_384, 131_072, 380))
    return [
        Case(
            "R6",
            f"{chips:,} H100 at {sequence:,} tokens",
            "TFLOP/s/chip",
            told,
            run(chips, sequence).mfu * H100_BF16,
            0.05,
            Mark.CONSISTENCY,
            TABLE,
        )
        for chips, sequence, told in shapes
    ]


def _failures() -> list[Case]:
    hours = 54.0 * 24.0
    between = hours / 419.0
    chip = between * 16_384
    first = [
        Case("R7", "time between unexpected stops", "h", 3.09, between, 0.01, Mark.EXACT, FAILURES),
        Case("R7", "that of one chip", "h", 50_677, chip, 0.01, Mark.EXACT, FAILURES),
        Case("R7", "failures of a chip", "per year", 0.173, 8760.0 / chip, 0.01, Mark.EXACT, FAILURES),
        Case(
            "R7",
            "share of time that counts, 15 s checkpoints, 8 min restarts",
            "",
            0.90,
            float(goodput(16_384, chip, 15.0, 480.0)),
            0.0,
            Mark.CONSISTENCY,
            FAILURES,
            Kind.AT_LEAST,
        ),
    ]
    exact = [
        Case(
            "R8",
            f"goodput with restarts of {minutes:g} min",
            "",
            told,
            float(goodput(16_384, 50_000, 10.0, 60.0 * minutes)),
            0.01,
            Mark.EXACT,
            DALY,
        )
        for minutes, told in ((10, 0.908), (3, 0.943))
    ]
    tau = float(checkpoint_interval(16_384, 50_000, 10.0)) / 60.0
    return first + exact + [Case("R8", "best time between checkpoints", "min", 7.7, tau, 0.01, Mark.EXACT, DALY)]


def _mlperf() -> list[Case]:
    found = []
    peak = as_chip("h100").peak("fp8")
    for chips, samples_per_s, rate in ((512, 20.88, 812), (2048, 80.9, 787)):
        arithmetic = samples_per_s * float(training_flop(405e9, SAMPLE)) / chips / 1e12
        given = training(405e9, 276_480 * SAMPLE, chips, "h100", precision="fp8").mfu * peak / 1e12
        found.append(
            Case(
                "R9",
                f"{chips} H100: logged samples as work",
                "TFLOP/s/chip",
                rate,
                arithmetic,
                0.01,
                Mark.EXACT,
                MLPERF,
            )
        )
        found.append(
            Case(
                "R9",
                f"{chips} H100: rate of the fp8 recipe",
                "TFLOP/s/chip",
                rate,
                given,
                0.08,
                Mark.CONSISTENCY,
                MLPERF,
            )
        )
    for chips, samples, minutes in ((512, 276_480, 230.7), (2048, 276_480, 59.9), (2048, 322_560, 70.0)):
        days = training(405e9, samples * SAMPLE, chips, "h100", precision="fp8").compute_days
        found.append(
            Case(
                "R9",
                f"{chips} H100: time of {samples:,} samples",
                "min",
                minutes,
                days * 1440.0,
                0.08,
                Mark.CONSISTENCY,
                MLPERF,
            )
        )
    return found


def _split() -> list[Case]:
    split = best_split(training_flop(70e9, 1.4e12))
    return [
        Case(
            "R5",
            "best parameters at the compute of Chinchilla",
            "billion",
            70,
            float(split.parameters) / 1e9,
            0.10,
            Mark.CONSISTENCY,
            CHINCHILLA,
        ),
        Case(
            "R5",
            "best tokens at the compute of Chinchilla",
            "1e12",
            1.4,
            float(split.tokens) / 1e12,
            0.10,
            Mark.CONSISTENCY,
            CHINCHILLA,
        ),
    ]


def text() -> str:
    """What is known and what is foretold."""
    return """The rate at 16,384 chips, the time between failures and the rate of the fp8 recipe are inputs from these
same publications, so that nothing here is a prediction. Times of MLPerf include evaluation and start, which the model
leaves out: it is 4 to 5 % short.
"""
