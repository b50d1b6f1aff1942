"""What a page shows to type for an image: whatever client is chosen, the line of that client and nothing of another's."""

from __future__ import annotations

import html
import re

import pytest

from archiver.core.digest import Digest
from archiver.offline.holdings import Image
from archiver.offline.imagelist import images_section
from archiver.offline.pulling import Pullable, image_commands

TOOLS = ("docker", "podman", "ctr", "nerdctl", "kubernetes", "skopeo")
REGISTRY = Pullable.at("http://archive.example:8080")
HELM = "application/vnd.cncf.helm.config.v1+json"
RUNNABLE = Image("p", "docker.io/library/redis:7", Digest.of(b""), "application/x", 1, ("linux/amd64",))
CHART = Image("p", "quay.io/charts/app:1.2.0", Digest.of(b""), "application/x", 1, (), artifact_type=HELM)
MODULE = Image("p", "quay.io/modules/app:1", Digest.of(b""), "application/x", 1, ())


def shown(image: Image, tool: str) -> str:
    """Return the text of an image's line where a client is chosen, as the style sheet has it shown."""
    section = images_section([image], REGISTRY, names="/-/images.txt", find="")
    row = re.search(r'<pre class="cmd"><code>(.*?)</code>', section, re.DOTALL)
    assert row is not None
    parts = re.findall(r'<span data-for="([^"]*)">(.*?)</span>|([^<]+)', row[1], re.DOTALL)
    return html.unescape(
        "".join(part or bare for tools, part, bare in parts if bare or tool in tools.split())
    )


@pytest.mark.parametrize("image", [RUNNABLE, CHART, MODULE], ids=lambda image: image.reference)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_row_has_the_line_of_the_client_that_is_chosen(image: Image, tool: str) -> None:
    """What a client cannot take shows the first line of those that can."""
    lines = {command.tool: command.text for command in image_commands(image, REGISTRY)}
    assert shown(image, tool) == lines.get(tool, next(iter(lines.values())))
