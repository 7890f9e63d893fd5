"""The two requests that every file needs, PUT and HEAD, without what boto3 does around each.

By S3's whole model boto3 checks, builds and parses a request in more time than a small file takes
to be sent. Here it is signed and goes over boto3's own connections. Only the ordinary answer is
understood: for any other there is None, and the caller asks again through boto3, which knows
redirects, repeats, proxies and what errors mean.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from urllib.parse import quote, urlsplit

from medrec_desktop.attachments.s3_errors import of_response, translated
from medrec_desktop.attachments.s3_objects import sent_headers
from medrec_desktop.attachments.s3_signing import Signer
from medrec_desktop.domain.storage import Secret

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# These are answers, not faults: the object is not there, or the key has one already.
_FINAL = {"HEAD": 404, "PUT": 412}
# One write to the socket takes a piece of this size; larger ones only copy more.
_PIECE = 1 << 18
_LONGEST_HEAD = 1 << 16
_SIZE = "content-length"
_USUAL_PORT = {"http": ":80", "https": ":443"}


class Wire:
    """Signs and sends for one bucket. Thread-safe."""

    def __init__(self, client: "S3Client", secret: Secret, bucket: str) -> None:
        # What boto3 knows of addresses (styles, regions, partitions), asked once.
        url = client.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": "k"})
        url = url.partition("?")[0].removesuffix("k")
        place = urlsplit(url)
        self._host = place.netloc.removesuffix(_USUAL_PORT[place.scheme])
        self._path = place.path
        self._signer = Signer(secret, client.meta.region_name)
        self._pool = _connections(client, url)

    def ask(
        self,
        method: Literal["HEAD", "PUT"],
        key: str,
        *,
        query: str = "",
        asked: Mapping[str, Any] | None = None,
        body: bytes | BinaryIO | None = None,
        sha256: str = _NOTHING,
    ) -> Mapping[str, str] | None:
        """The headers (lower case) of a good answer; None for what is to be asked through boto3,
        with `body` where it was before. `asked` as boto3 has it, `query` quoted and in order;
        `sha256` is hex, of `body`.

        `NotFound` from HEAD, `KeyTaken` from PUT, `StorageUnavailable` when nothing answered in
        time, and what reading `body` raised.
        """
        if self._pool is None:
            return None
        path = self._path + quote(key, safe="/~")
        headers = sent_headers(asked or {}) | {"host": self._host}
        headers = self._signer.signed(method, path, query, headers, sha256)
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {text}" for n, text in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode("ascii")
        start = 0 if body is None or isinstance(body, bytes) else body.tell()
        with translated():
            answer = self._exchange(head, body)
        if answer is not None:
            status, said = answer
            if status == 200 and said.get("etag") and (body is not None or _SIZE in said):
                return said
            if status == _FINAL[method]:
                raise of_response(
                    {
                        "Error": {"Code": str(status)},
                        "ResponseMetadata": {"HTTPStatusCode": status},
                    }
                )
        if body is not None and not isinstance(body, bytes):
            body.seek(start)
        return None

    def _exchange(
        self, head: bytes, body: bytes | BinaryIO | None
    ) -> tuple[int, dict[str, str]] | None:
        """Status and headers; None where the connection broke or no S3 answered. Raises
        time-outs: asking at once again would only wait as long again."""
        from urllib3.exceptions import HTTPError, NewConnectionError
        from urllib3.exceptions import TimeoutError as HTTPTimeoutError

        connection = self._pool._get_conn()  # noqa: SLF001 - urllib3 offers only whole requests
        keep = False
        try:
            if connection.is_closed:
                connection.connect()
            socket = connection.sock
            socket.settimeout(self._pool.timeout.read_timeout)
            _send(socket, head, body)
            answer = _answer(socket, whole=not head.startswith(b"HEAD"))
            if answer is None:
                return None
            status, said, keep = answer
            return status, said
        except NewConnectionError:
            return None
        except (TimeoutError, HTTPTimeoutError):
            raise
        except (OSError, HTTPError):
            return None
        finally:
            if not keep:
                connection.close()
            self._pool._put_conn(connection)  # noqa: SLF001 - as above


def _connections(client: "S3Client", url: str) -> Any:
    """boto3's own: the same certificates and time-outs. None where a proxy stands between."""
    session = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001 - not offered else
    if session._proxy_config.proxy_url_for(url):  # noqa: SLF001 - as above
        return None
    pool = session._manager.connection_from_url(url)  # noqa: SLF001 - as above
    session._setup_ssl_cert(pool, url, session._verify)  # noqa: SLF001 - as above
    return pool


def _send(socket: Any, head: bytes, body: bytes | BinaryIO | None) -> None:
    if body is None:
        socket.sendall(head)
    elif isinstance(body, bytes):
        socket.sendall(head + body)
    else:
        # The first piece goes with the head: a packet less, and no wait for its receipt.
        piece = head + body.read(_PIECE)
        while piece:
            socket.sendall(piece)
            piece = body.read(_PIECE)


def _answer(socket: Any, *, whole: bool) -> tuple[int, dict[str, str], bool] | None:
    """Status, headers, and whether the connection may be used again; None for what is not read
    here. `whole`: a body follows, if there is one."""
    said = b""
    while (end := said.find(b"\r\n\r\n")) < 0:
        more = socket.recv(_LONGEST_HEAD)
        said += more
        if not more or len(said) > _LONGEST_HEAD:
            return None
    first, *lines = said[:end].decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdecimal():
        return None
    headers = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if not colon or name != name.strip():
            return None
        headers[name.lower()] = text.strip()
    # An answer with a body is an error or a portal's page: boto3 asks again, and reads that.
    empty = not whole or headers.get(_SIZE) == "0"
    more_follows = len(said) > end + 4 or "transfer-encoding" in headers
    keep = (
        version == "HTTP/1.1"
        and empty
        and not more_follows
        and headers.get("connection", "").lower() != "close"
    )
    return int(rest[:3]), headers, keep
