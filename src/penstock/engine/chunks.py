"""A chunk: some consecutive paths of one scenario, simulated and turned into tables.

A chunk is a pure function of world, scenario, seed and path range. Its size depends on the number of paths
alone, so that files do not depend on how many processes wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from penstock.engine.coded import Coded
from penstock.engine.opening.state import LAYERS

if TYPE_CHECKING:
    import pandas as pd

CHUNK_PATHS = 128
LARGE_CHUNK_PATHS = 4096
LARGE_RUN_PATHS = 16384
PIECES_A_PROCESS = 4
"""Chunks a process below which each is a piece of work of its own: otherwise some processes would wait for others."""

KEYS = {
    "economy": ("scenario", "path", "quarter", "region"),
    "layers": ("scenario", "path", "quarter", "layer"),
    "outcomes": ("scenario", "path", "company_id", "instrument"),
    "events": ("scenario", "path", "quarter", "sequence"),
    "losses": ("scenario", "path", "quarter", "sequence"),
    "company": ("scenario", "path", "quarter", "company_id"),
}
"""The unique sort key of each table of a chunk; `company` is kept by keep="full" only."""

ECONOMY_MEASURES = (
    "tokens_demanded",
    "tokens_served",
    "price_usd_per_mtok",
    "price_usd_per_h100e_hour",
    "h100e",
    "it_mw",
    "facility_mw",
    "energy_mwh",
    "co2_t",
    "water_m3",
    "utilisation",
    "binding",
    "capex_usd_bn",
    "ai_revenue_usd_bn",
    "surplus_usd_bn",
    "stranded_usd_bn",
)
LAYER_MEASURES = (
    "revenue_usd_bn",
    "profit_usd_bn",
    "capex_usd_bn",
    "debt_usd_bn",
    "market_value_usd_bn",
    "financed_revenue_usd_bn",
    "defaults",
)
COMPANY_MEASURES = (
    "revenue_usd_bn",
    "capex_usd_bn",
    "profit_usd_bn",
    "cash_usd_bn",
    "debt_usd_bn",
    "market_value_usd_bn",
    "failed",
)
OUTCOME_WORDS = ("first_distress", "default_quarter", "stage_end", "rescuer_id")
OUTCOME_NUMBERS = ("loss_fraction", "recovery", "value_start_usd_bn", "value_min_usd_bn", "value_end_usd_bn")
LOSS_WORDS = ("company_id", "creditor_id", "instrument", "tie_id")
LOSS_NUMBERS = ("claim_usd_bn", "loss_usd_bn")
EVENT_WORDS = ("company_id", "stage", "cause_kind", "cause_id", "counterparty_id", "tie_id")
BINDING = ("chips", "halls", "power", "funding", "demand")
WORLD_REGION = "world"

COLUMNS = {
    "economy": (*KEYS["economy"], *ECONOMY_MEASURES),
    "layers": (*KEYS["layers"], *LAYER_MEASURES),
    "outcomes": (*KEYS["outcomes"], *OUTCOME_WORDS, *OUTCOME_NUMBERS),
    "events": (*KEYS["events"], *EVENT_WORDS, "amount_usd_bn"),
    "losses": (*KEYS["losses"], *LOSS_WORDS, *LOSS_NUMBERS),
    "company": (*KEYS["company"], *COMPANY_MEASURES),
}
"""Columns of each table of a chunk, in order."""

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class PathBlock(Protocol):
    """What the engine returns for `count` consecutive paths; the last axis of every array is the path."""

    @property
    def economy(self) -> Mapping[str, Array]:
        """(quarters, count) per column; `binding` as codes into BINDING."""

    @property
    def layers(self) -> Mapping[str, Array]:
        """(quarters, layers, count) per column, layers in the order of LAYERS."""

    @property
    def company(self) -> Mapping[str, Array]:
        """(quarters, firms, count) per measure."""

    @property
    def outcomes(self) -> Mapping[str, Array | Coded]:
        """Long form, one array per column, paths counted from the run's first."""

    @property
    def events(self) -> Mapping[str, Array | Coded]:
        """Long form, one array per column, paths counted from the run's first."""

    @property
    def losses(self) -> Mapping[str, Array | Coded]:
        """Long form, a row a claim that is cut; empty where the engine keeps none."""

    @property
    def flows(self) -> Array:
        """(years, groups, groups, count) usd_bn that the first group paid to the second in four quarters."""

    @property
    def chain(self) -> Array:
        """(count,) length of the longest chain of defaults."""

    @property
    def checks(self) -> Mapping[str, Any]:
        """conservation_max_rel, nonconverged, nan."""


@dataclass(frozen=True)
class Chunk:
    """Paths first_path to first_path + count - 1 of one scenario."""

    scenario: str
    number: int
    first_path: int
    count: int

    @property
    def stem(self) -> str:
        """Name of the chunk's files."""
        return f"{self.scenario}-{self.number:06d}"


def chunk_paths(paths: int) -> int:
    """Paths in a chunk of a run of `paths` paths."""
    return LARGE_CHUNK_PATHS if paths > LARGE_RUN_PATHS else CHUNK_PATHS


def plan_chunks(scenario: str, paths: int, size: int) -> list[Chunk]:
    """All chunks of a scenario, in order."""
    return [
        Chunk(scenario, number, first, min(size, paths - first)) for number, first in enumerate(range(0, paths, size))
    ]


def plan_pieces(chunks: Sequence[Chunk], jobs: int) -> list[tuple[Chunk, ...]]:
    """Chunks by piece of work: in twos, which cost less together, where enough is left for all processes."""
    if len(chunks) < PIECES_A_PROCESS * jobs:
        return [(chunk,) for chunk in chunks]
    pieces: list[tuple[Chunk, ...]] = []
    for chunk in chunks:
        last = pieces[-1] if pieces else ()
        follows = len(last) == 1 and last[0].scenario == chunk.scenario and last[0].number + 1 == chunk.number
        if follows and chunk.count <= CHUNK_PATHS:
            pieces[-1] = (*last, chunk)
        else:
            pieces.append((chunk,))
    return pieces


def plan_blocks(chunks: Sequence[Chunk], most_paths: Mapping[str, int]) -> list[tuple[Chunk, ...]]:
    """Chunks by block of a device: as many that follow on each other as it has room for, by scenario."""
    blocks: list[tuple[Chunk, ...]] = []
    for chunk in chunks:
        last = blocks[-1] if blocks else ()
        follows = bool(last) and (last[-1].scenario, last[-1].number + 1) == (chunk.scenario, chunk.number)
        if follows and sum(one.count for one in last) + chunk.count <= most_paths[chunk.scenario]:
            blocks[-1] = (*last, chunk)
        else:
            blocks.append((chunk,))
    return blocks


def chunk_tables(
    chunk: Chunk, block: PathBlock, quarters: Sequence[str], firms: Sequence[str], *, full: bool = False
) -> dict[str, pd.DataFrame]:
    """The tables of one chunk, sorted by their keys; `full` adds the `company` table."""
    tables = {
        "economy": _economy(chunk, block, quarters),
        "layers": _grid(chunk, "layers", quarters, LAYERS, block.layers, LAYER_MEASURES, np.float64),
        "outcomes": _outcomes(chunk, block.outcomes, quarters),
        "events": _rows(chunk, block.events, quarters, EVENT_WORDS, ("amount_usd_bn",)),
        "losses": _rows(chunk, block.losses, quarters, LOSS_WORDS, LOSS_NUMBERS),
    }
    if full:
        tables["company"] = _grid(chunk, "company", quarters, firms, block.company, COMPANY_MEASURES, np.float32)
    return tables


def _economy(chunk: Chunk, block: PathBlock, quarters: Sequence[str]) -> pd.DataFrame:
    columns = {name: values[:, None, :] for name, values in block.economy.items()}
    return _grid(chunk, "economy", quarters, (WORLD_REGION,), columns, ECONOMY_MEASURES, np.float64)


def _grid(
    chunk: Chunk,
    table: str,
    quarters: Sequence[str],
    members: Sequence[str],
    columns: Mapping[str, Array],
    measures: Sequence[str],
    dtype: type[np.floating[Any]],
) -> pd.DataFrame:
    """A table of path x quarter x member, members in alphabetical order, from (quarters, members, count)."""
    import pandas as pd

    order = np.argsort(np.array(members))
    shape = (chunk.count, len(quarters), len(members))
    paths = np.arange(chunk.first_path, chunk.first_path + chunk.count, dtype=np.int32)
    scenario, path, quarter, member = KEYS[table]
    data: dict[str, Any] = {
        scenario: _words(np.zeros(shape, np.int8), (chunk.scenario,)),
        path: np.broadcast_to(paths[:, None, None], shape).ravel(),
        quarter: _words(np.broadcast_to(np.arange(len(quarters))[:, None], shape), quarters),
        member: _words(np.broadcast_to(order, shape), members),
    }
    for name in measures:
        values = np.moveaxis(columns[name][:, order, :], -1, 0)
        data[name] = _words(values.astype(np.int8), BINDING) if name == "binding" else values.astype(dtype).ravel()
    return pd.DataFrame(data)


def _outcomes(chunk: Chunk, columns: Mapping[str, Array | Coded], quarters: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    path = np.asarray(columns["path"], np.int32)
    text = {name: _in_words(columns[name], quarters) for name in ("company_id", "instrument", *OUTCOME_WORDS)}
    order = _order(path - chunk.first_path, text["company_id"][0], text["instrument"][0])
    data: dict[str, Any] = {"scenario": _words(np.zeros(len(path), np.int8), (chunk.scenario,)), "path": path[order]}
    data |= {name: _words(codes[order], words) for name, (codes, words) in text.items()}
    data |= {name: np.asarray(columns[name], np.float32)[order] for name in OUTCOME_NUMBERS}
    return pd.DataFrame(data)


def _rows(
    chunk: Chunk,
    columns: Mapping[str, Array | Coded],
    quarters: Sequence[str],
    words: Sequence[str],
    numbers: Sequence[str],
) -> pd.DataFrame:
    """A table with a row for each thing that happened, numbered within its path and quarter."""
    import pandas as pd

    path = np.asarray(columns["path"], np.int32)
    text = {name: _in_words(columns[name], quarters) for name in ("quarter", *words)}
    # rows of a path come in the order in which they happened
    order = _order(path - chunk.first_path, text["quarter"][0])
    path, quarter = path[order], text["quarter"][0][order]
    first = np.ones(len(path), dtype=bool)
    first[1:] = (path[1:] != path[:-1]) | (quarter[1:] != quarter[:-1])
    place = np.arange(len(path), dtype=np.int32)
    data: dict[str, Any] = {
        "scenario": _words(np.zeros(len(path), np.int8), (chunk.scenario,)),
        "path": path,
        "quarter": _words(quarter, text["quarter"][1]),
        "sequence": place - np.maximum.accumulate(np.where(first, place, np.int32(0))),
    }
    data |= {name: _words(text[name][0][order], text[name][1]) for name in words}
    data |= {name: np.asarray(columns[name], np.float64)[order] for name in numbers}
    return pd.DataFrame(data)


def _order(*keys: Array) -> Array | slice:
    """Places of rows in order of small whole numbers, the first key first, -1 last; equal rows stay as they stand."""
    whole = np.zeros(len(keys[0]), dtype=np.int64)
    for codes in keys:
        count = int(codes.max(initial=0)) + 1
        whole = whole * (count + 1) + np.where(codes < 0, count, codes)
    # the model's rows come in order
    return slice(None) if bool((whole[1:] >= whole[:-1]).all()) else np.argsort(whole, kind="stable")


def _words(codes: Array, words: Sequence[str]) -> pd.Categorical[Any]:
    """Text column from codes into `words`; -1 is empty."""
    import pandas as pd

    return pd.Categorical.from_codes(np.asarray(codes).ravel(), dtype=_kind(tuple(words)))


@lru_cache(maxsize=64)
def _kind(words: tuple[str, ...]) -> pd.CategoricalDtype:
    import pandas as pd

    # as objects: texts of Arrow are made anew for each column
    return pd.CategoricalDtype(pd.Index(list(words), dtype=object))


def _in_words(values: Array | Coded, quarters: Sequence[str]) -> tuple[Array, Sequence[str]]:
    """A text column as codes into words in order, -1 where it is empty.

    "" and None are empty; whole numbers count quarters from 0, negative ones are empty.
    """
    import pandas as pd

    if isinstance(values, Coded):
        codes, found = values.codes, values.words
        met = np.zeros(len(found), dtype=bool)
        met[codes] = True
        texts = np.where(met, found, "")
    else:
        values = np.asarray(values)
        if values.dtype.kind in "iu":
            return np.where(values < 0, -1, values), quarters
        codes, found = pd.factorize(values.astype(object))
        # None has the code -1, which takes the last
        texts = np.array([*found, ""], dtype=object)
    # one category at least, so that a column without any text is still one of text
    words = sorted({text for text in texts if text}) or [""]
    place = {text: number for number, text in enumerate(words)}
    return np.array([place.get(text, -1) if text else -1 for text in texts])[codes], words


def plain_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table with plain text instead of categories, also in columns that are empty throughout."""
    words = [name for name in table.columns if table[name].dtype in ("category", "object")]
    return table.astype(dict.fromkeys(words, "str"))
