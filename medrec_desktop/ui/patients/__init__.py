"""Patients: finding them, registering them, and all that is known of one."""
