"""Section of the config of the task lines: the general law of a line in noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from freqjax.config.fields import anything, at_least, choice, positive, rule, within
from freqjax.config.sections import Config
from freqjax.config.task import NAME, TaskConfig
from freqjax.errors import UserError
from freqjax.tasks.extraction.config import require_block

# Bands of rotors that no field sets, as multiples of the lowest and the highest frequency.
_BELOW, _ABOVE = 0.7, 1.4
# Leak and decay of rotors that no field sets, in cycles of the lowest frequency: pairs forget their state
# within a few cycles, so that the input determines their phase.
_LEAK, _DECAY = 3.0, 0.5
COLOURS = ("white", "pink", "blue", "ar1", "recordings")


def _frequencies_ok(values: tuple[float, ...]) -> bool:
    return len(values) > 0 and all(f >= 1e-9 for f in values) and len(set(values)) == len(values)


def _rising_pair(low: float):
    return lambda v: len(v) == 2 and low <= v[0] <= v[1]


@dataclass
class LinesConfig(TaskConfig):
    """Law of the recordings: lines, their drift and harmonics, noise, and faults of the measurement."""

    data_fields: ClassVar[frozenset[str]] = TaskConfig.data_fields | {
        "amplitude_range", "detuning", "frequency_drift", "amplitude_drift", "harmonic_strength",
        "snr_range", "noise_memory", "offset", "trend", "gain_range",
        "burst_rate", "burst_length", "burst_gain", "dropout_rate", "dropout_length",
    }  # fmt: skip
    files: ClassVar[tuple[str, ...]] = (*TaskConfig.files, "noise_path")
    time_unit: ClassVar[str] = "s"

    name: str = anything("lines", NAME)
    train_path: str = anything(
        "", "training rows from this .npz, .csv, .npy, .wav, … instead of synthesis"
    )
    test_path: str = anything(
        "", "test rows from this .npz, .csv, .npy, .wav, … instead of synthesis"
    )
    noise: str = choice(
        "fresh",
        ("fixed", "fresh"),
        "the rows of the seed every epoch, or new rows for every update",
    )
    frequencies: tuple[float, ...] = rule(
        (50.0,),
        "nominal frequencies of the lines, Hz",
        "distinct numbers of at least 1e-9",
        _frequencies_ok,
    )
    sampling_rate: float = positive(1000.0, "samples a second, Hz")
    duration: float = positive(4.0, "length of a recording, s")
    recordings: int = at_least(1, 16, "training recordings of each line in an update")
    test_recordings: int = at_least(1, 64, "test recordings of each line")
    together: bool = anything(
        True, "whether every recording has all lines, or only the one that is selected"
    )
    amplitude_law: str = choice(
        "log_uniform",
        ("log_uniform", "gaussian"),
        "amplitudes are log-uniform in amplitude_range with uniform phases, or both quadratures are "
        "Gaussian with the mean power of that range",
    )
    amplitude_range: tuple[float, ...] = rule(
        (0.5, 2.0),
        "range of the amplitudes of the lines",
        "two numbers above 0, the lower first",
        _rising_pair(1e-12),
    )
    detuning: float = within(
        0.0,
        0.3,
        0.0,
        "frequencies are uniform within this share of the nominal ones on either side",
    )
    frequency_drift: float = at_least(
        0.0,
        0.0,
        "random walk of a line's log frequency, standard deviation per square root of a second",
    )
    amplitude_drift: float = at_least(
        0.0,
        0.0,
        "random walk of a line's log amplitude, standard deviation per square root of a second",
    )
    harmonics: tuple[int, ...] = rule(
        (),
        "orders of the harmonics that belong to a line beside its fundamental, such as 3,5",
        "rising whole numbers of at least 2",
        lambda v: all(a < b for a, b in zip((1, *v), v, strict=False)),
    )
    harmonic_strength: float = at_least(
        0.0,
        0.5,
        "harmonic k has U(0, 1) · harmonic_strength · 2 / k of the fundamental's amplitude",
    )
    snr_range: tuple[float, ...] = rule(
        (-10.0, 20.0),
        "range of the ratio of the lines' mean power to the noise's, dB; uniform",
        "two numbers, the lower first",
        _rising_pair(-300.0),
    )
    noise_colors: tuple[str, ...] = rule(
        ("white",),
        "spectra of the noise, of which each recording has one: white, pink (1/f), blue (f), ar1, or "
        "recordings (excerpts of noise_path)",
        f"distinct names among {', '.join(COLOURS)}",
        lambda v: len(v) > 0 and set(v) <= set(COLOURS) and len(set(v)) == len(v),
    )
    noise_memory: float = positive(0.01, "time constant of ar1 noise, s")
    noise_path: str = anything(
        "", "recording, or folder of recordings, of noise (noise_colors recordings)"
    )
    offset: float = at_least(0.0, 0.0, "standard deviation of a recording's offset")
    trend: float = at_least(0.0, 0.0, "standard deviation of a recording's rise over its duration")
    burst_rate: float = at_least(0.0, 0.0, "bursts of noise a second")
    burst_length: float = positive(0.05, "length of a burst, s")
    burst_gain: float = at_least(
        1.0, 10.0, "amplitude of the noise in a burst, relative to that outside"
    )
    dropout_rate: float = at_least(0.0, 0.0, "dropouts a second, in which the input is 0")
    dropout_length: float = positive(0.05, "length of a dropout, s")
    normalize: bool = anything(
        True,
        "scale every recording, with its targets, to a mean power of 1, not counting bursts, dropouts, "
        "offset and harmonics",
    )
    gain_range: tuple[float, ...] = rule(
        (1.0, 1.0),
        "range of a recording's gain, targets included, log-uniform",
        "two numbers above 0, the lower first",
        _rising_pair(1e-12),
    )
    iq: bool = anything(
        False, "whether recordings are complex: two inputs and two targets, I and Q"
    )
    rotor_low: float | None = positive(
        None, "lowest frequency of a rotor, Hz; none for 0.7 times the lowest of frequencies"
    )
    rotor_high: float | None = positive(
        None,
        "highest frequency of a rotor, Hz; none for 1.4 times the highest one, harmonics included",
    )
    rotor_leak: float | None = at_least(
        0.0,
        None,
        "initial leak of the forget gate of a rotor, 1/s; none for 3 times the lowest frequency",
    )
    rotor_decay: float | None = at_least(
        0.0, None,
        "initial decay rate of small oscillations of a rotor, 1/s; none for half the lowest frequency",
    )  # fmt: skip

    @property
    def samples(self) -> int:
        """T, the rows of one recording."""
        return round(self.duration * self.sampling_rate)

    @property
    def samples_per_unit(self) -> float:
        """The sampling rate, Hz."""
        return self.sampling_rate

    @property
    def many_starts(self) -> bool:
        """True: the rows of a file may be several recordings."""
        return True

    @property
    def orders(self) -> tuple[int, ...]:
        """Orders of the parts of a line: 1, the fundamental, then those of the harmonics."""
        return (1, *self.harmonics)

    @property
    def noise_coefficient(self) -> float:
        """ρ of ar1 noise, its correlation from sample to sample."""
        return math.exp(-1 / (self.noise_memory * self.sampling_rate))

    @property
    def rotor_band(self) -> tuple[float, float]:
        """Lowest and highest frequency of a rotor, Hz."""
        low = self.rotor_low or _BELOW * min(self.frequencies)
        high = self.rotor_high or _ABOVE * max(self.frequencies) * self.orders[-1]
        # What no field sets stays below the Nyquist frequency by itself.
        return low, high if self.rotor_high else min(high, 0.45 * self.sampling_rate)

    @property
    def rotor_rates(self) -> tuple[float, float]:
        """Initial leak and decay of a rotor, 1/s."""
        lowest = min(self.frequencies)
        # What no field sets stays within what a pair can have by itself.
        most = 0.4 * self.sampling_rate
        leak = min(_LEAK * lowest, most) if self.rotor_leak is None else self.rotor_leak
        decay = min(_DECAY * lowest, most / 2) if self.rotor_decay is None else self.rotor_decay
        return leak, decay

    def check(self, config: Config) -> None:
        """Check the lines against rate, duration and network.

        Raises:
          UserError: fields contradict each other.
        """
        self._check_lines()
        require_block(self.duration, self.sampling_rate)
        if self.split != TaskConfig.split:
            raise UserError(
                f"task.split is {self.split}: it must be left as it is, {TaskConfig.split}, since the rows "
                "of lines are drawn by a seed of their own or read from separate files."
            )
        if self.amplitude_law == "gaussian" and self.normalize:
            raise UserError(
                "task.normalize is true: it must be false where task.amplitude_law is gaussian, since a "
                "scale that depends on the amplitudes makes them another law."
            )
        if bool(self.noise_path) != ("recordings" in self.noise_colors):
            given = self.noise_path or "empty"
            raise UserError(
                f"task.noise_path is {given}: it must name recordings if task.noise_colors holds recordings, "
                "and else be empty."
            )
        for name in ("train_path", "test_path"):
            path = getattr(self, name)
            if self.iq and path:
                raise UserError(
                    f"task.{name} is {path}: it must be empty where task.iq is true, since rows of a file "
                    "have one input and one target."
                )
        if config.network.initializer in ("rotor", "spectral"):
            self._check_rotors()

    def _check_lines(self) -> None:
        nyquist = self.sampling_rate / 2
        for frequency in self.frequencies:
            highest = frequency * self.orders[-1] * (1 + self.detuning)
            if highest >= nyquist:
                raise UserError(
                    f"task.frequencies holds {frequency:g} Hz: with task.harmonics and task.detuning it "
                    f"reaches {highest:g} Hz, and must stay below the Nyquist frequency, {nyquist:g} Hz at a "
                    f"task.sampling_rate of {self.sampling_rate:g} Hz."
                )
            if frequency * self.duration < 2:
                raise UserError(
                    f"task.frequencies holds {frequency:g} Hz: a recording of {self.duration:g} s "
                    "(task.duration) must hold at least two of its periods."
                )

    def _check_rotors(self) -> None:
        (low, high), nyquist = self.rotor_band, self.sampling_rate / 2
        if not low < high < nyquist:
            raise UserError(
                f"task.rotor_high is {high:g} Hz: it must lie above task.rotor_low ({low:g} Hz) and below "
                f"the Nyquist frequency ({nyquist:g} Hz)."
            )
        leak, decay = (rate / self.sampling_rate for rate in self.rotor_rates)
        for name, share in (("rotor_leak", leak), ("rotor_decay", decay)):
            if share >= 0.5:
                raise UserError(
                    f"task.{name} is {share * self.sampling_rate:g} 1/s: it must be below half of "
                    f"task.sampling_rate, {self.sampling_rate / 2:g}, so that a pair keeps a state."
                )


def lines_of(config: Config) -> LinesConfig:
    """Return the section `task` of a config whose task is lines.

    Raises:
      UserError: the task is another one.
    """
    if not isinstance(config.task, LinesConfig):
        raise UserError(f"task.name is {config.task.name}: it must be lines for this.")
    return config.task
