"""Text that both databases can store, without losing what was typed."""

import re

# PostgreSQL refuses NUL in text, UTF-8 has no lone surrogates: each becomes the visible
# replacement character, so a reader sees that something stood there.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """`text` with NULs and lone surrogates replaced by U+FFFD; everything else untouched."""
    return _UNSTORABLE.sub("\ufffd", text)
