"""Signature version 4 for requests that are built here: AWS's published recipe, nothing else.

Says the same as botocore does (a test compares them), in a tenth of its time. Nothing here sends.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping

from medrec_desktop.domain.storage import Secret

_METHOD = "AWS4-HMAC-SHA256"


class Signer:
    """One access key in one region. Thread-safe."""

    def __init__(self, secret: Secret, region: str) -> None:
        self._secret = secret
        self._region = region
        # A key is of a day; making it costs four hashes.
        self._made: tuple[str, bytes] = ("", b"")

    def signed(
        self, method: str, path: str, query: str, headers: Mapping[str, str], sha256: str
    ) -> dict[str, str]:
        """The headers to send: `headers` (lower case names, with "host") and what proves them.

        `path` and `query` as they stand in the request line, quoted and in order; `sha256` in hex,
        of the body.
        """
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        sent = {name: " ".join(value.split()) for name, value in headers.items()}
        sent["x-amz-date"] = at
        sent["x-amz-content-sha256"] = sha256
        if self._secret.session_token:
            sent["x-amz-security-token"] = self._secret.session_token
        names = sorted(sent)
        listed = "".join(f"{name}:{sent[name]}\n" for name in names)
        covered = ";".join(names)
        asked = f"{method}\n{path}\n{query}\n{listed}\n{covered}\n{sha256}"
        scope = f"{at[:8]}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(asked.encode()).hexdigest()
        proof = _hmac(self._key(at[:8]), f"{_METHOD}\n{at}\n{scope}\n{digest}").hex()
        sent["authorization"] = (
            f"{_METHOD} Credential={self._secret.access_key}/{scope}, "
            f"SignedHeaders={covered}, Signature={proof}"
        )
        return sent

    def _key(self, day: str) -> bytes:
        made = self._made
        if made[0] != day:
            key = f"AWS4{self._secret.secret_key}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = _hmac(key, part)
            made = self._made = (day, key)
        return made[1]


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
