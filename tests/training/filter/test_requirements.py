"""Requirements of a filter; a refusal names a field, its value and those allowed."""

import pytest

from freqjax import UserError
from freqjax.networks import make_network
from freqjax.networks.weights import RotorSetting
from freqjax.tasks import make_task
from freqjax.training.filter.requirements import require
from freqjax.training.gradients import engines
from tests.strangers import classifier, regressor
from tests.training.filter.small import config_of


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("train.regime", "tbptt", "train.gradient is rtrl: it must be one of"),
        ("train.streams", "parallel", "train.streams is parallel: it must be sequential"),
        ("train.engine", "autodiff", "train.engine is autodiff: it must be one of auto, native"),
        ("train.steps_per_epoch", "7", "train.steps_per_epoch is 7: it must be none"),
        ("train.divergence_factor", "3", "train.divergence_factor is 3"),
        ("train.evaluate_every", "2", "train.evaluate_every is 2: it must be 1"),
        ("train.escalate", "16,32", "train.escalate is (16, 32): it must be empty where optimizer"),
        ("network.recurrence", "dense", "network.recurrence is dense: it must be pairs"),
        ("network.learned_carry", "false", "network.learned_carry is false: it must be true"),
        ("curriculum.longest_horizon", "1", "curriculum.longest_horizon is 1"),
        ("curriculum.first_horizon", "0.001", "curriculum.first_horizon is 0.001 s: it must be at"),
        ("curriculum.first_horizon", "2.5", "curriculum.first_horizon is 2.5 s: it must be at"),
        ("curriculum.damping", "0.1", "curriculum.damping is 0.1: it must be left at 0.01 where"),
        ("optimizer.groups", "all", "optimizer.groups is 'all': it must be one of input, part"),
        ("optimizer.observation_noise", "0", "optimizer.observation_noise is 0"),
        ("optimizer.later_prior", "1.5", "optimizer.later_prior is 1.5: it must be above 0 and at"),
        ("optimizer.relative_prior", "-1", "optimizer.relative_prior is -1"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(field, value, said):
    with pytest.raises(UserError) as caught:
        config_of(**{field.replace(".", "__"): value})
    message = str(caught.value)
    assert message.startswith(said)
    assert message.endswith(".")
    assert message.count(". ") == 0


def test_the_native_loop_keeps_one_covariance():
    with pytest.raises(UserError, match=r"^optimizer.groups is part: it must be input where train"):
        config_of(train__engine="native", optimizer__groups="part")


@pytest.mark.parametrize(
    ("hidden", "groups", "said"),
    [
        ("64", "input", None),
        # 512 pairs of 36 weights a group: 18,432² elements, a nanosecond each, 10,000 times.
        ("4096", "input", "takes about 57 min or more, since each updates 3.4e+08 elements"),
        ("4096", "part", None),
    ],
)
def test_a_block_that_takes_long_is_announced(hidden, groups, said):
    names = {"task__frequencies": "1,3,5,7", "task__sampling_rate": "1000", "task__duration": "10"}
    config = config_of(network__hidden_size=hidden, optimizer__groups=groups, **names)
    task = make_task(config.task)
    note = engines.choose(make_network(config.network, task), task, config).note
    if said is None:
        assert note is None
        return
    assert note is not None
    assert note.startswith(
        "network.hidden_size is 4096: a block of 10,000 samples takes about 57 m"
    )
    assert said in note
    assert note.endswith("optimizer.groups=part or a smaller network.hidden_size takes less.")


def test_a_growing_block_begins_afresh():
    with pytest.raises(UserError, match=r"^task.reset is never: it must be block where curriculum"):
        config_of(curriculum__first_horizon="0.5", task__reset="never")


def test_a_horizon_of_a_whole_block_is_allowed():
    assert config_of(curriculum__first_horizon="2").curriculum.first_horizon == 2


class Oscillating(regressor.Task):
    """A stranger with a band, so that it may have rotors."""

    output_size = 1
    weighted = False

    def rotors(self):
        """Return an arbitrary band."""
        return RotorSetting(band=(0.01, 0.2))


def refusal(task, config, network=None):
    network = network or make_network(config.network, task)
    with pytest.raises(UserError) as caught:
        require(network, task, config)
    message = str(caught.value)
    assert message.endswith(".")
    assert message.count(". ") == 0
    return message


def stranger(**attributes):
    return type("Stranger", (Oscillating,), attributes)(regressor.WalkConfig())


def test_a_task_that_oscillates_is_accepted():
    config = config_of()
    network = make_network(config.network, stranger())
    assert require(network, stranger(), config) is network


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"objective": classifier.Task.objective}, "where the objective is the"),
        ({"weighted": True}, "where rows have weights or a burn-in"),
        ({"output_size": 2}, "where the task has 2 outputs"),
        ({"group_names": ("a", "b")}, "where the task has 2 groups and selects 1"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(attributes, said):
    message = refusal(stranger(**attributes), config_of())
    assert message.startswith(f"optimizer.name is ekf: it must be another one {said}")


def test_a_network_without_rotors_is_refused():
    config = config_of(network__initializer="orthogonal")
    message = refusal(stranger(), config)
    assert message.startswith("network.initializer is orthogonal: it must be rotor or spectral")
