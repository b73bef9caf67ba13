"""How the tests hold the package to its annotations: see `tests/conftest.py`."""

from beartype import BeartypeConf, beartype

# A whole number serves where a float is asked for, as type checkers have it.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
