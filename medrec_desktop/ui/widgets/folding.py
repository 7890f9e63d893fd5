"""Long paragraphs in short ones: Qt lays a paragraph out anew at each key, a megabyte for half a
second. A fold is a sign that the text itself does not have, and a new line; what is read is always
the text without them."""

FOLDED_FROM = 32_000
"""Characters of a paragraph that is typed in without a wait."""

PIECE = 8_000
# Looked back for a space, so that no word is cut where there are words.
_BACK = 200
# Selectors of variants that no character has: invisible, and the caret steps over them.
_SIGNS = [chr(code) for code in range(0xFE0D, 0xFE03, -1)]


def is_long(text: str) -> bool:
    """Whether any paragraph is."""
    return len(text) > FOLDED_FROM and max(map(len, text.split("\n"))) > FOLDED_FROM


def free_sign(*texts: str) -> str:
    """A sign for folds that is in none of the texts; "" when they have them all."""
    return next((sign for sign in _SIGNS if not any(sign in text for text in texts)), "")


def folded(text: str, sign: str) -> str:
    """The same text with folds in its long paragraphs."""
    return "\n".join(
        f"{sign}\n".join(_pieces(paragraph)) if len(paragraph) > FOLDED_FROM else paragraph
        for paragraph in text.split("\n")
    )


def unfolded(text: str, sign: str) -> str:
    """The text as it was written, also where half of a fold was deleted."""
    return text.replace(f"{sign}\n", "").replace(sign, "") if sign else text


def _pieces(paragraph: str) -> list[str]:
    pieces, at = [], 0
    while len(paragraph) - at > PIECE:
        space = paragraph.rfind(" ", at + PIECE - _BACK, at + PIECE)
        end = space + 1 if space >= 0 else at + PIECE
        pieces.append(paragraph[at:end])
        at = end
    return [*pieces, paragraph[at:]]
