"""What the entries of a scenario must name and lie between, against a world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.scenarios import quarters
from penstock.scenarios.apply import ApplyError, parse_apply
from penstock.scenarios.checking_figures import check_figures
from penstock.scenarios.entries import EVENT_KINDS, Change, Company, Event, Figure, Remove, Tie
from penstock.scenarios.knobs import Knob, knobs, split_name
from penstock.scenarios.names import Names, UnknownNameError, resolve_segment
from penstock.scenarios.structure import NAME, Parsed, Placed
from penstock.world import vocabulary as words
from penstock.world.defects import Defect, shown
from penstock.world.lei import lei_fault

NamesOf = Callable[[], Names]
"""Gives the names in force, always the same object; a world is read only when one is wanted."""

TARGETS: dict[str, tuple[str, ...]] = {
    "outage": ("company", "site", "layer"),
    "default": ("company",),
    "withdrawal": ("tie", "company"),
    "rating_cut": ("company", "layer"),
    "ban": ("tie", "company", "layer"),
    "delay": ("site", "company", "layer"),
}
"""What each kind of event can strike; an exact id of an earlier kind wins."""


@dataclass
class Checked:
    """Entries with every name resolved to its id, in the order in which they act."""

    changes: list[Change] = field(default_factory=list)
    events: list[tuple[Event, str]] = field(default_factory=list)
    ties: dict[str, Tie] = field(default_factory=dict)
    companies: dict[str, Company] = field(default_factory=dict)
    figures: dict[tuple[str, str], Figure] = field(default_factory=dict)
    removed_ties: list[str] = field(default_factory=list)
    removed_companies: list[str] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


def check(lineage: Sequence[Parsed], names: NamesOf, first: str) -> Checked:
    """Checks the entries of a scenario and its parents, eldest first.

    `names` is called only where an entry names a company, tie or site. `first`: quarter 1 of the world.
    """
    out = Checked()
    for parsed in lineage:
        for remove in parsed.entries["remove"]:
            _check_remove(remove, names, out)
        for company in parsed.entries["company"]:
            _check_company(company, names, out)
        for tie in parsed.entries["tie"]:
            _check_tie(tie, names, out)
        check_figures(parsed.entries["figure"], names, out)
    for parsed in lineage:
        for change in parsed.entries["change"]:
            _check_change(change, names, first, out)
        for event in parsed.entries["event"]:
            _check_event(event, names, first, out)
    # a field that could not be read was told already; what stands in its place is nobody's mistake
    read = [defect for parsed in lineage for defect in parsed.defects]
    told = {(defect.file, defect.field) for defect in read}
    out.defects = read + [defect for defect in out.defects if (defect.file, defect.field) not in told]
    return out


def _word(placed: Placed[Any], key: str, allowed: tuple[str, ...], *, empty: bool = False) -> list[Defect]:
    value = getattr(placed.entry, key)
    if value in allowed or (empty and value == ""):
        return []
    return [placed.defect(key, shown(value), f"one of {', '.join(allowed)}", allowed)]


def _resolve(placed: Placed[Any], key: str, text: str, look_up: Callable[[str], str], defects: list[Defect]) -> str:
    try:
        return look_up(text)
    except UnknownNameError as error:
        defects.append(placed.defect(key, error.found, error.expected))
        return text


def _check_remove(placed: Placed[Remove], names: NamesOf, out: Checked) -> None:
    entry, pool = placed.entry, names()
    if bool(entry.tie) == bool(entry.company):
        found = "both" if entry.tie else "nothing"
        out.defects.append(placed.defect("", found, "either tie or company"))
        return
    kind = "tie" if entry.tie else "company"
    before = len(out.defects)
    name = _resolve(placed, kind, entry.tie or entry.company, lambda text: pool.resolve(text, (kind,))[1], out.defects)
    if len(out.defects) > before:
        return
    if kind == "tie":
        pool.remove_tie(name)
        # a tie of the scenario's own is taken back; one of the world is removed
        if out.ties.pop(name, None) is None:
            out.removed_ties.append(name)
        return
    pool.remove_company(name)
    out.figures = {key: figure for key, figure in out.figures.items() if key[0] != name}
    out.ties = {t: tie for t, tie in out.ties.items() if name not in (tie.provider_id, tie.receiver_id)}
    if out.companies.pop(name, None) is None:
        out.removed_companies.append(name)


def _check_id(placed: Placed[Any], kind: str, pool: Names) -> list[Defect]:
    name = placed.entry.id
    if not NAME.fullmatch(name):
        return [placed.defect("id", shown(name), "lower-case letters, digits and _, a letter first")]
    if pool.has(kind, name):
        expected = f"an id that no other {kind} has, or a [[remove]] of that {kind}"
        return [placed.defect("id", f"{shown(name)}, which is taken", expected)]
    return []


def _check_sources(placed: Placed[Any], pool: Names) -> list[Defect]:
    known = tuple(sorted(pool.sources))
    return [
        placed.defect("source_id", shown(source), "an id of sources.csv, or none (grade F)", known)
        for source in placed.entry.source_id.split(";")
        if source.strip() and source.strip() not in pool.sources
    ]


def _check_company(placed: Placed[Company], names: NamesOf, out: Checked) -> None:
    entry, pool = placed.entry, names()
    defects = _check_id(placed, "company", pool) + _check_sources(placed, pool)
    defects += _word(placed, "layer", words.LAYERS)
    defects += _word(placed, "rating", words.RATINGS, empty=True)
    defects += _word(placed, "evidence", words.EVIDENCE, empty=True)
    roles = [role.strip() for role in entry.roles.split(";")]
    for role in roles:
        if role not in words.ROLES:
            defects.append(placed.defect("roles", shown(role), "roles of the world", words.ROLES))
    for metric, value in entry.opening.items():
        key = f"opening.{metric}"
        if metric not in words.METRICS:
            defects.append(placed.defect("opening", shown(metric), "a metric of the world", words.METRICS))
        elif value < 0 and metric not in words.SIGNED_METRICS:
            defects.append(placed.defect(key, f"{value:g}", "0 or more"))
    if entry.lei and (expected := lei_fault(entry.lei)):
        defects.append(placed.defect("lei", shown(entry.lei), expected))
    if entry.mag7:
        defects.append(placed.defect("mag7", "true", "false: the seven are given"))
    out.defects += defects
    if not defects or not pool.has("company", entry.id):
        pool.add_company(entry.id, entry.name, entry.ticker, entry.layer)
    if not defects:
        out.companies[entry.id] = entry.model_copy(update={"roles": ";".join(roles)})


def _check_tie(placed: Placed[Tie], names: NamesOf, out: Checked) -> None:
    entry, pool = placed.entry, names()
    defects = _check_id(placed, "tie", pool) + _check_sources(placed, pool)
    defects += _word(placed, "kind", words.TIE_KINDS)
    defects += _word(placed, "binding", words.BINDINGS)
    defects += _word(placed, "status", words.TIE_STATUSES)
    defects += _word(placed, "confidence", words.CONFIDENCES)
    defects += _word(placed, "evidence", words.EVIDENCE, empty=True)

    def company(text: str) -> str:
        return pool.resolve(text, ("company",))[1]

    provider = _resolve(placed, "provider_id", entry.provider_id, company, defects)
    receiver = _resolve(placed, "receiver_id", entry.receiver_id, company, defects)
    if provider == receiver:
        defects.append(placed.defect("receiver_id", shown(receiver), "another company than the provider"))
    if entry.start and entry.end and entry.end < entry.start:
        defects.append(placed.defect("end", str(entry.end), f"a date from {entry.start} on"))
    whole = entry.included_in
    if whole:
        whole = _resolve(placed, "included_in", whole, lambda text: pool.resolve(text, ("tie",))[1], defects)
    out.defects += defects
    if not pool.has("tie", entry.id):
        pool.add_tie(entry.id, provider, receiver, whole)
    if not defects:
        update = {"provider_id": provider, "receiver_id": receiver, "included_in": whole}
        out.ties[entry.id] = entry.model_copy(update=update)


def _check_quarter(placed: Placed[Any], key: str, value: str, first: str) -> list[Defect]:
    hint = quarters.nearest(value, first)
    if not quarters.FORM.fullmatch(value):
        return [placed.defect(key, shown(value), "a quarter such as 2027Q2", hint=hint)]
    number = quarters.ordinal(value)
    if number < quarters.ordinal(first):
        expected = f"a quarter from {first} on, the first after the baseline"
        return [placed.defect(key, shown(value), expected, hint=hint)]
    if number // 4 > quarters.LAST_YEAR:
        expected = f"a quarter up to {quarters.LAST_YEAR}Q4"
        return [placed.defect(key, shown(value), expected, hint=hint)]
    return []


def _check_knob(placed: Placed[Change], names: NamesOf, defects: list[Defect]) -> tuple[Knob | None, str]:
    what = placed.entry.what
    name, entity = split_name(what)
    knob = knobs().get(name)
    if knob is None:
        candidates = tuple(knobs())
        expected = "a knob (see: penstock scenario knobs)"
        # the part after the second dot is an entity, which would spoil the likeness
        near = placed.defect("what", name, expected, candidates).nearest
        defects.append(placed.defect("what", shown(what), expected, hint=near))
        return None, what
    if not entity:
        return knob, name
    if not knob.entity:
        defects.append(placed.defect("what", shown(what), f"{name} without a name behind it", hint=name))
        return knob, what
    kind = knob.entity

    def look_up(text: str) -> str:
        return resolve_segment(text) if kind == "segment" else names().resolve_entity(text, kind)

    resolved = _resolve(placed, "what", entity, look_up, defects)
    return knob, f"{name}.{resolved}"


def _check_apply(placed: Placed[Change], knob: Knob | None) -> tuple[str, list[Defect]]:
    source = placed.entry.apply
    try:
        apply = parse_apply(source)
    except ApplyError as error:
        return source, [placed.defect("apply", shown(source), error.expected, hint=error.nearest)]
    if knob is not None and apply.kind == "set" and not knob.minimum <= apply.low <= knob.maximum:
        nearest = min(max(apply.low, knob.minimum), knob.maximum)
        expected = f"{knob.minimum:g} to {knob.maximum:g}"
        return source, [placed.defect("apply", shown(source), expected, hint=f"={nearest:g}")]
    if knob is not None and knob.default == 0 and apply.kind in ("factor", "range"):
        expected = f'"+" or "=", since {knob.name} is 0 in the baseline'
        return source, [placed.defect("apply", shown(source), expected)]
    return apply.text(), []


def _check_change(placed: Placed[Change], names: NamesOf, first: str, out: Checked) -> None:
    entry = placed.entry
    defects: list[Defect] = []
    knob, what = _check_knob(placed, names, defects)
    text, bad = _check_apply(placed, knob)
    defects += bad
    bad = _check_quarter(placed, "from", entry.start, first)
    if entry.until:
        bad += _check_quarter(placed, "until", entry.until, first)
        if not bad and quarters.ordinal(entry.until) < quarters.ordinal(entry.start):
            expected = f"{entry.start} or later, the quarter it begins"
            bad.append(placed.defect("until", shown(entry.until), expected))
    defects += bad
    out.defects += defects
    if not defects:
        out.changes.append(entry.model_copy(update={"what": what, "apply": text}))


def _check_event(placed: Placed[Event], names: NamesOf, first: str, out: Checked) -> None:
    entry, pool = placed.entry, names()
    defects = _word(placed, "kind", EVENT_KINDS) + _check_quarter(placed, "from", entry.start, first)
    kinds = TARGETS.get(entry.kind, ("company", "tie", "site", "layer"))
    target, kind = entry.target, kinds[0]
    if target in words.LAYERS and "layer" not in kinds and not any(pool.has(one, target) for one in ("company", "tie")):
        # a part of a company's name is a name; that of a layer is none by chance
        strikes = f"a {' or '.join(kinds)}: {entry.kind} does not strike whole layers"
        defects.append(placed.defect("target", f"{shown(target)}, a layer", strikes))
    else:
        try:
            kind, target = pool.resolve(entry.target, kinds)
        except UnknownNameError as error:
            defects.append(placed.defect("target", error.found, error.expected))
    out.defects += defects
    if not defects:
        out.events.append((entry.model_copy(update={"target": target}), kind))
