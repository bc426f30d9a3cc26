"""The AI layer: demand for AI by segment, own use by platforms, training, and labs' market shares.

Arrays end in the paths axis. Money is usd_bn per year unless a name says otherwise.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.passes import array, float64, inlined, intp, kernel, void

Array = np.ndarray

QUARTER = 0.25
"""Length of a step in years."""
LEAST_CEILING = 1e-9
"""A ceiling of users' spending that a scenario takes away wholly stands at this part of itself."""


def demand_noise(noise: Array, shock: Array, volatility: Array) -> Array:
    """Common growth noise of all demands, per year: autoregressive with coefficient 0.6 per quarter."""
    return 0.6 * noise + volatility * shock


def adopt(
    adoption: Array,
    speed: Array,
    mood: Array,
    ceiling: Array,
    shape: Array,
    noise: Array,
    growth: float = 1.0,
) -> Array:
    """Share of the ceiling that users reach: one quarter of a Richards curve.

    `dA/dt = g A (1 + 0.35 (s - 1/2)) (1 - (A/h)^nu) + y A`, Richards (1959), J. Exp. Bot. 10.
    adoption (segments, paths); ceiling `h` is 1 where no shock lowers it; growth 0 freezes demand.
    """
    above = adoption / np.maximum(ceiling, LEAST_CEILING)
    pull = speed * (1.0 + 0.35 * (mood - 0.5)) * (1.0 - above**shape)
    step = bounded((pull + noise) * QUARTER * growth, -0.5, 1.0)
    return bounded(adoption * (1.0 + step), 1e-6, 1.5)


def own_use(adoption: Array, speed: Array, mood: Array, noise: Array, growth: float = 1.0) -> Array:
    """Share of the own-use ceiling that platforms reach (logistic, faster in a good mood)."""
    step = (speed * (1.0 - adoption) * (0.5 + mood) + 0.5 * noise) * QUARTER * growth
    return bounded(adoption * (1.0 + bounded(step, -0.5, 1.0)), 1e-4, 1.2)


def training_value(spending: Array, ratio: Array, horizon: Array, expected_growth: Array, mood: Array) -> Array:
    """Compute wanted for training at full cost: labs buy against the revenue that they expect.

    Falls when growth expectations fall; usd_bn per year.
    """
    ahead = np.exp(np.minimum(horizon * np.maximum(expected_growth, -0.5), 1.2))
    return spending * ratio * ahead * (0.75 + 0.5 * mood)


def market_shares(base: Array, attraction: Array, segment: Array, segments: int) -> Array:
    """Share of each seller in its segment's spending: base share times attraction, adding up to one.

    base (ties,), attraction (ties, paths), segment (ties,) -> (ties, paths). Multinomial logit in logs.
    """
    weight, total = np.empty(attraction.shape), np.zeros((segments, attraction.shape[1]))
    base, attraction = np.ascontiguousarray(base), np.ascontiguousarray(attraction)
    _divide_up(base, attraction, np.asarray(segment, dtype=np.intp), total, weight)
    return weight


@kernel(
    void(*[array(float64, axes, readonly=True) for axes in (1, 2)],
               array(intp, 1, readonly=True), array(float64, 2), array(float64, 2)),
)  # fmt: skip
def _divide_up(base: Array, attraction: Array, segment: Array, total: Array, share: Array) -> None:
    """Set `share` (ties, paths); `total` (segments, paths) is zero before."""
    for t in range(share.shape[0]):
        k = segment[t]
        for n in range(share.shape[1]):
            share[t, n] = base[t] * attraction[t, n]
            total[k, n] += share[t, n]
    for t in range(share.shape[0]):
        k = segment[t]
        for n in range(share.shape[1]):
            share[t, n] /= max(total[k, n], 1e-300)


def attraction_step(
    log_attraction: Array, log_training: Array, stickiness: Array, shock: Array, talent: Array | float = 1.0
) -> Array:
    """A lab's pull on users after a quarter: it grows with training compute relative to the other labs.

    log_training is each lab's log training compute relative to its opening; the mean over labs is taken out,
    so that scale in common moves no share. Talent scales what compute buys (algorithmic progress).
    """
    # a world without labs has no mean
    relative = log_training - log_training.mean(axis=0) if len(log_training) else log_training
    return attraction_after(log_attraction, relative, stickiness, shock, talent)


@inlined
def attraction_after(
    log_attraction: Array, relative: Array, stickiness: Array, shock: Array, talent: Array | float
) -> Array:
    """The same by log training compute `relative` to the mean of all labs."""
    pull = stickiness * QUARTER * np.minimum(np.maximum(relative, -2.0), 2.0) * talent
    return np.minimum(np.maximum(0.995 * log_attraction + pull + 0.03 * shock, -3.0), 3.0)


def quality_index(quality: Array, training: Array, trend: Array) -> Array:
    """Log effective training compute relative to the path that was expected, smoothed over a year."""
    return 0.75 * quality + 0.25 * bounded(np.log(np.maximum(training, 1e-9) / trend), -2.0, 2.0)
