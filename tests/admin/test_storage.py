"""`medrec-admin bucket …`: tests before it stores, says every line, prints no secret."""

import json
import logging
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from medrec_desktop import log
from medrec_desktop.admin import cli
from medrec_desktop.attachments.s3 import generate_download_url
from medrec_desktop.security import storage_keys
from tests.attachments.test_s3 import KEY, put
from tests.fakes.keyrings import MemoryKeyring
from tests.logfail import ExpectLog
from tests.s3_servers import S3Server

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    made = MemoryKeyring()
    monkeypatch.setattr(storage_keys, "system_keyring", lambda: made)
    return made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: MemoryKeyring) -> Iterator[None]:
    monkeypatch.setenv("MEDREC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDREC_PASSPHRASE", "a long enough passphrase")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Callable[[S3Server], None]:
    def use(server: S3Server) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.secret.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret.secret_key)

    return use


@pytest.fixture
def clinic(run: Run) -> None:
    assert run("clinic", "new", "Hill Clinic", "--doctor", "Dr. A")[0] == 0


@pytest.mark.usefixtures("clinic")
def test_a_storage_that_works_is_stored(
    run: Run, keys: Callable[[S3Server], None], s3_server: S3Server, ring: MemoryKeyring
) -> None:
    bucket = s3_server.bucket()
    keys(s3_server)
    asked = ("bucket", "configure", bucket.name, "--endpoint", s3_server.endpoint)
    code, out, err = run(*asked, "--bandwidth", 200, "--open", "07:30-19:00")
    assert code == 0, out + err
    assert "from now on" in out
    assert s3_server.secret.secret_key not in out + err
    assert s3_server.secret.secret_key in repr(ring.kept)
    code, out, _ = run("bucket", "test")
    assert code == 0, out
    bucket.close()


@pytest.mark.usefixtures("clinic")
def test_what_lies_in_the_storage_without_a_record_is_counted(
    run: Run, keys: Callable[[S3Server], None], s3_server: S3Server
) -> None:
    keys(s3_server)
    with closing(s3_server.bucket()) as shared:
        asked = ("bucket", "configure", shared.name, "--endpoint", s3_server.endpoint)
        assert run(*asked)[0] == 0
        code, out, err = run("attachments", "verify")
        assert code == 0, out + err
        assert "0 files are in the storage as they should be." in out
        found = re.search(r"tenant_[0-9a-z_]+", run("clinic", "credentials")[1])
        assert found is not None
        with closing(s3_server.bucket(found[0], name=shared.name)) as own:
            put(own, f"{own.tenant}/medical-records/2026/11/7/stray.pdf", b"stray")
        put(shared, KEY, b"another clinic's")
    code, out, _ = run("attachments", "verify")
    assert code == 1
    assert "1 files in the storage belong to no record here:" in out
    assert "stray.pdf" in out
    assert KEY not in out


@pytest.mark.usefixtures("clinic")
def test_a_storage_that_fails_is_not_stored(
    run: Run,
    keys: Callable[[S3Server], None],
    rclone_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    ring: MemoryKeyring,
) -> None:
    bucket = rclone_server.bucket()
    keys(rclone_server)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mistyped")
    code, out, err = run("bucket", "configure", bucket.name, "--endpoint", rclone_server.endpoint)
    assert code == 1
    assert "PROBLEM  Access key" in out
    assert "Nothing was stored" in err
    assert "mistyped" not in out + err
    assert not ring.kept
    assert "no storage yet" in run("bucket", "test")[2]


@pytest.mark.usefixtures("clinic")
def test_without_keys_and_without_a_terminal_nothing_is_done(run: Run) -> None:
    code, _, err = run("bucket", "configure", "files")
    assert code == 1
    assert "keys of the storage are needed" in err


@pytest.mark.usefixtures("clinic")
def test_settings_that_make_no_sense_are_said(run: Run) -> None:
    assert "3 to 63 characters" in run("bucket", "configure", "No")[2]
    assert "08:00-18:00" in run("bucket", "configure", "files", "--open", "early")[2]
    assert "begins with https" in run("bucket", "apply", "files", "--endpoint", "http://a.b")[2]


def test_a_bucket_is_set_up_and_a_change_is_noticed(
    run: Run, keys: Callable[[S3Server], None], moto_server: S3Server
) -> None:
    keys(moto_server)
    asked = ("files-of-admin", "--endpoint", moto_server.endpoint, "--no-tiering")
    code, out, _ = run("bucket", "apply", *asked)
    assert code == 0, out
    assert "changed  Lifecycle" in out
    code, out, _ = run("bucket", "apply", *asked)
    assert code == 0
    assert "changed" not in out
    assert run("bucket", "check", *asked)[0] == 0
    with closing(moto_server.bucket(name="files-of-admin")) as bucket:
        bucket.client.put_bucket_versioning(
            Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"}
        )
    code, out, _ = run("bucket", "check", *asked)
    assert code == 1
    assert 'DIFFERS  Versioning\n         wanted: "Enabled"\n         found:  "Suspended"' in out
    assert "1 lines are not as wanted" in out


def test_policies_are_printed_as_json(run: Run) -> None:
    for of in ("bucket", "role", "logs"):
        code, out, _ = run("bucket", "policy", of, "files")
        assert code == 0
        assert json.loads(out)["Version"] == "2012-10-17"
    assert "PrincipalTag/tenant" in run("bucket", "policy", "role", "files")[1]


@pytest.mark.usefixtures("clinic")
def test_a_clinics_policy_has_its_prefix_literally(
    run: Run, keys: Callable[[S3Server], None], moto_server: S3Server
) -> None:
    assert "no storage yet" in run("clinic", "credentials")[2]
    keys(moto_server)
    with closing(moto_server.bucket()) as bucket:
        run("bucket", "configure", bucket.name, "--endpoint", moto_server.endpoint)
        code, out, _ = run("clinic", "credentials")
    assert code == 0
    (own, listed) = json.loads(out)["Statement"]
    assert own["Resource"].startswith(f"arn:aws:s3:::{bucket.name}/tenant_")
    assert own["Resource"].endswith("/*")
    assert "s3:DeleteObjectVersion" not in own["Action"]
    assert listed["Condition"]["StringLike"]["s3:prefix"].endswith("/*")


def test_the_log_says_no_key_no_signature_and_no_file_name(
    s3_server: S3Server, tmp_path: Path, expect_log: ExpectLog
) -> None:
    before = logging.getLogger().level
    log.start(tmp_path)
    try:
        with closing(s3_server.bucket()) as bucket:
            put(bucket, KEY, b"scan")
            generate_download_url(KEY, bucket=bucket)
            with closing(s3_server.bucket(name="never-made")) as gone:
                for call in (lambda: put(gone, KEY, b"scan"), lambda: gone.head(KEY)):
                    try:
                        call()
                    except Exception as error:  # noqa: BLE001  # whatever comes is written down
                        with expect_log("medrec_desktop.log", logging.ERROR):
                            log.report(error)
        logging.getLogger(__name__).info("written")
    finally:
        log.stop()
        logging.getLogger().setLevel(before)
    text = (tmp_path / log.FILE).read_text()
    assert "written" in text
    for word in (s3_server.secret.access_key, s3_server.secret.secret_key, "Signature", "scan.pdf"):
        assert word not in text
