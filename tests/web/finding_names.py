"""The names of all findings that an inspection can make, read from its source."""

import ast
import itertools
from functools import cache
from pathlib import Path

INSPECT = Path(__file__).parents[2] / "cloak" / "inspect"
HOLE = "{}"
"""What stands in a name for a part that comes from the photo."""

_PASSED_ON = {"picture.what", "what of picture()"}
"""Names that are passed on: those who give them are found by themselves."""


@cache
def _modules() -> dict[str, ast.Module]:
    return {str(path.relative_to(INSPECT)): ast.parse(path.read_text()) for path in sorted(INSPECT.rglob("*.py"))}


def names() -> set[str]:
    """Each name as it is written; parts that come from the photo are `HOLE`."""
    found: set[str] = set()
    for module, tree in _modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple):
                for harm, what in itertools.pairwise(node.elts):
                    if ast.unparse(harm).startswith("Harm."):
                        found |= _texts(what, tree, tree, module)
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Attribute) and ast.unparse(call.func).endswith(
                    ("notes.say", "notes.picture", "self.say")
                ):
                    what = call.args[min(1, len(call.args) - 1)]
                    if not isinstance(call.args[0], ast.Starred):  # else a pair of a table, which was found above
                        found |= _texts(what, function, tree, module)
    return {name for name in found if name.strip(HOLE)}


def _texts(what: ast.expr, function: ast.AST, tree: ast.Module, module: str) -> set[str]:  # noqa: PLR0911 -- one for each form
    """What an expression can be.

    Raises:
        AssertionError: this reader does not understand it.
    """
    again = lambda inner: _texts(inner, function, tree, module)  # noqa: E731 -- said often
    match what:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return again(what.body) | again(what.orelse)
        case ast.BoolOp():
            return set().union(*map(again, what.values))
        case ast.JoinedStr():
            parts = [
                _held(part, function, tree, module) if isinstance(part, ast.FormattedValue) else again(part)
                for part in what.values
            ]
            return {"".join(each) for each in itertools.product(*parts)}
        case ast.Subscript():
            return _table(what.value, module)
        case ast.Call(func=ast.Attribute(attr="get")):
            return _table(what.func.value, module) | set().union(*map(again, what.args[1:]))
        case ast.Call(func=ast.Name(id="next")):
            return set().union(*(_table(one.iter, module) for one in what.args[0].generators), again(what.args[1]))
        case ast.Name():
            return set().union(
                *(again(one) if alone else _table(one, module) for one, alone in _bound(what, function, module))
            )
    assert ast.unparse(what) in _PASSED_ON, f"{module}: {ast.unparse(what)}"
    return set()


def _held(part: ast.FormattedValue, function: ast.AST, tree: ast.Module, module: str) -> set[str]:
    """What stands in a hole of a built name: the words that are there, else whatever the photo says."""
    try:
        return _texts(part.value, function, tree, module) or {HOLE}
    except AssertionError:
        return {HOLE}


def _bound(used: ast.Name, function: ast.AST, module: str) -> list[tuple[ast.expr, bool]]:
    """Expressions that a variable is given in a function, and whether it is all of them (else one of a table)."""
    found: list[tuple[ast.expr, bool]] = []
    name, known = used.id, False
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)]) if target == name:
                found.append((node.value, True))
            case ast.Assign(targets=[ast.Tuple() as pair]) if name in _words(pair):
                known = "harm" in _words(pair)  # a pair of a table
            case ast.For(end_lineno=int(end)) if name in _words(node.target) and node.lineno <= used.lineno <= end:
                found += _column(name, node.target, node.iter)
                known = True
            case ast.FunctionDef() if name in [argument.arg for argument in node.args.args + node.args.kwonlyargs]:
                assert f"{name} of {node.name}()" in _PASSED_ON or name != "what", f"{module}: {node.name}"
                known = name == "what"
    assert found or known, f"{module}: {name}"
    return found


def _words(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _column(name: str, target: ast.expr, rows: ast.expr) -> list[tuple[ast.expr, bool]]:
    """What a loop gives to one of its variables."""
    if not isinstance(rows, ast.Tuple):
        return [(rows, False)]
    place = [ast.unparse(one) for one in target.elts].index(name) if isinstance(target, ast.Tuple) else None
    return [(row if place is None else row.elts[place], True) for row in rows.elts]  # type: ignore[attr-defined]


def _table(place: ast.expr, module: str) -> set[str]:
    """All texts among the values of a table: a constant of the module, else of the one that it comes from."""
    name = next((one for one in ast.unparse(place).replace("()", "").split(".")[::-1] if one.isupper()), "")
    own, others = _constants(_modules()[module], name), [_constants(tree, name) for tree in _modules().values()]
    return own or set().union(*others)


def _constants(tree: ast.Module, name: str) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if name in [ast.unparse(target) for target in targets]:
                found |= _values(node.value)
    return found


def _values(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Dict):
        return set().union(*map(_values, node.values))
    if isinstance(node, ast.Tuple | ast.BinOp):
        return set().union(*map(_values, ast.iter_child_nodes(node)))
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
