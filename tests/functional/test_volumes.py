"""``archiver bundle --volume-size``: volumes that joined are the bundle, are read in place and replaced one by one."""

from __future__ import annotations

import fcntl
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import Console
from servers.processes import need
from servers.small_archive import small_archive

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
# Starts the program; once so many bytes of a bundle have been written, something happens to it.
_ENDING = """
import os, signal, sys
from archiver.bundle.output import volumes
from archiver.cli.main import main

def act(action):
    if action.isdigit():
        os.kill(os.getpid(), int(action))
    else:
        with open(action, "wb", buffering=0) as filler:  # until the disk is full
            while filler.write(bytes(4096)) == 4096:
                pass

def watched(write, left=[int(sys.argv[1])]):
    def writing(self, data):
        write(self, data)
        left[0] -= len(data)
        if left[0] < 0 <= left[0] + len(data):
            try:
                act(sys.argv[2])
            except OSError:
                pass
    return writing

for kind in (volumes.Volumes, volumes.WholeFile):
    kind.write = watched(kind.write)
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """A folder with an archive of some megabytes, and its bundle as a single tar; nobody changes either."""
    console = Console(tmp_path_factory.mktemp("volumes"))
    builder = small_archive(console.folder / "archives")
    builder.file("https://dl.example.org/releases/large.bin", random.Random(5).randbytes(5 * MIB))
    builder.finish()
    console.succeed("bundle", "small", "-o", "single.tar")
    return console


@pytest.fixture
def console(shared: Console, tmp_path: Path) -> Console:
    """The same archive, from another folder."""
    return Console(tmp_path, ARCHIVER_ARCHIVES=str(shared.folder / "archives"))


@pytest.fixture
def single(shared: Console) -> bytes:
    """The content of the single tar."""
    return (shared.folder / "single.tar").read_bytes()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith((".tmp-", "b.tar")))


def _volumes(folder: Path) -> list[Path]:
    return sorted(folder.glob("b.tar.[0-9]*"))


def _joined(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in _volumes(folder))


def test_joined_volumes_are_the_single_tar(console: Console, single: bytes) -> None:
    """All but the last have the size asked for; cat makes the single tar of them, and sha256sum checks each by the list."""
    outcome = console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    sizes = [path.stat().st_size for path in _volumes(console.folder)]
    assert sizes == [MIB] * (len(single) // MIB) + [len(single) % MIB]
    assert _joined(console.folder) == single
    assert f"in {len(sizes)} volumes" in outcome.out
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "b.tar.sha256"],
        cwd=console.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "".join(f"{path.name}: OK\n" for path in _volumes(console.folder))
    assert _names(console.folder) == sorted(
        [*(path.name for path in _volumes(console.folder)), "b.tar.sha256"]
    )


def test_json_names_the_volumes(console: Console) -> None:
    """--json has each volume's path, size and digest, and as the path what opens them."""
    report = console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "2MB", "--json").json
    assert report["path"] == "b.tar.sha256"
    assert [volume["path"] for volume in report["volumes"]] == [f"b.tar.00{n}" for n in (1, 2, 3, 4)]
    assert sum(volume["size"] for volume in report["volumes"]) == report["size"]
    listed = (console.folder / "b.tar.sha256").read_text()
    assert listed == "".join(
        f"{volume['digest'].removeprefix('sha256:')}  {volume['path']}\n" for volume in report["volumes"]
    )


@pytest.mark.parametrize("name", ["b.tar", "b.tar.001", "b.tar.003", "b.tar.sha256"])
def test_any_name_opens_them(console: Console, shared: Console, name: str) -> None:
    """The whole's name, any volume and the list open the bundle in place, for every verb."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    assert "whole" in console.succeed("verify", name).out
    assert "1 page" in console.succeed("search", name, "fox").out
    console.succeed("extract", name, "out", "files")
    large = console.folder / "out" / "files" / "dl.example.org" / "releases" / "large.bin"
    assert large.read_bytes() == random.Random(5).randbytes(5 * MIB)
    with console.serving(name) as served:
        assert served.get("/files/dl.example.org/releases/large.bin") == large.read_bytes()
    assert not (console.folder / "b.tar").exists()


def test_all_names_at_once_are_one_bundle(console: Console) -> None:
    """What a shell makes of b.tar.* is verified once, not once a volume."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    names = [path.name for path in sorted(console.folder.glob("b.tar.*"))]
    assert console.succeed("verify", *names).out.count("whole") == 1
    assert console.succeed("verify", *names, "--json").json["ok"] is True


def test_the_reading_program_in_them_opens_them(console: Console) -> None:
    """archiver.pyz under Python 3.9, with nothing installed, verifies volumes, also without their list."""
    need("pypy3")
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    console.succeed("extract", "b.tar", "out", "archiver.pyz")
    reader = Console(console.folder, ("pypy3", "-I", str(console.folder / "out" / "archiver.pyz")))
    assert "whole" in reader.succeed("verify", "b.tar.sha256").out
    (console.folder / "b.tar.sha256").unlink()
    assert "whole" in reader.succeed("verify", "b.tar.002").out


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _foreign(path: Path) -> None:
    path.write_bytes(random.Random(9).randbytes(path.stat().st_size))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _gone(path: Path) -> None:
    path.unlink()


@pytest.mark.thorough
@pytest.mark.parametrize("damage", [_flipped, _cut, _foreign, _empty, _gone])
@pytest.mark.parametrize("number", [1, 3, 6])
def test_one_damaged_volume_is_named_and_replaced(
    console: Console, tmp_path: Path, damage: object, number: int
) -> None:
    """Verify says which volume to replace, whatever is wrong with it; the same bundle made again has it, and only it differed."""
    assert callable(damage)
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    damage(tmp_path / f"b.tar.00{number}")
    for name in ("b.tar", "b.tar.sha256"):
        outcome = console.run("verify", name, "--json")
        assert outcome.code == 5
        problems = outcome.json["problems"]
        volumes = [each["where"] for each in problems if each["code"].startswith("volume.")]
        assert [where.rpartition("/")[2] for where in volumes] == [f"b.tar.00{number}"], problems
        assert f"b.tar.00{number}" in console.run("verify", name).out
    (tmp_path / "again").mkdir()
    console.succeed("bundle", "small", "-o", "again/b.tar", "--volume-size", "1MiB")
    shutil.copy(tmp_path / "again" / f"b.tar.00{number}", tmp_path)
    assert "whole" in console.succeed("verify", "b.tar").out


def test_serving_with_a_volume_missing_names_it(console: Console) -> None:
    """Opening tells at once what verify would: each volume that is missing, with what to do."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    (console.folder / "b.tar.002").unlink()
    (console.folder / "b.tar.004").unlink()
    outcome = console.run("serve", "b.tar", "--port", "0")
    assert outcome.code == 5
    assert "b.tar.002: this volume is missing" in outcome.err
    assert "b.tar.004: this volume is missing" in outcome.err
    assert "the others can stay" in outcome.err


def test_a_changed_list_is_told_from_changed_volumes(console: Console) -> None:
    """Where all of the bundle is sound, it is the list that must be replaced, not a volume."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    path = console.folder / "b.tar.sha256"
    text = path.read_text()
    path.write_text(("b" if text[0] == "a" else "a") + text[1:])  # a digit of the first digest
    outcome = console.run("verify", "b.tar", "--json")
    assert outcome.code == 5
    assert [(each["code"], each["where"]) for each in outcome.json["problems"]] == [
        ("volume.list", "b.tar.sha256")
    ]


def test_a_volume_too_many_is_found(console: Console) -> None:
    """A volume of another bundle under the next number would spoil what cat makes: verify says to remove it."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    (console.folder / "b.tar.007").write_bytes(b"of another bundle")
    outcome = console.run("verify", "b.tar")
    assert outcome.code == 5
    assert "b.tar.007: remove this file" in outcome.out


@pytest.mark.parametrize(
    ("earlier", "later"), [("1MiB", "2MiB"), ("2MiB", "1MiB"), ("1MiB", None), (None, "1MiB"), (None, None)]
)
def test_nothing_of_an_earlier_run_stays(
    console: Console, single: bytes, earlier: str | None, later: str | None
) -> None:
    """More or other volumes, or a single tar, of the same name are gone when the new ones have their names."""
    for size in (earlier, later):
        console.succeed("bundle", "small", "-o", "b.tar", *(("--volume-size", size) if size else ()))
    if later is None:
        assert _names(console.folder) == ["b.tar"]
        assert (console.folder / "b.tar").read_bytes() == single
    else:
        count = -(-len(single) // (int(later[0]) * MIB))
        expected = [f"b.tar.{number:03d}" for number in range(1, count + 1)]
        assert _names(console.folder) == [*expected, "b.tar.sha256"]
        assert _joined(console.folder) == single


def test_other_people_s_files_are_not_taken_for_volumes(console: Console) -> None:
    """Files that only look like volumes are in the way: nothing is removed, and the error names the first."""
    (console.folder / "b.tar.001").write_text("mine")
    outcome = console.run("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    assert outcome.code == 2
    assert "b.tar.001" in outcome.err
    assert _names(console.folder) == ["b.tar.001"]


@pytest.mark.parametrize("name", ["b.tar.001", "b.tar.sha256"])
def test_a_bundle_cannot_have_a_volume_s_name(console: Console, name: str) -> None:
    """A name that a volume or the list would have is refused: nobody could tell them apart."""
    assert console.run("bundle", "small", "-o", name).code == 2
    assert _names(console.folder) == []


@pytest.mark.parametrize("size", ["1000kB", "0B", "1024", "-1MiB", "1 furlong", "1mib"])
def test_sizes_that_cannot_be_meant_are_refused(console: Console, size: str) -> None:
    """Less than 1 MiB, no unit, or an unknown one: a usage error before anything is read."""
    assert console.run("bundle", "small", "-o", "b.tar", f"--volume-size={size}").code == 2
    assert _names(console.folder) == []


@pytest.mark.thorough
@pytest.mark.parametrize("volumes", [(), ("--volume-size", "1MiB")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_runs_leave_nothing_under_final_names(
    console: Console, shared: Console, volumes: tuple[str, ...], number: int
) -> None:
    """Ctrl-C and kill -9 in the middle: no name is taken; an earlier bundle is as it was; the next run clears up."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "2MiB")
    before = {path.name: path.read_bytes() for path in console.folder.glob("b.tar*")}
    ending = Console(console.folder, (sys.executable, "-c", _ENDING, str(3 * MIB), str(int(number))))
    ending.environment.update(console.environment)
    outcome = ending.run("bundle", "small", "-o", "b.tar", *volumes)
    assert outcome.code == (-9 if number == signal.SIGKILL else 130), outcome.said
    assert {path.name: path.read_bytes() for path in console.folder.glob("b.tar*")} == before
    left = [".tmp-b.tar"] if number == signal.SIGKILL else []
    assert [name for name in _names(console.folder) if name.startswith(".tmp-")] == left
    console.succeed("bundle", "small", "-o", "b.tar", *volumes)
    assert ".tmp-b.tar" not in _names(console.folder)
    assert "whole" in console.succeed("verify", "b.tar").out


@pytest.mark.parametrize("volumes", [(), ("--volume-size", "2MiB")])
def test_a_file_that_cannot_grow_ends_the_run(
    console: Console, single: bytes, volumes: tuple[str, ...]
) -> None:
    """Where the system lets no file grow so far, the run ends with exit 7, says how much is needed, and leaves nothing."""
    done = subprocess.run(
        [*console.program, "bundle", "small", "-o", "b.tar", *volumes],
        cwd=console.folder,
        env=console.environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB)),
    )
    assert done.returncode == 7, done.stderr
    assert f"needs {len(single)} bytes" in done.stderr
    assert _names(console.folder) == []


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    folder = tmp_path / "stick"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "stick", folder]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here: only root can, and not in every container")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("volumes", [(), ("--volume-size", "1MiB")])
def test_too_little_room_is_said_before_anything_is_written(
    console: Console, stick: Path, volumes: tuple[str, ...]
) -> None:
    """A stick that is nearly full is refused at once, with what is needed and what is free."""
    (stick / "photos").write_bytes(bytes(3 * MIB))
    outcome = console.run("bundle", "small", "-o", stick / "b.tar", *volumes)
    assert outcome.code == 7
    assert "are free" in outcome.err
    assert _names(stick) == []


def test_an_earlier_bundle_that_takes_the_room_is_named(console: Console, stick: Path) -> None:
    """The earlier bundle stays until the new one is whole; where there is no room for both, that is what to remove."""
    console.succeed("bundle", "small", "-o", stick / "b.tar", "--volume-size", "1MiB")
    before = _names(stick)
    outcome = console.run("bundle", "small", "-o", stick / "b.tar")
    assert outcome.code == 7
    assert "of the earlier bundle of this name" in outcome.err
    assert _names(stick) == before
    assert "whole" in console.succeed("verify", stick / "b.tar").out


@pytest.mark.parametrize("volumes", [(), ("--volume-size", "1MiB")])
def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    console: Console, stick: Path, single: bytes, volumes: tuple[str, ...]
) -> None:
    """Somebody else takes the room in the middle: exit 7, how much is needed, and nothing of the bundle."""
    filling = Console(console.folder, (sys.executable, "-c", _ENDING, str(3 * MIB), str(stick / "photos")))
    filling.environment.update(console.environment)
    outcome = filling.run("bundle", "small", "-o", stick / "b.tar", *volumes)
    assert outcome.code == 7, outcome.said
    assert f"needs {len(single)} bytes" in outcome.err
    assert _names(stick) == []


def test_volumes_need_no_room_beside_their_own(console: Console, stick: Path, single: bytes) -> None:
    """A stick with room for the bundle and little more takes it: nothing is ever there twice."""
    (stick / "photos").write_bytes(bytes(8 * MIB - len(single) - MIB // 2))
    console.succeed("bundle", "small", "-o", stick / "b.tar", "--volume-size", "1MiB")
    assert _joined(stick) == single


@pytest.mark.parametrize("code", ["cut", "gone"])
def test_without_a_list_the_end_tells_what_is_missing(console: Console, code: str) -> None:
    """Volumes that came without their list: one at the end that is cut short or missing is named all the same."""
    console.succeed("bundle", "small", "-o", "b.tar", "--volume-size", "1MiB")
    (console.folder / "b.tar.sha256").unlink()
    last = console.folder / "b.tar.006"
    if code == "cut":
        last.write_bytes(last.read_bytes()[:-600])
    else:
        last.unlink()
    for command in (("verify", "b.tar"), ("search", "b.tar", "fox"), ("extract", "b.tar", "out")):
        outcome = console.run(*command)
        assert outcome.code == 5
        assert "b.tar.006: this volume is" in outcome.said


def test_a_link_in_place_of_the_temporary_folder_is_not_followed(console: Console) -> None:
    """Somebody's link of the temporary folder's name does not lead to files being removed where it points."""
    console.write("home/letter", "dear reader")
    (console.folder / ".tmp-b.tar").symlink_to(console.folder / "home")
    assert console.run("bundle", "small", "-o", "b.tar").code == 7
    assert (console.folder / "home" / "letter").read_text() == "dear reader"


def test_two_runs_do_not_make_the_same_bundle_at_once(console: Console) -> None:
    """While one run writes a bundle, another that would make the same one ends with exit 6."""
    folder = console.folder / ".tmp-b.tar"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        outcome = console.run("bundle", "small", "-o", "b.tar")
    finally:
        os.close(descriptor)
    assert outcome.code == 6
    assert "another run" in outcome.err
    console.succeed("bundle", "small", "-o", "b.tar")
    assert _names(console.folder) == ["b.tar"]
