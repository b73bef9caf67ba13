"""Arithmetic coding: what goes in comes out, in as many bits as the shares say."""

import math

import numpy as np
import pytest

from freqjax.tasks.autoencoder.arithmetic_coding import LARGEST_TOTAL, Decoder, Encoder, Share


def encoded(symbols, tables):
    encoder = Encoder()
    for symbol, table in zip(symbols, tables, strict=True):
        encoder.put(Share(sum(table[:symbol]), table[symbol], sum(table)))
    return encoder.finish()


def decoded(data, tables):
    decoder, found = Decoder(data), []
    for table in tables:
        target = decoder.target(sum(table))
        symbol = int(np.searchsorted(np.cumsum(table), target, side="right"))
        decoder.take(Share(sum(table[:symbol]), table[symbol], sum(table)))
        found.append(symbol)
    return found


def drawn(seed, count):
    """Draw tables of weights, some of them very uneven, and a symbol of each."""
    random = np.random.default_rng(seed)
    tables = [
        (1 + random.integers(0, 10 ** random.integers(1, 9), random.integers(1, 9))).tolist()
        for _ in range(count)
    ]
    return [int(random.integers(len(table))) for table in tables], tables


@pytest.mark.parametrize("count", [0, 1, 2, 30, 300])
@pytest.mark.parametrize("seed", range(5))
def test_symbols_come_back_in_their_ideal_length_and_two_bits(seed, count):
    symbols, tables = drawn(seed, count)
    code = encoded(symbols, tables)
    assert decoded(code.data, tables) == symbols
    ideal = sum(math.log2(sum(t) / t[s]) for s, t in zip(symbols, tables, strict=True))
    assert code.bits <= ideal + 2
    assert len(code.data) == math.ceil(code.bits / 8)


def test_a_certain_symbol_takes_no_bits():
    assert encoded([0] * 50, [[7]] * 50) == (b"", 0)


def test_an_interval_around_the_middle_is_doubled_until_it_leaves_it():
    tables = [[1, 1, 1]] * 200
    for symbols in ([1] * 200, [1] * 199 + [2], [1] * 199 + [0]):
        code = encoded(symbols, tables)
        assert decoded(code.data, tables) == symbols
        assert code.bits <= 200 * math.log2(3) + 2


def test_the_largest_total_is_exact():
    table = [1, LARGEST_TOTAL - 2, 1]
    symbols = [0, 2, 1, 1, 0, 2]
    assert decoded(encoded(symbols, [table] * 6).data, [table] * 6) == symbols


def test_zeros_behind_a_code_change_nothing_and_any_bytes_decode():
    symbols, tables = drawn(9, 40)
    code = encoded(symbols, tables)
    assert decoded(code.data + bytes(9), tables) == symbols
    random = np.random.default_rng(0)
    for size in (0, 1, 5, 100):
        assert len(decoded(random.bytes(size), tables)) == 40
