"""Large worlds keep the statistics of the small one, and the exponent of time is what it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.large_worlds import LargeWorld, Speed

from benchmarks import large_worlds as large
from penstock.analysis.contagion import METHODS
from penstock.analysis.firm_network import OWED

FIRMS = 20


@pytest.fixture(scope="module")
def small() -> LargeWorld:
    return large.bundled()


@pytest.fixture(scope="module")
def grown(small: LargeWorld) -> LargeWorld:
    """Twenty times the firms and the ties."""
    return large.synthetic(small, FIRMS * small.network.size, FIRMS * len(small.network.ties))


def test_layers_and_kinds_of_ties_are_in_the_same_proportions(small: LargeWorld, grown: LargeWorld) -> None:
    assert len(set(small.layer)) >= 7
    for layer in set(small.layer):
        assert (grown.layer == layer).sum() == FIRMS * (small.layer == layer).sum()
    kinds = small.network.ties["kind"].value_counts()
    # what would have joined a firm to itself is left out
    np.testing.assert_allclose(grown.network.ties["kind"].value_counts()[kinds.index] / FIRMS, kinds, rtol=0.01)


@pytest.mark.parametrize("end", ["debtor", "creditor"])
def test_degrees_of_the_repetitions_of_a_firm_are_its_own_in_the_mean(
    end: str, small: LargeWorld, grown: LargeWorld
) -> None:
    n = small.network.size
    own = np.bincount(small.network.ties[end], minlength=n)
    theirs = np.bincount(grown.network.ties[end], minlength=FIRMS * n).reshape(FIRMS, n).sum(axis=0)
    np.testing.assert_allclose(theirs, FIRMS * own, atol=1 + 0.02 * FIRMS * own.max())


def test_sizes_are_those_of_the_small_world(small: LargeWorld, grown: LargeWorld) -> None:
    a, b = small.network, grown.network
    for name in ("equity", "external_assets", "external_liabilities"):
        assert getattr(b, name).sum() / FIRMS == pytest.approx(getattr(a, name).sum(), rel=0.1), name
    amounts = [network.ties["amount"].sum() for network in (a, b)]
    assert amounts[1] / FIRMS == pytest.approx(amounts[0], rel=0.1)
    assert (b.external_assets >= 0.0).all() and (b.external_liabilities >= 0.0).all()
    assert (b.ties["amount"] > 0.0).all() and (b.ties["debtor"] != b.ties["creditor"]).all()


def test_twice_the_ties_leave_what_is_owed(small: LargeWorld) -> None:
    firms = 4 * small.network.size
    owed = [
        world.network.matrix(OWED).sum() for world in (large.synthetic(small, firms, ties) for ties in (8_000, 16_000))
    ]
    assert owed[0] == pytest.approx(owed[1], rel=0.15)


def test_the_same_seed_gives_the_same_world(small: LargeWorld) -> None:
    size = (2 * small.network.size, 3_000)
    first, again, other = (large.synthetic(small, *size, seed=seed) for seed in (1, 1, 2))
    assert first.network.ties.equals(again.network.ties)
    assert not first.network.ties.equals(other.network.ties)
    with pytest.raises(ValueError, match="expected at least"):
        large.synthetic(small, small.network.size - 1, 100)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_on_a_large_world(method: str, grown: LargeWorld) -> None:
    speed = large.measure(grown, method, 1)
    assert speed.converged and speed.seconds > 0.0
    assert speed.failed > 0.01 * speed.firms


def test_the_exponent_is_the_slope_and_a_steep_one_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert large.exponent([10, 100, 1000], [0.2, 2.0, 20.0]) == pytest.approx(1.0)

    def told(power: float) -> None:
        def measured(world: LargeWorld, method: str, repeats: int) -> Speed:
            ties = len(world.network.ties)
            return Speed(method, world.network.size, ties, 3, 2, 1e-6 * ties**power, True)

        monkeypatch.setattr(large, "measure", measured)

    for power, code in ((1.0, 0), (1.3, 1)):
        told(power)
        assert large.main(["--methods", "en", "--most-ties", "100000"]) == code
        assert f" | {power:.2f} |\n" in capsys.readouterr().out
