"""The two requests that every file needs, PUT and HEAD, without what boto3 does around each.

By S3's whole model boto3 checks, builds and parses a request in more time than a small file takes
to be sent. Here it is signed and goes over boto3's own connections. Only the ordinary answer is
understood: for any other there is None, and the caller asks again through boto3, which knows
redirects, repeats and what errors mean.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast
from urllib.parse import quote

from medrec_desktop.attachments.s3_errors import of_response, translated
from medrec_desktop.attachments.s3_objects import sent_headers
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.storage import Secret

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# These are answers, not faults: the object is not there, or the key has one already.
_FINAL = {"HEAD": 404, "PUT": 412}


class Wire:
    """Signs and sends for one bucket. Thread-safe."""

    def __init__(self, client: "S3Client", secret: Secret, bucket: str) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.credentials import Credentials

        # What boto3 knows of addresses (styles, regions, partitions), asked once.
        url = client.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": "k"})
        self._bucket_url = url.partition("?")[0].removesuffix("k")
        # Its connections: the same certificates, proxies and time-outs.
        self._http = cast("Any", client)._endpoint.http_session  # noqa: SLF001 - not offered else

        class Auth(S3SigV4Auth):
            """Signs a body by the hash we know already."""

            def payload(self, request: Any) -> str:
                return str(request.context["sha256"])

        credentials = Credentials(
            secret.access_key, secret.secret_key, secret.session_token or None
        )
        self._auth = Auth(credentials, "s3", client.meta.region_name)

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
        """The headers of a good answer; None for what is to be asked through boto3, with `body`
        where it was before. `asked` as boto3 has it; `sha256` is hex, of `body`.

        `NotFound` from HEAD, `KeyTaken` from PUT, `StorageUnavailable` when nothing answered in
        time, and what reading `body` raised.
        """
        from botocore.awsrequest import AWSPreparedRequest, AWSRequest
        from botocore.exceptions import BotoCoreError, ConnectTimeoutError, ReadTimeoutError

        url = self._bucket_url + quote(key, safe="/~") + (f"?{query}" if query else "")
        request = AWSRequest(method=method, url=url, headers=sent_headers(asked or {}))
        request.context["sha256"] = sha256
        self._auth.add_auth(request)
        # urllib3 does not take the headers as botocore signs them.
        signed: Any = dict(request.headers.items())
        start = 0 if body is None or isinstance(body, bytes) else body.tell()
        with translated():
            try:
                answer = self._http.send(
                    AWSPreparedRequest(method, url, signed, body, stream_output=False)
                )
            except (ConnectTimeoutError, ReadTimeoutError):
                raise  # asking at once again would only wait as long again
            except BotoCoreError as error:
                if isinstance(error.kwargs.get("error"), MedrecError):
                    raise
                answer = None
        if answer is not None:
            if answer.status_code == 200 and answer.headers.get("ETag"):
                return cast("Mapping[str, str]", answer.headers)
            if answer.status_code == _FINAL[method]:
                raise of_response(
                    {
                        "Error": {"Code": str(answer.status_code)},
                        "ResponseMetadata": {"HTTPStatusCode": answer.status_code},
                    }
                )
        if body is not None and not isinstance(body, bytes):
            body.seek(start)
        return None
