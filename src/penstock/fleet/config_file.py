"""A fleet as a TOML file or a mapping says it, checked whole before anything runs, with messages for people."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from penstock.errors import InputError
from penstock.fleet.config import FleetConfig, Pool
from penstock.world.naming import nearest_name

MOST_SHOWN = 200
"""letters of a key, value or reason in a message"""


def load_config(source: Any) -> FleetConfig:
    """A fleet from a TOML file, a mapping, or a `FleetConfig`, checked whole.

    Raises:
        InputError: unreadable, unknown keys or names (the nearest is told), values that cannot be.
    """
    if isinstance(source, FleetConfig):
        return source
    if isinstance(source, Mapping):
        return _checked(dict(source), "config")
    if not isinstance(source, str) and not hasattr(source, "__fspath__"):
        raise InputError(f"config: found {type(source).__name__}; expected a path, a mapping or a FleetConfig")
    path = Path(source)
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise InputError(f"{path}: fleet: found {error.strerror or error}; expected a file that can be read") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: fleet: found {cut(str(error))}; expected TOML") from None
    return _checked(tables, path.name)


def cut(text: str) -> str:
    """Text as long as a message can hold."""
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."


def _checked(tables: dict[str, Any], file: str) -> FleetConfig:
    try:
        config = FleetConfig.model_validate(tables)
    except ValidationError as error:
        raise InputError("\n".join(_message(file, item) for item in error.errors()[:20])) from None
    _names(config, file)
    return config


def _message(file: str, item: Any) -> str:
    """One refusal of pydantic in the words of this project."""
    where = cut(".".join(str(step) for step in item["loc"]))
    found, kind, context = item["input"], item["type"], item.get("ctx", {})
    shown = cut(repr(found)) if isinstance(found, str | int | float | bool) else type(found).__name__
    if kind == "extra_forbidden":
        known = _keys(item["loc"])
        return f"{file}: {where}: found an unknown key; expected one of {', '.join(known)}{_near(where, known)}"
    if kind == "missing":
        return f"{file}: {where}: found nothing; expected a value"
    if kind == "literal_error":
        known = [part.strip(" '") for part in str(context["expected"]).replace(" or ", ",").split(",")]
        return f"{file}: {where}: found {shown}; expected one of {', '.join(known)}{_near(str(found), known)}"
    limits = {"greater_than": "above", "greater_than_equal": "of at least"}
    limits |= {"less_than": "below", "less_than_equal": "of at most"}
    if kind in limits:
        bound = next(iter(context.values()))
        return f"{file}: {where}: found {shown}; expected a number {limits[kind]} {bound:g}"
    return f"{file}: {where}: found {shown}; expected {item['msg'].removeprefix('Input should be ')}"


def _keys(location: tuple[Any, ...]) -> list[str]:
    """Keys that are known where an unknown one was found."""
    here: Any = FleetConfig
    for step in location[:-1]:
        if isinstance(step, int):
            continue
        annotation = here.model_fields[step].annotation
        inner = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
        here = next((a for a in inner if issubclass(a, BaseModel)), here)
    return list(here.model_fields)


def _near(text: str, known: Iterable[str]) -> str:
    near = nearest_name(text.rsplit(".", 1)[-1], known)
    return f"; nearest {near}" if near else ""


def _unknown(file: str, where: str, found: str, known: Iterable[str]) -> InputError:
    names = list(known)
    return InputError(f"{file}: {where}: found {found!r}; expected one of {', '.join(names)}{_near(found, names)}")


def _names(config: FleetConfig, file: str) -> None:
    """Names lead somewhere, and none stands twice."""
    for kind, parts in (
        ("model", config.model),
        ("pool", config.pool),
        ("region", config.region),
        ("tenant", config.tenant),
    ):
        names = [part.name for part in parts]
        for k, name in enumerate(names):
            if name in names[:k]:
                raise InputError(f"{file}: {kind}.{k}.name: found {name!r} again; expected each name once")
    if not config.pool:
        raise InputError(f"{file}: pool: found none; expected at least one")
    pools, regions = {p.name: p for p in config.pool}, [r.name for r in config.region]
    models = [m.name for m in config.model]
    for pool in config.pool:
        where = f"pool {pool.name}"
        if models and pool.model not in models:
            raise _unknown(file, f"{where}: model", pool.model, models)
        if pool.region not in regions:
            raise _unknown(file, f"{where}: region", pool.region, regions)
        if (pool.chip is None) == (pool.timing is None):
            raise InputError(f"{file}: {where}: chip: found {_both(pool)}; expected either chip or timing")
        if pool.chunk_tokens <= pool.slots and pool.mixed:
            raise InputError(
                f"{file}: {where}: chunk_tokens: found {pool.chunk_tokens}; expected more than slots ({pool.slots})"
            )
        if pool.max_replicas is not None and pool.max_replicas < pool.replicas:
            raise InputError(
                f"{file}: {where}: max_replicas: found {pool.max_replicas}; expected replicas ({pool.replicas}) or more"
            )
        if pool.role == "prefill":
            if pool.decode_pool not in pools:
                raise _unknown(file, f"{where}: decode_pool", str(pool.decode_pool), pools)
            if pools[pool.decode_pool].role != "decode":
                raise InputError(f"{file}: {where}: decode_pool: found a pool of another role; expected role decode")
    for route in config.route:
        for name in route.pools:
            if name not in pools:
                raise _unknown(file, f"route {route.model}: pools", name, pools)
            if pools[name].role == "decode":
                raise InputError(f"{file}: route {route.model}: pools: found {name!r} of role decode; expected another")
        if not route.pools or len(set(route.pools)) < len(route.pools):
            raise InputError(f"{file}: route {route.model}: pools: found none or one twice; expected each once")
    for k, outage in enumerate(config.outage):
        if outage.pool is not None and outage.pool not in pools:
            raise _unknown(file, f"outage.{k}.pool", outage.pool, pools)
        if outage.region is not None and outage.region not in regions:
            raise _unknown(file, f"outage.{k}.region", outage.region, regions)
        if outage.pool is None and outage.region is None:
            raise InputError(f"{file}: outage.{k}: found neither pool nor region; expected one of them")
    for k, cap in enumerate(config.power_cap):
        if cap.region is not None and cap.region not in regions:
            raise _unknown(file, f"power_cap.{k}.region", cap.region, regions)


def _both(pool: Pool) -> str:
    return "neither chip nor timing" if pool.chip is None else "both chip and timing"
