"""`terminology import`: a newer list of diagnosis codes, and what it changes for this clinic.
`terminology searches`: how the doctors of this computer found their codes, and what they missed."""

import argparse
import lzma
import zlib
from collections.abc import Mapping
from pathlib import Path

from medrec_desktop.admin.clinics import folder_of, opened
from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.data.coding import read_all_searches, used_codes
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.search_log import PLACES
from medrec_desktop.services.first_run import is_clinic
from medrec_desktop.terminology.code_file import newest
from medrec_desktop.terminology.installed import CodeChange, Imported, changes, install
from medrec_desktop.terminology.search import Icd10

_MOST_LINES = 200
_MOST_WORDS = 40
_SAID = {
    "retired": "is no longer in the list; choose another code when it is next needed",
    "split": "was split and can no longer be used alone; choose among",
    "renamed": "is now called",
}


def bring_in_codes(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin terminology import FILE`. Records keep the codes and titles they were written
    with; only what is searched from now on is new."""
    home = folder_of(options).parent
    file: Path = options.file
    used = _used(options, passphrases)
    with Icd10(newest(home)) as old:
        before, old_release = (
            [found for code in used or () if (found := old.get(code))],
            old.release,
        )
    print("Reading the list and building its index. This takes about a minute.", flush=True)
    made = _installed(file, home)
    index = f"{made.references:,} index entries" if made.references else "no alphabetic index"
    print(f"ICD-10-CM {made.release} is installed: {made.codes:,} codes, {index}.")
    for line in made.passed_over:
        print(f"Passed over: {line}.")
    if newest(home) != made.path:
        print(
            f"Release {old_release} is newer and stays the one that is searched; "
            f"{made.release} is kept beside it."
        )
        return 0
    if made.release != old_release:
        print(f"Release {old_release} stays readable.")
    print("Restart MedRec Desktop to search the new list.")
    if used is not None:
        with Icd10(made.path) as new:
            _tell(used, list(changes(before, new)))
    return 0


def tell_searches(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin terminology searches`. Counts of this computer alone, of no patient."""
    with opened(options, passphrases) as context, context.db.read() as session:
        log = read_all_searches(session)
    searches = sum(log.places)
    if not searches and not log.given_up and not log.kept:
        print("Nothing was searched for on this computer yet.")
        return 0
    if searches:
        print(f"{searches:,} searches ended in a code. The row that was picked stood:")
        within = 0
        for last, count in zip(PLACES, log.places, strict=False):
            within += count
            named = "first" if last == 1 else f"among the first {last}"
            print(f"  {named}: {within:,} ({100 * within / searches:.0f} %)")
    _list("Given up, most often first:", log.given_up)
    _list("Kept as free text, most often first:", log.kept)
    return 0


def _list(title: str, counted: Mapping[str, int]) -> None:
    if counted:
        print(title)
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    for words, times in ordered[:_MOST_WORDS]:
        # A control sign in what was pasted must not drive the terminal.
        shown = "".join(sign if sign.isprintable() else "�" for sign in words)
        print(f"  {times:>4}× {shown}")
    if len(ordered) > _MOST_WORDS:
        print(f"  and {len(ordered) - _MOST_WORDS:,} more.")


def _installed(file: Path, home: Path) -> Imported:
    try:
        return install(file, home)
    except (zlib.error, lzma.LZMAError) as error:
        why = f"{file.name} was not imported: the archive is damaged. Nothing was changed."
        raise Invalid({"file": f"{why} Download it again."}) from error


def _used(
    options: argparse.Namespace, passphrases: Passphrases
) -> Mapping[str, tuple[int, str]] | None:
    """Codes of the clinic's records, None where there is no clinic yet."""
    if not is_clinic(folder_of(options)):
        return None
    with opened(options, passphrases) as context, context.db.read() as session:
        return used_codes(session)


def _tell(used: Mapping[str, tuple[int, str]], changed: list[CodeChange]) -> None:
    if not changed:
        print(f"None of the {len(used):,} codes this clinic uses changed.")
        return
    print(f"Of the {len(used):,} codes this clinic uses, {len(changed):,} changed:")
    ordered = sorted(changed, key=lambda one: -used[one.code][0] if one.code in used else 0)
    for one in ordered[:_MOST_LINES]:
        times = used.get(one.code, (0, ""))[0]
        now = f" {one.now}" if one.now else ""
        print(f"  {one.code} {one.was} (used {times}×) {_SAID[one.kind]}{now}.")
    if len(ordered) > _MOST_LINES:
        print(f"  and {len(ordered) - _MOST_LINES:,} more.")
