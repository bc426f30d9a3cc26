"""Fit the quick stand-in of the power plan: `python -m tools.fit_power_surrogate`.

Solves plans at points of a Latin hypercube (kept in `runs/power_surrogate.npz`, so that a second call goes on),
fits a small network by L-BFGS from a fixed start, and writes `src/penstock/layers/energy/surrogate.csv`. The same
solver gives the same file. Prints the error on points that were not fitted.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc

from penstock.layers.energy.surrogate import OUTPUTS, RANGES, TABLE, SlowPlan, scaled

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "runs" / "power_surrogate.npz"
SEED = 2026
POINTS, HELD = 3600, 300
WIDER = {
    "gas_usd_per_mmbtu": (2.5, 6.5),
    "co2_usd_per_t": (0.0, 60.0),
    "grid_usd_per_mwh": (45.0, 80.0),
    "cost_of_capital": (0.055, 0.09),
    "capex_gas": (0.75, 1.35),
    "capex_solar": (0.8, 1.3),
    "capex_wind": (0.8, 1.3),
    "capex_battery": (0.6, 1.3),
    "grid_cap_share": (0.0, 0.7),
    "solar_factor": (0.85, 1.15),
    "wind_factor": (0.75, 1.1),
}
"""Box of the points: a little wider than the ranges in which the network serves, for edges are fitted worst."""
HIDDEN = (48, 48)
FEATURES = 8
PENALTY = 3e-7
"""Weight decay, which keeps the network smooth between its points."""
ROUNDS = 4500

Array = np.ndarray


def points(count: int) -> Array:
    """Inputs at the points, (11, count)."""
    unit = qmc.LatinHypercube(len(RANGES), rng=np.random.default_rng(SEED)).random(count).T
    low, high = (np.array([pair[place] for pair in WIDER.values()])[:, None] for place in (0, 1))
    return low + unit * (high - low)


def solved(inputs: Array) -> Array:
    """Outputs of the plan at the points, (8, count); those kept from an earlier call are not solved again."""
    out = np.full((len(OUTPUTS), inputs.shape[1]), np.nan)
    if KEPT.is_file():
        kept = np.load(KEPT)
        if np.array_equal(kept["inputs"], inputs):
            out = kept["outputs"]
    left = np.flatnonzero(np.isnan(out[0]))
    slow, began = SlowPlan(), time.monotonic()
    for done, place in enumerate(left, start=1):
        found = slow.solve(dict(zip(RANGES, inputs[:, place].tolist(), strict=True)))
        out[:, place] = [found[name] for name in OUTPUTS]
        if done % 100 == 0 or done == len(left):
            KEPT.parent.mkdir(exist_ok=True)
            np.savez(KEPT, inputs=inputs, outputs=out)
            print(f"{done} of {len(left)} plans in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return out


def as_fitted(inputs: Array, outputs: Array) -> Array:
    """Outputs with sun and wind in MW of Dallas's: the network does not see how good a place is, only what it costs."""
    out = outputs.copy()
    for name in ("solar", "wind"):
        out[OUTPUTS.index(name)] *= inputs[list(RANGES).index(f"{name}_factor")]
    return out


def unpacked(vector: Array) -> list[tuple[Array, Array]]:
    """Matrices and shifts of the layers from one vector."""
    sizes = (FEATURES, *HIDDEN, len(OUTPUTS))
    layers, at = [], 0
    for wide, tall in itertools.pairwise(sizes):
        matrix = vector[at : at + wide * tall].reshape(tall, wide)
        at += wide * tall
        layers.append((matrix, vector[at : at + tall]))
        at += tall
    return layers


def loss(vector: Array, inputs: Array, outputs: Array, weight: Array) -> tuple[float, Array]:
    """Weighted mean square error with its gradient."""
    layers = unpacked(vector)
    values = [inputs]
    for matrix, shift in layers[:-1]:
        values.append(np.tanh(matrix @ values[-1] + shift[:, None]))
    matrix, shift = layers[-1]
    gap = matrix @ values[-1] + shift[:, None] - outputs
    count = gap.size
    error = float((weight * gap**2).sum() / count + PENALTY * vector @ vector)
    back = 2.0 * weight * gap / count
    parts: list[Array] = []
    for place in range(len(layers) - 1, -1, -1):
        parts = [(back @ values[place].T).ravel(), back.sum(axis=1), *parts]
        if place:
            back = (layers[place][0].T @ back) * (1.0 - values[place] ** 2)
    return error, np.concatenate(parts) + 2.0 * PENALTY * vector


def fitted(inputs: Array, outputs: Array) -> Array:
    """The vector of the network that fits best from a fixed start."""
    random = np.random.default_rng(SEED)
    sizes = (FEATURES, *HIDDEN, len(OUTPUTS))
    start = []
    for wide, tall in itertools.pairwise(sizes):
        start += [random.standard_normal(wide * tall) / np.sqrt(wide), np.zeros(tall)]
    # an error of a cent on the dollar counts as much as one of 2 % of load
    weight = np.ones((len(OUTPUTS), 1))
    weight[OUTPUTS.index("usd_per_mwh")] = 25.0
    weight[OUTPUTS.index("solar")] = 1.5
    weight[OUTPUTS.index("battery_energy")] = 0.2
    weight[OUTPUTS.index("co2_t_per_mwh")] = 10.0
    arguments = (scaled(inputs), outputs, weight)
    options = {"maxiter": ROUNDS, "maxfun": 2 * ROUNDS, "maxcor": 30}
    found = minimize(loss, np.concatenate(start), args=arguments, jac=True, method="L-BFGS-B", options=options)
    return found.x


def errors(vector: Array, inputs: Array, outputs: Array) -> str:
    """Mean, 95 % and largest error of each output."""
    layers = unpacked(vector)
    values = scaled(inputs)
    for matrix, shift in layers[:-1]:
        values = np.tanh(matrix @ values + shift[:, None])
    given = layers[-1][0] @ values + layers[-1][1][:, None]
    lines = []
    for place, name in enumerate(OUTPUTS):
        gap = np.abs(given[place] - outputs[place])
        if name == "usd_per_mwh":
            gap = gap / outputs[place]
        line = f"{name:16s} mean {gap.mean():.4f}  95 % {np.quantile(gap, 0.95):.4f}  largest {gap.max():.4f}"
        lines.append(f"{line}  (values {outputs[place].min():.2f} to {outputs[place].max():.2f})")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Solve, fit, write, tell."""
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--solve-only", action="store_true")
    options = parser.parse_args(arguments)
    inputs = points(options.points + HELD)
    outputs = as_fitted(inputs, solved(inputs))
    if options.solve_only:
        return 0
    vector = fitted(inputs[:, HELD:], outputs[:, HELD:])
    low, high = (np.array([pair[place] for pair in RANGES.values()])[:, None] for place in (0, 1))
    inside = np.flatnonzero(((inputs[:, :HELD] >= low) & (inputs[:, :HELD] <= high)).all(axis=0))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, (matrix, shift) in enumerate(unpacked(vector)):
            for row, bias in zip(matrix, shift, strict=True):
                writer.writerow([number, f"{bias:.7g}", *(f"{value:.7g}" for value in row)])
    for what, kept in (("held back", np.arange(HELD)), ("of these within the ranges", inside)):
        print(f"{len(kept)} {what}, {options.points} fitted\n{errors(vector, inputs[:, kept], outputs[:, kept])}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
