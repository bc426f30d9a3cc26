"""Quantiles of the normal distribution: the bits of SciPy's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri as scipys

from penstock.passes import stored
from penstock.passes.normal import ndtri, quantile


def test_quantiles_have_the_bits_of_scipys_in_the_middle_and_in_both_tails() -> None:
    random = np.random.default_rng(3)
    small = 10.0 ** -random.uniform(0.0, 307.0, 20_000)
    shares = np.concatenate([random.random(50_000), small, 1.0 - 10.0 ** -random.uniform(0.0, 16.0, 20_000)])
    assert ndtri(shares[None]).tobytes() == scipys(shares[None]).tobytes()


@given(st.floats(0.0, 1.0))
def test_a_quantile_of_one_share_is_the_same_in_plain_python(share: float) -> None:
    assert quantile(share) == ndtri(np.array([share]))[0] == scipys(share)


def test_at_and_beyond_the_ends() -> None:
    found = ndtri(np.array([0.0, 1.0, -0.1, 1.1, np.nan]))
    assert found[:2].tolist() == [-np.inf, np.inf]
    assert np.isnan(found[2:]).all()


def test_shape_and_layout_of_shares_do_not_matter() -> None:
    shares = np.random.default_rng(5).random((4, 6))
    assert np.array_equal(ndtri(shares[::2, ::3]), ndtri(np.ascontiguousarray(shares[::2, ::3])))
    assert ndtri(shares[0]).shape == (6,)
    assert ndtri(shares[:0]).shape == (0, 6)


@pytest.mark.skipif(not stored.can_store(), reason="passes are stored on Linux, for CPython")
def test_a_run_does_not_load_scipy() -> None:
    # where nothing is stored yet the first process loads Numba, which loads SciPy
    first = "from penstock.engine.compiling import load_model; load_model()"
    subprocess.run([sys.executable, "-c", first], check=True)
    code = (
        "import sys, penstock\n"
        "penstock.simulate(penstock.load_world(), 'perfect_storm', paths=2, quarters=2)\n"
        "assert 'scipy' not in sys.modules, 'SciPy takes a fifth of a second to load'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
