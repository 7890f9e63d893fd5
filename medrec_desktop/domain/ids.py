"""Names for identifiers. On screen and between threads a thing is its uuid, never its row number:
row numbers differ between desktops and the server, uuids do not."""

from typing import NewType
from uuid import UUID

ClinicId = NewType("ClinicId", UUID)
UserId = NewType("UserId", UUID)
PatientId = NewType("PatientId", UUID)
RecordId = NewType("RecordId", UUID)
DiagnosisId = NewType("DiagnosisId", UUID)
AttachmentId = NewType("AttachmentId", UUID)
AddendumId = NewType("AddendumId", UUID)
