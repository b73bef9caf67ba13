"""The rooms of the package: what each may import, and which words stand where.

An import is an arrow wherever it stands, in a function or under `if TYPE_CHECKING`, too: a room whose types
name those of a room below cannot be read without it. A name in a table (`freqjax.config.names`) is none.
"""

import ast
from pathlib import Path

from tests.root import ROOT

PACKAGE = ROOT / "freqjax"
# From the bottom up: a room imports from those above it in this list and from itself.
LAYERS = (
    ("errors", "text"),
    ("system",),
    ("config",),
    ("figures",),
    ("recordings",),
    ("networks",),
    ("tasks",),
    ("native",),
    ("training",),
    ("checkpoints",),
    ("report",),
    ("diagnosis",),
    ("run",),
    ("deploy",),
    ("sweep",),
    ("modes", "commandline"),
    ("main", "__init__"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
MOST_MODULES_BESIDE_ROOMS = 8

WORDS = ("hz", "frequenc", "mixture")
AT_HOME = ("tasks/extraction/", "recordings/")


def modules() -> dict[str, Path]:
    """Name → file of every module of the package; a package is named by its folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """The folder, or the module beside the folders, that `module` is in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> set[str]:
    """The modules of the package that a file imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found & set(MODULES)


ARROWS = {(a, b) for a, path in MODULES.items() for b in imports_of(path) if a != b}


def test_every_room_has_its_place():
    rooms = {room_of(module) for module in MODULES}
    assert rooms == set(LEVEL)


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
