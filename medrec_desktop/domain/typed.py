"""What a keyboard may send for the same sign, made one: digits of any script, dashes, spaces.

For reading only: what was typed is stored as typed, never as this returns it.
"""

import unicodedata

_SAME = {
    **dict.fromkeys("／⁄∕÷", "/"),
    **dict.fromkeys("‐‑‒–—―−－", "-"),
    **dict.fromkeys("，،", ","),
    **dict.fromkeys("．٫", "."),
    **dict.fromkeys("％٪", "%"),
    **dict.fromkeys("º˚", "°"),
    **dict.fromkeys("’‘′ʹ´`", "'"),
    **dict.fromkeys("”“″", '"'),
    "＋": "+",
    "℃": "°C",
    "℉": "°F",
}


def plain(text: str) -> str:
    """`text` with ASCII digits and separators, single spaces, and no invisible direction marks.

    Superscript and circled digits stay: 10² is not 102.
    """
    signs = []
    for sign in text:
        digit = unicodedata.decimal(sign, None)
        if digit is not None:
            signs.append(str(digit))
        elif unicodedata.category(sign) != "Cf":
            signs.append(_SAME.get(sign, sign))
    return " ".join("".join(signs).split())


def says_something(text: str) -> bool:
    """Whether a reader would see anything: white space and invisible signs say nothing."""
    return any(unicodedata.category(sign)[0] not in "ZC" for sign in text)


def short(text: str, most: int = 60) -> str:
    """`text` on one line, cut to fit into a sentence."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
