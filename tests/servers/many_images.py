"""An archive of a platform with many images, as installers list them; small, whatever the sizes that it tells."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from servers.small_archive import ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

_REPOSITORIES = {
    "docker.io/calico": ("cni", "kube-controllers", "node", "pod2daemon-flexvol"),
    "docker.io/grafana": ("grafana",),
    "docker.io/istio": ("pilot", "proxyv2"),
    "docker.io/kubesphere": (
        "fluent-bit", "fluentbit-operator", "ks-apiserver", "ks-console", "ks-controller-manager", "ks-installer",
        "kube-auditing-operator", "kube-events-exporter", "kube-events-ruler", "kube-proxy", "kube-rbac-proxy",
        "kube-state-metrics", "kubectl", "metrics-server", "notification-manager", "prometheus-operator",
    ),
    "docker.io/library": ("alpine", "busybox", "haproxy", "nginx", "redis"),
    "docker.io/prom": ("alertmanager", "node-exporter", "prometheus"),
    "quay.io/argoproj": ("argocd", "argocd-applicationset"),
    "registry.k8s.io": ("coredns", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "pause"),
}  # fmt: skip
_TAGS = ("v1.19.9", "v1.20.6", "v1.21.5")
_LARGEST = 400_000_000


def many_images(root: Path) -> Path:
    """Make the archive and return its folder."""
    made = ArchiveBuilder(root, project="platform", title="Platform 3.4")
    for number in range(12):
        made.page(f"https://docs.example.org/v3.4/{number}.html", html(f"Part {number}", "How to install it"))
    for space, names in _REPOSITORIES.items():
        for name in names:
            for tag in _TAGS:
                reference = f"{space}/{name}:{tag}"
                made.image(reference, ("linux/amd64", "linux/arm64"), salt=reference)
                size = 2_000_000 + zlib.crc32(reference.encode()) % _LARGEST
                made.images[-1] = replace(made.images[-1], size=size)
    made.finish()
    return root
