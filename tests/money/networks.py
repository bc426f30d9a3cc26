"""Random networks of up to 500 nodes for Hypothesis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

Floats = np.ndarray


@dataclass(frozen=True)
class Sheet:
    """Liabilities (CSR), external assets and liabilities of `n` firms; the repr stays short."""

    n: int
    seed: int
    strain: float
    ties: float

    @property
    def random(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def parts(self) -> tuple[sparse.csr_array, Floats, Floats, Floats]:
        """L, external assets, external liabilities, and a shock."""
        random = self.random
        count = int(self.ties * self.n)
        debtor = random.integers(0, self.n, count)
        creditor = (debtor + random.integers(1, self.n, count)) % self.n
        L = sparse.csr_array(
            sparse.coo_array((random.gamma(0.7, 1.0, count), (debtor, creditor)), shape=(self.n, self.n))
        )
        outside = random.gamma(1.0, 1.0, self.n)
        inside = np.asarray(L.sum(axis=1) - L.sum(axis=0)).ravel()
        # equity of a part of assets at face, small where strain is large
        equity = random.gamma(2.0, 0.5 / self.strain, self.n) + 1e-3
        assets = np.maximum(outside + inside + equity, 0.0)
        shock = np.where(random.random(self.n) < 0.1, random.random(self.n), 0.0) * assets
        return L, assets, outside, shock


@st.composite
def sheets(draw: st.DrawFn, most: int = 500) -> Sheet:
    n = draw(st.one_of(st.integers(2, 8), st.integers(2, most)))
    return Sheet(
        n,
        draw(st.integers(0, 2**32 - 1)),
        draw(st.sampled_from([0.3, 1.0, 5.0, 20.0])),
        draw(st.sampled_from([0.5, 2.0, 8.0])),
    )
