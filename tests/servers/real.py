"""Real origins on loopback: nginx with a doc site from Debian, and Debian's registry with real images."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Iterator

import pytest

from servers.content import OCI_LAYER, OCI_MANIFEST, Filling, Made, packed, repository_of
from servers.fronting import fronting
from servers.processes import PATIENCE, accepts, free_port, need, running, wait_until

if TYPE_CHECKING:
    from servers.certificates import Certificates
    from servers.tokenserver import TokenServer

_FOLDER_SERVER = """
    server {{
        include /etc/nginx/mime.types;
        default_type application/octet-stream;
        access_log {folder}/access.log path;
        access_log {folder}/sizes.log size;
        listen 127.0.0.1:{port};
        root {root};
        index index.html;
        autoindex {listing};
        gzip on;
        gzip_types text/css application/javascript text/plain;
    }}
"""


@dataclass(frozen=True)
class Site:
    """A folder served by nginx."""

    url: str
    root: Path
    log: Path

    @property
    def host(self) -> str:
        """Its ``address:port``."""
        return self.url.removeprefix("http://")

    def requests(self) -> list[str]:
        """Return the lines of the access log so far, ``METHOD STATUS path``, oldest first."""
        return self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []

    def sent(self) -> int:
        """Return how many bytes of bodies were sent so far."""
        sizes = self.log.with_name("sizes.log")
        return sum(map(int, sizes.read_text().split())) if sizes.exists() else 0


def python_docs() -> Path:
    """Return the folder of Python's own documentation as Debian packages it, or skip."""
    need("dpkg-query")
    for package in ("python3.11-doc", "python3-doc"):
        listed = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            if line.endswith("/library/functions.html"):
                return Path(line).resolve().parent.parent
    pytest.skip("Debian's python3-doc is not installed")


@contextlib.contextmanager
def nginx(root: Path, folder: Path, *, listing: bool = False) -> Iterator[Site]:
    """Serve a folder with nginx on a loopback port of its own; configuration and logs go to ``folder``.

    With ``listing``, folders without an index.html are listed.
    """
    need("nginx")
    port = free_port()
    served = _FOLDER_SERVER.format(folder=folder, port=port, root=root, listing="on" if listing else "off")
    with fronting(folder, served, port):
        # The probe above left no request, so the log begins with the first real one.
        yield Site(f"http://127.0.0.1:{port}", root, folder / "access.log")


@dataclass(frozen=True)
class Registry(Filling):
    """Debian's docker-registry on loopback.

    Attributes:
        host: what references begin with.
        storage: the folder that it keeps everything in.
        log: its log, one line of Apache's format a request among others.
        credentials: the name and password that it wants, if it does.
        open: another registry with the same storage, which wants no credentials and speaks plain HTTP, to push to.
    """

    host: str
    storage: Path
    log: Path
    credentials: tuple[str, str] | None = None
    open: Registry | None = None

    def push(self, layout: Path, tag: str, name: str, *options: str) -> None:
        """Push an image, or a whole index, from an OCI layout as ``name`` (``repository:tag``) by skopeo."""
        login = ["--dest-creds", ":".join(self.credentials)] if self.credentials else []
        skopeo(
            "copy",
            "--all",
            "--dest-tls-verify=false",
            *login,
            *options,
            f"oci:{layout}:{tag}",
            f"docker://{self.host}/{name}",
        )

    def blob(
        self, repository: str, data: bytes, media_type: str = OCI_LAYER, *, algorithm: str = "sha256"
    ) -> Made:
        """Put a blob into a repository."""
        if self.open is not None:
            return self.open.blob(repository, data, media_type, algorithm=algorithm)
        made = Made(media_type, f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}", len(data))
        upload = self._send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
        target = f"{upload}&digest={made.digest}"
        self._send("PUT", target, data, "application/octet-stream")
        return made

    def stream(self, repository: str, pieces: Iterable[bytes], media_type: str = OCI_LAYER) -> Made:
        """Put a blob into a repository that need not fit into memory."""
        if self.open is not None:
            return self.open.stream(repository, pieces, media_type)
        hasher, size = hashlib.sha256(), 0

        def sent() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                hasher.update(piece)
                size += len(piece)
                yield piece

        upload = self._send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
        upload = self._send("PATCH", upload, sent(), "application/octet-stream").headers["Location"]
        made = Made(media_type, f"sha256:{hasher.hexdigest()}", size)
        self._send("PUT", f"{upload}&digest={made.digest}")
        return made

    def put_manifest(self, name: str, data: bytes, media_type: str) -> Made:
        """Put a manifest's bytes at ``repository:tag``, or at ``repository`` without a tag."""
        if self.open is not None:
            return self.open.put_manifest(name, data, media_type)
        made = Made.of(data, media_type)
        repository, _, tag = name.partition(":")
        self._send("PUT", f"/v2/{repository}/manifests/{tag or made.digest}", data, media_type)
        return made

    def delete(self, name: str, made: Made) -> None:
        """Delete a manifest of ``repository:tag``, and with it the tag, if it points to it."""
        if self.open is not None:
            return self.open.delete(name, made)
        self._send("DELETE", f"/v2/{repository_of(name)}/manifests/{made.digest}")
        return None

    def copy(self, repository: str, other: str) -> None:
        """Make another repository of all that one has, behind the registry's back."""
        folder = self.storage / "docker/registry/v2/repositories"
        shutil.copytree(folder / repository, folder / other)

    def untag(self, name: str) -> None:
        """Take a tag away, behind the registry's back: its API knows no such thing before version 3."""
        repository, _, tag = name.partition(":")
        shutil.rmtree(self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags" / tag)

    def manifests(self, repository: str) -> list[tuple[Made, dict[str, Any]]]:
        """Return all manifests of a repository, in no order of importance."""
        folder = self.storage / "docker/registry/v2/repositories" / repository / "_manifests/revisions"
        found = []
        for link in sorted(folder.glob("*/*/link")):
            data = self.content(link.read_text())
            document = json.loads(data)
            found.append((Made.of(data, document.get("mediaType", OCI_MANIFEST)), document))
        return found

    def content(self, digest: str) -> bytes:
        """Return what was put."""
        return self._data(digest).read_bytes()

    def requests(self) -> list[str]:
        """Return ``METHOD target`` of the requests answered so far, oldest first."""
        return re.findall(r'"([A-Z]+ /v2/\S*) HTTP/[0-9.]+"', self.log.read_text("utf-8", "replace"))

    def damage(self, digest: str) -> None:
        """Flip a byte of a blob behind the registry's back, so that it sends other bytes than it promises."""
        path = self._data(digest)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def _data(self, digest: str) -> Path:
        algorithm, value = digest.split(":")
        return self.storage / "docker/registry/v2/blobs" / algorithm / value[:2] / value / "data"

    def _send(
        self, method: str, target: str, data: bytes | Iterator[bytes] = b"", kind: str = ""
    ) -> http.client.HTTPResponse:
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=PATIENCE)) as connection:
            target = "/" + target.split("/", 3)[3] if "://" in target else target
            headers = {"Content-Type": kind} if kind else {}
            if self.credentials:
                secret = base64.b64encode(":".join(self.credentials).encode()).decode()
                headers["Authorization"] = f"Basic {secret}"
            connection.request(method, target, data, headers)
            response = connection.getresponse()
            said = response.read()
        assert response.status in (200, 201, 202), f"{method} {target}: {response.status} {said!r}"
        return response


# What `htpasswd -nbB keeper secret` writes: the registry takes bcrypt only.
_HTPASSWD = "keeper:$2y$05$FWdT/D6HX8VKa6pSNZT3aOsQndXeNk0GFgBGHo8humbtQCd.JAo5i\n"


@contextlib.contextmanager
def docker_registry(
    folder: Path,
    *,
    private: bool = False,
    tokens: TokenServer | None = None,
    tls: Certificates | None = None,
    known_clients: bool = False,
    mirror_of: str = "",
    open_to: Registry | None = None,
) -> Iterator[Registry]:
    """Run Debian's registry.

    Args:
        folder: for its configuration, its log, and its storage.
        private: whether it wants keeper's password by Basic.
        tokens: the token server that it sends its clients to.
        tls: speak TLS with this certificate.
        known_clients: only with clients whose certificate is signed by the same authority.
        mirror_of: the ``host:port`` of another registry; what is not here comes from there.
        open_to: another registry whose storage this one shares, and through which it is filled.
    """
    need("docker-registry")
    port = free_port()
    storage = open_to.storage if open_to else folder / "storage"
    listening: dict[str, Any] = {"addr": f"127.0.0.1:{port}", "secret": "only for tests"}
    if tls is not None:
        listening["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
        if known_clients:
            listening["tls"]["clientcas"] = [str(tls.authority)]
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": listening,
    }
    if private:
        (folder / "htpasswd").write_text(_HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    if tokens is not None:
        config["auth"] = {"token": tokens.settings}
    if mirror_of:
        config["proxy"] = {"remoteurl": f"http://{mirror_of}"}
    (folder / "registry.json").write_text(json.dumps(config))  # JSON is YAML
    log = folder / "registry.log"
    with running(["docker-registry", "serve", str(folder / "registry.json")], log=log) as process:
        wait_until(lambda: accepts(port), process, what="docker-registry")
        credentials = ("keeper", "secret") if private else None
        yield Registry(f"127.0.0.1:{port}", storage, log, credentials, open_to)


def skopeo(*arguments: str) -> str:
    """Run skopeo and return its output; its complaint is the failure's message."""
    need("skopeo")
    done = subprocess.run(["skopeo", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"skopeo {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def debian_root(folder: Path, *packages: str) -> Path:
    """Make a small Debian root as a tar with mmdebstrap, from the mirror and suite that this machine uses.

    Args:
        folder: where to put it.
        packages: what is in it; by default enough for a shell.
    """
    need("mmdebstrap", "apt-get")
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(CODENAME)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    match = re.search(r"^Debian (\S+/debian/?) ([a-z]+)$", targets, re.MULTILINE)
    if match is None:
        pytest.skip("apt knows no Debian mirror to make a root from")
    root = folder / "debian.tar"
    included = ",".join(packages or ("base-files", "bash", "coreutils"))
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=extract", f"--include={included}", match[2], str(root), match[1]],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"mmdebstrap cannot make a root here: {made.stderr[-400:]}")
    return root


@dataclass(frozen=True)
class Images:
    """A registry filled with real images. All three tags share the layer with the Debian root."""

    registry: Registry
    base: str
    tools: str
    multi: str

    @property
    def references(self) -> tuple[str, str, str]:
        """The references of all images."""
        return (self.base, self.tools, self.multi)


def fill(registry: Registry, folder: Path) -> Images:
    """Make the images from a Debian root with umoci, push them with skopeo, and return their references."""
    need("umoci")
    layout = folder / "layout"
    root = debian_root(folder)
    umoci("init", "--layout", str(layout))
    for tag, architecture in (("base", "amd64"), ("arm", "arm64")):
        umoci("new", "--image", f"{layout}:{tag}")
        umoci("raw", "add-layer", "--image", f"{layout}:{tag}", str(root))
        umoci("config", "--image", f"{layout}:{tag}", "--architecture", architecture, "--os", "linux",
              "--config.cmd", "/bin/bash")  # fmt: skip
    extra = folder / "extra.tar"
    with tarfile.open(extra, "w") as archive:
        content = b"A file of the second layer.\n" * 1000
        entry = tarfile.TarInfo("usr/local/share/tools.txt")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    umoci("raw", "add-layer", "--image", f"{layout}:base", "--tag", "tools", str(extra))
    add_index(layout, "multi", {"amd64": "base", "arm64": "arm"})
    names = {"base": "debian/base:12", "tools": "debian/tools:1.0", "multi": "debian/multi:latest"}
    for tag, name in names.items():
        registry.push(layout, tag, name)
    return Images(registry, **{tag: f"{registry.host}/{name}" for tag, name in names.items()})


def umoci(*arguments: str) -> None:
    """Run umoci; its complaint is the failure's message."""
    done = subprocess.run(["umoci", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"umoci {' '.join(arguments)}: {done.stderr}"


def add_index(layout: Path, tag: str, variants: dict[str, str]) -> None:
    """Add a multi-platform index to an OCI layout: architecture -> the tag of its image there."""
    top = json.loads((layout / "index.json").read_text())
    by_tag = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry for entry in top["manifests"]}
    manifests = [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": by_tag[name]["digest"],
            "size": by_tag[name]["size"],
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, name in variants.items()
    ]
    media_type = "application/vnd.oci.image.index.v1+json"
    index = _json({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests})
    _tag(layout, tag, media_type, index)


def tiny_layout(layout: Path, tag: str, text: str) -> str:
    """Make an OCI layout with one image whose only layer holds a file with ``text``; return the layer's digest."""
    plain = packed(text)
    layer = gzip.compress(plain, mtime=0)
    diff = "sha256:" + hashlib.sha256(plain).hexdigest()
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _put(layout, "application/vnd.oci.image.config.v1+json", config),
            "layers": [described := _put(layout, "application/vnd.oci.image.layer.v1.tar+gzip", layer)],
        }
    )
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    _tag(layout, tag, "application/vnd.oci.image.manifest.v1+json", manifest)
    return str(described["digest"])


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()


def _put(layout: Path, media_type: str, content: bytes) -> dict[str, Any]:
    value = hashlib.sha256(content).hexdigest()
    path = layout / "blobs" / "sha256" / value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{value}", "size": len(content)}


def _tag(layout: Path, tag: str, media_type: str, content: bytes) -> None:
    path = layout / "index.json"
    top = json.loads(path.read_text()) if path.exists() else {"schemaVersion": 2, "manifests": []}
    entry = _put(layout, media_type, content)
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    top["manifests"].append(entry)
    path.write_text(json.dumps(top))
