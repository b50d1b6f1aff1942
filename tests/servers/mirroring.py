"""A project that mirrors images: its spec, its runs, and what they leave in the archive."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servers.real import skopeo

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console, Outcome


@dataclass(frozen=True)
class Project:
    """One project of an archive, driven through the command line."""

    console: Console
    name: str = "sample"

    def spec(self, **keys: Any) -> Path:
        """Write the project's spec, over what it was before."""
        return self.console.write(f"{self.name}.yaml", json.dumps({"project": self.name, **keys}))

    def archive(self, *options: str, code: int = 0, **keys: Any) -> Outcome:
        """Run ``archive --json`` with a spec of these keys; it must end with the exit code."""
        outcome = self.console.run("archive", self.spec(**keys), "--json", *options)
        assert outcome.code == code, f"ended with {outcome.code}, not {code}\n{outcome.said}"
        return outcome

    @property
    def folder(self) -> Path:
        """The project's part of the archive."""
        return self.console.folder / "archives" / self.name

    @property
    def layout(self) -> Path:
        """The archive's image layout."""
        return self.console.folder / "archives" / "images"

    def records(self) -> list[Any]:
        """Return the records of all snapshots, oldest first."""
        paths = sorted((self.folder / "snapshots").glob("*Z.json"))
        return [json.loads(path.read_text("utf-8")) for path in paths]

    @property
    def record(self) -> Any:
        """The newest snapshot's record."""
        return self.records()[-1]

    def images(self) -> dict[str, Any]:
        """Return the newest snapshot's images by reference, without what only refers to them."""
        return {image["reference"]: image for image in self.record["images"] if not image["refers_to"]}

    def extras(self) -> list[Any]:
        """Return the signatures, SBOMs and attestations of the newest snapshot."""
        return [image for image in self.record["images"] if image["refers_to"]]

    def failures(self) -> dict[str, str]:
        """Return the newest snapshot's failures: what was asked for, and the error's code."""
        return {failure["subject"]: failure["code"] for failure in self.record["failures"]}

    def has(self, digest: str) -> bool:
        """Say whether the archive has a blob."""
        return self.blob(digest).is_file()

    def blob(self, digest: str) -> Path:
        """Return where the archive has a blob, if it does."""
        return self.layout / "blobs" / digest.replace(":", "/")

    def tags(self) -> dict[str, str]:
        """Return what the layout's index says: each name, and the digest that it stands for first."""
        entries = json.loads((self.layout / "index.json").read_text())["manifests"]
        found: dict[str, str] = {}
        for entry in entries:
            if name := entry.get("annotations", {}).get("org.opencontainers.image.ref.name"):
                found.setdefault(name, entry["digest"])
        return found

    def digests(self) -> set[str]:
        """Return the digests of all entries of the layout's index, with and without a name."""
        return {
            entry["digest"] for entry in json.loads((self.layout / "index.json").read_text())["manifests"]
        }

    def check_layout(self) -> None:
        """Check that all that the layout's index names is there, down to the layers; it may be read while runs write."""
        if not (self.layout / "oci-layout").is_file():  # which is written last: there is no layout yet
            return
        assert json.loads((self.layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
        for entry in json.loads((self.layout / "index.json").read_text())["manifests"]:
            assert self.blob(entry["digest"]).stat().st_size == entry["size"]
            self._check_manifest(entry["digest"])

    def _check_manifest(self, digest: str) -> None:
        document = json.loads(self.blob(digest).read_bytes())
        for child in document.get("manifests", []):
            if self.has(child["digest"]):  # an index may be sparse
                self._check_manifest(child["digest"])
        for part in (*filter(None, [document.get("config")]), *document.get("layers", [])):
            assert self.blob(part["digest"]).stat().st_size == part["size"]

    def judge(self) -> None:
        """Check that what has a name is what it says, and let skopeo find and read every image by its name."""
        self.check_layout()
        for path in (self.layout / "blobs").glob("*/*"):
            assert hashlib.new(path.parent.name, path.read_bytes()).hexdigest() == path.name
        for name, digest in self.tags().items():
            document = json.loads(self.blob(digest).read_bytes())
            kind = document.get("config", {}).get("mediaType", "")
            raw = (
                () if "manifests" in document or ".image." in kind else ("--raw",)
            )  # artifacts are no images
            skopeo("inspect", *raw, f"oci:{self.layout}:{name}")
