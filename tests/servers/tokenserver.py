"""A token server as registries have them: it signs JSON Web Tokens that Debian's docker-registry checks.

Those without a login may pull, keeper may push as well.

Source: the distribution project's "Token Authentication Specification" and "Token Authentication Implementation".
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from servers.processes import need

if TYPE_CHECKING:
    from pathlib import Path

_LEEWAY = 60  # seconds for which docker-registry takes a token whose time is over


@dataclass(frozen=True)
class Wanted:
    """One request for a token: how it came, its parameters, and who asked (empty: nobody known)."""

    method: str
    parameters: Mapping[str, str]
    user: str


@dataclass
class TokenServer:
    """A running one.

    Attributes:
        url: where clients are sent to.
        certificate: of the key that it signs with.
        key: that key.
        anonymous: whether those without credentials get tokens, too.
        lifetime: how long a token is good for, in seconds, as the registry counts.
        wanted: all requests so far.
    """

    url: str
    certificate: Path
    key: Path
    anonymous: bool = True
    lifetime: float = 300.0
    wanted: list[Wanted] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """What docker-registry is to know of it."""
        return {
            "realm": self.url,
            "service": "tests",
            "issuer": "token server of the tests",
            "rootcertbundle": str(self.certificate),
        }

    def scopes(self) -> list[str]:
        """Return the scopes asked for so far."""
        return [wanted.parameters.get("scope", "") for wanted in self.wanted]

    def token(self, wanted: Wanted) -> str | None:
        """Return a token, or None for those who get none."""
        self.wanted.append(wanted)
        if not (wanted.user or self.anonymous):
            return None
        access = []
        for scope in wanted.parameters["scope"].split():
            kind, name, actions = scope.split(":")
            allowed = [action for action in actions.split(",") if action == "pull" or wanted.user]
            access.append({"type": kind, "name": name, "actions": allowed})
        end = int(time.time() + self.lifetime) - _LEEWAY
        der = subprocess.run(
            ["openssl", "x509", "-in", str(self.certificate), "-outform", "DER"],
            capture_output=True,
            check=True,
        ).stdout
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": self.settings["issuer"],
            "sub": wanted.user,
            "aud": wanted.parameters["service"],
            "exp": end,
            "nbf": 0,
            "iat": 0,
            "jti": str(len(self.wanted)),
            "access": access,
        }
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.key)],
            input=signed.encode(),
            capture_output=True,
            check=True,
        ).stdout
        return f"{signed}.{_encoded(signature)}"


def good_until(token: str) -> float:
    """Return when docker-registry will refuse a token, in seconds since the epoch."""
    claims = token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]) + _LEEWAY


@contextmanager
def giving_tokens(folder: Path) -> Iterator[TokenServer]:
    """Run a token server that knows keeper's password and refresh token; its key goes to ``folder``."""
    need("openssl")
    certificate, key = folder / "tokens.pem", folder / "tokens.key"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=tokens",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    tokens = TokenServer(f"http://127.0.0.1:{server.server_address[1]}/token", certificate, key)
    server.RequestHandlerClass = _handler(tokens)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield tokens
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(tokens: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer on a kept connection comes 40 ms late

        def do_GET(self) -> None:
            basic = "Basic " + base64.b64encode(b"keeper:secret").decode()
            given = self.headers.get("Authorization")
            query: dict[str, str] = {}
            for key, value in parse_qsl(urlsplit(self.path).query):  # a scope may come several times
                query[key] = f"{query[key]} {value}" if key in query else value
            # Wrong credentials get nothing, also where those without any do.
            self._answer(
                Wanted("GET", query, "keeper" if given == basic else ""), refused=given not in (None, basic)
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            form = dict(parse_qsl(body.decode()))
            known = form.get("refresh_token") == "long-lived"
            self._answer(Wanted("POST", form, "keeper" if known else ""), refused=not known)

        def _answer(self, wanted: Wanted, *, refused: bool) -> None:
            token = None if refused else tokens.token(wanted)
            answer: dict[str, Any] = (
                {"errors": []} if token is None else {"token": token, "access_token": token}
            )
            body = json.dumps(answer).encode()
            self.send_response(401 if token is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
