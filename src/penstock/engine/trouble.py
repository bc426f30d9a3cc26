"""Passes over the firms that come into trouble in a quarter: who misses a payment, who defaults, and why.

Pairs (firm, path) are given by `firm[k]` and `path[k]`; no pair stands twice among those to which the same happened.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.money.kernels import _FLAG_MAT_IN, _IDX, _IDX_IN, _INT, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import array, intp, kernel, void

Array = np.ndarray

_CODES, _CODES_IN = (array(intp, 2, readonly=readonly) for readonly in (False, True))


@kernel(void(_IDX_IN, _IDX_IN, _INT, _MAT_IN, _MAT_IN, _CODES, _VEC), pairs=("firm", "path", "unpaid"))
def note_misses(
    firm: Array, path: Array, quarter: int, dues: Array, share: Array, first_distress: Array, unpaid: Array
) -> None:
    """Set what each pair leaves `unpaid` of its `dues`, and the quarter of its first distress; (firms, paths)."""
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        if first_distress[f, n] < 0:
            first_distress[f, n] = quarter
        unpaid[k] = dues[f, n] * (1.0 - share[f, n])


@kernel(
    void(*[_IDX_IN] * 4, _VEC_IN, _IDX_IN, _INT, _MAT_IN, *[_CODES] * 3, _MAT, _MAT),
    pairs=("firm", "path", "owed", "buyer"),
)
def note_defaults(
    firm: Array,
    path: Array,
    first: Array,
    rows: Array,
    owed: Array,
    buyer: Array,
    quarter: int,
    flow: Array,
    first_distress: Array,
    default_quarter: Array,
    rescuer: Array,
    claims: Array,
    bought: Array,
) -> None:
    """Keep the quarter of each default, the debt that was `owed`, and the `buyer`; (firms, paths).

    And, in `bought`, the `flow` of the ties that the firm pays, `rows` from `first`; of these only ties that stand
    among the flows have one.
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        if first_distress[f, n] < 0:
            first_distress[f, n] = quarter
        default_quarter[f, n] = quarter
        claims[f, n] = owed[k]
        rescuer[f, n] = buyer[k]
        for j in range(first[f], first[f + 1]):
            t = rows[j]
            if t < flow.shape[0]:
                bought[t, n] = flow[t, n]


CHAIN_LOSS_SHARE = 0.05
"""A failure belongs to a chain where failed customers had bought at least this share of a firm's sales with them
(convention of these counts, 0.02 to 0.1)."""
LEAST_MOOD = 0.4
"""Mood below which trouble without another cause is put down to it (assumption, 0.3 to 0.5; it names a cause and moves
nothing)."""
MOST_DUE = 0.5
"""Share of what a firm cannot fund that has to be repayment of debt for the trouble to be a matter of maturity:
most of it."""


@kernel(
    void(
        *[_IDX_IN] * 6,
        _MAT_IN,
        _CODES_IN,
        _MAT_IN,
        _FLAG_MAT_IN,
        _FLAG_MAT_IN,
        *[_MAT_IN] * 4,
        *[_VEC_IN] * 4,
        _FLAG_MAT_IN,
        _IDX_IN,
        _IDX_IN,
        _INT,
        *[_IDX] * 5,
    ),
    pairs=("firm", "path", "known", "kind", "cause", "tie", "other", "number"),
)
def find_causes(
    firm: Array,
    path: Array,
    known: Array,
    first: Array,
    rows: Array,
    payer: Array,
    bought: Array,
    default_quarter: Array,
    revenue: Array,
    solvent: Array,
    own_cause: Array,
    principal: Array,
    unfunded: Array,
    fallen: Array,
    breach: Array,
    mood: Array,
    power_cut: Array,
    chip_cut: Array,
    freeze: Array,
    struck: Array,
    kinds_of: Array,
    causes_of: Array,
    first_path: int,
    kind: Array,
    cause: Array,
    tie: Array,
    other: Array,
    number: Array,
) -> None:
    """Set `kind` and `cause` of the trouble of each pair: of all that holds, the last of the tests below.

    `kinds_of` and `causes_of` are the codes of the cause that each test stands for. The last is a failed customer:
    those that failed before had `bought` a large part of the firm's sales along its ties, `rows` from `first`; `tie` is
    that of the largest of them, -1 without, and its payer stands in `other` where nobody is `known`, -1. `struck`
    (firms, paths; no rows: none): an event of the scenario strikes the firm. The `number` of a path is its place in the
    block from the `first_path` on.
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        lost, most, worst = 0.0, 0.0, -1
        for j in range(first[f], first[f + 1]):
            t = rows[j]
            p = payer[t]
            if p < default_quarter.shape[0] and default_quarter[p, n] >= 0:
                lost += bought[t, n]
                if bought[t, n] > most:
                    most = bought[t, n]
                    worst = t
        if not lost > CHAIN_LOSS_SHARE * max(revenue[f, n] + lost, 1e-9):
            worst = -1
        tie[k] = worst
        other[k] = payer[worst] if known[k] < 0 and worst >= 0 else known[k]
        number[k] = first_path + n
        found = 0
        if not solvent[f, n]:
            found = 1
        if mood[n] < LEAST_MOOD:
            found = 2
        if principal[f, n] > MOST_DUE * max(unfunded[f, n], 1e-9):
            found = 3
        if fallen[f, n] > 0.0:
            found = 4
        if breach[f, n] > 0.0:
            found = 5
        if power_cut[n] > 0.0:
            found = 6
        if chip_cut[n] > 0.0:
            found = 7
        if freeze[n] > 0.0:
            found = 8
        if own_cause[f, n]:
            found = 9
        if struck.shape[0] > 0 and struck[f, n]:
            found = 10
        if worst >= 0:
            found = 11
        kind[k], cause[k] = kinds_of[found], causes_of[found]


@kernel(void(*[_IDX_IN] * 4, _CODES, _IDX), pairs=("firm", "path", "tie", "deeper"))
def lengthen(firm: Array, path: Array, tie: Array, payer: Array, depth: Array, deeper: Array) -> None:
    """Make the chain of each default that a failed customer caused (`tie`, -1 without) one longer than the customer's.

    `depth` (firms, paths). Customers count with their chains of before this quarter. `deeper`, (pairs,), is room to
    work in.
    """
    for k in range(firm.shape[0]):
        deeper[k] = 0
        if tie[k] >= 0:
            deeper[k] = depth[payer[tie[k]], path[k]] + 1
    for k in range(firm.shape[0]):
        depth[firm[k], path[k]] = max(depth[firm[k], path[k]], deeper[k])
