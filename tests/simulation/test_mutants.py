"""The simulation sees every bug that was put in on purpose."""

import os
from pathlib import Path

import pytest

from tests.simulation.clinic import SimulatedServer
from tests.simulation.mutants import CHANCES, MUTANTS, OFTEN, ON_SERVER
from tests.simulation.test_simulation import run_seed

TRIES = 10


def found_by(
    name: str, seed: int, folder: Path, simulated: tuple[SimulatedServer, Path]
) -> tuple[set[str], list[str]]:
    """Which invariants do not hold; a bug may also end in an error of its own."""
    try:
        found, _ = run_seed(
            seed, folder, simulated, often=OFTEN.get(name), chance=CHANCES.get(name)
        )
    except Exception as error:  # noqa: BLE001  # what a bug ends in is not known before
        return {"error"}, [f"{type(error).__name__}: {error}"[:300]]
    return {one[:3].strip() for one in found}, found


# Bounded by seeds: a machine with much else to do takes long for each.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name, (_, seed, _) in MUTANTS.items() if seed])
def test_the_bug_is_seen(
    name: str,
    simulated: tuple[SimulatedServer, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_in, first, _ = MUTANTS[name]
    put_in(monkeypatch)
    # A change of the program moves what a seed means: the noted one first, then its neighbours.
    with simulated[0].changed(*ON_SERVER.get(name, ((), ()))):
        for seed in range(first, first + TRIES):
            if found_by(name, seed, tmp_path / "pcs", simulated)[0]:
                return
    pytest.fail(f"{name}: not seen in {TRIES} seeds from {first} on")


@pytest.mark.skipif("MEDREC_SIM_HUNT" not in os.environ, reason="looks for seeds to write above")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", MUTANTS)
def test_hunt(
    name: str,
    simulated: tuple[SimulatedServer, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    MUTANTS[name][0](monkeypatch)
    with simulated[0].changed(*ON_SERVER.get(name, ((), ()))):
        for seed in range(1, int(os.environ["MEDREC_SIM_HUNT"]) + 1):
            found, lines = found_by(name, seed, tmp_path / "pcs", simulated)
            if found:
                with capsys.disabled():
                    print(f"\n{name}: seed {seed} {sorted(found)} {lines[0][:150]}")
                return
    pytest.fail(f"{name} was not seen")
