import time

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from time_machine import travel

from medrec_desktop.attachments.s3_signing import Signer
from medrec_desktop.domain.storage import Secret

PATH = "/files/tenant_1/medical-records/2026/11/7/a%20scan-%C3%A9~1.pdf"
SHA256 = "ab" * 32
HEADERS = {
    "host": "storage.example.org:9000",
    "content-type": "text/plain;  charset=utf-8",
    "content-length": "12",
    "if-none-match": "*",
    "x-amz-meta-attachment-id": "0190",
    "x-amz-storage-class": "INTELLIGENT_TIERING",
}


class _Botocore(S3SigV4Auth):
    def payload(self, request: AWSRequest) -> str:
        return SHA256


def of_botocore(secret: Secret, method: str, query: str) -> str:
    url = f"https://{HEADERS['host']}{PATH}{'?' * bool(query)}{query}"
    headers = {name: text for name, text in HEADERS.items() if name != "host"}
    request = AWSRequest(method=method, url=url, headers=headers)
    keys = Credentials(secret.access_key, secret.secret_key, secret.session_token or None)
    _Botocore(keys, "s3", "eu-central-1").add_auth(request)
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("token", ["", "token/with+signs=="])
@pytest.mark.parametrize(
    ("method", "query"), [("HEAD", ""), ("PUT", ""), ("PUT", "partNumber=3&uploadId=a%2Fb%3D")]
)
def test_a_signature_is_the_one_botocore_makes(token: str, method: str, query: str) -> None:
    secret = Secret("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    signer = Signer(secret, "eu-central-1")
    with travel("2026-11-23T23:59:59Z", tick=False) as now:
        for _ in range(2):  # the second day needs a new key
            made = signer.signed(method, PATH, query, HEADERS, SHA256)
            assert made["authorization"] == of_botocore(secret, method, query)
            assert made["x-amz-date"] == time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            now.shift(2)


def test_a_value_cannot_begin_a_line_of_its_own() -> None:
    signer = Signer(Secret("AKIDEXAMPLE", "secret"), "eu-central-1")
    headers = {"host": "h", "content-type": "text/plain\r\nx-amz-acl: public-read"}
    made = signer.signed("PUT", PATH, "", headers, SHA256)
    assert made["content-type"] == "text/plain x-amz-acl: public-read"
    assert not any("\n" in text for text in made.values())
