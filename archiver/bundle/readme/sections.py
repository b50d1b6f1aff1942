"""What a README says, section by section, to someone who has never heard of this program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

from archiver.bundle.readme import facts
from archiver.bundle.readme.blocks import Fold, Heading, Paragraph, Section, Table
from archiver.bundle.readme.commands import CommandBook

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents
    from archiver.bundle.readme.blocks import Block


def sections(contents: Contents, *, signed: bool) -> tuple[Section, ...]:
    """Return all sections, in order; those with nothing to say are left out.

    Args:
        contents: what is packed.
        signed: whether a signature comes with it.
    """
    text = _Text(CommandBook(contents), signed=signed)
    found = (
        text.check(),
        text.read(),
        text.images(),
        text.files(),
        text.parts(),
        text.archive(),
        text.inventory(),
        text.missing(),
        text.layout(),
    )
    return tuple(section for section in found if section.blocks)


class _Text:
    """Writes the sections of one README."""

    def __init__(self, book: CommandBook, *, signed: bool) -> None:
        self._book = book
        self._contents = book.contents
        self._signed, self._is_delta = signed, bool(book.base)

    def check(self) -> Section:
        """How to find out whether it arrived as it was made."""
        return Section("check", "Check", "Check that it is whole", tuple(self._check()), is_step=True)

    def _check(self) -> Iterator[Block]:
        book = self._book
        yield Paragraph(
            "With Python 3.9 or later: take the reading program out of the bundle and let it read every byte. It needs "
            "nothing installed, unpacks nothing, and names each file that is damaged."
        )
        yield book.program()
        yield book.verify()
        if self._is_delta:
            yield Paragraph(
                f"The bundle that it builds on, `{book.base}`, is named as well: so the program also checks that together they "
                "are complete. If that is an update itself, name what it builds on too, oldest first. Given this bundle "
                "alone, the program lists what else is needed."
            )
        if self._signed:
            yield Paragraph(
                "It is signed. To find out by whom, you need the file `allowed_signers` with the public keys of those "
                "whom you trust. It must not have come with this bundle: ask the sender for it another way."
            )
            yield book.verify_signed()
        yield Fold(
            "Without Python, or before you run a program that came with it", tuple(self._check_by_hand())
        )

    def _check_by_hand(self) -> Iterator[Block]:
        yield Paragraph("Unpack the bundle and compare the checksums. Windows 10 and later have `tar`.")
        yield self._book.unpack()
        yield self._book.sums()
        yield Paragraph(
            "Older versions of Windows show the checksum of one file by `certutil -hashfile FILE SHA256`; compare it "
            "with that in `SHA256SUMS`."
        )
        if self._signed:
            yield Paragraph(
                "The checksums themselves are signed; OpenSSH, which Linux, macOS and Windows have, can check that. The "
                "first command says which names in `allowed_signers` have the key. Put the one that you expect in place "
                "of `you@example.org` in the second."
            )
            yield self._book.signature()

    def read(self) -> Section:
        """How to read and search the documentation."""
        blocks = tuple(self._read()) if self._contents.docs else ()
        return Section("read", "Read", "Read and search the documentation", blocks, is_step=True)

    def _read(self) -> Iterator[Block]:
        book = self._book
        if self._is_delta:
            yield Paragraph(
                "This bundle has what is new. Put it together with the one that it builds on, in a folder, and read there. "
                "Where that folder is still there from the last time, the new bundle alone is enough:"
            )
            yield book.join_archive()
        yield Paragraph(
            "Start the reading program and open the address that it prints in your browser. The page that opens has a "
            "search box."
            + ("" if self._is_delta else " Nothing is unpacked, nothing is installed.")
            + " The browser is kept from the live internet. Ctrl-C ends it."
        )
        yield book.serve()
        yield Fold(
            "In a terminal, or for your whole network",
            (
                Paragraph("Search without a browser:"),
                book.search(),
                Paragraph("Let others on your network read as well:"),
                book.serve_network(),
            ),
        )
        if self._contents.reader_image:
            yield Fold("Without Python: with a container runtime", tuple(self._read_in_container()))
        if not self._is_delta:
            yield Fold(
                "With another program",
                (
                    Paragraph(
                        "The files `docs/*.wacz` are web archives in the WACZ format. ReplayWeb.page and other viewers of web "
                        "archives open them, too."
                    ),
                ),
            )

    def _read_in_container(self) -> Iterator[Block]:
        platform = facts.reader_platform(self._contents)
        image = f"The image `{self._contents.reader_image}`"
        done = (
            f"{image}, which came with an earlier bundle, has Python. In the folder where both bundles are, these lines put them "
            "together"
            if self._is_delta
            else f"{image} in here has Python. In the folder where the bundle is, these lines load it"
            + (f", for {platform}," if platform else "")
        )
        yield Paragraph(
            f"{done} and start the reading program in it. Then open `http://localhost:8080/` in your browser."
        )
        for runtime in ("docker", "podman", "nerdctl"):
            yield self._book.read_in_container(runtime)
        yield Paragraph("To let other machines in, leave out `127.0.0.1:`.")

    def images(self) -> Section:
        """How to load and push the images."""
        blocks = tuple(self._images()) if self._contents.images else ()
        return Section("images", "Load images", "Load the container images", blocks, is_step=True)

    def _images(self) -> Iterator[Block]:
        book = self._book
        yield Paragraph(
            "The reading program hands them to your runtime directly and checks each byte on its way:"
        )
        for runtime in ("docker", "podman", "containerd"):
            yield book.load(runtime)
        zstd = facts.zstd_sentence(self._contents)
        if zstd:
            yield Paragraph(f"{zstd} The list [below](#contents) tells which.")
        yield Fold("Into a registry of your own", tuple(self._push()))
        if self._is_delta:
            return
        yield Fold(
            "By hand",
            (
                Paragraph("All images are in one tar, which container tools read as it is:"),
                book.take_images(),
                *book.load_by_hand(),
                Paragraph(
                    "Docker and Podman get one platform of each image this way: the first that is named [below](#contents)."
                ),
            ),
        )

    def _push(self) -> Iterator[Block]:
        book = self._book
        yield Paragraph(
            "Push all images, with every platform and unchanged digests, to a registry that your machines reach. What is there "
            "already is not sent again. The folder `for-nodes` then has the settings with which containerd, Podman and CRI-O "
            "find the images by the names that they have always had, and the new names for manifests."
        )
        yield book.push()
        first = next((image.result for image in self._contents.images if not image.result.refers_to), None)
        if first is None:
            return
        yield Paragraph("Or let the reading program be the registry, and pull from it:")
        yield book.serve_registry()
        yield from book.pull(first.reference)
        yield Paragraph(
            "From another machine, the name of the one that serves stands for `localhost`. It speaks plain HTTP: Docker wants "
            "its name among the `insecure-registries`, Podman the option shown."
        )

    def files(self) -> Section:
        """How to take the downloads out."""
        book = self._book
        blocks: tuple[Block, ...] = ()
        if self._contents.packed_files:
            new = "Those that are new are in here. " if self._is_delta else ""
            blocks = (
                Paragraph(f"{new}They keep the path that they had on their server, below `files`."),
                book.files(),
                book.extract(),
            )
        return Section("files", "Downloads", "Take out the downloads", blocks, is_step=True)

    def parts(self) -> Section:
        """What to do with volumes."""
        book = self._book
        return Section(
            "parts",
            "Parts",
            "If it came in several parts",
            (
                Paragraph(
                    f"A large bundle may have been cut into `{book.name}.001`, `{book.name}.002` and so on, to fit what it "
                    "was carried on. Copy all of them into one folder. The reading program opens them as they are: give "
                    f"it the first part where `{book.name}` stands on this page."
                ),
                Fold(
                    "Commands for parts",
                    (
                        book.program_of_volumes(),
                        book.verify_volumes(),
                        Paragraph(
                            "Each part has its own checksum; one that is damaged can be replaced alone."
                        ),
                        book.volume_sums(),
                        Paragraph("Joined, they are the one file that all else here speaks of:"),
                        book.join(),
                        Paragraph("On Linux and macOS, `tar` takes files out without that:"),
                        book.take_from_volumes(),
                    ),
                ),
            ),
        )

    def archive(self) -> Section:
        """How to take it into an archive."""
        return Section(
            "archive",
            "Archives",
            "If you keep an archive yourself",
            (
                Paragraph(
                    "An archive is a folder that the program `archiver`, which made this bundle, keeps. The reading program can take "
                    "the bundle into one, or begin one with it: to serve several bundles from one place, to add updates as they "
                    "come, to make bundles again."
                ),
                self._book.load_archive(),
            ),
        )

    def inventory(self) -> Section:
        """What is in here."""
        return Section("contents", "Contents", "What is in here", tuple(self._inventory()))

    def _inventory(self) -> Iterator[Block]:
        contents = self._contents
        for name, columns, rows in (
            ("Documentation", facts.DOC_COLUMNS, facts.doc_rows(contents)),
            ("Container images", facts.IMAGE_COLUMNS, facts.image_rows(contents)),
            ("Downloads", facts.FILE_COLUMNS, facts.file_rows(contents)),
        ):
            if rows:
                yield Heading(name)
                yield Table(columns, rows)

    def missing(self) -> Section:
        """What could not be had."""
        return Section("missing", "Missing", "What is missing", tuple(self._missing()))

    def _missing(self) -> Iterator[Block]:
        rows = facts.failure_rows(self._contents)
        if not rows:
            return
        yield Paragraph("This could not be fetched for this copy, or was left out of it:")
        yield Table(facts.FAILURE_COLUMNS, rows)
        unseen = len(self._contents.failures) - len(rows)
        if unseen:
            yield Paragraph(f"And {unseen:,} more, listed in `bundle.json`.")

    def layout(self) -> Section:
        """Which files there are."""
        rows = [((name,), (purpose,)) for name, purpose in facts.layout(self._contents, signed=self._signed)]
        return Section("layout", "Files", "The files of this bundle", (Table(facts.LAYOUT_COLUMNS, rows),))
