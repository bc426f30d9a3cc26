"""Who can bring down whom by default alone: susceptibility, diffusion and fluidity of a network.

Source: Silva, de Souza and Tabak (2015), "Monitoring vulnerability and impact diffusion in financial networks",
Banco Central do Brasil working paper 392; communicability of Estrada and Hatano (2008), Phys. Rev. E 77, 036111.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Impact:
    """Measures a node, (n,), and of the network."""

    susceptibility: Floats
    """mean strength of the chains of failures that reach a node, over the nodes they come from"""
    diffusion_start: Floats
    """mean strength of the chains that a node starts, over the nodes they reach"""
    diffusion_intermediate: Floats
    """what others' chains lose when the node passes nothing on, over the nodes that it reaches"""
    diffusion_total: Floats
    fluidity: float
    """mean susceptibility"""

    def to_pandas(self) -> pd.DataFrame:
        """A row a node."""
        import pandas as pd

        names = ("susceptibility", "diffusion_start", "diffusion_intermediate", "diffusion_total")
        return pd.DataFrame({name: getattr(self, name) for name in names}).rename_axis("node")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"nodes": self.to_pandas().reset_index().to_dict(orient="records"), "fluidity": self.fluidity}


def measures(exposures: Any, buffers: npt.ArrayLike) -> Impact:
    """Impact measures of a network of exposures, `exposures[i, j]` what `i` can lose on `j`, both in one unit.

    `V[i, j]` is 1 where the exposure of `i` to `j` reaches the buffer of `i`: the failure of `j` is then the failure
    of `i`. `C = exp(V)` adds up chains of such failures, a chain of k steps with weight 1 / k!. Susceptibility is the
    mean of the non-zero entries of a row of C outside the diagonal, the start of diffusion that of a column. Without
    what node q passes on (column q of V), C falls; the fall in the other columns, over the nodes that q reaches, is
    its intermediate diffusion. A node with no buffer is brought down by any exposure.

    Raises InputError where shapes do not meet or a number is negative or not finite.
    """
    from scipy.linalg import expm
    from scipy.sparse import issparse

    cells = exposures
    if issparse(exposures):
        cells = cells.toarray()
    matrix = np.asarray(cells, dtype=np.float64)
    own = np.asarray(buffers, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or own.shape != matrix.shape[:1]:
        raise InputError(f"exposures: found shapes {matrix.shape} and {own.shape}; expected (n, n) and (n,)")
    for name, values in (("exposures", matrix), ("buffers", own)):
        if not np.isfinite(values).all() or (values < 0.0).any():
            raise InputError(f"{name}: found a number that is negative or not finite; expected numbers of at least 0")
    fails = ((matrix >= own[:, None]) & (matrix > 0.0)).astype(np.float64)
    np.fill_diagonal(fails, 0.0)
    chains = _off_diagonal(expm(fails))
    reached = (chains > 0.0).sum(axis=0)
    start = chains.sum(axis=0) / np.maximum(reached, 1)
    intermediate = np.zeros_like(start)
    for node in np.flatnonzero(fails.any(axis=0)):
        without = fails.copy()
        without[:, node] = 0.0
        fallen = np.maximum(chains - _off_diagonal(expm(without)), 0.0).sum(axis=0)
        intermediate[node] = (fallen.sum() - fallen[node]) / reached[node]
    susceptibility = chains.sum(axis=1) / np.maximum((chains > 0.0).sum(axis=1), 1)
    return Impact(susceptibility, start, intermediate, start + intermediate, float(susceptibility.mean()))


def _off_diagonal(matrix: Floats) -> Floats:
    """Entries outside the diagonal; what rounding leaves of none is none."""
    cleared = np.where(matrix > 1e-15, matrix, 0.0)
    np.fill_diagonal(cleared, 0.0)
    return cleared
