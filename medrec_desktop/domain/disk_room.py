"""How much room this computer's disk has, and what is said when it is little."""

from dataclasses import dataclass

from medrec_desktop.domain.attachments import FREE_NEEDED


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """`free` in bytes. `reserve`: the room that is kept for typing is still there."""

    free: int
    reserve: bool

    @property
    def low(self) -> bool:
        """Whether only what is typed is stored from here on."""
        return self.free < FREE_NEEDED

    @property
    def short(self) -> str:
        """For the foot of the window; "" when there is enough."""
        return f"{self.free / 1e9:.1f} GB left on this disk" if self.low else ""

    def sentence(self, *, linked: bool) -> str:
        """What is so, what is safe, what to do; "" when there is enough. `linked`: the clinic has a
        server."""
        if not self.low:
            return ""
        if self.reserve:
            kept = "Visits still save, also when nothing is left: room for them is set aside."
        else:
            kept = "Visits still save while there is any room; none is set aside for them now."
        waits = "New files and what others write wait" if linked else "New files wait"
        return (
            f"This computer’s disk has {self.free / 1e9:.1f} GB left. {kept} {waits} until there is "
            "more. Delete or move what is not needed on this disk; nothing in MedRec Desktop has to "
            "be deleted."
        )
