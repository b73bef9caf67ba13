"""Checks of a run of the autoencoder: leaks, what its outputs owe to the code, and what a precision costs.

| cause | rank | why there |
|---|---|---|
| split_leak | before all | every number of the test rows is wrong |
| encoder_leak, answer_leak | before the limit | the score or the loss does not concern the code |
| exposure_bias, rate | before a run that ended too soon | measured on the same weights, without a trial |
| code_unused, latent_collapse | before overfitting | a run too short, or a wrong rate, leaves both |
| mean_predictor | last | a symptom: any cause that stops learning leaves the mean |
"""

from __future__ import annotations

import numpy as np

from freqjax.tasks.autoencoder.config import AutoencoderConfig
from freqjax.tasks.autoencoder.leak_checks import answer_leak, encoder_leak, is_forced, split_leak
from freqjax.tasks.autoencoder.leaks import Leak
from freqjax.tasks.autoencoder.measured import LEAST, Measured, to_linear, without_noise
from freqjax.tasks.examination import Evidence, Examination
from freqjax.text import number

# A share of the skill that is nothing (what a swapped code costs), or too much (what a precision does).
_SHARE = 0.1
# Skill of outputs that are hardly more than the mean, its share of what a code without a network reaches, and
# the variance that they may have.
_SKILL, _OF_BEST, _VARIED = 0.05, 0.5, 0.1
# Share of the variance of a code on its first axis, the share of K that is in use, and how much of the skill
# of the best code without a network is reached where nothing was lost by it.
_FIRST, _IN_USE, _NEARLY = 0.9, 0.1, 0.9
# Gap in skill between a decoder that is fed targets and one that is not, and the share that is left.
_GAP, _LEFT = 0.2, 0.5

CAUSES = (
    "split_leak",
    "encoder_leak",
    "answer_leak",
    "exposure_bias",
    "rate",
    "code_unused",
    "latent_collapse",
    "mean_predictor",
)
_MEASURED, _TRIED = "schedule_stopped", "overfitting"


def checks(config: AutoencoderConfig, leak: Leak, evidence: Evidence) -> list[Examination]:
    """Look for all causes of the task's own, in the order of `CAUSES`.

    Before the first update, and where codes or outputs are not finite, only the rows are checked.

    Args:
      config: of the task.
      leak: what its parts share.
      evidence: of the run.
    """
    found = [split_leak(config, leak, evidence)]
    if not evidence.updated:
        return found
    measured = Measured.of(evidence.evaluation)
    # The nearest level of what is not a number is one, so that outputs may be finite where codes are not.
    if not (evidence.evaluation.is_finite and measured.codes_are_finite):
        return found
    answer = answer_leak(config, measured, evidence)
    return [
        *found,
        encoder_leak(config, measured, evidence),
        answer,
        _exposure_bias(config, measured, evidence, answered=bool(answer.found)),
        _rate(config, measured, evidence),
        _code_unused(config, measured, evidence),
        _latent_collapse(config, measured, evidence),
        _mean_predictor(config, measured, evidence),
    ]


def _exposure_bias(
    config: AutoencoderConfig, measured: Measured, evidence: Evidence, *, answered: bool
) -> Examination:
    forced, found = None, False
    words = "The decoder is not trained on targets that it is fed."
    if is_forced(config) and measured.probes["forced"] is not None:
        forced = measured.of_probe("forced")
        found = forced - measured.skill > _GAP and measured.skill < _LEFT * forced
        words = (
            f"Fed the targets, as in training, the decoder has a skill of {number(forced)}, and on its own "
            f"outputs {number(measured.skill)}."
        )
    return Examination(
        cause="exposure_bias",
        found=None if answered else found,
        words=f"{words} The answers are among the targets." if answered else words,
        evidence={
            "forced_skill": forced,
            "skill": measured.skill,
            "forced_cosine": measured.probes["forced"],
            "cosine": measured.probes["cosine"],
        },
        threshold=(
            f"a gap in skill of {_GAP:g}, with less than {_LEFT:.0%} left: the vector before a sample always "
            "tells something of it, but where it tells most, training relied on it"
        ),
        experiment=evidence.command("task.forcing="),
        advice="Train on the decoder's own outputs: lower task.forcing in later phases, down to 0.",
        before=_MEASURED,
    )


def _rate(config: AutoencoderConfig, measured: Measured, evidence: Evidence) -> Examination:
    exact = measured.at_bits(32)
    lost = exact - measured.skill
    return Examination(
        cause="rate",
        found=lost > _SHARE * exact if exact >= LEAST else None,
        words=(
            f"At {config.bits} bits a number the skill is {number(measured.skill)}, and {number(exact)} "
            "where the code is not quantised."
        ),
        evidence={
            "bits": config.bits,
            "skill": measured.skill,
            "skill_not_quantised": exact,
            "cosine_by_bits": dict(measured.probes["by_bits"]),
        },
        threshold=(
            f"{_SHARE:.0%} of the skill that the same weights have without quantisation, {LEAST:g} at least: "
            "8 bits a number lose nothing of a linear code"
        ),
        experiment=evidence.command("task.bits=16"),
        advice=(
            f"Give a number more bits, or train with code noise of half a level, "
            f"task.code_noise={1 / (2**config.bits - 1):.2g}."
        ),
        before=_MEASURED,
    )


def _code_unused(config: AutoencoderConfig, measured: Measured, evidence: Evidence) -> Examination:
    zeroed, swapped = measured.lost("zeroed"), measured.lost("swapped")
    constant = measured.probes["geometry"]["participation"] == 0
    most = _SHARE * measured.skill
    words = (
        f"Of a skill of {number(measured.skill)}, the code of another sequence costs {number(swapped)}, and "
        f"zeros cost {number(zeroed)}."
    )
    changes = [*without_noise(config), *(["task.forcing="] if config.forcing else [])]
    return Examination(
        cause="code_unused",
        found=swapped < most and (zeroed < most or constant) if measured.is_learned else None,
        words=f"{words} All codes are the same." if constant else words,
        evidence={
            "skill": measured.skill,
            "lost_by_swapped_codes": swapped,
            "lost_by_zeroed_codes": zeroed,
            "codes_are_equal": constant,
        },
        threshold=(
            f"less than {_SHARE:.0%} of a skill of at least {LEAST:g} by either, or by another's where all "
            "codes are equal: another's says nothing of a sequence, so that the skill left is not the code's"
        ),
        experiment=evidence.command(*(changes or to_linear(config) or ["task.numbers=32"])),
        advice=(
            "Remove what makes the code unreliable (noise, a penalty, the divergence) or unnecessary (fed "
            "targets, the encoder's states), or raise it slowly (task.annealing)."
        ),
        before=_TRIED,
    )


def _latent_collapse(
    config: AutoencoderConfig, measured: Measured, evidence: Evidence
) -> Examination:
    geometry, numbers = measured.probes["geometry"], config.numbers
    participation, first, length = (
        geometry[name] for name in ("participation", "first", "length_r2")
    )
    narrow = participation < _IN_USE * numbers or (numbers > 1 and first > _FIRST)
    # Without an axis the codes are equal, which is another cause.
    found = bool(narrow and participation > 0 and measured.skill < _NEARLY * measured.best)
    words = (
        f"{participation:.2g} of {numbers} numbers are in use (participation ratio): the first axis of the "
        f"codes has {first:.1%} of their variance"
    )
    if length is not None:
        words += f", and they tell {length:.0%} of the variance of the lengths"
    changes = to_linear(config)
    return Examination(
        cause="latent_collapse",
        found=found,
        words=f"{words}.",
        evidence={
            "participation_ratio": participation,
            "numbers": numbers,
            "first_axis": first,
            "length_r2": length,
            "lost_by_swapped_codes": measured.lost("swapped"),
            "skill": measured.skill,
            "best_skill_without_network": measured.best,
        },
        threshold=(
            f"{_FIRST:.0%} of the variance on one axis, or {_IN_USE:.0%} of the numbers in use, with less "
            f"than {_NEARLY:.0%} of the skill of the best code without a network: more axes would help"
        ),
        experiment=evidence.command(*(changes or ["task.code_normalisation=true"])),
        advice="Begin with principal components (task.encoder=linear or both), whose numbers are all in use.",
        before=_TRIED,
    )


def _mean_predictor(
    config: AutoencoderConfig, measured: Measured, evidence: Evidence
) -> Examination:
    varied = float(measured.probes["varied"])
    small = measured.skill < min(_SKILL, _OF_BEST * measured.best)
    changes = to_linear(config)
    return Examination(
        cause="mean_predictor",
        found=bool(np.isfinite(varied) and small and varied < _VARIED),
        words=(
            f"The outputs have a skill of {number(measured.skill)} over the mean vector, and vary between "
            f"sequences by {varied:.1%} of the variance of the targets."
        ),
        evidence={
            "skill": measured.skill,
            "cosine": measured.probes["cosine"],
            "mean_cosine": measured.mean,
            "varied": varied,
            "best_skill_without_network": measured.best,
        },
        threshold=(
            f"a skill below {_SKILL:g} and {_OF_BEST:.0%} of that of the best code without a network, with "
            f"less than {_VARIED:.0%} of the variance: the outputs are the mean, and better ones are possible"
        ),
        experiment=evidence.command(*(changes or ["optimizer.learning_rate=0.001"])),
        advice=(
            "Begin with principal components (encoder linear or both, decoder linear or parallel), without "
            "noise and penalties; of a cosine near that of the mean vector report the skill."
        ),
    )
