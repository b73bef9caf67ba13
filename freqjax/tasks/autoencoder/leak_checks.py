"""Checks of a run for leaks: test sequences that were trained on, and decoders that are told the sequence.

A leak makes a good score worth nothing, so that each stands in a run that has reached its goal. Sequences
that are in two parts make every number of the test rows meaningless and rank before all, as wrong rows do.
What the decoder reads besides the code ranks next, before what can be known: no other cause is about the
code then.
"""

from __future__ import annotations

from freqjax.tasks.autoencoder.config import AutoencoderConfig
from freqjax.tasks.autoencoder.leaks import Leak
from freqjax.tasks.autoencoder.measured import LEAST, Measured
from freqjax.tasks.examination import Evidence, Examination
from freqjax.text import number

# Share of the sequences of validation and test that may be those of another part: refrains and silence are.
_IDENTICAL = 0.01
# Share of them that may hold a run of vectors of another part; 8 % of the shipped poems' do.
_SHARED = 0.2
# Swapped states must cost so many times as much as swapped or zeroed codes, and this share of the skill.
_TIMES, _SHARE = 2.0, 0.1
# Change of an output by its own target, as a share of the largest change; 0 if earlier ones alone are read.
_ANSWER = 0.01

BEFORE_ALL, BEFORE_THE_LIMIT = "non_finite", "information_limit"


def split_leak(config: AutoencoderConfig, leak: Leak, evidence: Evidence) -> Examination:
    """Compare the sequences of the parts."""
    shared, identical = leak.count / max(leak.of, 1), leak.identical / max(leak.of, 1)
    words = (
        f"Of {leak.of} sequences of validation and test, {leak.identical} are those of another part, and "
        f"{leak.count} share vectors with one."
    )
    if leak.example:
        words = f"{words[:-1]}: {leak.example}."
    other = f"task.train_seed={config.train_seed + 1}"
    return Examination(
        cause="split_leak",
        found=identical > _IDENTICAL or shared > _SHARED,
        words=words,
        evidence={
            "sequences": leak.of,
            "shared": leak.count,
            "identical": leak.identical,
            "shared_share": shared,
            "identical_share": identical,
        },
        threshold=(
            f"{_IDENTICAL:.0%} of the sequences identical, or {_SHARED:.0%} with a run of vectors in another "
            "part: a text may quote itself, as 8 % of the shipped poems' do, but windows that overlap share "
            "nearly all"
        ),
        experiment=evidence.command("task.test_path=" if config.test_path else other),
        advice=(
            "Split by what belongs together (`group` of an .npz, chapters of a text), before windows are "
            "cut, and remove copies."
        ),
        refuted_if="the score is as high on test sequences that share nothing",
        before=BEFORE_ALL,
        even_if_healthy=True,
    )


def encoder_leak(config: AutoencoderConfig, measured: Measured, evidence: Evidence) -> Examination:
    """Compare what swapped states of the encoder cost with what swapped and zeroed codes do."""
    codes = max(measured.lost("swapped"), measured.lost("zeroed"))
    words = "The decoder reads nothing of the encoder but the code."
    states, found = None, False
    if measured.probes["states_swapped"] is not None:
        states = measured.lost("states_swapped")
        found = states > max(_TIMES * codes, _SHARE * measured.skill)
        words = (
            f"The decoder reads the encoder's states: those of another sequence cost {number(states)} of the "
            f"skill of {number(measured.skill)}, a code that is zero or another's {number(codes)}."
        )
    return Examination(
        cause="encoder_leak",
        found=found if measured.is_learned or states is None else None,
        words=words,
        evidence={
            "skill": measured.skill,
            "lost_by_states": states,
            "lost_by_swapped_codes": measured.lost("swapped"),
            "lost_by_zeroed_codes": measured.lost("zeroed"),
        },
        threshold=(
            f"swapped states cost {_TIMES:g} times as much as codes, and {_SHARE:.0%} of a skill of at least "
            f"{LEAST:g}: then the sequence reaches the decoder past the code"
        ),
        experiment=evidence.command("task.decoder=slots"),
        advice="Let the decoder attend to slots of the code: the numbers of the states are not counted.",
        refuted_if="the frozen cosine ends as high",
        before=BEFORE_THE_LIMIT,
        even_if_healthy=True,
    )


def answer_leak(config: AutoencoderConfig, measured: Measured, evidence: Evidence) -> Examination:
    """Look for outputs that follow a change of their own target."""
    answer = measured.probes["answer"]
    words = "No target is fed to the decoder in training."
    if is_forced(config) and answer is not None:
        words = (
            f"A change of target t moves output t by {answer:.2g} of the largest change of any output, with "
            "targets fed as in training."
        )
    return Examination(
        cause="answer_leak",
        found=is_forced(config) and answer is not None and answer > _ANSWER,
        words=words,
        evidence={"own_target": answer, "forced_cosine": measured.probes["forced"]},
        threshold=(
            f"{_ANSWER:g} of the largest change of any output: it is exactly 0 if only earlier targets are "
            "read"
        ),
        experiment=evidence.command("task.forcing_input=previous"),
        advice="Feed the target before each sample: fed its own, the decoder learns to copy it.",
        refuted_if="the training loss ends as low",
        before=BEFORE_THE_LIMIT,
        even_if_healthy=True,
    )


def is_forced(config: AutoencoderConfig) -> bool:
    """Tell whether the decoder is trained on targets at any sample."""
    return bool(config.forcing) and max(config.forcing) > 0
