"""A fleet as Kubernetes manifests: what would run it, with the same limits and the same rule of scaling.

Per pool: Deployment, Service, HorizontalPodAutoscaler where it scales, PodDisruptionBudget. Per tenant: a Namespace
with ResourceQuota and NetworkPolicy, so that what tenants run beside the models stays apart. Resources and API
versions are those of Kubernetes 1.29 and later.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from penstock.errors import InputError, OutputError
from penstock.fleet.config import FleetConfig, Pool, Tenant

SERVING = "serving"
GPU_RESOURCE = {"mi": "amd.com/gpu", "tpu": "google.com/tpu", "trainium": "aws.amazon.com/neuron"}
"""Extended resource by the beginning of the chip's id; else nvidia.com/gpu."""
IMAGE = "example.invalid/inference-server:choose-one"
"""No registry has it: the person who deploys must choose an image."""
CPU_PER_CHIP, MEMORY_GIB_PER_CHIP = 8, 96
"""What a replica asks for beside its chips; assumption: a share of a server of eight chips, 4 to 24 and 64 to 256."""
PORT = 8000
QUOTA_CPU, QUOTA_MEMORY_GIB, QUOTA_PODS = 32, 128, 50
"""Of the clients that a tenant runs in its namespace, per unit of weight; assumption, to be changed at deployment."""


def manifests(config: FleetConfig) -> dict[str, list[dict[str, Any]]]:
    """Manifests by file name, in the order in which they must be applied.

    Raises InputError where two names come to the same name in Kubernetes.
    """
    files: dict[str, list[dict[str, Any]]] = {}
    files["00-namespaces.yaml"] = [_namespace(SERVING, {"penstock.io/part": "serving"})] + [
        _namespace(_tenant_space(t), {"penstock.io/part": "tenant", "penstock.io/tenant": dns_name(t.name)})
        for t in config.tenant
    ]
    for tenant in config.tenant:
        files[f"10-tenant-{dns_name(tenant.name)}.yaml"] = [
            _quota(tenant),
            _closed(_tenant_space(tenant)),
            _tenant_policy(tenant),
        ]
    files["20-serving-network.yaml"] = [_closed(SERVING), _serving_policy()]
    for pool in config.pool:
        parts = [_deployment(config, pool), _service(pool), _budget(config, pool)]
        if pool.autoscaling.policy != "fixed":
            parts.append(_autoscaler(pool))
        files[f"30-pool-{dns_name(pool.name)}.yaml"] = parts
    expected = 2 + len(config.tenant) + len(config.pool)
    if len(files) != expected:
        raise InputError(f"{config.name}: name: found names that Kubernetes cannot tell apart; expected distinct ones")
    return files


def write_manifests(config: FleetConfig, directory: Path | str) -> list[Path]:
    """Write the manifests as YAML files into a folder, made if need be; the files written.

    Raises OutputError where the folder cannot be written.
    """
    target = Path(directory)
    texts = {name: "".join(f"---\n{yaml(part)}" for part in parts) for name, parts in manifests(config).items()}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (target / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{target}: manifests: found {error.strerror or error}; expected a folder that can be written"
        ) from error
    return [target / name for name in texts]


def dns_name(name: str) -> str:
    """A name as Kubernetes takes it: lower case, letters, digits and hyphens, at most 50 characters."""
    made = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:50].strip("-")
    if not made:
        raise InputError(f"name: found {name!r}; expected at least one letter or digit")
    return made


def yaml(value: Any, indent: int = 0) -> str:
    """Plain data as YAML. Strings are written as JSON strings, which YAML reads alike."""
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{key}:{_nested(item, indent)}" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"{pad}-{_nested(item, indent)}" for item in value)
    return f"{pad}{json.dumps(value)}\n"


def _nested(item: Any, indent: int) -> str:
    if isinstance(item, dict | list) and item:
        return "\n" + yaml(item, indent + 1)
    return f" {json.dumps(item)}\n"


def _meta(name: str, namespace: str | None = None, labels: dict[str, str] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name}
    if namespace:
        made["namespace"] = namespace
    made["labels"] = {"app.kubernetes.io/managed-by": "penstock", **(labels or {})}
    return made


def _namespace(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": _meta(name, labels=labels)}


def _tenant_space(tenant: Tenant) -> str:
    return f"tenant-{dns_name(tenant.name)}"


def _pool_labels(pool: Pool) -> dict[str, str]:
    return {"app.kubernetes.io/name": dns_name(pool.model), "penstock.io/pool": dns_name(pool.name)}


def gpu_resource(chip: str | None) -> str:
    """Name under which a cluster counts this chip."""
    return next((r for start, r in GPU_RESOURCE.items() if (chip or "").startswith(start)), "nvidia.com/gpu")


def _deployment(config: FleetConfig, pool: Pool) -> dict[str, Any]:
    labels = _pool_labels(pool)
    asked = {
        "cpu": str(CPU_PER_CHIP * pool.chips),
        "memory": f"{MEMORY_GIB_PER_CHIP * pool.chips}Gi",
        gpu_resource(pool.chip): str(pool.chips),
    }
    probe = {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 5}
    container = {
        "name": "server",
        "image": IMAGE,
        "args": [
            f"--model={pool.model}",
            f"--tensor-parallel-size={pool.chips}",
            f"--max-num-seqs={pool.slots}",
            f"--max-num-batched-tokens={pool.chunk_tokens}",
            f"--gpu-memory-utilization={pool.memory_fraction:g}",
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"requests": dict(asked), "limits": dict(asked)},
        "readinessProbe": probe,
        "startupProbe": probe | {"failureThreshold": max(int(pool.cold_start_s * 3 / 5), 12)},
    }
    spec: dict[str, Any] = {
        "containers": [container],
        "terminationGracePeriodSeconds": 120,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
        ],
        "nodeSelector": {"topology.kubernetes.io/region": dns_name(pool.region)},
    }
    if pool.spot:
        spec["tolerations"] = [{"key": "penstock.io/spot", "operator": "Exists", "effect": "NoSchedule"}]
    body: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
    }
    if pool.autoscaling.policy == "fixed":  # otherwise the autoscaler owns the number
        body = {"replicas": pool.replicas, **body}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(dns_name(pool.name), SERVING, labels | {"penstock.io/fleet": dns_name(config.name)}),
        "spec": body,
    }


def _service(pool: Pool) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(dns_name(pool.name), SERVING, _pool_labels(pool)),
        "spec": {"selector": _pool_labels(pool), "ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
    }


def _autoscaler(pool: Pool) -> dict[str, Any]:
    rules = pool.autoscaling
    load = f"{1000 * rules.target_load * pool.slots:.0f}m"  # thousandths of a request
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _meta(dns_name(pool.name), SERVING, _pool_labels(pool)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": dns_name(pool.name)},
            # zero needs an alpha feature of the cluster; the manifest stays within what is stable
            "minReplicas": max(rules.min_replicas, 1),
            "maxReplicas": pool.max_replicas or pool.replicas,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": "penstock_fleet_requests_running"},
                        "target": {
                            "type": "AverageValue",
                            "averageValue": load,
                        },
                    },
                }
            ],
            "behavior": {
                "scaleDown": {"stabilizationWindowSeconds": int(rules.stabilisation_s)},
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Percent", "value": 100, "periodSeconds": 15},
                        {"type": "Pods", "value": 4, "periodSeconds": 15},
                    ],
                },
            },
        },
    }


def _budget(config: FleetConfig, pool: Pool) -> dict[str, Any]:
    """At most one replica away at a time by choice; for large pools, the share that the promise leaves."""
    spare = max(int(pool.replicas * (1.0 - config.objectives.availability)), 1)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(dns_name(pool.name), SERVING, _pool_labels(pool)),
        "spec": {"maxUnavailable": spare, "selector": {"matchLabels": _pool_labels(pool)}},
    }


def _quota(tenant: Tenant) -> dict[str, Any]:
    hard = {
        "requests.cpu": str(max(round(QUOTA_CPU * tenant.weight), 1)),
        "requests.memory": f"{max(round(QUOTA_MEMORY_GIB * tenant.weight), 1)}Gi",
        "pods": str(max(round(QUOTA_PODS * tenant.weight), 1)),
        "requests.nvidia.com/gpu": "0",  # tenants use models through the platform
    }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": _meta("quota", _tenant_space(tenant)),
        "spec": {"hard": hard},
    }


def _closed(namespace: str) -> dict[str, Any]:
    """Nothing comes in, whatever is not allowed elsewhere."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta("closed", namespace),
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def _names_resolve() -> dict[str, Any]:
    return {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }


def _tenant_policy(tenant: Tenant) -> dict[str, Any]:
    """A tenant's pods reach the models and each other, and no other tenant."""
    inside: list[dict[str, Any]] = [{"podSelector": {}}]
    models = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SERVING}}}],
        "ports": [{"protocol": "TCP", "port": PORT}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta("own-and-models", _tenant_space(tenant)),
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": inside}],
            "egress": [{"to": inside}, models, _names_resolve()],
        },
    }


def _serving_policy() -> dict[str, Any]:
    """Servers are reached from the namespaces of tenants, and reach each other."""
    tenants = {"namespaceSelector": {"matchLabels": {"penstock.io/part": "tenant"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta("from-tenants", SERVING),
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [tenants, {"podSelector": {}}], "ports": [{"protocol": "TCP", "port": PORT}]}],
            "egress": [{"to": [{"podSelector": {}}]}, _names_resolve()],
        },
    }
