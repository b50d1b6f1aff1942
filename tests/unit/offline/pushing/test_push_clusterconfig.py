"""What makes a cluster use the registry, as text."""

from __future__ import annotations

from pathlib import Path

import tomllib

from archiver.core.digest import Digest
from archiver.core.reference import Reference
from archiver.offline.holdings import Image
from archiver.offline.pushing.clusterconfig import cluster_files
from archiver.offline.pushing.connections import Trust
from archiver.offline.pushing.names import Destination, Naming, Placement, Rename
from archiver.offline.pushing.push import PushedImage
from archiver.offline.pushing.registry import Dialling

HUB, CHART = "docker.io/library/redis:7", "quay.io/charts/app:1"
SIGNATURE = f"docker.io/library/redis:sha256-{'0' * 64}.sig"
PINNED = f"registry.example.org:5000/a/b@{Digest.of(b'x')}"


def pushed(naming: Naming, *references: str) -> list[PushedImage]:
    """Return images that were pushed: the chart runs nowhere, the signature refers to something."""
    made = []
    for text in references:
        about = "sha256:" + "0" * 64 if text == SIGNATURE else ""
        platforms = ("linux/amd64",) if text not in (CHART, SIGNATURE) else ()
        image = Image("p", text, Digest.of(b"x"), "application/x", 1, platforms, about)
        source = Reference.parse(text)
        made.append(PushedImage(Placement(image, source, naming.target(source)), image.digest, None))
    return made


def files(naming: Naming, dialling: Dialling, *references: str, authority: bytes = b"") -> dict[str, str]:
    """Return the files' texts."""
    made = cluster_files(pushed(naming, *references), naming, dialling, authority)
    return {path: data.decode() for path, data in made.items()}


def test_each_source_registry_has_its_hosts_toml() -> None:
    """In a folder that any file system can have, with the path as containerd wants it."""
    made = files(Naming(Destination("reg.example", "m")), Dialling(), HUB, PINNED, CHART)
    assert tomllib.loads(made["certs.d/docker.io/hosts.toml"]) == {
        "host": {
            "https://reg.example/v2/m": {"capabilities": ["pull", "resolve"], "override_path": True},
        }
    }
    assert {path for path in made if path.endswith("hosts.toml")} == {
        "certs.d/docker.io/hosts.toml",
        "certs.d/quay.io/hosts.toml",
        "certs.d/registry.example.org_5000_/hosts.toml",
    }


def test_without_a_prefix_no_path_is_overridden() -> None:
    """Then the registry's own root is the mirror."""
    made = files(Naming(Destination("reg.example")), Dialling(), HUB)
    (table,) = tomllib.loads(made["certs.d/docker.io/hosts.toml"])["host"].items()
    assert table == ("https://reg.example", {"capabilities": ["pull", "resolve"]})


def test_what_the_registry_is_spoken_to_by_goes_on_in_the_files() -> None:
    """An authority's certificate beside each hosts.toml, skipped checks, plain HTTP; and the registry under its own name."""
    ca = files(Naming(Destination("reg.example")), Dialling(trust=Trust(Path("ca"))), HUB, authority=b"PEM")
    assert ca["certs.d/docker.io/ca.crt"] == ca["certs.d/reg.example/ca.crt"] == ca["ca.crt"] == "PEM"
    assert 'ca = "ca.crt"' in ca["certs.d/docker.io/hosts.toml"]
    assert "insecure" not in ca["registries.conf.d/50-reg.example.conf"]
    assert "/etc/containers/certs.d/reg.example/ca.crt" in ca["README.txt"]
    skipped = files(Naming(Destination("reg.example")), Dialling(trust=Trust(verify=False)), HUB)
    assert "skip_verify = true" in skipped["certs.d/reg.example/hosts.toml"]
    assert skipped["registries.conf.d/50-reg.example.conf"].count("insecure = true") == 2
    plain = files(Naming(Destination("reg.example:80")), Dialling(plain=True), HUB)
    assert '[host."http://reg.example:80"]' in plain["certs.d/docker.io/hosts.toml"]
    assert '[host."http://reg.example:80"]' in plain["certs.d/reg.example_80_/hosts.toml"]


def test_registries_conf_has_renamed_parts_too() -> None:
    """Podman takes the longest prefix; rules that no image needed are not in it."""
    rules = tuple(map(Rename.parse, ("docker.io/library/redis=cache", "ghcr.io=none", "quay.io/charts=")))
    naming = Naming(Destination("reg.example", "m"), rules)
    made = files(naming, Dialling(), HUB, "docker.io/team/app:1", CHART)
    found = tomllib.loads(made["registries.conf.d/50-reg.example.conf"])["registry"]
    assert {entry["prefix"]: entry["mirror"][0]["location"] for entry in found} == {
        "docker.io": "reg.example/m",
        "docker.io/library/redis": "reg.example/m/cache",
        "quay.io/charts": "reg.example/m",
    }
    assert all(entry["location"] == entry["prefix"] for entry in found)


def test_images_that_no_hosts_toml_leads_to_are_named() -> None:
    """Where all images of a registry were renamed there is no hosts.toml for it: README.txt says which those are."""
    naming = Naming(Destination("reg.example"), (Rename.parse("docker.io/library=cache"),))
    made = files(naming, Dialling(), HUB, PINNED)
    assert "certs.d/docker.io/hosts.toml" not in made
    assert f"{HUB} is reg.example/cache/redis:7\n" in made["README.txt"]
    assert PINNED not in made["README.txt"]
    assert "Not by these" not in files(Naming(Destination("reg.example")), Dialling(), HUB)["README.txt"]


def test_new_names_are_of_what_is_asked_for() -> None:
    """Pinned images by digest; no signatures; kustomize gets what runs, in every spelling of Docker Hub's names."""
    made = files(Naming(Destination("reg.example", "m")), Dialling(), HUB, SIGNATURE, CHART, PINNED)
    assert made["images.txt"].splitlines() == [
        f"{HUB} reg.example/m/library/redis:7",
        f"{CHART} reg.example/m/charts/app:1",
        f"{PINNED} reg.example/m/a/b@{Digest.of(b'x')}",
    ]
    names = [
        line[8:] for line in made["kustomization-images.yaml"].splitlines() if line.startswith("- name: ")
    ]
    assert names == [
        "docker.io/library/redis", "docker.io/redis", "library/redis", "redis", "registry.example.org:5000/a/b",
    ]  # fmt: skip


def test_images_of_the_registry_itself_need_no_mirror() -> None:
    """Pushed back to where they are from, they have their names already."""
    made = files(Naming(Destination("quay.io")), Dialling(), CHART)
    assert not [path for path in made if path.startswith("certs.d/")]
    assert "registry" not in tomllib.loads(made["registries.conf.d/50-quay.io.conf"])
