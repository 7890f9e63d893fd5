"""`terminology import`: a newer list of diagnosis codes, and what it changes for this clinic."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from medrec_desktop.admin.clinics import folder_of, opened
from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.data.coding import used_codes
from medrec_desktop.services.first_run import is_clinic
from medrec_desktop.terminology.code_file import newest
from medrec_desktop.terminology.installed import CodeChange, changes, install
from medrec_desktop.terminology.search import Icd10

_MOST_LINES = 200
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
    made = install(file, home)
    index = f"{made.references:,} index entries" if made.references else "no alphabetic index"
    print(f"ICD-10-CM {made.release} is installed: {made.codes:,} codes, {index}.")
    for line in made.passed_over:
        print(f"Passed over: {line}.")
    if made.release != old_release:
        print(f"Release {old_release} stays readable.")
    print("Restart MedRec Desktop to search the new list.")
    if used is not None:
        with Icd10(made.path) as new:
            _tell(used, list(changes(before, new)))
    return 0


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
