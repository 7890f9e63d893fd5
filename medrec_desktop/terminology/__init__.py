"""ICD-10-CM: building its index (`build`), importing a yearly release, and searching it (`search`).

Nothing here knows patients or Qt, and nothing is imported here, so that the build can run alone.

Decisions
- The index is a plain SQLite file made when the program is built or installed; a clinic can make
  one of a newer release beside it. The running program never reads the code list itself.
- Entries are numbered in order of preference when the index is made, and a search holds for each
  word which entries have it, as the bits of one large number. Which entries have all words of a
  query is then one operation, and only the best few hundred are weighed one by one. numpy was
  measured for this and takes longer to import than the whole start of the search may take.
- `words` is the only place that decides what a word is; index, query and our own word lists
  (`resources/terminology`) all use it, because two rules that differ lose matches without a sign.
- One row stands for all sides and encounters of a condition; `stems` decides which.
"""
