"""Writes random_numpy.bin: what NumPy's legacy generator draws, for tests/random_test.cc, which makes the same calls.

Run with Debian's /usr/bin/python3 (NumPy 1.24.2): /usr/bin/python3 tests/golden/random_numpy.py
The file is a row of little-endian 64-bit words: doubles and int64 in the order of the calls below.
"""
import os

import numpy as np

LIMITS = [(0, 10), (-5, 6), (0, 2**31), (0, 2**32), (-7, 2**32), (-2**62, 2**62), (-2**63, 2**63 - 1), (0, 64)]
words = []


def put(values):
    values = np.asarray(values)
    words.append(np.ascontiguousarray(values, dtype='<f8' if values.dtype.kind == 'f' else '<i8').tobytes())


def put_state():
    _, key, position, has_gauss, gauss = np.random.get_state()
    put(key.astype(np.int64)[[0, 1, 396, 397, 622, 623]])
    put(np.array([position, has_gauss], dtype=np.int64))
    put(np.array([gauss], dtype=np.float64))


# 1,000 and more of each kind, in one stream.
np.random.seed(231)
put(np.random.rand(1000))
put(np.random.randn(1001))  # odd: a second normal waits
put_state()
put(np.random.normal(-3.5, 0.25, size=1000))
put(np.random.uniform(4, 8.5, size=1000))
for low, high in LIMITS:
    put(np.random.randint(low, high, size=1000, dtype=np.int64))
put(np.random.choice(49000, 1000))
put(np.random.permutation(1000))
shuffled = np.arange(1000) * 3
np.random.shuffle(shuffled)
put(shuffled)
put_state()

# Mixed calls, one number at a time.
for seed in [0, 1, 123, 2**31, 2**32 - 1]:
    np.random.seed(seed)
    for i in range(100):
        put(np.random.randn())
        put(np.random.rand())
        put(np.random.randint(100, 201))
        put(np.random.randint(-4, -3))  # one value: draws nothing
        put(np.random.uniform(-1, 1))
        put(np.random.randn(2, 3))
        put(np.random.randint(2**40))
        put(np.random.choice(7, 3))
        put(np.random.permutation(i % 5))
        put(np.random.normal(1, 2))
    put_state()

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'random_numpy.bin'), 'wb') as out:
    out.write(b''.join(words))
