#!/usr/bin/env python3
"""Measure the shape of a Python package.  Standard library only.

    metrics.py PACKAGE_DIR [PACKAGE_DIR ...] [--tests DIR] [--json FILE]
               [--exclude NAME] [--compare] [--gate KEY=MAX ...]

PACKAGE_DIR is the import root of the package: the folder whose name is what
you would `import`.  Folders named in SKIP (tests, vendored, caches) are left out.
With one package: a table, the worst offenders, then JSON.  With --compare: one
row per package.  --gate fails (exit 1) when a number is above its maximum, so the
same script can be a ratchet in CI:  --gate cycles=0 --gate file_max=500

How the numbers are taken
  skipped        files that did not parse: run this with a Python at least as new as theirs
  lines          physical lines;  code = lines that hold a token other than a
                 comment or a docstring
  function       every def / async def / nested def, from `def` to its last line,
                 decorators not counted; func_* counts the docstring,
                 body_* does not
  cycles         strongly connected components (>1 module) of imports that run
                 at import time: module scope, not under TYPE_CHECKING.
                 Python's implicit import of parent packages is not an edge.
  cycles_all     the same, with TYPE_CHECKING and in-function imports counted
  room_cycles    the same as `cycles`, with modules folded to the first
                 component below the package ("room"); __init__ of the root left out
  lazy           imports of the package's own modules inside functions
  doc            public = no leading underscore anywhere in the path of names
  annotated      slots = parameters (not self/cls) + returns
  inherit_depth  longest chain of bases that are classes of the package itself
  swallowed      broad excepts that never raise and do not say why: where an exception
                 becomes data on purpose, the line ends in `# why: ...`
  twins          sync/async pairs: f/af, f/f_async, f/async_f, X/AsyncX
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import statistics
import sys
import tokenize
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

SKIP = {"tests", "_tests", "test", "testing_tests", "__pycache__", "_vendor", "vendor",
        "vendored", "node_modules", ".git", "alembic"}
TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp,
            ast.Assert, ast.comprehension, ast.match_case)


@dataclass
class Function:
    where: str
    name: str
    length: int
    body: int
    params: int
    complexity: int
    is_async: bool


@dataclass
class Module:
    name: str
    path: Path
    lines: int = 0
    code: int = 0
    todo: int = 0
    ignores: int = 0
    functions: list[Function] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, name)
    pydantic: int = 0
    dataclasses: int = 0
    runtime: set[str] = field(default_factory=set)
    typing_only: set[str] = field(default_factory=set)
    lazy: list[str] = field(default_factory=list)
    public: int = 0
    documented: int = 0
    has_doc: bool = False
    slots: int = 0
    annotated: int = 0
    broad: int = 0
    swallowed: int = 0
    reasons: set[int] = field(default_factory=set)  # lines that end in `# why: ...`
    globals: int = 0
    any_: int = 0
    names: list[tuple[str, str]] = field(default_factory=list)


# --- reading one module ------------------------------------------------------------


def docstring_span(node: ast.AST) -> range:
    body = getattr(node, "body", None)
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) \
            and isinstance(body[0].value.value, str):
        return range(body[0].lineno, body[0].end_lineno + 1)
    return range(0)


def code_lines(source: str, tree: ast.AST) -> tuple[int, int, int]:
    """Lines of code, TODO comments, and `type: ignore`/`noqa` comments."""
    skip = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT,
            tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
    lines: set[int] = set()
    todo = ignores = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                todo += bool(TODO.search(token.string))
                ignores += "type: ignore" in token.string or "noqa" in token.string \
                    or "pyright: ignore" in token.string
            elif token.type not in skip:
                lines.update(range(token.start[0], token.end[0] + 1))
    except (tokenize.TokenError, IndentationError):
        pass
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            lines.difference_update(docstring_span(node))
    return len(lines), todo, ignores


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return ""


def is_type_checking(test: ast.AST) -> bool:
    return dotted(test).split(".")[-1] == "TYPE_CHECKING"


def complexity(func: ast.AST) -> int:
    """McCabe, with each boolean operator counted; nested defs are not descended into."""
    total, stack = 1, list(ast.iter_child_nodes(func))
    while stack:
        node = stack.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        total += isinstance(node, BRANCHES)
        if isinstance(node, ast.BoolOp):
            total += len(node.values) - 1
        stack.extend(ast.iter_child_nodes(node))
    return total


class Reader(ast.NodeVisitor):
    """Fill a Module from its tree."""

    def __init__(self, module: Module, is_package: bool, known: set[str]) -> None:
        self.m = module
        self.known = known
        self.package = module.name if is_package else module.name.rpartition(".")[0]
        self.scope: list[str] = []
        self.in_function = 0
        self.in_typing = 0

    # imports

    def resolve(self, base: str, name: str | None = None) -> str | None:
        for candidate in ([f"{base}.{name}"] if name else []) + [base]:
            if candidate in self.known:
                return candidate
        return None

    def edge(self, target: str | None) -> None:
        if target is None or target == self.m.name:
            return
        if self.in_function:
            self.m.lazy.append(target)
        elif self.in_typing:
            self.m.typing_only.add(target)
        else:
            self.m.runtime.add(target)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.edge(self.resolve(alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            parts = self.package.split(".")
            parts = parts[: len(parts) - (node.level - 1)]
            base = ".".join(parts + ([node.module] if node.module else []))
        else:
            base = node.module or ""
        for alias in node.names:
            self.edge(self.resolve(base, alias.name))
            if base in self.known:
                self.m.imported[alias.asname or alias.name] = (base, alias.name)

    def visit_If(self, node: ast.If) -> None:
        if is_type_checking(node.test):
            self.in_typing += 1
            for child in node.body:
                self.visit(child)
            self.in_typing -= 1
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    # names

    def is_public(self, name: str) -> bool:
        dunder = name.startswith("__")
        return not dunder and not any(p.startswith("_") for p in [*self.scope, name])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = [dotted(b).split(".")[-1] for b in node.bases]
        self.m.classes[node.name] = [dotted(b) for b in node.bases]
        decorators = {dotted(d).split(".")[-1] for d in node.decorator_list}
        self.m.dataclasses += bool(decorators & {"dataclass", "define", "frozen", "s", "attrs"})
        self.m.pydantic += any(b in {"BaseModel", "BaseSettings", "RootModel"} for b in bases)
        if not self.in_function:
            self.m.names.append((".".join(self.scope), node.name))
            self.count_doc(node)
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()

    def visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        length = node.end_lineno - node.lineno + 1
        args = node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        named = [a for a in every if a.arg not in {"self", "cls"}]
        slots = named + [a for a in (args.vararg, args.kwarg) if a]
        self.m.slots += len(slots) + (node.name != "__init__")
        self.m.annotated += sum(a.annotation is not None for a in slots)
        self.m.annotated += node.returns is not None and node.name != "__init__"
        self.m.functions.append(Function(
            f"{self.m.name}:{node.lineno}", ".".join([*self.scope, node.name]), length,
            length - len(docstring_span(node)), len(named), complexity(node),
            isinstance(node, ast.AsyncFunctionDef)))
        if not self.in_function:
            self.m.names.append((".".join(self.scope), node.name))
            self.count_doc(node)
        for part in [*node.decorator_list, args, *([node.returns] if node.returns else [])]:
            self.visit(part)
        self.scope.append(node.name)
        self.in_function += 1
        for child in node.body:
            self.visit(child)
        self.in_function -= 1
        self.scope.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_function

    def count_doc(self, node: ast.AST) -> None:
        decorators = {dotted(d).split(".")[-1] for d in getattr(node, "decorator_list", [])}
        if self.is_public(node.name) and not decorators & {"overload", "override", "setter"}:
            self.m.public += 1
            self.m.documented += ast.get_docstring(node) is not None

    # smells

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if node.type is None or any(
                dotted(t).split(".")[-1] in {"Exception", "BaseException"} for t in types):
            self.m.broad += 1
            self.m.swallowed += node.lineno not in self.m.reasons and not any(
                isinstance(n, ast.Raise) for s in node.body for n in ast.walk(s))
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.m.globals += 1

    def visit_Name(self, node: ast.Name) -> None:
        self.m.any_ += node.id == "Any"


def discover(root: Path, exclude: set[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if any(p in SKIP | exclude or p.startswith(".") for p in parts[:-1]) \
                or parts[-1] in exclude:
            continue
        names = [root.name, *parts[:-1]]
        if path.stem != "__init__":
            names.append(path.stem)
        found[".".join(names)] = path
    return found


def read(root: Path, exclude: set[str]) -> tuple[list[Module], int]:
    """The modules, and how many this Python is too old to parse."""
    skipped = 0
    paths = discover(root, exclude)
    modules = []
    for name, path in paths.items():
        source = path.read_text(encoding="utf-8", errors="replace")
        module = Module(name, path, lines=source.count("\n") + (not source.endswith("\n")))
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            print(f"skipped {path}: {error}", file=sys.stderr)
            skipped += 1
            continue
        module.code, module.todo, module.ignores = code_lines(source, tree)
        module.reasons = {n for n, line in enumerate(source.split("\n"), 1) if "# why: " in line}
        module.has_doc = ast.get_docstring(tree) is not None
        Reader(module, path.stem == "__init__", set(paths)).visit(tree)
        modules.append(module)
    return modules, skipped


# --- the graph ---------------------------------------------------------------------


def components(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one node, largest first (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for start in graph:
        if start in index:
            continue
        work = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, edges = work[-1]
            for target in edges:
                if target not in graph:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(sorted(graph[target]))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    if len(group) > 1:
                        found.append(sorted(group))
    return sorted(found, key=len, reverse=True)


def rooms(modules: list[Module], root: str) -> dict[str, set[str]]:
    """The import graph folded to the first name below the package."""
    def room(name: str) -> str:
        return name.split(".")[1] if "." in name else root
    graph: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        here = room(module.name)
        if here == root:
            continue
        graph[here] |= {room(t) for t in module.runtime} - {here, root}
    return dict(graph)


def layers(graph: dict[str, set[str]]) -> list[list[str]]:
    """Rooms by height: layer 0 imports no other room.  Rooms in a cycle share a height."""
    group = {n: tuple(c) for c in components(graph) for n in c}
    heights: dict[str, int] = {}

    def height(node: str, seen: frozenset[str]) -> int:
        if node in heights:
            return heights[node]
        mine = set(group.get(node, (node,)))
        below = {t for n in mine for t in graph.get(n, ())} - mine - seen
        value = 1 + max((height(t, seen | mine) for t in below), default=-1)
        for n in mine:
            heights[n] = value
        return value

    table: dict[int, list[str]] = defaultdict(list)
    for node in graph:
        table[height(node, frozenset())].append(node)
    return [sorted(table[h]) for h in sorted(table)]


def inheritance(modules: list[Module]) -> tuple[int, str]:
    """The longest chain of bases, each found through the imports of the module naming it."""
    by_name = {m.name: m for m in modules}

    def find(module: str, name: str, hops: int = 8) -> tuple[str, str] | None:
        m = by_name.get(module)
        if m is None or not hops:
            return None
        head, _, rest = name.partition(".")
        if not rest and name in m.classes:
            return module, name
        if head in m.imported:
            base, original = m.imported[head]
            inner = f"{base}.{original}"
            if rest:
                return find(inner, rest, hops - 1)
            return find(base, original, hops - 1)
        return None

    def chain(key: tuple[str, str] | None, seen: tuple[tuple[str, str], ...]) -> list[str]:
        if key is None or key in seen:
            return []
        module, name = key
        found = [find(module, b) for b in by_name[module].classes[name]]
        longest = max((chain(k, (*seen, key)) for k in found), key=len, default=[])
        return [name, *longest]

    keys = [(m.name, c) for m in modules for c in m.classes]
    longest = max((chain(k, ()) for k in keys), key=len, default=[])
    return max(len(longest) - 1, 0), " < ".join(longest)


def twins(modules: list[Module]) -> int:
    count = 0
    for module in modules:
        by_scope: dict[str, set[str]] = defaultdict(set)
        for scope, name in module.names:
            by_scope[scope].add(name)
        for names in by_scope.values():
            for n in names:
                count += any(t in names for t in (f"a{n}", f"async_{n}", f"{n}_async", f"Async{n}"))
    classes = {c for m in modules for c in m.classes}
    local = {c for m in modules for c in m.classes if f"Async{c}" in m.classes}
    return count + sum(f"Async{c}" in classes for c in classes - local)


# --- the report --------------------------------------------------------------------


def p95(values: list[int]) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] if ordered else 0


def median(values: list[int]) -> float:
    return statistics.median(values) if values else 0


def percent(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def measure(root: Path, exclude: set[str], tests: Path | None) -> dict:
    modules, skipped = read(root, exclude)
    functions = [f for m in modules for f in m.functions]
    sizes = [m.lines for m in modules]
    spans, bodies = [f.length for f in functions], [f.body for f in functions]
    runtime = {m.name: m.runtime for m in modules}
    every = {m.name: m.runtime | m.typing_only | set(m.lazy) for m in modules}
    cycles, cycles_all = components(runtime), components(every)
    room_graph = rooms(modules, root.name)
    room_cycles = components(room_graph)
    depth, chain = inheritance(modules)
    lines = sum(sizes)
    result = {
        "package": root.name,
        "skipped": skipped,
        "files": len(modules),
        "lines": lines,
        "code": sum(m.code for m in modules),
        "file_median": median(sizes),
        "file_p95": p95(sizes),
        "file_max": max(sizes, default=0),
        "functions": len(functions),
        "func_median": median(spans),
        "func_p95": p95(spans),
        "func_max": max(spans, default=0),
        "body_median": median(bodies),
        "body_p95": p95(bodies),
        "body_max": max(bodies, default=0),
        "over_50": percent(sum(b > 50 for b in bodies), len(bodies)),
        "params_p95": p95([f.params for f in functions]),
        "params_max": max((f.params for f in functions), default=0),
        "complexity_p95": p95([f.complexity for f in functions]),
        "complexity_max": max((f.complexity for f in functions), default=0),
        "async": percent(sum(f.is_async for f in functions), len(functions)),
        "cycles": len(cycles),
        "cycle_modules": sum(map(len, cycles)),
        "cycles_all_modules": sum(map(len, cycles_all)),
        "room_cycles": len(room_cycles),
        "lazy": sum(len(m.lazy) for m in modules),
        "doc": percent(sum(m.documented for m in modules), sum(m.public for m in modules)),
        "module_doc": percent(sum(m.has_doc for m in modules), len(modules)),
        "annotated": percent(sum(m.annotated for m in modules), sum(m.slots for m in modules)),
        "any_per_kloc": round(1000 * sum(m.any_ for m in modules) / max(lines, 1), 1),
        "classes": sum(len(m.classes) for m in modules),
        "dataclasses": sum(m.dataclasses for m in modules),
        "pydantic": sum(m.pydantic for m in modules),
        "inherit_depth": depth,
        "todo": sum(m.todo for m in modules),
        "ignores": sum(m.ignores for m in modules),
        "broad_except": sum(m.broad for m in modules),
        "swallowed": sum(m.swallowed for m in modules),
        "globals": sum(m.globals for m in modules),
        "twins": twins(modules),
    }
    if tests:
        counted = list(tests.rglob("*.py"))
        total = sum(len(p.read_text(errors="replace").splitlines()) for p in counted)
        result["test_files"] = len(counted)
        result["test_lines"] = total
        result["test_ratio"] = round(total / max(lines, 1), 2)
    result["detail"] = {
        "longest_files": [(m.name, m.lines) for m in sorted(modules, key=lambda m: -m.lines)[:8]],
        "longest_functions": [(f.where, f.name, f.length) for f in
                              sorted(functions, key=lambda f: -f.length)[:8]],
        "most_params": [(f.where, f.name, f.params) for f in
                        sorted(functions, key=lambda f: -f.params)[:3]],
        "cycles": cycles[:5],
        "room_cycles": room_cycles,
        "layers": layers(room_graph),
        "deepest": chain,
        "most_imported": Counter(t for m in modules for t in m.runtime).most_common(6),
    }
    return result


COLUMNS = ["package", "files", "lines", "code", "file_median", "file_p95", "file_max",
           "body_median", "body_p95", "body_max", "over_50", "params_max", "complexity_p95",
           "cycle_modules", "room_cycles", "lazy", "doc", "annotated", "classes",
           "inherit_depth", "todo", "broad_except", "swallowed", "twins", "test_ratio"]


def compare(results: list[dict]) -> str:
    rows = [[str(r.get(c, "")) for c in COLUMNS] for r in results]
    table = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in table)


def show(result: dict) -> str:
    numbers = {k: v for k, v in result.items() if k != "detail"}
    width = max(map(len, numbers))
    lines = [f"{k:<{width}}  {v}" for k, v in numbers.items()]
    detail = result["detail"]
    lines += ["", "longest files"] + [f"  {n:>6}  {m}" for m, n in detail["longest_files"]]
    lines += ["longest functions"] + [f"  {n:>6}  {f}  ({w})"
                                      for w, f, n in detail["longest_functions"]]
    lines += ["layers, lowest first"] + [f"  {i}  {', '.join(row)}"
                                         for i, row in enumerate(detail["layers"])]
    lines += ["cycles"] + [f"  {len(c)}: {', '.join(c[:8])}" for c in detail["cycles"]]
    lines += [f"deepest inheritance: {detail['deepest']}"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", type=Path)
    parser.add_argument("--tests", type=Path)
    parser.add_argument("--json", type=Path, help="write the JSON here instead of stdout")
    parser.add_argument("--exclude", action="append", default=[], help="folder or file name")
    parser.add_argument("--compare", action="store_true", help="one table row per package")
    parser.add_argument("--gate", action="append", default=[], metavar="KEY=MAX")
    options = parser.parse_args()

    for package in options.packages:
        if not package.is_dir():
            parser.error(f"{package} is not a folder")
    results = [measure(p.resolve(), set(options.exclude), options.tests) for p in options.packages]
    print(compare(results) if options.compare else "\n\n".join(map(show, results)))
    text = json.dumps(results if len(results) > 1 else results[0], indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    elif not options.compare:
        print("\n" + text)

    failed = 0
    for gate in options.gate:
        key, _, limit = gate.partition("=")
        for result in results:
            if result[key] > float(limit):
                print(f"GATE {result['package']}: {key} = {result[key]} > {limit}", file=sys.stderr)
                failed = 1
    return failed


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except BrokenPipeError:  # `metrics.py ... | head`
        sys.stderr.close()
