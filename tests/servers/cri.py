"""What a kubelet says to a runtime to have an image pulled: one call of the Kubernetes Container Runtime Interface.

By curl, which speaks HTTP/2 over a Unix socket. Sources: api.proto of the CRI, runtime.v1; gRPC over HTTP/2.
"""

from __future__ import annotations

import re
import subprocess

from servers.processes import need


def cri_pull(socket: str, name: str) -> str:
    """Have an image pulled as for a pod, and return its ID, or the runtime's complaint as the failure's message."""
    need("curl")
    message = _field(
        _field(name.encode())
    )  # PullImageRequest.image is an ImageSpec, ImageSpec.image the name
    done = subprocess.run(
        [
            *(
                "curl",
                "--silent",
                "--show-error",
                "--include",
                "--http2-prior-knowledge",
                "--unix-socket",
                socket,
            ),
            *(
                "--header",
                "content-type: application/grpc",
                "--header",
                "te: trailers",
                "--data-binary",
                "@-",
            ),
            "http://localhost/runtime.v1.ImageService/PullImage",
        ],
        input=b"\0" + len(message).to_bytes(4, "big") + message,
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    assert re.search(r"^.*grpc-status: 0\r$", said, re.MULTILINE), said + done.stderr.decode()
    identity = re.search(r"sha256:[0-9a-f]{64}", said)
    assert identity is not None, said
    return identity[0]


def _field(content: bytes) -> bytes:
    """Return the first field of a protobuf message, of a length that one byte can say."""
    assert len(content) < 128
    return b"\x0a" + bytes([len(content)]) + content
