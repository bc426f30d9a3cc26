"""Machine code of a GPU for the engine's passes: written by numba-cuda, assembled by CUDA's linker, kept in files.

Numba is a compiler here and nothing else: it writes a pass as PTX, the linker of CUDA makes of that the code of the GPU
at hand, and CuPy loads and launches it. So one library drives the GPU, and a driver that is older than the compiler has
nothing to compile. Neither step needs a GPU.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from penstock.engine.device import ENTRY, PAIR, ROW
from penstock.engine.storage import write_bytes
from penstock.engine.threads import Target, thread_of_pairs, thread_of_path
from penstock.errors import ModelError, OutputError, UsageError
from penstock.kept_files import drop_oldest
from penstock.passes.said import said_by
from penstock.passes.stored import places

ENTRY_POINT = "penstock_pass"
"""Name of each kernel in its file."""
WORD = 8
ARRAY_WORDS = 5
"""What Numba hands of an array before its axes: two that the GPU does not use, how many numbers, bytes of each, and
where."""
SCALARS = {"int64": "q", "uint64": "Q", "float64": "d", "bool": "?7x", "int32": "i4x"}
"""How a number stands among the arguments, a word each."""
MOST_KEPT = 2_000
"""Files of code that are kept; the oldest go."""


def _cuda() -> Any:
    return import_module("numba.cuda")


@lru_cache(maxsize=1)
def target() -> Target:
    """Numba for CUDA."""
    part = import_module
    return Target(
        types=part("numba.cuda.types"),
        signature=part("numba.cuda.typing").signature,
        intrinsic=part("numba.cuda.extending").intrinsic,
        array_parts=part("numba.cuda.np.arrayobj"),
        code_parts=part("numba.cuda.cgutils"),
        inner=_cuda().jit(device=True),
    )


def kernel_source(function: Callable[..., Any], cuts: Sequence[int]) -> Callable[..., Any]:
    """The kernel that runs a pass with one thread a path, or one thread for the pairs of a path, before it is compiled.

    Over paths it takes their number and the arguments; over pairs the path of each pair too and, where arguments have
    entries, where those of each pair end (`device.ends_of`). What a pass answers is not asked.
    """
    cuda = _cuda()
    if PAIR in cuts:
        of_pairs, with_entries = thread_of_pairs(function, cuts, target()), ENTRY in cuts

        def over_entries(pairs: int, path: Any, ends: Any, args: Any) -> None:
            place = cuda.grid(1)
            if place < pairs:
                of_pairs(place, path, ends, args)

        def over_pairs(pairs: int, path: Any, args: Any) -> None:
            place = cuda.grid(1)
            if place < pairs:
                of_pairs(place, path, path, args)

        return over_entries if with_entries else over_pairs
    of_path = thread_of_path(function, cuts, target())

    def over_paths(width: int, args: Any) -> None:
        path = cuda.grid(1)
        if path < width:
            of_path(path, args)

    return over_paths


def lists_of(cuts: Sequence[int]) -> int:
    """How many lists a kernel takes before the arguments of the pass."""
    return (PAIR in cuts) + (ENTRY in cuts)


def kinds_of(compiled: Any, cuts: Sequence[int]) -> list[Any]:
    """Types of the arguments that a kernel takes, as Numba for CUDA names them."""
    types = target().types
    kinds = []
    for kind, how in zip(compiled.nopython_signatures[0].args, cuts, strict=True):
        name = str(getattr(kind, "dtype", kind).name)
        number = types.boolean if name == "bool" else getattr(types, name)
        axes = getattr(kind, "ndim", 0)
        kinds.append(types.Array(number, axes + (how == ROW), "C") if axes else number)
    return kinds


def ptx_of(compiled: Any, cuts: tuple[int, ...], capability: tuple[int, int]) -> str:
    """A pass as PTX for a GPU of that compute capability; its kernel is called ENTRY_POINT."""
    types = target().types
    before = [types.intp, *lists_of(cuts) * [types.Array(types.intp, 1, "C")]]
    source = kernel_source(compiled.py_func, cuts)
    text, _ = _cuda().compile_ptx(source, (*before, types.Tuple(kinds_of(compiled, cuts))), cc=capability)
    if not (found := re.search(r"\.entry\s+([\w$]+)", text)):
        raise ModelError(f"{compiled.py_func.__qualname__}: found PTX without an entry; expected one kernel")
    return str(text).replace(found[1], ENTRY_POINT)


def assembled(ptx: str, capability: tuple[int, int]) -> bytes:
    """Code of a GPU for what is written as PTX."""
    try:
        core = import_module("cuda.core")
        program, options = core.Program, core.ProgramOptions
    except (ImportError, AttributeError):
        # before its first stable release
        core = import_module("cuda.core.experimental")
        program, options = core.Program, core.ProgramOptions
    return bytes(program(ptx, "ptx", options(arch="sm_{}{}".format(*capability))).compile("cubin").code)


def code_file(compiled: Any, cuts: tuple[int, ...], capability: tuple[int, int]) -> Path:
    """The file with a pass's code for a GPU of that capability, made where there is none.

    Where nothing can assemble it, it is PTX, which the driver compiles, if that is no older than the compiler.
    Raises UsageError that names the pass where the compiler refuses it.
    """
    function = compiled.py_func
    told = repr((said_by(function), written_by(), cuts, capability, _versions(), sys.version_info[:2]))
    stem = f"{function.__name__}-{hashlib.sha256(told.encode()).hexdigest()[:24]}"
    for folder in folders():
        for found in (folder / f"{stem}.cubin", folder / f"{stem}.ptx"):
            if found.is_file():
                return found
    try:
        text = ptx_of(compiled, cuts, capability)
    except Exception as error:  # whatever a compiler says
        raise UsageError(
            f"--device: {function.__module__}.{function.__qualname__}: {reason(error)}; expected code for compute "
            f"capability {capability[0]}.{capability[1]} from numba-cuda, or --device cpu"
        ) from error
    try:
        name, code = f"{stem}.cubin", assembled(text, capability)
    except Exception:  # no linker of CUDA's, or one that is older than the compiler
        name, code = f"{stem}.ptx", text.encode()
    for folder in folders():
        try:
            write_bytes(folder / name, code)
        except OutputError:
            continue
        drop_oldest(folder, "*-*.*", MOST_KEPT)
        return folder / name
    raise UsageError("--device: found no directory that can be written; expected one for code of the GPU")


def reason(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def folders() -> Iterator[Path]:
    """Where code may lie: beside stored passes, else in a folder of this process."""
    for file in places():
        yield file.parent / "gpu"
    yield _own_folder()


@cache
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="penstock-gpu-"))


@cache
def written_by() -> str:
    """Hash of the source of what decides how a pass is cut up for threads."""
    here = Path(__file__)
    return hashlib.sha256(b"".join(here.with_name(f"{name}.py").read_bytes() for name in WRITERS)).hexdigest()


WRITERS = ("gpu_code", "threads", "device")


LINKERS = ("nvjitlink", "cuda-nvcc", "nvvm")
"""Parts of the names of packages that assemble code."""


@cache
def _versions() -> tuple[str, ...]:
    """Of all that writes code."""
    names = {str(one.name) for one in distributions()}
    linkers = sorted(name for name in names if any(part in name for part in LINKERS))
    writers = ("numba", "numba-cuda", "llvmlite", "cuda-core", "cuda-bindings", "cuda-toolkit")
    return tuple(f"{name} {_version(name)}" for name in (*writers, *linkers))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def kernel_form(compiled: Any, cuts: Sequence[int]) -> str:
    """How the arguments of a kernel stand in memory, for `struct`: a word a number, arrays as ARRAY_WORDS says, then
    their lengths and steps."""
    form = "=q" + lists_of(cuts) * f"{ARRAY_WORDS + 2}q"
    for kind, how in zip(compiled.nopython_signatures[0].args, cuts, strict=True):
        axes = getattr(kind, "ndim", 0)
        form += f"{ARRAY_WORDS + 2 * (axes + (how == ROW))}q" if axes else SCALARS[str(kind.name)]
    return form
