"""The visit form: eight sections on one page, saved while they are typed, signed at the end.

Rules live in domain.finishing and domain.vitals; this package shows what they say and never
decides itself what may be signed.
"""
