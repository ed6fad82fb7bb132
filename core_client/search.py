"""MLflow's filter and order grammar, read into plain comparisons that every store can evaluate."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from core_client.exceptions import MlflowException, invalid

Kind = Literal["attribute", "metric", "param", "tag", "dataset"]
Value = str | float | tuple[str, ...] | None

NUMBER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL")
TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL")

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}


class Comparison(NamedTuple):
    """One condition; a filter is true where all of its conditions are."""

    kind: Kind
    key: str
    operator: str
    value: Value


class Order(NamedTuple):
    """One sort key; whatever lacks it comes last, either way."""

    kind: Kind
    key: str
    ascending: bool


class Grammar(NamedTuple):
    """What may stand in the filters and sort keys of one kind of entity."""

    kinds: dict[str, Kind]
    sortable: tuple[Kind, ...]
    numbers: frozenset[str]
    texts: frozenset[str]
    aliases: dict[str, str]

    def filters(self, text: str | None) -> list[Comparison]:
        """The conditions of a filter string.

        Raises:
            MlflowException: the string is no filter; says where and what is allowed there.
        """
        return _Reader(self, text or "", "filter").filters()

    def orders(self, clauses: str | Sequence[str] | None) -> list[Order]:
        """The sort keys of ``order_by`` clauses such as ``metrics.rmse DESC``, or of a single one.

        Raises:
            MlflowException: a clause is no sort key, or two clauses have the same key.
        """
        orders: list[Order] = []
        for clause in [clauses] if isinstance(clauses, str) else clauses or ():
            order = _Reader(self, clause, "order_by clause").order()
            if any(order[:2] == earlier[:2] for earlier in orders):
                raise invalid(f"order_by names {order.kind} '{order.key}' more than once.")
            orders.append(order)
        return orders


RUNS = Grammar(
    kinds=KINDS,
    sortable=("attribute", "metric", "param", "tag"),
    numbers=frozenset({"start_time", "end_time"}),
    texts=frozenset({"run_id", "run_name", "status", "user_id", "artifact_uri"}),
    aliases={
        **dict.fromkeys(("created", "Created"), "start_time"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
    },
)
EXPERIMENTS = Grammar(
    kinds={word: kind for word, kind in KINDS.items() if kind in ("attribute", "tag")},
    sortable=("attribute",),
    numbers=frozenset({"creation_time", "last_update_time"}),
    texts=frozenset({"name", "experiment_id"}),
    aliases={},
)
DATASET_KEYS = frozenset({"name", "digest", "context"})

_FIELD = re.compile(
    r"""\s*(?:(?P<kind>`\w+`|\w+)\s*\.\s*)?
        (?P<key>`[^`]+`|"[^"]+"|'[^']+'|[\w./:@-]+)""",
    re.VERBOSE,
)
_OPERATOR = re.compile(
    r"\s*(?:(IS\s+NOT\s+NULL|IS\s+NULL|NOT\s+IN|IN|ILIKE|LIKE)(?!\w)|([<>=!]+))", re.IGNORECASE
)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])")
_STRING = re.compile(r"""\s*(?:'((?:''|\\'|[^'])*)'|"((?:""|\\"|[^"])*)")""")
_AND = re.compile(r"\s*\bAND\b", re.IGNORECASE)
_DIRECTION = re.compile(r"\s+(ASC|DESC)\b", re.IGNORECASE)


class _Reader:
    """Reads one string from left to right; `place` is how far it got."""

    def __init__(self, grammar: Grammar, text: str, what: str) -> None:
        self.grammar = grammar
        self.text = text
        self.what = what
        self.place = 0

    def filters(self) -> list[Comparison]:
        if not self.text.strip():
            return []
        found = [self.comparison()]
        while not self.at_end():
            if not self.take(_AND):
                raise self.wrong("expected AND between two conditions (OR is not supported)")
            found.append(self.comparison())
        return found

    def order(self) -> Order:
        kind, key = self.field()
        if kind not in self.grammar.sortable:
            raise self.wrong(f"order by {', '.join(self.grammar.sortable)}, not by {kind}")
        direction = self.take(_DIRECTION)
        if not self.at_end():
            raise self.wrong("expected ASC, DESC or the end")
        return Order(kind, key, direction is None or direction[1].upper() == "ASC")

    def comparison(self) -> Comparison:
        kind, key = self.field()
        numeric = kind == "metric" or (kind == "attribute" and key in self.grammar.numbers)
        allowed = NUMBER_OPERATORS if numeric else TEXT_OPERATORS
        start = self.place
        match = self.take(_OPERATOR)
        operator = " ".join((match[1] or match[2]).upper().split()) if match else ""
        if operator not in allowed:
            self.place = start
            raise self.wrong(f"expected one of {', '.join(allowed)} after {kind} '{key}'")
        if operator.endswith("NULL"):
            return Comparison(kind, key, operator, None)
        if operator.endswith("IN"):
            return Comparison(kind, key, operator, self.strings())
        return Comparison(kind, key, operator, self.number() if numeric else self.string())

    def field(self) -> tuple[Kind, str]:
        start = self.place
        match = self.take(_FIELD)
        if not match:
            raise self.wrong("expected a name such as metrics.loss, params.`my key` or status")
        word = (match["kind"] or "attribute").strip("`")
        key = match["key"][1:-1] if match["key"][0] in "`\"'" else match["key"]
        kind = self.grammar.kinds.get(word)
        allowed: frozenset[str] | None = None
        if kind == "attribute":
            key = self.grammar.aliases.get(key, key)
            allowed = self.grammar.numbers | self.grammar.texts
        elif kind == "dataset":
            allowed = DATASET_KEYS
        if kind is None or (allowed is not None and key not in allowed):
            self.place = start
            if kind is None:
                names = sorted(set(self.grammar.kinds.values()))
                raise self.wrong(f"'{word}' is not one of {', '.join(names)}")
            raise self.wrong(f"{kind} '{key}' is not one of {', '.join(sorted(allowed or ()))}")
        return kind, key

    def number(self) -> float:
        match = self.take(_NUMBER)
        if not match:
            raise self.wrong("expected a number without quotes")
        value = float(match[1])
        exact = match[1].lstrip("+-").isdigit() and abs(value) < 2**63
        return int(match[1]) if exact else value

    def string(self) -> str:
        match = self.take(_STRING)
        if not match:
            raise self.wrong("expected a text in single or double quotes")
        if match[1] is not None:
            return match[1].replace("''", "'").replace("\\'", "'")
        return match[2].replace('""', '"').replace('\\"', '"')

    def strings(self) -> tuple[str, ...]:
        if not self.take(re.compile(r"\s*\(")):
            raise self.wrong("expected a list such as ('a', 'b')")
        found = [self.string()]
        while self.take(re.compile(r"\s*,")) and not self.take(re.compile(r"\s*(?=\))")):
            found.append(self.string())
        if not self.take(re.compile(r"\s*\)")):
            raise self.wrong("expected ',' or ')' in the list")
        return tuple(found)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.place)
        if match:
            self.place = match.end()
        return match

    def at_end(self) -> bool:
        return not self.text[self.place :].strip()

    def wrong(self, expected: str) -> MlflowException:
        rest = self.text[self.place :].strip()
        where = f"at '{rest[:40]}'" if rest else "at its end"
        return invalid(f"Invalid {self.what} '{self.text}', {where}: {expected}.")


def page_token(offset: int) -> str:
    """The token of the page that starts at this result, in the form that MLflow uses."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def page_offset(token: str | None) -> int:
    """The result that a page starts at.

    Raises:
        MlflowException: not a token that `page_token` made.
    """
    if not token:
        return 0
    try:
        return int(json.loads(base64.b64decode(token, validate=True))["offset"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise invalid(
            f"Not a page token: '{token}'. Pass the token of a result, or None."
        ) from None
