"""Whether a clinic's history on the server is still what was written: its feed, and its rows.

Only reads, and reads everything: minutes for a large clinic. What nobody can see here is that the
newest entries are missing; the clinic's computers notice that, for they know how far they read.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from medrec_desktop.data.server.rights import quoted
from medrec_desktop.data.session import Session
from medrec_desktop.data.tenant import checked_schema

SINCE = "0008"

_TOLD = {
    "record": ("medical_records", "visits"),
    "patient": ("patients", "patients"),
    "attachment": ("record_attachments", "files"),
    "user": ("sync_users", "users"),
}
# Never changed: its uid does for a rev.
_TOLD_ONCE = {"addendum": ("record_addenda", "addenda")}


def history_problems(session: Session, schema: str) -> Iterator[str]:
    """A sentence for everything that was changed past the feed."""
    name = quoted(checked_schema(schema))
    broken = session.scalar(
        sa.text(
            "SELECT min(seq) FROM (SELECT seq, chain,"  # noqa: S608  # a checked name
            " sha256(coalesce(lag(chain) OVER w, '') || convert_to("
            "concat_ws('|', tbl, uid, rev, row_version, doc::text), 'UTF8')) AS made,"
            f" row_number() OVER w AS n FROM {name}.sync_feed WINDOW w AS (ORDER BY seq)) f"
            " WHERE chain IS DISTINCT FROM made OR seq <> n"
        )
    )
    if broken is not None:
        yield (
            f"Its history does not hold from entry {broken} on: something was changed or removed "
            "there. Find out who did it, and compare with a dump."
        )
    for tbl, (table, what) in (_TOLD | _TOLD_ONCE).items():
        gone = session.scalar(
            sa.text(
                f"SELECT count(DISTINCT f.uid) FROM {name}.sync_feed f WHERE f.tbl = :tbl"  # noqa: S608  # a checked name
                f" AND NOT EXISTS (SELECT FROM {name}.{table} r WHERE r.uid = f.uid)"
            ),
            {"tbl": tbl},
        )
        if gone:
            yield (
                f"{gone:,} {what} of its history are not there: they were removed while its guards "
                "were off. Find out who did it, and compare with a dump."
            )
    for tbl, (table, what) in (_TOLD | _TOLD_ONCE).items():
        # Whose rev nothing brought up: what is only ever added has none.
        other = (
            "NOT d.doc @> e.doc" if tbl in _TOLD_ONCE else "(r.rev <> f.rev OR NOT d.doc @> e.doc)"
        )
        count = session.scalar(
            sa.text(
                f"SELECT count(*) FROM {name}.{table} r JOIN (SELECT DISTINCT ON (uid) uid, rev, seq"  # noqa: S608  # a checked name
                f" FROM {name}.sync_feed WHERE tbl = :tbl ORDER BY uid, seq DESC) f"
                f" ON f.uid = r.uid JOIN {name}.{tbl}_docs d ON d.id = r.id"
                f" JOIN {name}.sync_feed e ON e.seq = f.seq"
                # Contained: a column that came later is in no older entry.
                f" WHERE {other}"
            ),
            {"tbl": tbl},
        )
        if count:
            yield (
                f"{count:,} {what} are not as its history says: they were changed while its guards "
                "were off. Find out who did it, and compare with a dump."
            )
    short = session.scalar(
        sa.text(
            "SELECT count(*) FROM (SELECT DISTINCT ON (uid) uid, (doc ->> 'n')::bigint AS n,"  # noqa: S608  # a checked name
            f" doc ->> 'sha256' AS sha256 FROM {name}.sync_feed WHERE tbl = 'audit'"
            " ORDER BY uid, seq DESC) f WHERE f.n <> (SELECT count(*) FROM"
            f" {name}.audit_entries a WHERE a.device = f.uid AND a.n <= f.n) OR NOT EXISTS (SELECT FROM"
            f" {name}.audit_entries a WHERE a.device = f.uid AND a.n = f.n AND a.sha256 = f.sha256)"
        )
    )
    if short:
        yield (
            f"The audit trails of {short:,} computers are not as its history says: entries were "
            "removed or exchanged while its guards were off. Find out who did it, and compare with "
            "a dump."
        )
