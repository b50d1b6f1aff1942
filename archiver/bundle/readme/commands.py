"""The commands of a README, for one bundle.

A bundle is called by the name that it is made under. Its parts are safe in any shell: a project's name is lowercase
letters, digits and ``.-_``. So are image references.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archiver.bundle.readme.blocks import Commands, everywhere, with_python
from archiver.core.reference import Reference
from archiver.core.urlkey import Origin
from archiver.offline.pullname import pull_name
from archiver.offline.rooted import may_need_own_origin

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents

_IMAGES = "images/images.tar"
_MAIN_PORT = 8080  # where serve listens unless it is told otherwise
_MOST_PORTS = 200  # that a runtime is asked to publish; each costs some of them a process
_ANYONE = "you@example.org"  # stands for whoever signed
_NAMES = {"docker": "Docker", "podman": "Podman"}
_MIRROR = "registry.example.org/mirror"  # stands for the reader's own registry


@dataclass(frozen=True)
class CommandBook:
    """Makes the commands.

    Attributes:
        contents: what is packed.
    """

    contents: Contents

    @property
    def name(self) -> str:
        """The bundle's file."""
        return self.contents.name

    @property
    def folder(self) -> str:
        """Where it is unpacked."""
        return self.name.removesuffix(".tar")

    @property
    def base(self) -> str:
        """The file that a delta builds on, by the name that it was made under; empty for a full bundle."""
        base = self.contents.base
        if base is None:
            return ""
        since = f"-since-{base.since}" if base.since else ""
        return f"{self.contents.snapshot.project}-{base.snapshot}{since}.tar"

    @property
    def given(self) -> str:
        """What the reading program is given: the bundle, behind the one that it builds on."""
        return f"{self.base} {self.name}" if self.base else self.name

    @property
    def served(self) -> str:
        """What can be served: the bundle, or the archive that a delta and its base were loaded into."""
        return f"./{self.contents.snapshot.project}" if self.base else self.name

    # Checking

    def program(self) -> Commands:
        """Take the reading program out."""
        return everywhere("Take out the reading program", f"tar xf {self.name} archiver.pyz")

    def verify(self) -> Commands:
        """Check every byte."""
        return with_python("Check every byte", f"python3 archiver.pyz verify {self.given}")

    def verify_signed(self) -> Commands:
        """Check every byte, and who signed."""
        return with_python(
            "Check every byte and who signed",
            f"python3 archiver.pyz verify {self.given} --signers allowed_signers",
        )

    def unpack(self) -> Commands:
        """Unpack all of it into a folder and go there."""
        return everywhere(
            "Unpack it", f"mkdir {self.folder}", f"tar xf {self.name} -C {self.folder}", f"cd {self.folder}"
        )

    def sums(self) -> Commands:
        """Check what was unpacked."""
        return _sums("Check the files", "SHA256SUMS")

    def signature(self) -> Commands:
        """Check who signed the sums, in the folder where all was unpacked."""
        unix = _signature("../allowed_signers")
        find, verify = _signature("..\\allowed_signers")
        return Commands("Check the signature", unix, unix, (find, f'cmd /c "{verify}"'))

    # Volumes

    def volume_sums(self) -> Commands:
        """Check the parts that it may have come in."""
        return _sums("Check the parts", f"{self.name}.sha256")

    def join(self) -> Commands:
        """Make one file of its parts; the list of their sums, NAME.sha256, is none of them."""
        unix = (f"cat {self.name}.[0-9]* > {self.name}",)
        windows = (
            f"$parts = Get-ChildItem {self.name}.* | Where-Object Extension -Match '^\\.[0-9]+$' | Sort-Object Name",
            f"cmd /c \"copy /b $($parts.Name -join '+') {self.name}\"",
        )
        return Commands("Join the parts", unix, unix, windows)

    def program_of_volumes(self) -> Commands:
        """Take the reading program out of the first part."""
        quick = (f"tar -xqf {self.name}.001 archiver.pyz",)  # bsdtar's way to stop when it has it
        linux = (f"tar xf {self.name}.001 --occurrence=1 archiver.pyz",)
        return Commands("Take the reading program out of the first part", linux, quick, quick)

    def take_from_volumes(self) -> Commands:
        """Take something out of parts without joining them first; PowerShell's pipes are not for bytes."""
        wanted = f"archiver.pyz {_IMAGES}" if self.contents.images else "archiver.pyz"
        unix = (f"cat {self.name}.[0-9]* | tar xf - {wanted}",)
        return Commands("Take files out of the parts", unix, unix, ())

    def verify_volumes(self) -> Commands:
        """Check every byte of the parts."""
        return with_python("Check every byte", f"python3 archiver.pyz verify {self.name}.001")

    # Deltas

    def join_archive(self) -> Commands:
        """Make an archive of a delta and its base."""
        return with_python(
            "Put both together", f"python3 archiver.pyz load {self.given} --into {self.served}"
        )

    # Reading

    def serve(self) -> Commands:
        """Read on this machine."""
        return with_python("Start reading", f"python3 archiver.pyz serve {self.served}")

    def serve_network(self) -> Commands:
        """Let others read."""
        return with_python("Serve your network", f"python3 archiver.pyz serve {self.served} --host 0.0.0.0")

    def search(self) -> Commands:
        """Search from a terminal."""
        return with_python("Search", f'python3 archiver.pyz search {self.served} "some words"')

    def read_in_container(self, runtime: str) -> Commands:
        """Read with the reader's image, by ``docker``, ``podman`` or ``nerdctl``; of a full bundle load it first."""
        last = _MAIN_PORT + self._origin_ports
        ports = f"-p 127.0.0.1:{_MAIN_PORT}-{last}:{_MAIN_PORT}-{last} "
        served = f"/bundle/{self.served.removeprefix('./')}"
        serve = self._run(runtime, f"serve --host 0.0.0.0 {served}", ports, "ro")
        given = " ".join(f"/bundle/{name}" for name in self.given.split())
        join = self._run(runtime, f"load {given} --into {served}")
        return everywhere(
            _NAMES.get(runtime, runtime),
            f"tar xf {self.name} archiver.pyz" + ("" if self.base else f" {_IMAGES}"),
            join if self.base else f"{runtime} load -i {_IMAGES}",
            serve,
        )

    def _run(self, runtime: str, words: str, ports: str = "", access: str = "rw") -> str:
        """Return the line that runs the reading program in a container which sees the current folder."""
        # Where SELinux is on, a container sees a folder only if that is labelled, which a USB stick cannot be.
        label = " --security-opt label=disable" if runtime == "podman" else ""
        return (
            f'{runtime} run --rm {ports}-v "${{PWD}}:/bundle:{access}"{label} --entrypoint python3 '
            f"{self.contents.reader_image} -I /bundle/archiver.pyz {words}"
        )

    @property
    def _origin_ports(self) -> int:
        """How many ports serving may take beside the main one: one for each origin that has an address of its own."""
        sites = [wacz.site for wacz in self.contents.docs]
        pages = {origin for site in sites for origin in site.result.origins}
        others = {
            str(Origin.of(held.capture.url))
            for site in sites
            for held in site.captures
            if may_need_own_origin(held.capture)
        }
        return min(len(pages | others), _MOST_PORTS)

    # Images

    def load(self, runtime: str) -> Commands:
        """Load the images by the reading program."""
        words = " --namespace k8s.io" if runtime == "containerd" else ""
        made = with_python(
            _NAMES.get(runtime, "Kubernetes nodes with containerd, as root"),
            f"python3 archiver.pyz load {self.given} --into {runtime}{words}",
        )
        return made if runtime != "containerd" else replace(made, macos=(), windows=())

    def take_images(self) -> Commands:
        """Take the images out, all in one tar."""
        return everywhere("Take them out", f"tar xf {self.name} {_IMAGES}")

    def load_by_hand(self) -> tuple[Commands, ...]:
        """Load them with a runtime's own command."""
        containerd = Commands(
            "containerd, by its own command", (f"ctr -n k8s.io image import {_IMAGES}",), (), ()
        )
        return (
            everywhere("Docker, by its own command", f"docker load -i {_IMAGES}"),
            everywhere("Podman, by its own command", f"podman load -i {_IMAGES}"),
            containerd,
        )

    def push(self) -> Commands:
        """Push the images to the reader's own registry."""
        return with_python(
            "Push to a registry", f"python3 archiver.pyz push {self.given} {_MIRROR} --config-dir for-nodes"
        )

    def serve_registry(self) -> Commands:
        """Be a registry for others."""
        return with_python(
            "On the machine that has it",
            f"python3 archiver.pyz serve {self.served} --host 0.0.0.0 --port 5000",
        )

    def pull(self, reference: str) -> tuple[Commands, ...]:
        """Pull an image from what serves."""
        name = pull_name(Reference.parse(reference), "localhost:5000")
        return (
            everywhere("Pull with Docker", f"docker pull {name}"),
            everywhere("Pull with Podman", f"podman pull --tls-verify=false {name}"),
        )

    # Files and archives

    def files(self) -> Commands:
        """Take the downloads out."""
        return everywhere("With tar", f"tar xf {self.name} files")

    def extract(self) -> Commands:
        """Take the downloads out, checked."""
        return with_python("Checked on the way", f"python3 archiver.pyz extract {self.name} . files")

    def load_archive(self) -> Commands:
        """Take it into an archive of the reader's own."""
        return with_python("Take it in", f"python3 archiver.pyz load {self.given} --into archives")


def _sums(caption: str, sums: str) -> Commands:
    windows = (
        f"Get-Content {sums} -Encoding UTF8 | ForEach-Object {{",
        "  $sum, $file = $_ -split '  ', 2",
        "  $same = (Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash -eq $sum",
        '  if ($same) { "OK       $file" } else { "DAMAGED  $file" }',
        "}",
    )
    return Commands(caption, (f"sha256sum -c {sums}",), (f"shasum -a 256 -c {sums}",), windows)


def _signature(signers: str) -> tuple[str, str]:
    return (
        f"ssh-keygen -Y find-principals -f {signers} -s SHA256SUMS.sig",
        f"ssh-keygen -Y verify -f {signers} -I {_ANYONE} -n archiver-bundle -s SHA256SUMS.sig < SHA256SUMS",
    )
