"""Signing bundles with keys that people have already: ssh-keygen's signatures over SHA256SUMS.

A key is tried before anything is packed. One with a passphrase goes into an ssh-agent of this run's own, so that the
passphrase is asked for once and not again when the packing is done, hours later.

Source: ssh-keygen(1), "-Y sign"; ssh-agent(1).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator, Mapping, Sequence

from archiver.core.errors import InvalidDocument, SigningFailed
from archiver.offline.signature import NAMESPACE, SshSignature, parse_signature

_DETERMINISTIC = (
    "ssh-ed25519",
    "ssh-rsa",
)  # RFC 8032; RSASSA-PKCS1-v1_5 (RFC 8332). Others take random numbers.
_TRIAL = b"archiver: can this key sign?\n"


@dataclass(frozen=True)
class SigningKey:
    """A key that has been seen to sign. Get one from ``signing_key``.

    Attributes:
        path: the private key, or the public one of a key in an ssh-agent.
        key_type: as in ``authorized_keys``.
        fingerprint: as ``ssh-keygen -l`` shows it.
        size: the length of its signatures in bytes; of some kinds of keys they differ by a few.
    """

    path: Path
    key_type: str
    fingerprint: str
    size: int
    environment: Mapping[str, str] = field(repr=False)

    @property
    def deterministic(self) -> bool:
        """Whether the same bytes always get the same signature."""
        return self.key_type in _DETERMINISTIC

    def sign(self, data: bytes) -> bytes:
        """Return the content of a signature file over ``data``. Raises SigningFailed."""
        return _signed(self.path, data, self.environment)[0]


@contextmanager
def signing_key(path: Path) -> Iterator[SigningKey]:
    """Get a key ready to sign for as long as the block lasts, and try it.

    Args:
        path: a private key; or a public one (``.pub``) whose private key is in the user's ssh-agent. The passphrase of a
            private key that is not in the agent is asked for on the terminal (or by ``SSH_ASKPASS``).

    Raises:
        SigningFailed: there is no such key, it cannot be used, or this machine has no ssh-keygen.
    """
    if not path.is_file():
        raise SigningFailed("there is no such key", place=str(path))
    with ExitStack() as held:
        environment = dict(os.environ)
        try:
            data, signature = _signed(path, _TRIAL, environment)
        except _PassphraseNeeded:
            environment["SSH_AUTH_SOCK"] = held.enter_context(_agent_with(path))
            data, signature = _signed(path, _TRIAL, environment)
        yield SigningKey(path, signature.key_type, signature.fingerprint, len(data), environment)


class _PassphraseNeeded(SigningFailed):
    """The private key is encrypted, and in no ssh-agent."""


def _signed(path: Path, data: bytes, environment: Mapping[str, str]) -> tuple[bytes, SshSignature]:
    """Return a signature, as a file's content and as read from it."""
    with TemporaryDirectory(prefix="archiver-") as folder:
        message = Path(folder, "SHA256SUMS")
        message.write_bytes(data)
        command = ["-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(path.absolute()), message.name]
        done = subprocess.run(  # noqa: S603 - the program of that name is the one that the user has
            [_program("ssh-keygen", path), *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={**environment, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"},
            start_new_session=True,  # without a terminal it cannot ask for a passphrase
        )
        said = done.stderr.decode("utf-8", "replace").splitlines()
        if done.returncode != 0:
            kind = _PassphraseNeeded if any("passphrase" in line for line in said) else SigningFailed
            raise kind(f"this key cannot sign: {_reason(said)}", place=str(path))
        signature = message.with_suffix(".sig").read_bytes()
    try:
        return signature, parse_signature(signature)
    except InvalidDocument as error:
        raise SigningFailed(f"ssh-keygen made no signature: {error.message}", place=str(path)) from error


def _reason(said: Sequence[str]) -> str:
    """Return what is to be known of what ssh-keygen says: the last but one line where the last only sums up."""
    lines = [line.strip() for line in said if line.strip("@ ")]
    telling = [line for line in lines if line.startswith(("Permissions", "Load key", "Couldn't"))]
    return f"{(telling or lines[-1:] or ['ssh-keygen does not say why'])[0]:.300}"


@contextmanager
def _agent_with(path: Path) -> Iterator[str]:
    """Run an ssh-agent that has only this key, and yield its socket; the passphrase is asked for here."""
    private = path.with_suffix("") if path.suffix == ".pub" else path
    with TemporaryDirectory(prefix="archiver-") as folder:
        socket = os.path.join(folder, "agent")  # noqa: PTH118 - it becomes an environment variable
        # The agent ends with the command it runs; `cat` ends when this process does, however that ends.
        agent = subprocess.Popen(  # noqa: S603 - see _signed
            [_program("ssh-agent", path), "-a", socket, "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process to handle
        )
        try:
            assert agent.stdin is not None
            assert agent.stdout is not None
            with suppress(BrokenPipeError):  # it has ended
                agent.stdin.write(b"\n")
                agent.stdin.flush()
            if not agent.stdout.readline():  # the agent listens once its command runs
                raise SigningFailed(
                    "this key cannot sign: ssh-agent, which is to hold its passphrase, does not start",
                    place=str(path),
                    hint="run ssh-agent and ssh-add yourself first; or set TMPDIR, if its path is very long",
                )
            added = subprocess.run(  # noqa: S603 - see _signed
                [_program("ssh-add", path), "-q", str(private.absolute())],
                env={**os.environ, "SSH_AUTH_SOCK": socket, "LC_ALL": "C"},
                check=False,
            )
            if added.returncode != 0:
                raise SigningFailed(
                    "this key cannot sign: its passphrase was not given",
                    place=str(path),
                    hint="where nobody can be asked, run ssh-add with it first",
                )
            yield socket
        finally:
            agent.communicate()


def _program(name: str, key: Path) -> str:
    program = shutil.which(name)
    if program is None:
        raise SigningFailed(
            f"signing needs {name}, which is not here", place=str(key), hint="it comes with OpenSSH"
        )
    return program
