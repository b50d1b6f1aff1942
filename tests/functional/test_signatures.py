"""``bundle --sign`` and ``--signers``: with the real ssh-keygen and ssh-agent, files and passphrases."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import tarfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import Console
from servers.keeper import keeping
from servers.processes import need, running, wait_until
from servers.small_archive import small_archive

if TYPE_CHECKING:
    from pathlib import Path

ALICE = "alice@example.org"
_AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
# Opens a key with a passphrase, writes down where its agent is, and is killed.
_KILLED_WITH_AN_AGENT = """
import os, pathlib, signal, sys
from archiver.bundle.signing import signing_key
with signing_key(pathlib.Path(sys.argv[1])) as key:
    pathlib.Path("agent").write_text(key.environment["SSH_AUTH_SOCK"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """An archive, keys of several kinds, and a bundle signed by Alice's; nobody changes them."""
    console = Console(tmp_path_factory.mktemp("signatures"))
    small_archive(console.folder / "archives")
    for name, kind, passphrase in (
        ("alice", "ed25519", ""),
        ("bob", "ed25519", ""),
        ("locked", "ed25519", "open sesame"),
        ("rsa", "rsa", ""),
        ("ecdsa", "ecdsa", ""),
    ):
        command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", console.folder / name]
        subprocess.run(command, check=True)
    console.succeed("bundle", "small", "-o", "signed.tar", "--sign", "alice")
    console.succeed("bundle", "small", "-o", "unsigned.tar")
    return console


@pytest.fixture
def console(shared: Console, tmp_path: Path) -> Console:
    """The same archive, from another folder."""
    return Console(tmp_path, ARCHIVER_ARCHIVES=str(shared.folder / "archives"))


def _allowed(console: Console, key: Path, options: str = "", name: str = ALICE) -> Path:
    """Write a list of allowed signers of one line, and return it."""
    public = key.with_suffix(".pub").read_text().split()[:2]
    return console.write("allowed_signers", " ".join(filter(None, [name, options, *public])) + "\n")


def _signature(path: Path) -> bytes:
    with tarfile.open(path) as tar:
        assert tar.getnames()[-2:] == ["SHA256SUMS", "SHA256SUMS.sig"]
        member = tar.extractfile("SHA256SUMS.sig")
        assert member is not None
        return member.read()


def test_a_stranger_checks_it_with_two_standard_commands(console: Console, shared: Console) -> None:
    """tar, sha256sum and ssh-keygen check an unpacked bundle without anything of this program."""
    subprocess.run(["tar", "xf", shared.folder / "signed.tar"], cwd=console.folder, check=True)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=console.folder, check=True
    )
    signers = _allowed(console, shared.folder / "alice")
    with (console.folder / "SHA256SUMS").open("rb") as sums:
        done = subprocess.run(
            [
                *("ssh-keygen", "-Y", "verify", "-n", "archiver-bundle", "-f", signers, "-I", ALICE),
                *("-s", "SHA256SUMS.sig"),
            ],
            cwd=console.folder,
            stdin=sums,
            capture_output=True,
            text=True,
            check=True,
        )
    assert f'Good "archiver-bundle" signature for {ALICE} with ED25519 key' in done.stdout
    readme = (console.folder / "README.txt").read_text()
    assert "sha256sum -c SHA256SUMS" in readme
    assert "ssh-keygen -Y verify" in readme


def test_verify_says_who_signed(console: Console, shared: Console) -> None:
    """With a list of allowed signers the name in it, the kind of key and its fingerprint are shown."""
    signers = _allowed(console, shared.folder / "alice")
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", shared.folder / "alice.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    signed = shared.folder / "signed.tar"
    assert (
        f"signed by {ALICE} (ssh-ed25519 {fingerprint})"
        in console.succeed("verify", signed, "--signers", signers).out
    )
    report = console.succeed("verify", signed, "--signers", signers, "--json").json
    assert report["signer"] == {"principal": ALICE, "key_type": "ssh-ed25519", "fingerprint": fingerprint}
    assert report["signature"] == "signed"


def test_without_signers_it_says_that_nobody_was_asked_for(console: Console, shared: Console) -> None:
    """A sound signature of whomever is no problem, and the report says that it was not compared with anybody's."""
    outcome = console.succeed("verify", shared.folder / "signed.tar")
    assert "signature not checked" in outcome.out
    assert "by the key ssh-ed25519 SHA256:" in outcome.out
    assert "not signed" in console.succeed("verify", shared.folder / "unsigned.tar").out


def test_the_same_key_signs_the_same_bytes(console: Console, shared: Console) -> None:
    """Ed25519 signatures are deterministic, so bundles are the same; RSA's too; of ECDSA's it is said that they are not."""
    console.succeed("bundle", "small", "-o", "b.tar", "--sign", shared.folder / "alice")
    assert (console.folder / "b.tar").read_bytes() == (shared.folder / "signed.tar").read_bytes()
    for _ in range(2):
        outcome = console.succeed("bundle", "small", "-o", "b.tar", "--sign", shared.folder / "ecdsa")
        assert "other bytes" in outcome.out
        assert console.run("verify", "b.tar").code == 0
    rsa = set()
    for _ in range(2):
        outcome = console.succeed("bundle", "small", "-o", "b.tar", "--sign", shared.folder / "rsa")
        assert "other bytes" not in outcome.out
        rsa.add((console.folder / "b.tar").read_bytes())
    assert len(rsa) == 1


def test_volumes_are_signed_as_the_whole_is(console: Console, shared: Console) -> None:
    """Volumes joined are the signed single tar, and verify says of them who signed."""
    console.succeed(
        "bundle", "small", "-o", "b.tar", "--sign", shared.folder / "alice", "--volume-size", "1MiB"
    )
    joined = b"".join(path.read_bytes() for path in sorted(console.folder.glob("b.tar.0*")))
    assert joined == (shared.folder / "signed.tar").read_bytes()
    signers = _allowed(console, shared.folder / "alice")
    assert f"signed by {ALICE}" in console.succeed("verify", "b.tar", "--signers", signers).out


@contextmanager
def _agent(console: Console, key: Path) -> Iterator[Console]:
    """Run an ssh-agent that has a key, and yield the console in whose environment it is."""
    socket = console.folder / "agent"
    with running(["ssh-agent", "-D", "-a", str(socket)], log=console.folder / "agent.log") as process:
        wait_until(socket.exists, process, what="ssh-agent")
        environment = {"SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", key], env={**os.environ, **environment}, check=True)
        yield Console(console.folder, **{**console.environment, **environment})


def test_a_key_in_the_agent_signs(console: Console, shared: Console) -> None:
    """Where only the public key is a file, the ssh-agent's private one signs, and makes the same bytes."""
    public = console.write("alice.pub", (shared.folder / "alice.pub").read_text())
    with _agent(console, shared.folder / "alice") as with_agent:
        with_agent.succeed("bundle", "small", "-o", "b.tar", "--sign", public)
    assert (console.folder / "b.tar").read_bytes() == (shared.folder / "signed.tar").read_bytes()


@pytest.mark.parametrize("key", ["locked", "locked.pub"])
def test_a_passphrase_is_asked_for_once(console: Console, shared: Console, key: str) -> None:
    """A key with a passphrase is opened before packing, and the passphrase is not asked for again at the end."""
    asking = console.write("ask", "#!/bin/sh\necho asked >>asked\necho open sesame\n")
    asking.chmod(0o755)
    with_asking = Console(
        console.folder,
        **{**console.environment, "SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"},
    )
    with_asking.succeed("bundle", "small", "-o", "b.tar", "--sign", shared.folder / key)
    assert (console.folder / "asked").read_text() == "asked\n"
    signers = _allowed(console, shared.folder / "locked", name="locked")
    assert "signed by locked" in console.succeed("verify", "b.tar", "--signers", signers).out


def test_no_agent_outlives_its_run(console: Console, shared: Console) -> None:
    """A run that is killed while its own ssh-agent has the opened key leaves no such agent behind."""
    asking = console.write("ask", "#!/bin/sh\necho open sesame\n")
    asking.chmod(0o755)
    killed = Console(
        console.folder,
        (console.program[0], "-c", _KILLED_WITH_AN_AGENT),
        **{**console.environment, "SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"},
    )
    assert killed.run(shared.folder / "locked").code == -9
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        if client.connect_ex((console.folder / "agent").read_text()) == 0:
            with suppress(ConnectionResetError):  # how the system tells that it ended without taking us up
                assert client.recv(1) == b""


def test_the_passphrase_is_asked_for_on_the_terminal(console: Console, shared: Console) -> None:
    """At a terminal ssh's own prompt is shown, what is typed is not, and the bundle is signed."""
    main, terminal = pty.openpty()
    command = ["bundle", "small", "-o", "b.tar", "--quiet", "--sign", str(shared.folder / "locked")]
    process = subprocess.Popen(
        [*console.program[:1], "-c", _AT_A_TERMINAL, *console.program, *command],
        cwd=console.folder,
        env=console.environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, answered = b"", False
    with process:
        while True:
            try:
                shown += os.read(main, 4096)
            except OSError:  # the other side is closed
                break
            if b"locked: " in shown and not answered:
                os.write(main, b"open sesame\n")
                answered = True
    os.close(main)
    assert process.returncode == 0, shown
    assert b"open sesame" not in shown
    assert shown.count(b"Enter passphrase") == 1
    assert console.run("verify", "b.tar").code == 0


@pytest.mark.parametrize("key", ["nowhere", "README", "bob.pub", "locked", "open"])
def test_a_key_that_cannot_sign_is_told_before_packing(console: Console, shared: Console, key: str) -> None:
    """No such file, no key, one that no agent has, one that nobody can be asked the passphrase of, one that others can read."""
    console.write("README", "read me")
    console.write("bob.pub", (shared.folder / "bob.pub").read_text())
    console.write("locked", (shared.folder / "locked").read_text()).chmod(0o600)
    console.write("open", (shared.folder / "bob").read_text()).chmod(0o644)
    before = sorted(console.folder.iterdir())
    outcome = console.run("bundle", "small", "-o", "b.tar", "--sign", key)
    assert outcome.code == 2
    assert key in outcome.err
    assert "packing" not in outcome.err
    assert sorted(console.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "signer", "said"),
    [
        ("", "bob", "does not allow"),
        ('valid-before="20200101"', "alice", "expired"),
        ('valid-after="20990101"', "alice", "not yet valid"),
        ('namespaces="git"', "alice", "namespace"),
    ],
)
def test_other_signers_than_those_allowed_are_refused(
    console: Console, shared: Console, options: str, signer: str, said: str
) -> None:
    """A key that is not listed, no longer, not yet, or for another purpose: exit 5, and why."""
    signers = _allowed(console, shared.folder / signer, options)
    outcome = console.run("verify", shared.folder / "signed.tar", "--signers", signers)
    assert outcome.code == 5
    assert "[signature.signer]" in outcome.out
    assert said in outcome.out


def test_an_empty_list_allows_nobody(console: Console, shared: Console) -> None:
    """A list without a line, or with lines that are none, allows nobody."""
    for text in ("", "# nobody\n", "garbage\n"):
        signers = console.write("allowed_signers", text)
        assert console.run("verify", shared.folder / "signed.tar", "--signers", signers).code == 5


def test_an_unsigned_bundle_is_refused_where_signers_are_named(console: Console, shared: Console) -> None:
    """No signature at all is exit 5, for verify and for what takes things out of it; nothing is taken out."""
    signers = _allowed(console, shared.folder / "alice")
    unsigned = shared.folder / "unsigned.tar"
    outcome = console.run("verify", unsigned, "--signers", signers)
    assert outcome.code == 5
    assert "[signature.missing]" in outcome.out
    for command in (("extract", unsigned, "out"), ("load", unsigned, "--into", "./out")):
        outcome = console.run(*command, "--signers", signers)
        assert outcome.code == 5, outcome.said
        assert "not signed" in outcome.err
        assert not (console.folder / "out").exists()


def test_signed_bundles_are_taken_from_where_signers_are_named(console: Console, shared: Console) -> None:
    """Extracting and loading with the right list do what they do without."""
    signers = _allowed(console, shared.folder / "alice")
    console.succeed("extract", shared.folder / "signed.tar", "out", "--signers", signers)
    console.succeed("load", shared.folder / "signed.tar", "--into", "./loaded", "--signers", signers)
    assert (console.folder / "out" / "SHA256SUMS.sig").read_bytes() == _signature(
        shared.folder / "signed.tar"
    )


def test_a_list_that_is_not_there_is_a_usage_error(console: Console, shared: Console) -> None:
    """A slip in --signers is exit 2: it says nothing about the bundle."""
    outcome = console.run("verify", shared.folder / "signed.tar", "--signers", "nowhere")
    assert outcome.code == 2
    assert "nowhere" in outcome.err


def test_another_bundle_s_signature_is_refused(console: Console, shared: Console, tmp_path: Path) -> None:
    """A signature by the right key over other checksums is none over these, also where no signers are named."""
    other = small_archive(tmp_path / "other")
    other.file("https://dl.example.org/more.bin", b"more")
    other.finish()
    elsewhere = Console(tmp_path, ARCHIVER_ARCHIVES=str(tmp_path / "other"))
    elsewhere.succeed("bundle", "small", "-o", "other.tar", "--sign", shared.folder / "alice")
    signed = (shared.folder / "signed.tar").read_bytes()
    mixed = signed.replace(_signature(shared.folder / "signed.tar"), _signature(tmp_path / "other.tar"))
    assert mixed != signed
    (tmp_path / "mixed.tar").write_bytes(mixed)
    signers = _allowed(console, shared.folder / "alice")
    for options in ((), ("--signers", signers)):
        outcome = console.run("verify", "mixed.tar", *options)
        assert outcome.code == 5
        assert "[signature.wrong]" in outcome.out


def test_every_part_of_a_signature_counts(console: Console, shared: Console) -> None:
    """A changed character is found wherever in SHA256SUMS.sig it is: armour, key, namespace, the signature itself."""
    signed = (shared.folder / "signed.tar").read_bytes()
    start, length = signed.rindex(b"-----BEGIN SSH"), len(_signature(shared.folder / "signed.tar"))
    for place in range(start, start + length, 23):
        changed = bytearray(signed)
        changed[place] ^= 1
        (console.folder / "changed.tar").write_bytes(changed)
        assert console.run("verify", "changed.tar").code == 5, place - start


@pytest.mark.parametrize("program", ["python", "pypy3"])
def test_the_reading_program_checks_signers(console: Console, shared: Console, program: str) -> None:
    """archiver.pyz alone, from inside the bundle, says who signed and refuses others."""
    need("pypy3")
    subprocess.run(
        ["tar", "xf", shared.folder / "signed.tar", "archiver.pyz"], cwd=console.folder, check=True
    )
    interpreter = console.program[0] if program == "python" else program
    reader = Console(console.folder, (interpreter, "-I", str(console.folder / "archiver.pyz")))
    signed = shared.folder / "signed.tar"
    assert (
        f"signed by {ALICE}"
        in reader.succeed("verify", signed, "--signers", _allowed(console, shared.folder / "alice")).out
    )
    assert reader.run("verify", signed, "--signers", _allowed(console, shared.folder / "bob")).code == 5


def test_without_ssh_keygen_it_says_that_it_was_not_checked(console: Console, shared: Console) -> None:
    """A machine without OpenSSH still checks all the rest; where signers are named it cannot, and says so with exit 5."""
    bare = Console(console.folder, **{**console.environment, "PATH": str(console.folder)})
    outcome = bare.succeed("verify", shared.folder / "signed.tar")
    assert "signature not checked" in outcome.out
    signers = _allowed(console, shared.folder / "alice")
    outcome = bare.run("verify", shared.folder / "signed.tar", "--signers", signers)
    assert outcome.code == 5
    assert "signature not checked: there is no ssh-keygen here [signature.unchecked]" in outcome.out
    assert bare.run("bundle", "small", "-o", "b.tar", "--sign", shared.folder / "alice").code == 2


def test_an_ssh_keygen_that_does_not_work_is_no_verdict(console: Console, shared: Console) -> None:
    """An old one, or one that knows no name of the user's (as in containers), condemns no sound bundle, and vouches for none."""
    old = console.write("bin/ssh-keygen", "#!/bin/sh\necho 'No user exists for uid 12345' >&2\nexit 255\n")
    old.chmod(0o755)
    path = f"{old.parent}:{console.environment['PATH']}"
    limited = Console(console.folder, **{**console.environment, "PATH": path})
    assert "signature not checked" in limited.succeed("verify", shared.folder / "signed.tar").out
    signers = _allowed(console, shared.folder / "alice")
    outcome = limited.run("verify", shared.folder / "signed.tar", "--signers", signers)
    assert outcome.code == 5
    assert "No user exists for uid 12345) [signature.unchecked]" in outcome.out


def test_a_base_and_its_update_in_volumes_are_all_signed(shared: Console, tmp_path: Path) -> None:
    """Volumes, updates and signatures together: one command says of both who signed them; one that is not spoils it."""
    console = Console(tmp_path)
    with keeping(console) as keeper:
        signing = ("--sign", shared.folder / "alice", "--volume-size", "1MiB")
        keeper.archive(1)
        console.succeed("bundle", "sample", "-o", "base.tar", *signing)
        keeper.archive(2)
        console.succeed("bundle", "sample", "--since", "base.tar", "-o", "delta.tar", *signing)
        console.succeed("bundle", "sample", "--since", "base.tar.001", "-o", "unsigned.tar")
    signers = _allowed(console, shared.folder / "alice")
    outcome = console.succeed("verify", "base.tar.001", "delta.tar.sha256", "--signers", signers)
    assert outcome.out.count(f"signed by {ALICE}") == 2
    assert "builds on" in console.succeed("verify", "delta.tar", "--signers", signers).out
    assert console.run("verify", "base.tar", "unsigned.tar", "--signers", signers).code == 5
    load = ("load", "base.tar", "--into", "./archive", "--signers", signers)
    assert console.run(*load[:2], "unsigned.tar", *load[2:]).code == 5
    assert not (console.folder / "archive").exists()
    console.succeed(*load[:2], "delta.tar", *load[2:])
