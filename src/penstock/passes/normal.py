"""Quantiles of the standard normal distribution, as a pass: in a quarter SciPy would be loaded for them alone.

Method and coefficients: Moshier 1989, "Methods and Programs for Mathematical Functions" (Cephes 2.1, `ndtri`), which
SciPy uses too: a rational function of the distance from one half in the middle, and of one over sqrt(-2 log share) in
the tails. Relative error at most 8e-16 there. A test holds the bits equal to SciPy's.
"""

from __future__ import annotations

import math
from typing import Any

from penstock.arrays import np
from penstock.passes import array, float64, inlined, kernel, void

ROOT_OF_TWO_PI = 2.5066282746310005
TAIL = 0.1353352832366127
"""exp(-2): shares nearer to 0 or 1 are of the tails."""
FAR = 8.0
"""sqrt(-2 log share) beyond which the other of the two functions of the tails holds: shares below exp(-32)."""
MIDDLE_OVER = (-59.96335010141079, 98.00107541859997, -56.67628574690703, 13.931260938727968, -1.2391658386738125)
MIDDLE_UNDER = (
    1.0, 1.9544885833814176, 4.676279128988815, 86.36024213908905, -225.46268785411937, 200.26021238006066,
    -82.03722561683334, 15.90562251262117, -1.1833162112133,
)  # fmt: skip
NEAR_OVER = (
    4.0554489230596245, 31.525109459989388, 57.16281922464213, 44.08050738932008, 14.684956192885803,
    2.1866330685079025, -0.1402560791713545, -0.03504246268278482, -0.0008574567851546854,
)  # fmt: skip
NEAR_UNDER = (
    1.0, 15.779988325646675, 45.39076351288792, 41.3172038254672, 15.04253856929075, 2.504649462083094,
    -0.14218292285478779, -0.03808064076915783, -0.0009332594808954574,
)  # fmt: skip
FAR_OVER = (
    3.2377489177694603, 6.915228890689842, 3.9388102529247444, 1.3330346081580755, 0.20148538954917908,
    0.012371663481782003, 0.00030158155350823543, 2.6580697468673755e-06, 6.239745391849833e-09,
)  # fmt: skip
FAR_UNDER = (
    1.0, 6.02427039364742, 3.6798356385616087, 1.3770209948908132, 0.21623699359449663, 0.013420400608854318,
    0.00032801446468212774, 2.8924786474538068e-06, 6.790194080099813e-09,
)  # fmt: skip


@inlined
def _polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    """Horner's rule, from the highest power down."""
    value = coefficients[0]
    for k in range(1, len(coefficients)):
        value = value * x + coefficients[k]
    return value


@inlined
def quantile(share: float) -> float:
    """The number below which this share of a standard normal distribution lies; infinite at 0 and 1, NaN beyond."""
    if share == 0.0:
        return -math.inf
    if share == 1.0:
        return math.inf
    if not 0.0 < share < 1.0:
        return math.nan
    upper = share > 1.0 - TAIL
    tail = 1.0 - share if upper else share
    if tail > TAIL:
        middle = tail - 0.5
        square = middle * middle
        over, under = _polynomial(square, MIDDLE_OVER), _polynomial(square, MIDDLE_UNDER)
        return (middle + middle * (square * over / under)) * ROOT_OF_TWO_PI
    size = math.sqrt(-2.0 * math.log(tail))
    inverse = 1.0 / size
    if size < FAR:
        over, under = _polynomial(inverse, NEAR_OVER), _polynomial(inverse, NEAR_UNDER)
    else:
        over, under = _polynomial(inverse, FAR_OVER), _polynomial(inverse, FAR_UNDER)
    found = size - math.log(size) / size - inverse * over / under
    return found if upper else -found


@kernel(void(array(float64, 2, readonly=True), array(float64, 2)))
def _quantiles(share: Any, out: Any) -> None:
    """Set `out` (rows, paths) to the quantile of each share."""
    for row in range(share.shape[0]):
        for n in range(share.shape[1]):
            out[row, n] = quantile(share[row, n])


def ndtri(share: Any) -> Any:
    """Standard normal quantiles of shares, whose last axis is paths."""
    rows = np.ascontiguousarray(share, dtype=float).reshape(-1, share.shape[-1])
    out = np.empty_like(rows)
    _quantiles(rows, out)
    return out.reshape(share.shape)
