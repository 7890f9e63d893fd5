from medrec_desktop.domain.disk_room import DiskRoom


def test_with_a_gigabyte_nothing_is_said() -> None:
    room = DiskRoom(1_000_000_000, reserve=True)
    assert (room.low, room.short, room.sentence(linked=True)) == (False, "", "")


def test_below_it_is_said_what_waits_what_is_safe_and_what_to_do() -> None:
    room = DiskRoom(400_000_000, reserve=True)
    assert room.short == "0.4 GB left on this disk"
    alone, linked = room.sentence(linked=False), room.sentence(linked=True)
    assert "also when nothing is left" in alone
    assert "New files wait until" in alone
    assert "what others write wait until" in linked
    assert alone.endswith("nothing in MedRec Desktop has to be deleted.")


def test_a_reserve_that_was_used_up_is_not_promised() -> None:
    said = DiskRoom(0, reserve=False).sentence(linked=False)
    assert "none is set aside" in said
    assert "also when nothing is left" not in said
