"""Encoders that search: what goes with them, and their networks from a config."""

from typing import Any

import jax
import numpy as np
import pytest

from freqjax import AutoencoderConfig, NetworkConfig, UserError
from freqjax.config import overrides, validation
from freqjax.deploy.autoencoder import task_of
from freqjax.tasks.autoencoder import parts
from freqjax.tasks.autoencoder.measured import to_linear, without_noise
from freqjax.tasks.autoencoder.presets import preset


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"encoder": "nearest"}, "nearest goes with curves or phrases"),
        ({"decoder": "curves"}, "task.encoder is both and task.decoder is curves"),
        ({"encoder": "nearest", "decoder": "phrases", "bits": 4}, "at most 2\\^task.bits = 16"),
        (
            {"encoder": "nearest", "decoder": "curves", "divergence": 0.1},
            "task.divergence is 0.1: it must be 0 where task.encoder is nearest",
        ),
        (
            {"encoder": "nearest", "decoder": "curves", "code_normalisation": True},
            "task.code_normalisation is True: it must be False where task.encoder is nearest",
        ),
        ({"code_noise_first": 0.5}, "task.code_noise is 0: it must be above 0"),
    ],
)
def test_a_search_has_what_it_searches(fields, words):
    config = preset()
    for name, value in fields.items():
        setattr(config.task, name, value)
    with pytest.raises(UserError, match=words):
        config.task.check(config)


def test_curves_and_phrases_are_made_from_a_config():
    for decoder in ("curves", "phrases"):
        task = AutoencoderConfig(
            length=6, dimensions=3, numbers=2, encoder="nearest", decoder=decoder, nodes=16
        )
        network = parts.make(task, NetworkConfig(), None)
        params = network.init(jax.random.key(0))
        assert set(params) == {"decoder"}
        xs: Any = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
        outputs = jax.jit(network.unroll)(params, (), xs, np.zeros((6, 4), bool))[1]
        assert outputs.shape == (6, 4, 3) and np.ptp(outputs, axis=1).max() > 0


def test_what_a_diagnosis_proposes_is_a_valid_config():
    fields = {
        "encoder": "nearest",
        "decoder": "curves",
        "code_noise": 0.02,
        "code_noise_first": 0.5,
    }
    for changes in (to_linear, without_noise):
        config = preset()
        for name, value in fields.items():
            setattr(config.task, name, value)
        changed = overrides.apply(
            config, [(f, v) for f, _, v in (c.partition("=") for c in changes(task_of(config)))]
        )
        validation.validate_training(changed)
        assert task_of(changed).code_noise_first == 0
