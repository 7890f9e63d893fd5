"""ICD-10-CM: building its index (`build`) and searching it (`search`).

Nothing here knows patients or Qt, and nothing is imported here, so that the build can run alone.

Decisions
- The index is a plain SQLite file made when the program is built or installed: the codes are
  public, and the library that holds them costs two seconds and 180 MB to import, so the running
  program never imports it.
- Entries are numbered in order of preference when the index is made (short before long, common
  chapters before rare ones). A search takes the first entries that match, in that order, and
  never sorts thousands of rows on a key press.
- `words` is the only place that decides what a word is; index and query both use it, because
  two rules that differ lose matches without a sign.
"""
