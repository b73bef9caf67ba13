"""Pages and figures as users see them."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def shown(pages, pictures):
    """Bring pages and figures back."""
