"""Impact measures: the case of the package NetworkRiskMeasures, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from penstock.analysis.impact import measures
from penstock.errors import InputError


def test_the_case_of_the_package() -> None:
    # tests of NetworkRiskMeasures (Cinelli and Silva), matrix by columns
    exposures = np.array([0, 10, 3, 1, 0, 2, 0, 3, 0.0]).reshape(3, 3, order="F")
    for given in (exposures, sparse.csr_array(exposures)):
        found = measures(given, [2, 5, 2])
        assert found.susceptibility == pytest.approx([0, 1, 1.25], abs=1e-9)
        assert found.fluidity == pytest.approx(0.75, abs=1e-9)
        assert found.diffusion_start == pytest.approx([1.25, 1, 0], abs=1e-9)
        assert found.diffusion_intermediate == pytest.approx([0, 0.5, 0], abs=1e-9)
        assert found.diffusion_total == pytest.approx([1.25, 1.5, 0], abs=1e-9)
    assert found.to_pandas().shape == (3, 4)
    assert found.to_dict()["fluidity"] == pytest.approx(0.75)


def test_a_chain_by_hand() -> None:
    # 0 brings down 1, 1 brings down 2: C[1, 0] = C[2, 1] = 1, C[2, 0] = 1/2
    found = measures([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [1, 1, 1])
    assert found.susceptibility == pytest.approx([0, 1, 0.75], abs=1e-12)
    assert found.diffusion_start == pytest.approx([0.75, 1, 0], abs=1e-12)
    assert found.diffusion_intermediate == pytest.approx([0, 0.5, 0], abs=1e-12)


def test_limits_and_bad_input() -> None:
    nothing = measures(np.zeros((2, 2)), [0, 1])
    assert nothing.fluidity == 0.0
    assert not nothing.diffusion_total.any()
    for exposures, buffers in (
        (np.zeros((2, 3)), [1, 1]),
        ([[0, -1], [0, 0]], [1, 1]),
        ([[0, 1], [0, 0]], [1, np.nan]),
    ):
        with pytest.raises(InputError):
            measures(exposures, buffers)
