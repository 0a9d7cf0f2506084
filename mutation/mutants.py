"""The mutants of a module: small defects, each of which some test should notice.

A mutant is one edit of the module's syntax tree. What is changed: comparisons (turned round, and their boundary moved),
`and`/`or`, `not`, conditions, arithmetic, constants (numbers, words, truth), what is returned, what is passed (each
argument dropped), statements (calls, `raise`), the branches of a `match`, the entries of a set or dict, and defaults.

What is left alone: docstrings, annotations, decorators, a class's bases and options (the type checker and the wheel's
tests hold them; a stored tag is changed), imports and `__all__`, `__repr__`, and prose: the text of a `ValueError`, and
each piece of text with a space in it (errors carry fields; a test that repeats a sentence holds nobody).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
UNTOUCHED = {"annotation", "returns", "decorator_list", "bases", "type_params"}
OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One defect.

    Attributes:
        module: the module's dotted name.
        scope: the function or class that it is in, or the name that the module gives the value; for people.
        function: qualified name and first line of the outermost function around it; None: it acts on import.
        lines: first and last line of the statement that it changes.
        text: what is changed into what.
        parent, name, index, new: the edit: this field of that node (at `index`, when it is a list) becomes `new`; None
            takes the entry out of the list.
    """

    module: str
    scope: str
    function: tuple[str, int, int] | None
    lines: tuple[int, int]
    text: str
    parent: ast.AST
    name: str
    index: int | None
    new: Any

    def apply(self) -> None:
        """Edit the tree. There is no way back: a mutant lives in a process of its own."""
        if self.index is None:
            setattr(self.parent, self.name, self.new)
        elif self.new is None:
            del getattr(self.parent, self.name)[self.index]
        else:
            getattr(self.parent, self.name)[self.index] = self.new


class Finder:
    """Walks one module's tree and yields its mutants."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module = module
        self.tree = tree
        self.scopes: list[str] = []
        self.function: tuple[str, int, int] | None = None
        self.lines = (1, 1)

    def mutants(self) -> Iterator[Mutant]:
        """All of them, in the order of the source."""
        yield from self._inside(self.tree)

    def _one(self, text: str, parent: ast.AST, name: str, index: int | None, new: Any) -> Mutant:
        if isinstance(new, ast.AST):
            old = getattr(parent, name) if index is None else getattr(parent, name)[index]
            ast.copy_location(new, old if hasattr(old, "lineno") else parent)
            ast.fix_missing_locations(new)
        scope = ".".join(self.scopes)
        return Mutant(
            module=self.module, scope=scope, function=self.function, lines=self.lines, text=text,
            parent=parent, name=name, index=index, new=new,
        )  # fmt: skip

    def _inside(self, parent: ast.AST) -> Iterator[Mutant]:
        for name, value in ast.iter_fields(parent):
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                if (
                    isinstance(child, ast.AST)
                    and name not in UNTOUCHED
                    and not _is_option_or_prose(parent, name, child)
                ):
                    yield from self._visit(child, parent, name, index if isinstance(value, list) else None)

    def _visit(self, node: ast.AST, parent: ast.AST, name: str, index: int | None) -> Iterator[Mutant]:
        if _is_left_alone(node):
            return
        before = (list(self.scopes), self.function, self.lines)
        if isinstance(node, (*FUNCTION, ast.ClassDef)):
            if isinstance(node, FUNCTION):
                yield from self._visit_defaults(node)
            self.scopes.append(node.name)
            if isinstance(node, FUNCTION) and self.function is None:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                self.function = (".".join(self.scopes), first, node.end_lineno or first)
        elif isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno
            self.lines = (node.lineno, max(node.lineno, last or node.lineno))
            if not self.function and isinstance(node, (ast.Assign, ast.AnnAssign)):
                self.scopes.append(ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target))
        for text, new in _replacements(node, parent, importing=self.function is None):
            yield self._one(text, parent, name, index, new)
        for text, field, at, new in _edits(node):
            yield self._one(text, node, field, at, new)
        if isinstance(node, FUNCTION):
            for statement_index, statement in enumerate(node.body):
                yield from self._visit(statement, node, "body", statement_index)
        else:
            yield from self._inside(node)
        self.scopes, self.function, self.lines = before

    def _visit_defaults(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Mutant]:
        """Defaults belong to the scope around: they are made when the function is."""
        self.scopes.append(node.name)
        self.lines = (node.body[0].lineno, node.end_lineno or node.lineno)
        yield from self._inside(node.args)
        self.scopes.pop()


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.expr_context():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.FunctionDef(name="__repr__"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar" | "NewType" | "ParamSpec"))):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _is_option_or_prose(parent: ast.AST, name: str, child: ast.AST) -> bool:
    """A class's options but its tag, which is stored; the sentence of a `ValueError`."""
    match parent:
        case ast.ClassDef() if name == "keywords":
            return not (isinstance(child, ast.keyword) and child.arg == "tag")
        case ast.Call(func=ast.Name(id="ValueError" | "TypeError" | "RuntimeError")):
            return name == "args"
    return False


def _replacements(node: ast.AST, parent: ast.AST, *, importing: bool) -> Iterator[tuple[str, ast.AST | None]]:
    """What may stand in the node's own place."""
    match node:
        case ast.Constant(value=bool() as truth):
            yield f"{truth} -> {not truth}", ast.Constant(not truth)
        case ast.Constant(value=int() | float() as number):
            yield f"{number} -> {number + 1}", ast.Constant(number + 1)
        case ast.Constant(value=str() as word) if " " not in word or not word.strip():
            yield f"{word!r} -> {'XX' + word!r}", ast.Constant("XX" + word)
        case ast.Constant(value=bytes() as word):
            yield f"{word!r} -> {b'XX' + word!r}", ast.Constant(b"XX" + word)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield f"{_short(node)} -> {_short(operand)}", operand
        case ast.Expr() | ast.Raise() | ast.Delete() if not isinstance(parent, ast.Module):
            yield f"without: {_short(node)}", ast.Pass()
        case ast.Dict():
            for at, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
                rest = ast.Dict(_without(node.keys, at), _without(node.values, at))
                yield f"{{… {_short(key or value)}: …}} -> dropped", rest
        case ast.Continue():
            yield "continue -> break", ast.Break()
        case ast.Break():
            yield "break -> continue", ast.Continue()
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if not (importing and isinstance(node.op, ast.BitOr)):
            for kind in OPERATORS.get(type(node.op), ()):
                copy = _copy(node)
                copy.op = kind()
                yield f"{_short(node)} -> {kind.__name__}", copy


def _edits(node: ast.AST) -> Iterator[tuple[str, str, int | None, Any]]:
    """What may change in one of the node's fields: text, field, index, new."""
    match node:
        case ast.Compare():
            for at, op in enumerate(node.ops):
                for kind in OPERATORS[type(op)]:
                    yield f"{_short(node)} -> {kind.__name__}", "ops", at, kind()
        case ast.If() | ast.IfExp() | ast.While() if not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
            yield f"if {_short(node.test)} -> if not", "test", None, ast.UnaryOp(ast.Not(), node.test)
        case ast.comprehension():
            for at, test in enumerate(node.ifs):
                yield f"for … if {_short(test)} -> without if", "ifs", at, None
        case ast.match_case(guard=ast.expr() as guard):
            yield f"case … if {_short(guard)} -> if not", "guard", None, ast.UnaryOp(ast.Not(), guard)
        case ast.Match() if len(node.cases) > 1:
            for at, case in enumerate(node.cases):
                yield f"without case {_short(case.pattern)}", "cases", at, None
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield f"return {_short(value)} -> return None", "value", None, ast.Constant(None)
        case ast.Call():
            for at, argument in enumerate(node.args):
                if not isinstance(argument, (ast.Starred, ast.Constant)):
                    yield f"{_short(node.func)}(… {_short(argument)} …) -> None", "args", at, ast.Constant(None)
            for at, keyword in enumerate(node.keywords):
                yield f"{_short(node.func)}(… {keyword.arg or '**'}= …) -> dropped", "keywords", at, None
        case ast.Set() if len(node.elts) > 1:
            for at, element in enumerate(node.elts):
                yield f"{{… {_short(element)} …}} -> dropped", "elts", at, None


def _copy(node: Any) -> Any:
    """A shallow copy: the children are shared."""
    return type(node)(**dict(ast.iter_fields(node)))


def _without(items: list[Any], at: int) -> list[Any]:
    return items[:at] + items[at + 1 :]


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:69] + "…"
