"""The rooms of the package: what each may import, and which words stand where.

An import inside a function is an arrow like any other. One under `if TYPE_CHECKING` is none: it never runs,
needs nothing and can close no circle; nor is a name in a table (`freqjax.config.names`).
"""

import ast
import graphlib
from pathlib import Path

from tests.root import ROOT

PACKAGE = ROOT / "freqjax"
# A room imports from itself and from those that stand above it here.
LAYERS = (
    ("errors", "text"),
    ("progress",),
    ("system",),
    ("config",),
    ("processes",),
    ("figures",),
    ("recordings",),
    ("networks",),
    ("tasks",),
    ("native",),
    ("training",),
    ("checkpoints",),
    ("report",),
    ("diagnosis",),
    ("page",),
    ("run",),
    ("deploy",),
    ("sweep",),
    ("serve",),
    ("modes",),
    ("commandline",),
    ("main",),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
MOST_MODULES_BESIDE_ROOMS = 8

# What only sinusoids have, and where that is at home; `config/versions.py` reads configs of version 0.1, and
# `deploy/extraction/` takes components out of recordings and measures their lines.
WORDS = ("hz", "frequenc", "mixture")
AT_HOME = (
    "tasks/extraction/",
    "tasks/lines/",
    "recordings/",
    "deploy/extraction/",
    "config/versions.py",
)
# Where else it may stand, and why.
WITH_A_REASON = {
    "tasks/separation.py": "the interface of tasks whose components have a frequency each",
    "deploy/component_stream.py": "--select names a component by its frequency",
    "deploy/torch/layout.py": "an import says how many inputs a network of extraction has",
    "modes/flags.py": "--select, --recipe, --hz and --rate are flags of the tasks of sinusoids",
    "modes/__init__.py": "the modes that take --hz",
    "modes/bases.py": "a recipe is carried over to other lines",
}
MOST_WITH_A_REASON = 12


def modules() -> dict[str, Path]:
    """Name → file of every module of the package; a package is named by its folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """Return the folder, or the module beside the folders, that `module` is in."""
    return module.split(".")[1]


def running(node: ast.AST):
    """Yield `node` and its descendants, except those under `if TYPE_CHECKING`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from running(child)


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a file imports when it runs, at any depth."""
    found: set[str] = set()
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found & set(MODULES)


# The package itself is imported before any module in it and imports none of them at once: no arrows.
ROOT_MODULE = "freqjax"
ARROWS = {
    (a, b)
    for a, path in MODULES.items()
    for b in imports_of(path)
    if ROOT_MODULE not in (a, b) and a != b
}


def test_every_room_has_its_place():
    assert {room_of(module) for module in MODULES if module != ROOT_MODULE} == set(LEVEL)


def test_at_most_eight_modules_stand_beside_the_rooms():
    beside = [path.name for path in PACKAGE.glob("*.py")]
    assert len(beside) <= MOST_MODULES_BESIDE_ROOMS, beside


def test_nothing_imports_upward():
    upward = sorted(
        f"{a} → {b}"
        for a, b in ARROWS
        if room_of(a) != room_of(b) and LEVEL[room_of(a)] <= LEVEL[room_of(b)]
    )
    assert not upward, "\n".join(upward)


def test_no_imports_form_a_circle():
    imported = {module: {b for a, b in ARROWS if a == module} for module in MODULES}
    list(graphlib.TopologicalSorter(imported).static_order())  # raises CycleError, which names it


def test_what_only_sinusoids_have_stands_where_it_is_at_home():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".cc") and has_words(path)
    }
    strays = {name for name in found if not name.startswith(AT_HOME)}
    assert strays == set(WITH_A_REASON)
    assert len(WITH_A_REASON) <= MOST_WITH_A_REASON


def has_words(path: Path) -> bool:
    """Return whether a file contains a word about sinusoids."""
    text = path.read_text(encoding="utf-8").lower()
    return any(word in text for word in WORDS)
