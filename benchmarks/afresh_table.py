"""The table of faults planted afresh: their labels, written before any diagnosis of them was seen."""

from __future__ import annotations

from benchmarks.afresh_plants import (
    Fault,
    also,
    both,
    chaotic,
    clock,
    decimated,
    larger,
    latch,
    late,
    listener,
    loud,
    mixture_constant,
    mixture_exchanged,
    mixture_late,
    mixture_negated,
    negated,
    offset,
    ordered_latch,
    outlier,
    put,
    shut,
    slow_clock,
    swapped,
    too_fast,
)

fixed_listener = both(listener, task__noise="fixed", task__starts=16)
# Sines one after another, each for long, with many steps in each.
serial = both(
    listener,
    task__start="zero",
    task__duration=60.0,
    task__noise="fixed",
    task__phase_scale=0.02,
    network__cell="lstm",
    train__streams="sequential",
    train__truncation=20,
    train__epochs=2,
    train__evaluate_every=1,
)
online_sine = both(
    clock,
    task__frequencies=(1.2, 2.9),
    task__sampling_rate=400.0,
    task__duration=5.0,
    task__noise="fixed",
    task__reset="never",
    network__initializer="pytorch",
    network__cell="gru",
    network__learned_carry=False,
    optimizer__name="adam",
    optimizer__schedule="constant",
    optimizer__learning_rate=4e-3,
    train__regime="online",
    train__streams="sequential",
    train__epochs=1,
    train__evaluate_every=1,
)
cut = put(train__regime="tbptt", train__truncation=[2, 3], task__duration=[1.5])
far = put(
    network__initializer=["rotor"],
    task__rotor_low=[12.0],
    task__rotor_high=[17.0],
    task__duration=[6.0],
)

FAULTS = (
    # Healthy runs.
    Fault("healthy_clock", (), clock),
    Fault("healthy_fixed_clock", (), slow_clock),
    Fault("healthy_listener", (), listener),
    Fault("healthy_two_layers", (), both(listener, network__cell="gru", network__layers=2)),
    Fault("healthy_short_cut", (), both(listener, train__truncation=15), kind="borderline"),
    Fault("healthy_latch", (), latch),
    Fault("healthy_ordered_latch", (), ordered_latch),
    # Rows.
    Fault("scaled", ("bad_data",), slow_clock, tamper=larger(2.5, 5.0)),
    Fault(
        "a_little_larger", ("bad_data",), slow_clock, tamper=larger(1.25, 1.4), kind="borderline"
    ),
    Fault("offset", ("bad_data",), slow_clock, tamper=offset(0.3, 0.6)),
    Fault("negated", ("bad_data",), slow_clock, tamper=negated),
    Fault("late", ("bad_data",), slow_clock, tamper=late(5, 9)),
    Fault("two_late", ("bad_data",), slow_clock, tamper=late(2, 4), kind="borderline"),
    Fault("one_outlier", ("bad_data",), slow_clock, tamper=outlier),
    Fault("another_frequency", ("bad_data",), slow_clock, tamper=too_fast),
    Fault("selectors_swapped", ("bad_data",), slow_clock, tamper=swapped),
    Fault("dealt_to_three", ("decimated_stream",), slow_clock, tamper=decimated(3)),
    Fault("dealt_to_six", ("decimated_stream",), slow_clock, tamper=decimated(6)),
    Fault("mixture_negated", ("data_mismatch",), fixed_listener, tamper=mixture_negated),
    Fault("mixture_late", ("data_mismatch",), fixed_listener, tamper=mixture_late(3, 7)),
    Fault("mixture_exchanged", ("data_mismatch",), fixed_listener, tamper=mixture_exchanged),
    Fault("test_mixture_negated", ("data_mismatch",), fixed_listener, test_tamper=mixture_negated),
    Fault(
        "mixture_constant",
        ("bad_data",),
        both(fixed_listener, task__duration=1.2, train__truncation=12),
        tamper=mixture_constant,
    ),
    Fault("tested_on_training", ("bad_data",), fixed_listener, tamper=lambda g, s, y: (s, y)),
    # What is possible.
    Fault(
        "mute", ("information_limit",), listener, put(task__phase_scale=[1.0], train__epochs=[40])
    ),
    Fault(
        "brief",
        ("information_limit",),
        listener,
        put(
            task__phase_scale=[0.6], task__duration=[0.2], train__truncation=[2], train__epochs=[60]
        ),
    ),
    # Numbers and gradients.
    Fault(
        "overflow_sgd",
        ("non_finite",),
        clock,
        put(
            optimizer__name=["sgd"],
            optimizer__learning_rate=(1e11, 1e13),
            optimizer__clip_norm=[None],
            optimizer__schedule=["constant"],
        ),
    ),
    Fault(
        "overflow_gru",
        ("non_finite",),
        listener,
        put(optimizer__learning_rate=(1e28, 1e30), network__cell=["gru"]),
    ),
    Fault(
        "chaotic",
        ("exploding_gradient",),
        both(clock, network__initializer="pytorch", network__hidden_size=14),
        put(train__epochs=[120]),
        weights=chaotic(9.0),
        provable=False,
    ),
    Fault(
        "exploded_at_once",
        ("exploding_gradient",),
        both(clock, network__initializer="unit_forget"),
        put(train__epochs=[30], optimizer__clip_norm=[None]),
        weights=loud(1e24),
        provable=False,
        kind="borderline",
    ),
    Fault("shut_outputs", ("vanishing_gradient",), clock, weights=shut("o", 40.0)),
    Fault(
        "shut_latch",
        ("vanishing_gradient",),
        both(ordered_latch, network__cell="lstm"),
        weights=shut("i", 35.0),
    ),
    Fault("serial", ("forgetting",), serial, provable=False),
    # Steps.
    Fault(
        "fast_clock",
        ("learning_rate_high",),
        clock,
        put(optimizer__learning_rate=(0.7, 3.0), optimizer__schedule=["constant"]),
    ),
    Fault(
        "fast_listener", ("learning_rate_high",), listener, put(optimizer__learning_rate=(1.0, 4.0))
    ),
    Fault("fast_latch", ("learning_rate_high",), latch, put(optimizer__learning_rate=(3.0, 10.0))),
    Fault(
        "rather_fast",
        ("learning_rate_high",),
        ordered_latch,
        put(optimizer__learning_rate=(0.8, 1.2)),
        kind="borderline",
    ),
    Fault("slow_steps", ("learning_rate_low",), clock, put(optimizer__learning_rate=(3e-6, 3e-5))),
    Fault(
        "slow_listener",
        ("learning_rate_low",),
        listener,
        put(optimizer__learning_rate=(1e-6, 3e-5)),
    ),
    Fault("slow_latch", ("learning_rate_low",), latch, put(optimizer__learning_rate=(1e-5, 1e-4))),
    Fault(
        "rather_slow",
        ("learning_rate_low",),
        clock,
        put(optimizer__learning_rate=(1e-4, 2e-4)),
        kind="borderline",
    ),
    # Length.
    Fault(
        "impatient",
        ("schedule_stopped",),
        clock,
        put(train__patience=[1], train__evaluate_every=[2], train__min_delta=(0.05, 0.1)),
    ),
    Fault(
        "impatient_latch",
        ("schedule_stopped",),
        latch,
        put(train__patience=[1], train__evaluate_every=[1], train__min_delta=(0.1, 0.2)),
    ),
    Fault(
        "plateau",
        ("schedule_stopped",),
        listener,
        put(
            optimizer__schedule=["plateau"],
            optimizer__plateau_factor=[0.1],
            optimizer__plateau_patience=[0],
            optimizer__plateau_min_delta=(0.05, 0.1),
        ),
    ),
    Fault(
        "easy_target",
        ("schedule_stopped",),
        clock,
        put(train__target_mse=(0.15, 0.25), train__evaluate_every=[2]),
        kind="borderline",
    ),
    Fault("too_short", ("needs_epochs",), clock, put(train__epochs=[35, 45])),
    Fault("too_short_listener", ("needs_epochs",), listener, put(train__epochs=[10, 12])),
    Fault("too_short_latch", ("needs_epochs",), latch, put(train__epochs=[8, 10])),
    # Rows learned by heart.
    Fault(
        "one_start", ("overfitting",), fixed_listener, put(task__starts=[1], train__epochs=[200])
    ),
    Fault(
        "few_sequences",
        ("overfitting",),
        ordered_latch,
        put(task__count=[4], task__disturbance=[0.8]),
        mend=put(task__count=[512], task__disturbance=[0.8]),
        provable=False,
    ),
    Fault(
        "two_starts",
        ("overfitting",),
        fixed_listener,
        put(task__starts=[2], train__epochs=[200]),
        kind="borderline",
    ),
    # Credit.
    Fault("chased", ("weight_chasing",), online_sine, provable=False),
    Fault("cut_clock", ("gradient_truncation",), clock, cut),
    Fault(
        "cut_latch",
        ("gradient_truncation",),
        both(ordered_latch, task__steps=12),
        put(train__regime=["tbptt"], train__truncation=[2, 3]),
    ),
    Fault(
        "cut_in_four",
        ("gradient_truncation",),
        both(clock, task__sampling_rate=40.0, task__duration=2.0),
        put(
            train__regime=["tbptt"],
            train__truncation=[8],
            task__frequencies=[(1.8, 4.3), (2.2, 3.7)],
        ),
        kind="borderline",
    ),
    # Width.
    Fault(
        "narrow",
        ("capacity",),
        both(clock, network__initializer="pytorch", network__hidden_size=16),
        put(
            network__hidden_size=[2], task__frequencies=[(1.4, 2.6, 3.9, 5.2), (1.6, 2.9, 4.4, 5.7)]
        ),
        mend=put(network__hidden_size=[24]),
    ),
    Fault("narrow_latch", ("capacity",), ordered_latch, put(network__hidden_size=[1])),
    # Basins and sizes.
    Fault("far_rotors", ("frequency_basin",), clock, far),
    Fault(
        "trapped",
        ("frequency_basin",),
        both(clock, task__duration=4.0, network__initializer="pytorch"),
        mend=put(network__initializer=["spectral"]),
    ),
    Fault(
        "decayed",
        ("amplitude_collapse",),
        both(clock, task__sampling_rate=64.0),
        put(optimizer__name=["adam"], optimizer__weight_decay=(0.12, 0.2)),
    ),
    Fault(
        "decoupled_decay",
        ("amplitude_collapse",),
        clock,
        put(
            optimizer__name=["adamw"],
            optimizer__weight_decay=(0.5, 1.0),
            optimizer__schedule=["constant"],
        ),
        kind="borderline",
    ),
    # Two at once.
    Fault(
        "cut_and_slow",
        ("gradient_truncation", "learning_rate_low"),
        clock,
        lambda d: cut(d) | put(optimizer__learning_rate=(1e-6, 1e-5))(d),
        kind="compound",
    ),
    Fault(
        "cut_and_slow_latch",
        ("gradient_truncation", "learning_rate_low"),
        both(ordered_latch, task__steps=12),
        put(train__regime=["tbptt"], train__truncation=[2], optimizer__learning_rate=(1e-5, 5e-5)),
        kind="compound",
    ),
    Fault(
        "cut_and_fast_latch",
        ("gradient_truncation", "learning_rate_high"),
        both(ordered_latch, task__steps=12),
        put(train__regime=["tbptt"], train__truncation=[3], optimizer__learning_rate=(5.0, 10.0)),
        kind="compound",
    ),
    Fault(
        "narrow_and_slow_latch",
        ("capacity", "learning_rate_low"),
        ordered_latch,
        put(network__hidden_size=[1], optimizer__learning_rate=(1e-5, 5e-5)),
        kind="compound",
    ),
    Fault(
        "narrow_and_slow",
        ("capacity", "learning_rate_low"),
        both(clock, network__initializer="pytorch", network__hidden_size=16),
        put(network__hidden_size=[2], optimizer__learning_rate=(1e-6, 1e-5)),
        mend=put(network__hidden_size=[24], optimizer__learning_rate=[0.02]),
        kind="compound",
    ),
    Fault(
        "scaled_and_slow",
        ("bad_data", "learning_rate_low"),
        slow_clock,
        put(optimizer__learning_rate=(1e-6, 2e-5)),
        tamper=larger(2.5, 4.0),
        kind="compound",
    ),
    Fault(
        "late_and_fast",
        ("bad_data", "learning_rate_high"),
        slow_clock,
        put(optimizer__learning_rate=(0.7, 2.0), optimizer__schedule=["constant"]),
        tamper=late(5, 9),
        kind="compound",
    ),
    Fault(
        "offset_and_short",
        ("bad_data", "needs_epochs"),
        slow_clock,
        put(train__epochs=[30, 40]),
        tamper=offset(0.3, 0.5),
        kind="compound",
    ),
    Fault(
        "negated_and_impatient",
        ("bad_data", "schedule_stopped"),
        slow_clock,
        put(train__patience=[1], train__evaluate_every=[2], train__min_delta=(0.05, 0.1)),
        tamper=negated,
        kind="compound",
    ),
    Fault(
        "exchanged_and_slow",
        ("data_mismatch", "learning_rate_low"),
        fixed_listener,
        put(optimizer__learning_rate=(1e-6, 2e-5)),
        tamper=mixture_negated,
        kind="compound",
    ),
    Fault(
        "scaled_and_lagged",
        ("bad_data", "data_mismatch"),
        fixed_listener,
        tamper=also(larger(2.0, 3.0), mixture_late(3, 6)),
        kind="compound",
    ),
    Fault(
        "scaled_and_narrow",
        ("bad_data", "capacity"),
        both(slow_clock, network__initializer="pytorch", optimizer__learning_rate=0.02),
        put(network__hidden_size=[1]),
        tamper=larger(1.5, 2.0),
        kind="compound",
        provable=False,
    ),
)
