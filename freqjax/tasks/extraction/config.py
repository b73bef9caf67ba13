"""Sections of the config that only extraction has: its fields of `task`, and `limits`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from freqjax.config.fields import Section, anything, at_least, choice, positive, rule
from freqjax.config.sections import Config
from freqjax.config.task import NAME, TaskConfig
from freqjax.config.validation import validate
from freqjax.errors import UserError

# A block is held in memory whole.
_MOST_SAMPLES = 100_000_000


@dataclass
class LimitsConfig(Section, section="limits"):
    """Phase scales and numbers of samples for the mode limits."""

    phase_scales: tuple[float, ...] = rule(
        (1.0, 0.5, 0.1, 0.01),
        "the phase scales whose limits are computed",
        "distinct numbers of at least 0",
        lambda v: len(v) > 0 and min(v) >= 0 and len(set(v)) == len(v),
    )
    samples_seen: tuple[int, ...] = rule(
        (1, 10, 50, 200, 1000, 5000),
        "the limits after so many samples of a stream; of these default ones, those within a block",
        "rising whole numbers of at least 1",
        lambda v: len(v) > 0 and v[0] >= 1 and list(v) == sorted(set(v)),
    )


def _frequencies_ok(values: tuple[float, ...]) -> bool:
    return len(values) > 0 and all(f >= 1e-6 for f in values) and len(set(values)) == len(values)


@dataclass
class ExtractionConfig(TaskConfig):
    """Signal: frequencies, sampling, noise and starts of the streams."""

    data_fields: ClassVar[frozenset[str]] = TaskConfig.data_fields | {
        "frequencies",
        "amplitude_range",
        "phase_scale",
        "rotor_low",
        "rotor_high",
        "rotor_leak",
        "rotor_decay",
    }
    sections: ClassVar[Mapping[str, type[Section]]] = {"limits": LimitsConfig}
    time_unit: ClassVar[str] = "s"

    name: str = anything("extraction", NAME)
    train_path: str = anything(
        "", "training rows from this .npz, .csv, .npy, .wav, … instead of synthesis"
    )
    test_path: str = anything(
        "", "test rows from this .npz, .csv, .npy, .wav, … instead of synthesis"
    )
    frequencies: tuple[float, ...] = rule(
        (1.0, 3.0, 5.0, 7.0),
        "component frequencies, Hz",
        "distinct numbers of at least 1e-6",
        _frequencies_ok,
    )
    sampling_rate: float = positive(1000.0, "samples a second, Hz")
    duration: float = positive(10.0, "length of a block, s")
    amplitude_range: tuple[float, ...] = rule(
        (0.8, 1.2),
        "amplitudes are drawn uniformly from this range at every sample",
        "two numbers, the lower first",
        lambda v: len(v) == 2 and v[0] <= v[1],
    )
    phase_scale: float = at_least(
        0.0, 1.0, "phases are phase_scale · U(0, 2π), drawn at every sample"
    )
    start: str = choice("zero", ("zero", "random"), "start of a stream: time zero, or random")
    starts: int = at_least(1, 64, "streams if start is random (a test has at least 64)")
    rotor_low: float = positive(0.5, "lowest frequency of a rotor, Hz (initializer rotor)")
    rotor_high: float = positive(20.0, "highest frequency of a rotor, Hz (initializer rotor)")
    rotor_leak: float = at_least(
        0.0, 0.0, "initial leak of the forget gate of a rotor, 1/s (initializer rotor)"
    )
    rotor_decay: float = at_least(
        0.0, 0.0, "initial decay rate of small oscillations of a rotor, 1/s (initializer rotor)"
    )

    @property
    def samples(self) -> int:
        """T, the rows of one block."""
        return round(self.duration * self.sampling_rate)

    @property
    def samples_per_unit(self) -> float:
        """The sampling rate, Hz."""
        return self.sampling_rate

    @property
    def many_starts(self) -> bool:
        """True if streams start at random, so that rows may be several of them."""
        return self.start == "random"

    @property
    def unjudged_samples(self) -> int:
        """Samples at the start of a stream that are not judged.

        These are the burn-in or, without one and if streams start at random, the first second, in which the
        phase cannot be known; 0 if a stream is not longer than a second.
        """
        if self.burn_in:
            return self.burn_in_samples
        second = round(self.sampling_rate)
        return second if self.start == "random" and second < self.samples else 0

    def check(self, config: Config) -> None:
        """Check the frequencies against the sampling rate, and the network's rotors against both.

        Raises:
          UserError: fields contradict each other.
        """
        self._check_block()
        if self.split != TaskConfig.split:
            raise UserError(
                f"task.split is {self.split}: it must be left as it is, {TaskConfig.split}, since the rows "
                "of extraction are drawn by a seed of their own or read from separate files."
            )
        if self.rotor_leak and not config.network.has_layers:
            raise UserError(
                f"task.rotor_leak is {self.rotor_leak:g}: it must be 0 where network.cell is "
                f"{config.network.cell}, which has no forget gate."
            )
        nyquist, rotors = (
            self.sampling_rate / 2,
            config.network.initializer in ("rotor", "spectral"),
        )
        if rotors and not self.rotor_low < self.rotor_high < nyquist:
            raise UserError(
                f"task.rotor_high is {self.rotor_high:g} Hz: it must lie above task.rotor_low "
                f"({self.rotor_low:g} Hz) and below the Nyquist frequency ({nyquist:g} Hz)."
            )

    def _check_block(self) -> None:
        nyquist = self.sampling_rate / 2
        for frequency in self.frequencies:
            if frequency >= nyquist:
                raise UserError(
                    f"task.frequencies holds {frequency:g} Hz: it must lie below the Nyquist frequency, "
                    f"{nyquist:g} Hz at a task.sampling_rate of {self.sampling_rate:g} Hz."
                )
        require_block(self.duration, self.sampling_rate)


def require_block(duration: float, sampling_rate: float) -> None:
    """Require `duration`, s, to be a number of samples at `sampling_rate`, Hz, that can be held.

    Raises:
      UserError: it is not.
    """
    rows = duration * sampling_rate
    wanted = f"times task.sampling_rate ({sampling_rate:g} Hz) it must give"
    if rows > _MOST_SAMPLES:
        raise UserError(
            f"task.duration is {duration:g} s: {wanted} at most {_MOST_SAMPLES} samples."
        )
    if abs(rows - round(rows)) > 1e-6 or round(rows) < 2:
        raise UserError(
            f"task.duration is {duration:g} s: {wanted} a whole number of samples, at least 2."
        )


def extraction_of(config: Config) -> ExtractionConfig:
    """Return the section `task` of a config whose task is extraction.

    Raises:
      UserError: the task is another one.
    """
    if not isinstance(config.task, ExtractionConfig):
        raise UserError(f"task.name is {config.task.name}: it must be extraction for this.")
    return config.task


def limits_of(config: Config) -> tuple[ExtractionConfig, LimitsConfig]:
    """Validate a config for the mode limits, and return the sections that it uses.

    Raises:
      UserError: the task is another one, or a number of samples exceeds a block.
    """
    task = extraction_of(validate(config))
    limits: LimitsConfig = config.limits
    seen = limits.samples_seen
    if seen != LimitsConfig().samples_seen and seen[-1] > task.samples:
        raise UserError(
            f"limits.samples_seen holds {seen[-1]}: it must be at most {task.samples}, the samples of a "
            "block, as task.duration and task.sampling_rate say."
        )
    return task, limits
