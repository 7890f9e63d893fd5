"""The administrator's side of the clinics' server: roles, rights, clinics, and what is amiss.

Functions take a connection and never commit. Only names that this program made, or that
`checked_schema` let through, become part of SQL. Nothing here reads a patient's row.

Decisions:

* One schema a clinic, owned by a role that nobody can log in as (`…_owner`); the clinic's
  computers share one login role that owns nothing. Both are named after the schema.
* What a clinic ought to be is not written down twice: `rehearsal.py` makes one, in a transaction
  that is rolled back. Its statements are what every clinic is upgraded with, and its catalog rows
  are what `clinic check` compares with. We did not choose a list of expected grants: it would say
  nothing of the table that the next revision adds.
* Locks on clinics are rows of `public.tenants`, which no clinic can lock. Not advisory locks: any
  role may take any of those, and hold up all others.
"""
