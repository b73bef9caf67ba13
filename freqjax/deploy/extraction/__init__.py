"""Extraction of components from a recording: read, resample on request, run, measure, write, chunk by chunk.

A component is written at the strength that it has in the recording, in its format, rate and length; on
request also what remains without it. What was found is measured second by second, and the report says how
much of the line at the selected frequency is left.
"""

from freqjax.deploy.extraction.plan import Plan, gain_of, plan
from freqjax.deploy.extraction.run import run

__all__ = ["Plan", "gain_of", "plan", "run"]
