"""An abstract interpreter for the device's text: integers are intervals, and every path is walked with all its inputs.

What a class remembers is declared as an invariant. From every state within it, each method is run over its own text,
and has to end within it again; what happens on the way has to fit the interpreter's integers. That is a proof by
induction over the calls, and not one over samples.

Intervals know no relation between two values. Where a proof needs one, there are three ways, all in `Rules`: `cuts`
looks at the pieces of a range one by one, `cases` of an invariant tie ranges to each other, and `known` states what an
expression can be at most, as a lemma that somebody has to prove elsewhere. A lemma that nothing uses is an error.

The interpreter is total: syntax, names and calls that it does not know raise Unknown, they are never skipped. So does
what would lose an effect: a call that may change something is not taken where an expression is looked at twice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import pairwise

from interval_memory import Memory
from interval_values import (
    BUILTINS,
    OPPOSITE,
    Exit,
    Interval,
    Ref,
    Rules,
    State,
    Unknown,
    Value,
    Words,
    apply,
    builtin,
    exact,
    fits,
    hull,
    interval,
    join,
    limits,
    place_of,
    related,
    text_in,
    text_of,
    together,
)

MOST_TURNS = 300  # of a loop
CONTINUE = Ref("the next turn")  # what a turn ends with that is cut short


class Interpreter(Memory):
    """Runs functions of one module's text; `overflows` has what left the integers, `widest` the range of everything."""

    def __init__(self, text: str, constants: Mapping[str, object], rules: Rules, fields: Mapping[str, Value]) -> None:
        super().__init__(text, constants)
        self.rules = rules
        # What a call that is not followed leaves behind: others' fields, as the invariant has them.
        self.others = {p: value for p, value in fields.items() if not (p.startswith("self.") and p.count(".") == 1)}
        self.widest: dict[str, Interval] = {}
        self.reached: set[str] = set()
        self.overflows: dict[str, Interval] = {}
        self.entered: set[str] = set()
        self.unused = {*rules.known, *rules.cuts, *rules.contracts}

    def unreached(self) -> list[str]:
        """Arithmetic of functions that were run, but that no path came to."""
        nodes = (node for name in self.entered for node in ast.walk(self.functions[name]))
        places = [place_of(node) for node in nodes if isinstance(node, ast.BinOp)]
        return [place for place in places if place not in self.reached]

    def call(self, name: str, arguments: Sequence[Value], state: State) -> list[Exit]:
        """Run a function or method; every way it may end, with the value that it returns."""
        function = self.functions[name]
        self.entered.add(name)
        if not {text_of(decorator) for decorator in function.decorator_list} <= {"property", "micropython.viper"}:
            raise Unknown(f"decorator of {name}")
        names = [argument.arg for argument in function.args.args]
        if names[:1] == ["self"]:
            arguments = [Ref("self"), *arguments]
        missing = function.args.defaults[len(function.args.defaults) + len(arguments) - len(names) :]
        arguments = [*arguments, *(self._value(default, {}) for default in missing)]
        heap = {path: value for path, value in state.items() if "." in path}
        falls, exits = self._block(function.body, [{**heap, **dict(zip(names, arguments, strict=True))}])
        exits += [(fallen, None) for fallen in falls]
        mine = {path: value for path, value in state.items() if "." not in path}
        return [({**{p: v for p, v in s.items() if "." in p}, **mine}, value) for s, value in exits]

    # Statements: each takes a state, and gives the states behind it and the ways out of the function

    def _block(self, statements: Iterable[ast.stmt], states: list[State]) -> tuple[list[State], list[Exit]]:
        exits: list[Exit] = []
        for statement in statements:
            behind: list[State] = []
            for state in self._cut(statement, states):
                more, out = self._statement(statement, dict(state))
                behind += more
                exits += out
            states = self._merge(behind)
        return states, exits

    def _cut(self, statement: ast.stmt, states: list[State]) -> list[State]:
        found = self.rules.cuts.get(text_of(statement))
        if found is None:
            return states
        self.unused.discard(text_of(statement))
        place = ast.parse(found[0], mode="eval").body
        edges = [-(1 << 63), *(last + 1 for last in found[1]), 1 << 63]
        pieces: list[State] = []
        for state in states:
            for low, end in pairwise(edges):
                piece = dict(state)
                if self._limit(place, (low, end - 1), piece):
                    pieces.append(piece)
        return pieces

    def _merge(self, states: list[State]) -> list[State]:
        if self.rules.keep is None:
            return [state for at, state in enumerate(states) if state not in states[:at]]
        groups: dict[tuple[Value, ...], State] = {}
        for state in states:
            key = tuple(state.get(path) for path in self.rules.keep)
            groups[key] = join(groups[key], state) if key in groups else state
        return list(groups.values())

    def _statement(self, node: ast.stmt, state: State) -> tuple[list[State], list[Exit]]:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return [state], []
            case ast.Expr(value=ast.Call() as call):
                return [after for after, _ in self._call(call, state)], []
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=parts)):
                self._store_all(targets, [self.value(part, state) for part in parts], state)
                return [state], []
            case ast.Assign():
                value = self.value(node.value, state)
                for target in node.targets:
                    self._store(target, value, state)
                return [state], []
            case ast.If():
                yes, out = self._block(node.body, self._when(node.test, state, True))
                no, more = self._block(node.orelse, self._when(node.test, state, False))
                return yes + no, out + more
            case ast.While(orelse=[]):
                return self._while(node, [state])
            case ast.For(target=ast.Name(id=name), iter=through, orelse=[]):
                return self._for(node, through, (name,), state)
            case ast.For(
                target=ast.Tuple(elts=[ast.Name(id=number), ast.Name(id=name)]),
                iter=ast.Call(func=ast.Name(id="enumerate"), args=[ast.Call() as through], keywords=[]),
                orelse=[],
            ):
                return self._for(node, through, (name, number), state)
            case ast.Continue():
                return [], [(state, CONTINUE)]
            case ast.Return():
                return [], self._result(node.value, state)
            case _:
                raise Unknown(f"statement: {text_of(node)}")

    def _result(self, node: ast.expr | None, state: State) -> list[Exit]:
        """What a function ends with; the ways of a call and of an `if` stay apart."""
        match node:
            case None:
                return [(state, None)]
            case ast.Call():
                return self._call(node, state)
            case ast.IfExp():
                yes = [end for s in self._when(node.test, state, True) for end in self._result(node.body, s)]
                return yes + [end for s in self._when(node.test, state, False) for end in self._result(node.orelse, s)]
            case _:
                value = self.value(node, state)
                return [(state, value)]

    def _for(
        self, node: ast.For, through: ast.expr, names: Sequence[str], state: State
    ) -> tuple[list[State], list[Exit]]:
        """Turn by turn; where it is not known how many there are, the loop may be left before each of the last ones."""
        turns, fewest = self._turns(through, state)
        states, left, exits = [state], list[State](), list[Exit]()
        for number, turn in enumerate(turns):
            left += states if number >= fewest else []
            states, out = self._block(
                node.body, [{**s, **dict(zip(names, (turn, (number, number)), strict=False))} for s in states]
            )
            exits += [end for end in out if end[1] != CONTINUE]
            states = self._merge(states + [end[0] for end in out if end[1] == CONTINUE])
        return self._merge(left + states), exits

    def _turns(self, node: ast.expr, state: State) -> tuple[Sequence[Value], int]:
        """What a loop goes through, at most, and how many of that at least."""
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[end], keywords=[]):
                low, high = interval(self.value(end, state))
            case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]):
                numbers = range(*(exact(self.value(argument, state)) for argument in args))
                return [(k, k) for k in numbers], len(numbers)
            case ast.Call(func=ast.Attribute(value=text, attr="split"), args=[], keywords=[]):
                words = text_in(self.value(text, state)).split()
                return [Ref(repr(word)) for word in words], len(words)
            case ast.Name() | ast.Attribute():
                found = self._array(self.value(node, state), state)
                if not isinstance(found, Words):
                    raise Unknown(f"to go through: {text_of(node)}")
                return found.items, len(found.items)
            case _:
                raise Unknown(f"to go through: {text_of(node)}")
        if high > MOST_TURNS:
            raise Unknown(f"a loop of more than {MOST_TURNS} turns: {text_of(node)}")
        return [(k, k) for k in range(high)], low

    def _while(self, node: ast.While, states: list[State]) -> tuple[list[State], list[Exit]]:
        """Turn by turn, until no turn begins in a state that was not looked at before."""
        heads, left, exits = list[State](), list[State](), list[Exit]()
        for _ in range(MOST_TURNS):
            heads += states
            left += [s for state in states for s in self._when(node.test, state, False)]
            states = [s for state in states for s in self._when(node.test, state, True)]
            states, out = self._block(node.body, states)
            if any(value == CONTINUE for _, value in out):
                raise Unknown(f"continue in {text_of(node)}")
            exits += out
            states = [state for state in states if not any(_lies_within(state, head) for head in heads)]
            if not states:
                return self._merge(left), exits
        raise Unknown(f"a loop of more than {MOST_TURNS} turns: {text_of(node)}")

    # Conditions

    def _when(self, test: ast.expr, state: State, outcome: bool) -> list[State]:
        """The states in which a condition has this outcome: none, or one, or one for each way to it."""
        match test:
            case ast.UnaryOp(op=ast.Not()):
                return self._when(test.operand, state, not outcome)
            case ast.BoolOp():
                go_on = isinstance(test.op, ast.And)
                found, states = list[State](), [dict(state)]
                for part in test.values:
                    if outcome is not go_on:
                        found += [s for at in states for s in self._when(part, at, outcome)]
                    states = [s for at in states for s in self._when(part, at, go_on)]
                return found if outcome is not go_on else states
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compare(left, type(op) if outcome else OPPOSITE[type(op)], right, dict(state))
            case ast.Compare(left=left, ops=ops, comparators=parts):
                if not self.is_pure(test):
                    raise Unknown(f"condition: {text_of(test)}")
                pairs = zip([left, *parts], ops, parts, strict=False)
                both = [ast.copy_location(ast.Compare(a, [op], [b]), test) for a, op, b in pairs]
                return self._when(ast.copy_location(ast.BoolOp(ast.And(), list[ast.expr](both)), test), state, outcome)
            case ast.Call():
                ends = [(after, interval(value)) for after, value in self._call(test, dict(state))]
                return [after for after, found in ends if (found != (0, 0) if outcome else fits((0, 0), found))]
            case _:
                after = dict(state)
                words = self._array(self.value(test, after), after)
                if isinstance(words, Words):  # a tuple or bytes: whether there is anything in it
                    return [after] if bool(words.items) is outcome else []
                low, high = found = interval(words)
                if outcome:
                    return [after] if self._limit(test, (low or 1, high or -1), after, found) else []
                return [after] if self._limit(test, (0, 0), after, found) else []

    def _compare(self, left: ast.expr, op: type[ast.cmpop], right: ast.expr, state: State) -> list[State]:
        a, b = self.value(left, state), self.value(right, state)
        if op in (ast.Is, ast.IsNot):
            return [state] if (a == b) is (op is ast.Is) else []
        if not isinstance(a, tuple) or not isinstance(b, tuple):
            assert isinstance(a, Ref) and isinstance(b, Ref)  # two texts: nothing is known of them
            return [state]
        below, above = limits(op, a, b)
        return [state] if self._limit(left, below, state, a) and self._limit(right, above, state, b) else []

    def _limit(self, node: ast.expr, bounds: Interval, state: State, found: Interval | None = None) -> bool:
        """Note that an expression lies within bounds, in the place that it is made of; False: it can't.

        found: what it was found to be, because to ask again would repeat what its calls do.
        """
        value = found or interval(self.value(node, state))
        low, high = max(value[0], bounds[0]), min(value[1], bounds[1])
        if low > high:
            return False
        if not self.is_pure(node):
            return True
        match node:
            case ast.Name() if node.id in state:
                state[node.id] = low, high
            case ast.Attribute() if isinstance(self._object(node.value, state), Ref):
                self._store(node, (low, high), state)
            case ast.Subscript():
                _, at = self._element(self._path(node.value, state), node, state)
                if at[0] == at[1]:
                    self._store(node, (low, high), state)
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.RShift()):
                first, last = interval(self.value(node.right, state))
                if first == last and isinstance(node.op, ast.RShift):
                    return self._limit(node.left, (low << first, (high + 1 << first) - 1), state)
                if first == last:
                    first = -first if isinstance(node.op, ast.Sub) else first
                    return self._limit(node.left, (low - first, high - first), state)
            case ast.BinOp(op=ast.BitAnd(), right=ast.Constant(value=1)) if low == high:
                first, last = interval(self.value(node.left, state))
                return self._limit(node.left, (first + ((first ^ low) & 1), last - ((last ^ low) & 1)), state)
            case _:
                pass  # nothing to learn from it
        return True

    # Expressions

    def value(self, node: ast.expr, state: State) -> Value:
        """What an expression can be; numbers are held to the module's integers."""
        self.reached.add(place_of(node))
        found = self._value(node, state)
        if not isinstance(found, tuple):
            return found
        text = text_of(node)
        if text in self.rules.known:
            self.unused.discard(text)
            known = self.rules.known[text]
            if found[1] < known[0] or known[1] < found[0]:
                raise Unknown(f"the lemma on {text} contradicts its operands")
            found = max(found[0], known[0]), min(found[1], known[1])
        before = self.widest.setdefault(place_of(node), found)
        self.widest[place_of(node)] = min(before[0], found[0]), max(before[1], found[1])
        top = (1 << self.rules.bits - 1) - 1
        if -top - 1 <= found[0] and found[1] <= top:
            return found
        self.overflows[text] = self.widest[place_of(node)]
        return max(-top - 1, min(found[0], top)), min(top, max(found[1], -top - 1))

    def _value(self, node: ast.expr, state: State) -> Value:
        match node:
            case ast.Constant(value=int() as number):
                return int(number), int(number)
            case ast.Constant(value=None):
                return None
            case ast.Constant(value=str() as text):
                return Ref(repr(text))
            case ast.Name() | ast.Attribute():
                return self._name(node, state)
            case ast.Subscript():
                return self._subscript(node, state)
            case ast.Tuple():
                for part in node.elts:
                    self.value(part, state)
                return Ref("a tuple")
            case ast.BinOp():
                a, b = self.value(node.left, state), self.value(node.right, state)
                if isinstance(node.op, ast.Add) and isinstance(a, Ref) and isinstance(b, Ref):
                    return together(a, b)
                found = apply(node.op, interval(a), interval(b))
                return related(node, found, lambda part: self.value(part, state)) if self.is_pure(node) else found
            case ast.UnaryOp(op=ast.USub() | ast.Invert() as op):
                low, high = interval(self.value(node.operand, state))
                less = isinstance(op, ast.Invert)
                return -high - less, -low - less
            case ast.UnaryOp(op=ast.Not()) | ast.Compare() | ast.BoolOp() | ast.IfExp() if not self.is_pure(node):
                raise Unknown(f"a call in a condition that is a value: {text_of(node)}")
            case ast.BoolOp() if not self._is_truth(node, state):
                raise Unknown(f"which of them: {text_of(node)}")
            case ast.UnaryOp(op=ast.Not()) | ast.Compare() | ast.BoolOp():
                return 0 if self._when(node, state, False) else 1, 1 if self._when(node, state, True) else 0
            case ast.IfExp():
                ways = [self.value(node.body, s) for s in self._when(node.test, state, True)]
                return reduce(hull, ways + [self.value(node.orelse, s) for s in self._when(node.test, state, False)])
            case ast.Call():
                ends = self._call(node, dict(state))
                state.update(reduce(join, [after for after, _ in ends]))
                return reduce(hull, [value for _, value in ends])
            case _:
                raise Unknown(f"expression: {text_of(node)}")

    def _is_truth(self, node: ast.BoolOp, state: State) -> bool:
        """Whether each part, where it is looked at, is 0 or 1."""
        states = [state]
        for part in node.values:
            if not all(fits(self.value(part, dict(s)), (0, 1)) for s in states):
                return False
            states = [after for s in states for after in self._when(part, s, isinstance(node.op, ast.And))]
        return True

    def _call(self, node: ast.Call, state: State) -> list[Exit]:
        arguments = [self.value(argument, state) for argument in node.args]
        if node.keywords:
            raise Unknown(f"call: {text_of(node)}")
        match node.func:
            case ast.Name(id="ptr32"):
                return [(state, arguments[0])]
            case ast.Name(id=name) if name in self.rules.contracts:
                return [(state, self._contract(node, arguments, state))]
            case ast.Name(id=name) if name in BUILTINS:
                return [(state, builtin(name, [self._array(value, state) for value in arguments]))]
            case ast.Name(id=name) if name in self.functions:
                return self.call(name, arguments, state)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in self.functions:
                return self.call(name, arguments, state)
            case _:
                return [(state, self._contract(node, arguments, state))]

    def _contract(self, node: ast.Call, arguments: list[Value], state: State) -> Value:
        """A call that is not followed: its arguments are held to what its own proof takes for granted."""
        if isinstance(node.func, ast.Attribute):
            name = f"{self._path(node.func.value, state)}.{node.func.attr}"
        else:
            name = text_of(node.func) if text_of(node.func) not in state else self._path(node.func, state)
        if name not in self.rules.contracts:
            raise Unknown(f"call: {text_of(node)}")
        self.unused.discard(name)
        if not self.is_pure(node):
            state.update(self.others)
        wanted, result = self.rules.contracts[name]
        for value, wide in zip(arguments, wanted, strict=True):
            if wide is not None and not fits(value, wide):
                self.overflows[text_of(node)] = interval(value)
        return result


def _lies_within(state: State, other: State) -> bool:
    """Whether another state allows whatever this one does."""
    return state.keys() == other.keys() and all(fits(value, other[path]) for path, value in state.items())
