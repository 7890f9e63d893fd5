"""A small evaluator of AWS policy documents: enough to ask what a desktop's request is answered.

Fails loudly on anything it does not know, so that a policy is never "fine" because it was not
understood.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request: `context` holds condition keys in lower case; tags are `aws:principaltag/…`."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    service: str = ""


def allowed(asked: Asked, *, identity: dict[str, Any] | None, bucket: dict[str, Any]) -> bool:
    """Whether AWS would let it through: an Allow somewhere, a Deny nowhere."""
    effects = _effects(asked, identity or {"Statement": []}) | _effects(asked, bucket)
    return "Allow" in effects and "Deny" not in effects


def deniers(asked: Asked, document: dict[str, Any]) -> set[str]:
    """The Sids of the Deny statements that match."""
    return {s["Sid"] for s in document["Statement"] if s["Effect"] == "Deny" and _matches(s, asked)}


def _effects(asked: Asked, document: dict[str, Any]) -> set[str]:
    return {s["Effect"] for s in document["Statement"] if _matches(s, asked)}


def _matches(statement: dict[str, Any], asked: Asked) -> bool:
    unknown = set(statement) - {
        "Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    }  # fmt: skip
    assert not unknown, unknown
    principal = statement.get("Principal", "*")
    if isinstance(principal, dict):
        assert set(principal) == {"Service"}
        if asked.service not in _list(principal["Service"]):
            return False
    elif asked.service and principal != "*":
        return False
    return (
        _one_of(statement, "Action", asked.action.lower(), asked)
        and _one_of(statement, "Resource", asked.resource, asked)
        and all(
            _holds(operator, key.lower(), _list(values), asked)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _one_of(statement: dict[str, Any], name: str, value: str, asked: Asked) -> bool:
    negated = f"Not{name}" in statement
    patterns = [_filled(p, asked) for p in _list(statement[f"Not{name}" if negated else name])]
    if name == "Action":
        patterns = [p and p.lower() for p in patterns]
    found = any(p is not None and fnmatchcase(value, p) for p in patterns)
    return found != negated


def _holds(operator: str, key: str, values: list[str], asked: Asked) -> bool:
    has = asked.context.get(key)
    if operator == "Null":
        return (has is None) == (values == ["true"])
    wanted = [filled for v in values if (filled := _filled(v, asked)) is not None]
    negated = operator in {"StringNotEquals", "StringNotLike", "ArnNotEquals"}
    if has is None:
        return negated  # a key that is absent is different from everything
    tests: dict[str, Callable[[str], bool]] = {
        "Bool": lambda w: has.lower() == w.lower(),
        "NumericLessThan": lambda w: float(has) < float(w),
        "NumericGreaterThan": lambda w: float(has) > float(w),
        "StringEquals": lambda w: has == w,
        "StringNotEquals": lambda w: has == w,
        "StringLike": lambda w: fnmatchcase(has, w),
        "StringNotLike": lambda w: fnmatchcase(has, w),
        "ArnLike": lambda w: fnmatchcase(has, w),
        "ArnNotEquals": lambda w: fnmatchcase(has, w),
    }
    found = any(tests[operator](w) for w in wanted)
    return found != negated


def _filled(text: str, asked: Asked) -> str | None:
    """`text` with its variables; None when one has no value, which then matches nothing."""
    names = re.findall(r"\$\{([^}]+)\}", text)
    for name in names:
        value = asked.context.get(name.lower())
        if value is None:
            return None
        text = text.replace("${" + name + "}", value)
    return text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
