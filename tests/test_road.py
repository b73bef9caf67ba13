"""The README's path through the code, against the functions that a run of each route enters."""

import json
import re
import sys

import pytest

from freqjax.config import sections as configs
from freqjax.main import main
from tests.root import ROOT
from tests.twins import tiny_config

_SECTION = (
    (ROOT / "README.md").read_text().split("## Reading the code in six steps")[1].split("\n## ")[0]
)
# A function of the package in a link to the file that holds it.
_NAMED = re.compile(r"\[`([\w.]+)`\]\((freqjax/[\w/]+\.py)\)")

_STOCHASTIC = "Stochastic gradients"
CURRICULUM = {
    "train": {"regime": "full", "streams": "parallel", "divergence_factor": None},
    "curriculum": {"first_horizon": 0.5},
    "network": {"learned_carry": True},
}
FILTER = {
    "task": {"rotor_high": 8.0},
    "optimizer": {"name": "ekf"},
    "train": {"regime": "online", "gradient": "rtrl", "divergence_factor": None},
    "network": {"learned_carry": True, "initializer": "rotor", "recurrence": "pairs"},
}
RUNS = {
    "tbptt": (_STOCHASTIC, {"train": {"regime": "tbptt", "truncation": 5}}),
    "full": (_STOCHASTIC, {"train": {"regime": "full"}}),
    "windows": (
        _STOCHASTIC,
        {"train": {"regime": "windows"}, "windows": {"length": 5, "stride": 5, "batch": 8}},
    ),
    "examples": (_STOCHASTIC, {"train": {"regime": "examples"}}),
    "curriculum": ("Gauss-Newton over a curriculum", CURRICULUM),
    "online": ("Online", {}),
    "filter": ("Strictly online with a filter", FILTER),
}


class _Arrived(BaseException):
    """Raised where all functions of a route have been entered: the rest of the run tells nothing."""


def road(route):
    """Return the functions of a route in order: those of the list, common to all, and those of its line."""
    shared = [line for line in _SECTION.splitlines() if re.match(r"\d\. ", line)]
    own = [line for line in _SECTION.splitlines() if line.startswith(f"| {route}")]
    assert len(shared) == 3
    assert len(own) == 1, route
    return [named for line in (*shared, *own) for named in _NAMED.findall(line)]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_enters_the_functions_of_its_route_in_order(name, tmp_path):
    route, fields = RUNS[name]
    wanted = [function for function, _ in road(route)]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(configs.to_dict(tiny_config(**fields))))
    entered = []

    def trace(frame, event, _):
        if event != "call":
            return
        place = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"
        place = place.removeprefix("freqjax.").replace(".<locals>", "")
        if place in wanted and place not in entered:
            entered.append(place)
            if len(entered) == len(wanted):
                raise _Arrived

    sys.setprofile(trace)
    try:
        code = main(["--config", str(path), "--workdir", str(tmp_path / "run")])
    except _Arrived:
        code = 0
    finally:
        sys.setprofile(None)
    assert entered == wanted
    assert code == 0


@pytest.mark.parametrize("route", sorted({route for route, _ in RUNS.values()}))
def test_every_name_stands_in_the_file_that_it_links_to(route):
    for function, file in road(route):
        module = file.removeprefix("freqjax/").removesuffix(".py").replace("/", ".")
        assert function.startswith(f"{module}."), (function, file)
