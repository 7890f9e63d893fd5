"""Plain Python: records, rules, errors. Standard library only; nothing here does I/O.

Decision: what a screen edits is one frozen dataclass holding text *as typed*; rules are pure
functions over it that return problems and never change it. A form can then show the same verdict
the service enforces, and a draft keeps words the rules would refuse.
"""
