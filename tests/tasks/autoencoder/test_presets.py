"""Presets: their sizes, and the networks of the published forms."""

import jax
import numpy as np
import pytest

from freqjax import UserError
from freqjax.config import sections
from freqjax.config.validation import validate, validate_training
from freqjax.deploy.autoencoder import task_of
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.network.recurrent import RecurrentDecoder
from freqjax.tasks.autoencoder.presets import PRESETS, preset
from freqjax.training.prepared import assemble, param_shapes

SIZES = {
    "tiny": (128, 16, 1),
    "small": (256, 32, 1),
    "medium": (512, 64, 1),
    "large": (768, 96, 2),
    "xlarge": (1024, 128, 2),
    "research": (512, 20, 1),
    "original": (64, 16, 1),
    "original_attention": (512, 128, 1),
}


def sized(name):
    """Return the config of a preset for sequences of 50 vectors of 300."""
    config = preset(name)
    task_of(config).length, task_of(config).dimensions = 50, 300
    return config


def network_of(name):
    """Return the network of a preset on sequences of 50 vectors of 300, and the shapes of its weights."""
    network = assemble(validate(sized(name))).network
    assert isinstance(network, AutoencoderNetwork)
    return network, param_shapes(network)


def test_every_preset_is_valid_and_has_its_sizes():
    assert set(SIZES) == set(PRESETS)
    for name, sizes in SIZES.items():
        config = sized(name)
        validate_training(config)
        numbers = task_of(config).numbers
        assert (config.network.hidden_size, numbers, config.network.layers) == sizes
        assert config.network.residual == (name == "xlarge")
        assert network_of(name)[0].code.bits_per_sequence == 8 * sizes[1]


def test_the_defaults_are_those_of_the_task_but_for_the_rows():
    differing = sections.differing_fields(preset(), sections.default_config("autoencoder"))
    assert set(differing) == {"train.regime", "train.epochs"}
    assert preset("tiny") is not preset("tiny")


def test_the_original_is_a_plain_recurrent_network_of_64_units_and_16_numbers():
    network, shapes = network_of("original")
    encoder, decoder = shapes["encoder"], shapes["decoder"]
    kernels = [leaf.shape for leaf in jax.tree.leaves(encoder["recurrent"])]
    assert {(300, 64), (64, 64)} <= set(kernels)
    assert encoder["read"]["kernel"].shape == (128, 16)  # of the last state and of the mean
    assert decoder["read"]["out"]["kernel"].shape == (64, 300)
    assert decoder["begin"]["kernel"].shape == (16, 64)  # one state: no memory cell
    assert not network.decoder.leaks
    assert network.decoder.feeds_back


def test_the_original_with_attention_reads_the_states_of_the_encoder():
    network, shapes = network_of("original_attention")
    assert network.decoder.leaks
    assert shapes["decoder"]["attention"]["key"]["kernel"].shape == (512, 512)
    assert shapes["encoder"]["read"]["kernel"].shape == (1024, 128)
    assert "slots" not in shapes["decoder"]


def test_the_one_for_research_attends_to_slots_of_a_bidirectional_code():
    network, shapes = network_of("research")
    assert preset("research").network.bidirectional
    assert isinstance(network.decoder, RecurrentDecoder)
    assert not network.decoder.leaks
    assert network.decoder.slots == 8
    assert shapes["decoder"]["slots"]["kernel"].shape == (20, 8 * 512)
    assert np.prod(shapes["encoder"]["read"]["kernel"].shape) == 1024 * 20


def test_a_name_that_is_no_preset_is_refused():
    with pytest.raises(UserError, match="preset is 'huge': it must be one of tiny, small, medium"):
        preset("huge")
