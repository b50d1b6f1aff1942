"""The registry before the judges of the specification that it follows: the OCI conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from judges.conformance import bridging, run_suite
from servers.serving import serving
from servers.small_archive import ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from judges.conformance import Verdict

pytestmark = [pytest.mark.judges, pytest.mark.xdist_group("judges")]

READING = {
    "Ping", "Tag listing", "Blob get", "Blob head", "Manifest get by digest", "Manifest get by tag",
    "Manifest head by digest", "Manifest head by tag", "Referrers",
}  # fmt: skip
RANGES = "Blob get range"


def failures(verdict: Verdict) -> dict[str, str]:
    """Return what the suite complains of."""
    return {
        name: status
        for name, status in {**verdict.apis, **verdict.data}.items()
        if status not in ("Pass", "Disabled", "Skip", "Unknown")
    }


def test_every_kind_of_content_is_read_as_the_specification_says(tmp_path: Path) -> None:
    """Images, nested and empty indexes, artifacts, subjects that are missing, empty blobs, sha512, manifests of 4 MB."""
    with bridging() as (bridge, port):
        verdict = run_suite(
            tmp_path, port,
            OCI_API_BLOBS_DIGEST_HEADER="true", OCI_API_BLOBS_UPLOAD_CANCEL="true", OCI_DATA_SPARSE="true",
        )  # fmt: skip
    assert failures(verdict) == {}, verdict.said
    assert {name for name in (*READING, RANGES) if verdict.apis[name] != "Pass"} == set(), verdict.said
    assert list(verdict.data.values()).count("Pass") >= 22, verdict.said
    assert bridge.log == []


def test_an_archive_is_read_as_the_specification_says(tmp_path: Path) -> None:
    """Served as always, with what the suite has for registries that take nothing: all that can be read is there."""
    builder = ArchiveBuilder(tmp_path / "archives")
    index = builder.image("quay.io/team/all:index", ("linux/amd64", "linux/arm64"))
    single = builder.image("quay.io/team/all:single", ("linux/amd64",), salt="single")
    chart = builder.artifact("quay.io/team/all:chart", b"chart")
    builder.finish()
    with serving(tmp_path / "archives") as running:
        verdict = run_suite(
            tmp_path,
            running.port,
            OCI_REPO1="quay.io/team/all",
            OCI_API_PUSH="false",
            OCI_API_BLOBS_DELETE="false",
            OCI_API_MANIFESTS_DELETE="false",
            OCI_API_TAGS_DELETE="false",
            OCI_API_BLOBS_DIGEST_HEADER="true",
            OCI_RO_DATA_TAGS="index single chart",
            OCI_RO_DATA_MANIFESTS=f"{index.digest} {single.digest} {chart.digest}",
            OCI_RO_DATA_BLOBS=str(builder.layout.blobs.put(b"chart")),
            OCI_RO_DATA_REFERRERS=index.digest,
        )
    # The suite of this version ends by a fault of its own where nothing may be pushed; its report is out by then.
    assert failures(verdict) == {}, verdict.said
    assert {name for name in READING if verdict.apis[name] != "Pass"} == set(), verdict.said
    assert verdict.data["Read Only Inputs"] == "Pass"
    assert running.log == []
