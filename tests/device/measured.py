"""`tools.measure_gpu.inside` on a library that stands for CuPy: `python measured.py REPORT [what goes wrong]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

for folder in (Path(__file__).parent, Path(__file__).parents[2]):
    sys.path.insert(0, str(folder))


def main(report: str, wrong: str = "") -> None:
    import standin_cupy
    from tools.measure_gpu import inside

    from penstock import arrays
    from penstock.engine import gpu

    library: Any = standin_cupy.StandInCupy(refuses=1e5 if wrong == "memory" else float("inf"))
    library.__version__ = "14.2.0"
    gpu.load_gpu = lambda: standin_cupy.stand_in_gpu(library)
    gpu.MOST_PATHS = 32
    inside.FIRST_PATHS, inside.FIRST_QUARTERS, inside.COPIED = 16, 2, 1 << 20
    inside.version = lambda name: "0.30"
    before = standin_cupy.Function.__call__

    def call(self: Any, grid: Any, block: Any, arguments: Any) -> None:
        if wrong == "launch" and self.compiled.__name__ == "close_firms":
            raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered")
        if wrong == "memory" and arrays.width_on_device() > 24:
            raise MemoryError("Out of memory allocating 8,388,608 bytes")
        before(self, grid, block, arguments)

    standin_cupy.Function.__call__ = call  # type: ignore[method-assign]
    inside.measure(40, 3, 24, 5.0, Path(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
