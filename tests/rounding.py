"""How programs are compiled in the tests, on which their rounding depends."""

import os

# Whether they are compiled as users compile them; else quickly, with more rounding where it adds up.
OPTIMIZED = "FREQJAX_TESTS_OPTIMIZED" in os.environ
