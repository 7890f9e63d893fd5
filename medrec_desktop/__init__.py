"""MedRec Desktop: visit records for clinics, offline first."""
