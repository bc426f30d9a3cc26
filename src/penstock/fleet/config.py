"""What a fleet is made of: pools, tenants, routes, failures, and what each field may be. `config_file` reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]

Router = Literal["round_robin", "random", "least_load", "power_of_two", "cache_affinity"]
ModelPolicy = Literal["failover", "score", "cascade", "spread"]
Scaler = Literal["fixed", "reactive", "predictive", "hpa"]
Plan = Literal["pay_per_use", "committed", "batch"]


class Part(BaseModel):
    """A table of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Prices(Part):
    """What a model's tokens cost the customer, USD per million; assumption, list prices of 2025 span 0.1 to 75."""

    input_usd_per_mtok: NotNegative = 0.5
    cached_usd_per_mtok: NotNegative = 0.1
    output_usd_per_mtok: NotNegative = 2.0


class Model(Part):
    """A model that customers ask for or that answers for another."""

    name: str
    shape: str = "dense_70b"
    """layout of `penstock.layers`: dense_8b, dense_70b, dense_405b, moe_671b, moe_47b"""
    precision: str | None = None
    quality: Share = 1.0
    """share of requests that this model answers well enough"""
    prices: Prices = Prices()


class Timing(Part):
    """Seconds of an iteration, given instead of a chip: for tests, or where they were measured."""

    overhead_s: NotNegative = 0.0
    weights_s: NotNegative = 0.0
    request_s: NotNegative = 0.0
    """per request that decodes"""
    context_s: NotNegative = 0.0
    """per token in memory"""
    prompt_s: NotNegative = 0.0
    """per token of a prompt"""
    prompt_squared_s: NotNegative = 0.0
    """per squared token of a prompt"""
    memory_tokens: Count = 1_000_000
    decode_batch: tuple[float, ...] = ()
    decode_s: tuple[float, ...] = ()
    """measured seconds of an iteration by batch, straight lines between"""
    prompt_tokens: tuple[float, ...] = ()
    prompt_iteration_s: tuple[float, ...] = ()
    """measured seconds of an iteration by tokens of prompts, straight lines between"""


class Autoscaling(Part):
    """How many replicas a pool keeps."""

    policy: Scaler = "fixed"
    min_replicas: Annotated[int, Field(ge=0)] = 1
    interval_s: Positive = 15.0
    """between decisions; Kubernetes takes 15 s"""
    target_load: Positive = 0.7
    """requests per replica, as a share of its slots"""
    tolerance: NotNegative = 0.1
    """ratios this near to one change nothing (Kubernetes: 0.1)"""
    stabilisation_s: NotNegative = 300.0
    """the largest wish of this time stands when going down (Kubernetes: 300 s)"""
    headroom: NotNegative = 0.15
    """of the predictive policy"""
    idle_s: Positive = 300.0
    """without a request before a pool with min_replicas 0 goes to zero"""


class Pool(Part):
    """Replicas of one model on one kind of chip in one region."""

    name: str
    model: str
    replicas: Count
    max_replicas: Count | None = None
    chip: str | None = None
    chips: Count = 1
    """of a replica"""
    timing: Timing | None = None
    region: str = "home"
    slots: Annotated[int, Field(ge=1, le=4096)] = 128
    """most requests that a replica works on at once"""
    chunk_tokens: Count = 2048
    """most tokens of an iteration that processes prompts (chunked prefill)"""
    mixed: bool = True
    """whether prompts and answers share iterations; otherwise prompts go first and answers pause"""
    memory_fraction: Annotated[float, Field(gt=0, le=1)] = 0.9
    role: Literal["both", "prefill", "decode"] = "both"
    decode_pool: str | None = None
    """where a prefill pool sends its work"""
    transfer_gb_per_s: Positive = 50.0
    queue: Literal["central", "replica"] = "replica"
    fair: bool = False
    """weighted fair queueing among tenants at the central queue; otherwise first come, first served"""
    fair_stretch: Annotated[float, Field(gt=0, le=1)] = 0.02
    """in a fair pool: by which share tenants over their share may lengthen iterations of the others"""
    router: Router = "power_of_two"
    queue_limit: Annotated[int, Field(ge=0)] | None = None
    """waiting requests at most (of the pool, or of each replica); more are shed"""
    max_wait_s: Positive | None = None
    """a request that has waited longer is shed instead of started"""
    cold_start_s: NotNegative = 60.0
    """from order to service; PHYSICS 5.6: warm 5/30/90, from disk 60/180/600, new node 300/900/3,600"""
    error_share: Share = 0.0
    """of attempts that come to nothing"""
    breaker_failures: Annotated[int, Field(ge=0)] = 0
    """failures in a row that open a replica's circuit breaker; 0 for none"""
    breaker_open_s: Positive = 30.0
    cache_prefixes: Annotated[int, Field(ge=0)] = 0
    """prefixes that a replica's cache holds"""
    spot: bool = False
    chip_usd_per_h: Positive | None = None
    price_factor: Positive = 1.0
    """of spot or reserved capacity against the list"""
    backfill_slots: Annotated[int, Field(ge=0)] | None = None
    """batch work may start while a replica has fewer requests than this; half of the slots if not given"""
    skip_ahead: bool = True
    autoscaling: Autoscaling = Autoscaling()


class Region(Part):
    """Where pools stand: what power costs and does there."""

    name: str
    latency_s: NotNegative = 0.0
    """of the network, there and back"""
    zones: Count = 1
    pue: Annotated[float, Field(ge=1)] = 1.15
    carbon_kg_per_mwh: NotNegative = 370.0
    water_l_per_kwh: NotNegative = 0.4
    power_usd_per_mwh: NotNegative = 65.0


class Tenant(Part):
    """A customer: share of the trace, rights and manners."""

    name: str
    share: Positive = 1.0
    weight: Positive = 1.0
    """in fair queueing"""
    priority: int = 0
    """lower goes first"""
    plan: Plan = "pay_per_use"
    committed_usd_per_h: NotNegative = 0.0
    tokens_per_s: Positive | None = None
    """of the token bucket; none if not given"""
    burst_tokens: Positive | None = None
    """that the bucket holds; sixty seconds' worth if not given"""
    timeout_s: Positive | None = None
    retries: Annotated[int, Field(ge=0)] = 3
    backoff_s: NotNegative = 1.0
    retry_budget: NotNegative | None = 0.1
    """retries per request, saved up to 100; TOML has no null: any number above `retries` is no limit"""
    retry_rejected: bool = False
    """whether it asks again when told that there is no room"""
    orphans: bool = False
    """whether its calls run on when it has stopped waiting for them (no cancellation)"""


class Route(Part):
    """Which pools answer for a model."""

    model: str
    pools: tuple[str, ...]
    policy: ModelPolicy = "failover"


class Outage(Part):
    """A part of the fleet that is gone for a while."""

    at_s: NotNegative
    lasts_s: Positive
    pool: str | None = None
    replica: Annotated[int, Field(ge=0)] | None = None
    zone: Annotated[int, Field(ge=0)] | None = None
    region: str | None = None


class Failures(Part):
    """Random outages, exponential in time. Defaults: none."""

    replica_mtbf_h: Positive | None = None
    replica_repair_s: Positive = 1800.0
    node_replicas: Count = 4
    node_mtbf_h: Positive | None = None
    node_repair_s: Positive = 14400.0
    zone_mtbf_h: Positive | None = None
    zone_repair_s: Positive = 3600.0
    region_mtbf_h: Positive | None = None
    region_repair_s: Positive = 14400.0
    spot_mtbf_h: Positive = 24.0
    """mean life of a spot replica until it is taken back"""
    spot_notice_s: NotNegative = 30.0


class PowerCap(Part):
    """Less power for a while: work slows by the exponents of PHYSICS 5.5."""

    at_s: NotNegative
    lasts_s: Positive
    fraction: Annotated[float, Field(gt=0, le=1)]
    region: str | None = None


class Objectives(Part):
    """What is promised to customers."""

    first_token_s: Positive = 2.0
    token_s: Positive = 0.2
    availability: Annotated[float, Field(gt=0, lt=1)] = 0.99


class Source(Part):
    """Where the requests come from."""

    kind: Literal["bootstrap", "generated", "file"] = "bootstrap"
    name: str = "azure_llm_2023_conv"
    file: str | None = None
    requests: Count = 20_000
    requests_per_s: Positive | None = None
    """mean rate; that of the source if not given"""
    block_s: Positive = 60.0
    daily_swing: Share = 0.0
    weekend_factor: Positive = 1.0
    dispersion_60s: Annotated[float, Field(ge=1)] = 1.0
    """of generated arrivals: variance over mean of the counts of minutes"""


class Score(Part):
    """Weights of the policy `score`: USD per second of latency, USD per unit of missing quality."""

    latency_usd_per_s: NotNegative = 0.0001
    quality_usd: NotNegative = 0.001


class FleetConfig(Part):
    """A fleet and what is asked of it."""

    name: str = "fleet"
    title: str = ""
    window_s: Positive = 60.0
    drain_s: NotNegative = 600.0
    """simulated after the last arrival so that requests can end"""
    trace: Source = Source()
    model: tuple[Model, ...] = ()
    pool: tuple[Pool, ...]
    region: tuple[Region, ...] = (Region(name="home"),)
    tenant: tuple[Tenant, ...] = (Tenant(name="all"),)
    route: tuple[Route, ...] = ()
    outage: tuple[Outage, ...] = ()
    failures: Failures = Failures()
    power_cap: tuple[PowerCap, ...] = ()
    objectives: Objectives = Objectives()
    score: Score = Score()
