from __future__ import annotations

import html
import re

from archiver.core.digest import Digest
from archiver.offline.holdings import Image
from archiver.offline.imagelist import image_names, images_section
from archiver.offline.pulling import Pullable

PLAIN = Pullable.at("http://lan:8080")
NAMES = "http://lan:8080/-/images.txt"
TOOLS = ("docker", "podman", "ctr", "nerdctl", "kubernetes", "skopeo")


def _image(reference: str, *platforms: str, refers_to: str = "") -> Image:
    return Image(
        "p", reference, Digest.of(reference.encode()), "application/x", 7_000_000, platforms, refers_to
    )


def _section(*images: Image, registry: Pullable = PLAIN, names: str = NAMES, find: str = "") -> str:
    return images_section(images, registry, names=names, find=find)


def _shown(markup: str, tool: str) -> list[str]:
    """Return the commands of the rows as the style sheet shows them to who chose a client."""
    rows = re.findall(r'<pre class="cmd"><code>(.*?)</code></pre><p class="digest">', markup)
    only = re.compile(r'<span data-for="([^"]*)">(.*?)</span>')
    return [
        html.unescape(only.sub(lambda part: part[2] if tool in part[1].split() else "", row)) for row in rows
    ]


def test_each_client_has_its_command() -> None:
    """Of the one line in the page there is shown what belongs to the client that is chosen."""
    markup = _section(_image("quay.io/a/b:1", "linux/amd64"))
    name = "lan:8080/quay.io/a/b:1"
    assert [_shown(markup, tool)[0] for tool in TOOLS] == [
        f"docker pull {name}",
        f"podman pull --tls-verify=false {name}",
        f"ctr --namespace k8s.io images pull --plain-http {name}",
        f"nerdctl --namespace k8s.io --insecure-registry pull {name}",
        f"image: {name}",
        f"skopeo copy --all --src-tls-verify=false docker://{name} dir:DESTINATION",
    ]


def test_what_is_no_image_shows_the_command_of_its_own_client() -> None:
    """Whatever client is chosen, one command is shown for a chart: the client's, or that of one that takes it."""
    markup = _section(_image("ghcr.io/x/chart:1.2", ""))
    for tool in TOOLS:
        (command,) = _shown(markup, tool)
        assert command.count("lan:8080/ghcr.io/x/chart:1.2") == 1
        assert command.startswith("skopeo copy" if tool == "skopeo" else ("oras pull", "helm pull"))


def test_a_thousand_images_make_a_page_that_is_there_at_once() -> None:
    """Less than a kilobyte an image, folded by namespace; and none of them is left out."""
    images = [
        _image(f"docker.io/space{number % 9}/image{number}:v1.2.3", "linux/amd64") for number in range(1000)
    ]
    markup = _section(*images)
    assert len(markup) < 1_000_000
    assert markup.count("<details class=") == 9 + 1, "and how to pull by the original names"
    assert len(_shown(markup, "docker")) == 1000
    assert len(_shown(_section(*images, find="IMAGE77"), "docker")) == 11


def test_signatures_stand_apart() -> None:
    """They are counted for themselves, are not pulled with the others, and nobody is told a command for them."""
    signature = _image("quay.io/a/b:sha256-1.sig", refers_to="sha256:1")
    markup = _section(_image("quay.io/a/b:1", "linux/amd64"), signature)
    assert "1 image<" in markup
    assert "Signatures, SBOMs and attestations" in markup
    assert len(_shown(markup, "docker")) == 1
    assert (
        image_names([_image("quay.io/a/b:1", "linux/amd64"), signature], PLAIN) == b"lan:8080/quay.io/a/b:1\n"
    )


def test_all_of_them_at_once_is_a_line_that_shells_take() -> None:
    """An address with a question mark is quoted; with an authority to trust it is fetched by that."""
    images = [_image(f"quay.io/a/b:{number}", "linux/amd64") for number in range(2)]
    by_project = html.unescape(_section(*images, names=f"{NAMES}?project=p"))
    assert f"curl -fsS '{NAMES}?project=p' | xargs -I NAME docker pull NAME" in by_project
    own = Pullable.at("https://lan:8443", own_authority=True)
    secure = html.unescape(_section(*images, registry=own))
    assert "curl -fsS --cacert ca.crt http" in secure
    assert "First, trust this server" in secure


def test_nothing_is_nothing() -> None:
    """A project without images has no section for them."""
    assert _section() == ""
