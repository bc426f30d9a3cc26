"""Columns of the arrays that the compiled loop works on, and the codes that stand in them.

One row per request keeps all that an event touches in two or three cache lines, and a state of some twenty arrays
instead of eighty is cheap to hand from one compiled function to the next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# requests, whole numbers
(
    N_IN,  # tokens of the prompt
    N_OUT,  # tokens of the answer
    TENANT,
    GROUP,  # the model that was asked for
    PREFIX,  # identity of the shared beginning of the prompt, -1 for none
    SHAREABLE,  # tokens of that beginning
    STATUS,
    POOL,
    REPLICA,
    NEXT,  # neighbours in the list the request stands in
    PREV,
    LIST,  # that list, -1 for none
    DONE,  # tokens of the prompt that are processed or were cached
    TAKE,  # tokens of the prompt in the iteration that is running
    EMITTED,  # tokens of the answer so far, exact at first token and at the end
    ENDS,  # iteration of its replica at which the answer is complete
    ATTEMPT,  # retries so far
    CACHED,  # tokens of the prompt that the cache of the replica held
    STAGE,  # 0 first model, 1 escalated
    ROOT,  # the request that this one repeats, itself if none
    MARKED,  # 1: to be taken out at the next boundary; 2: its client has gone, the work goes on
    ERRORS,  # attempts that failed on the side of the server
    INSIDE,  # 1: started on its tenant's credit, beside those within their share
    GRANTED,  # tokens of its prompt that are worked on beside those of tenants within their share
) = range(24)
REQUEST_INTS = 24

# requests, real numbers
ARRIVAL, FIRST, FINISH, BEGAN, ENTERED = range(5)
REQUEST_FLOATS = 5

# states of a request
TO_COME, WAITING, RUNNING, BACKOFF, TRANSFER, HANDED_ON, SERVED, REJECTED, FAILED, CANCELLED, TIMED_OUT = range(11)
STATUS_NAMES = (
    "to_come",
    "waiting",
    "running",
    "backoff",
    "transfer",
    "handed_on",
    "served",
    "rejected",
    "failed",
    "cancelled",
    "timed_out",
)

# why a request is marked: cancelled; its client has gone but the work goes on; timed out
GONE, ORPHAN, LATE = 1, 2, 3

# replicas, whole numbers
(
    R_POOL,
    R_STATE,
    R_KIND,
    R_STEPS,  # iterations of the plan that is running
    R_COUNTER,  # iterations done
    R_BATCH,  # requests that decode
    R_CONTEXT,  # tokens in the memory of those
    R_RESERVED,  # tokens of memory promised to running requests
    R_PREFILLING,  # requests whose prompt is being processed
    R_PROMISED,  # tokens of memory wanted by requests that wait at the replica
    R_DOWN,  # outages that hold it down
    R_STRIKES,  # failures in a row
    R_MARKED,  # requests to be taken out at the next boundary
) = range(13)
REPLICA_INTS = 13

# replicas, real numbers
X_BEGAN, X_NEXT, X_OPEN_UNTIL, X_SINCE, X_ERROR, X_SLOW = range(6)
REPLICA_FLOATS = 6

OFF, STARTING, UP, DRAINING, DOWN = range(5)
IDLE, DECODE, PREFILL = range(3)

# pools, whole numbers
(
    P_FIRST,
    P_COUNT,
    P_MODEL,
    P_SLOTS,
    P_MEMORY,
    P_CHUNK,
    P_MIXED,
    P_ROLE,
    P_CENTRAL,
    P_ROUTER,
    P_TURN,
    P_QUEUE_LIMIT,
    P_QUEUED,
    P_NEXT_POOL,  # where a prefill pool sends its work
    P_WANTED,
    P_BREAKER,  # failures in a row that open the breaker, 0 for none
    P_SKIP,  # 1: skip ahead over identical iterations
    P_LOAD,  # requests on its replicas and in its queue
    P_UP,
    P_FAIR,
    P_BACKFILL_SLOTS,
    P_CACHE,  # prefixes that the cache of a replica holds
    P_KNOTS,  # points of the pool's table of prompt times, 0 for the roofline
    P_FLIPPED,  # 1: who may start has changed in this event
    P_OVERS,  # tenants over their share
) = range(25)
POOL_INTS = 25
BOTH, PREFILL_ONLY, DECODE_ONLY = range(3)

# pools, real numbers
(
    F_MEM_K,
    F_PF_TOKEN,
    F_PF_ATTENTION,
    F_SLOW_DECODE,
    F_SLOW_PREFILL,
    F_MAX_WAIT,
    F_COLD_START,
    F_ERROR,
    F_TRANSFER,  # seconds to move one token of memory to the decode pool
    F_VIRTUAL,  # virtual time of fair queueing
    F_OPEN_S,
    F_PRICE,
    F_LATENCY,  # seconds of network each way together
    F_QUALITY,
    F_WAIT_ESTIMATE,
    F_WORK,  # seconds of arithmetic per token that is decoded
    F_WORK_K,  # and per token of its context
    F_HALF,  # tokens in an iteration at which arithmetic reaches half its rate
    F_TRAFFIC,  # seconds on the links per token of an iteration
    F_STRETCH,  # by which tenants over their share may lengthen iterations of the others
    F_SLACK,  # seconds that their answers may add to an iteration
    F_PER_REQUEST,  # seconds that one more answer adds at most
    F_PER_TOKEN,  # and one more token of its context
    F_ACTIVE,  # weight of the tenants that were there lately
) = range(24)
POOL_FLOATS = 24

# step table [pool, batch, column]
T_OVER, T_MEM, T_CMP, T_CMP_K = range(4)

# tenants, real numbers
(
    N_WEIGHT,
    N_RATE,
    N_BURST,
    N_LEVEL,
    N_FILLED,
    N_TIMEOUT,
    N_BACKOFF,
    N_BUDGET,
    N_BUDGET_LEVEL,
    N_RPS,
    N_RPS_LEVEL,
) = range(11)
TENANT_FLOATS = 11
# tenants, whole numbers
M_PRIORITY, M_RETRIES, M_ORPHANS, M_BACKFILL, M_RETRY_REJECTED = range(5)
TENANT_INTS = 5

# tenants at pools: what they have there, waiting and running
(
    V_REQUESTS,
    V_TOKENS,
    V_RUNNING,
    V_LAST,  # time of the last request
    V_OVER,
    V_THERE,
    V_WORK,  # bucket of work that leaks at the tenant's share
    V_LEAKED,
    V_WANTS,
    V_INSIDE,  # of those running, on credit
    V_USED,  # work, seconds and requests of late, while within its share
    V_SEEN,
    V_COUNT,
    V_NOTED,
    V_CREDIT,  # seconds of work that a tenant over its share may still take beside the others
    V_TYPICAL,  # seconds of work of one of its usual requests
) = range(16)
STANDINGS = 16
# tenants at replicas
H_REQUESTS, H_TOKENS, H_INSIDE, H_INSIDE_TOKENS = range(4)
HOLDINGS = 4

# groups (models asked for): how a pool is chosen
G_POLICY, G_COUNT, G_FIRST = range(3)
FAILOVER, SCORE, CASCADE, SPREAD = range(4)

# routers
ROUND_ROBIN, RANDOM, LEAST_LOAD, POWER_OF_TWO, CACHE_AFFINITY = range(5)
ROUTERS = ("round_robin", "random", "least_load", "power_of_two", "cache_affinity")
MODEL_POLICIES = ("failover", "score", "cascade", "spread")

# sums per window and pool
(
    W_PREFILL_S,
    W_DECODE_S,
    W_BATCH_S,
    W_UP_S,
    W_SLOW_S,
) = range(5)
WINDOW_SUMS = 5

# usage per tenant and pool: what was delivered
U_REQUESTS, U_IN, U_CACHED, U_OUT = range(4)
USAGE_SUMS = 4

# counters of the whole run, whole numbers
(
    C_NEXT,
    C_ROWS,
    C_ITERATIONS,
    C_PLANS,
    C_MADE,  # tokens of answers made, counted iteration by iteration
    C_LOST,  # of which lost with failed, cancelled or abandoned attempts
    C_RETRIES,
    C_IN_SYSTEM,
    C_EVENTS,
    C_PREFILLED,
    C_PREFILL_LOST,
    C_TIMERS,
    C_SERVED,
    C_FINAL,
    C_ARRIVED,
    C_ERRORS,
    C_BREAKS,
    C_ESCALATED,
    C_MANUAL,  # 1: stop at every arrival, the caller places it
    C_MOVED,
    C_REPLICAS,  # sizes of the arrays, which grids do not know
    C_CAPACITY,
    C_TENANTS,
    C_WINDOWS,
    C_LEAVES,
    C_FLIPPED,  # 1: who may start at some pool has changed in this event
    C_POOLS,
) = range(27)
COUNTERS = 27

# real numbers of the whole run
S_NOW, S_AREA, S_LAST, S_WINDOW, S_W_LATENCY, S_W_QUALITY, S_ESCALATE, S_SEED, S_JITTER = range(9)
SCALARS = 9


class State(NamedTuple):
    """Everything that the loop reads and writes. Shapes: N rows of requests, R replicas, P pools, T tenants."""

    qi: Any
    """(N, REQUEST_INTS) int64"""
    qf: Any
    """(N, REQUEST_FLOATS) float64"""
    ri: Any
    """(R, REPLICA_INTS) int64"""
    rf: Any
    """(R, REPLICA_FLOATS) float64"""
    pi: Any
    """(P, POOL_INTS) int64"""
    pf: Any
    """(P, POOL_FLOATS) float64"""
    steps: Any
    """(P, slots + 1, 4) float64: seconds of an iteration by batch"""
    knots: Any
    """(P, knots, 2) float64: tokens of prompts in an iteration and its seconds, where measured"""
    heap_ends: Any
    """(R, slots) int64: heap of the iterations at which running requests end"""
    heap_who: Any
    """(R, slots) int64: their rows"""
    lists: Any
    """(lists, 3) int64: head, tail, length; waiting of R, prefilling of R, then gateway of P x T"""
    winners: Any
    """(2 S,) int64: tournament over the next times of replicas, S the next power of two"""
    timer_who: Any
    """(N + R,) int32: heap of timers"""
    timer_at: Any
    """(N + R,) int32: place of each in the heap, -1 for none"""
    timer_when: Any
    """(N + R,) float64"""
    tf: Any
    """(T, TENANT_FLOATS) float64"""
    ti: Any
    """(T, TENANT_INTS) int64"""
    last_tag: Any
    """(P, T) float64: last finish tag of fair queueing"""
    standing: Any
    """(P, T, STANDINGS) float64: what tenants have at fair pools"""
    held: Any
    """(R, T, HOLDINGS) int64: requests and tokens of tenants on replicas of fair pools"""
    groups: Any
    """(G, 3 + P) int64"""
    cache: Any
    """(R, lines) int64: prefix held by each line of a replica's cache, -1 for none"""
    windows: Any
    """(W, P, WINDOW_SUMS) float64"""
    usage: Any
    """(T, P, USAGE_SUMS) int64"""
    counters: Any
    """(COUNTERS,) int64"""
    scalars: Any
    """(SCALARS,) float64"""
