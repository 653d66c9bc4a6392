"""Arguments that nobody should pass, or that look odd and are right."""
import numpy as np

REAL = ["f8", "f4", "f2", "g", ">f8", ">f4", "<f2", "i1", "u1", ">i2", "i4", "i8", "u8", "?"]


def spread(rng, a):
    """The same numbers with gaps between them, read backwards in memory."""
    if a.ndim == 0:
        return a
    wide = np.full((*a.shape[:-1], 3 * a.shape[-1]), 77, a.dtype)
    wide[..., ::-3] = a
    return wide[..., ::-3]


def misaligned(rng, a):
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = np.frombuffer(raw.data, a.dtype, a.size, 1).reshape(a.shape)
    view[...] = a
    return view


def readonly(rng, a):
    a = a.copy()
    a.flags.writeable = False
    return a


def typed(rng, a):
    """Whole numbers of a random type."""
    dtype = np.dtype(rng.choice(REAL))
    whole = np.rint(3 * a.astype("f8"))
    return (np.abs(whole) if dtype.kind in "u?" else whole).astype(dtype)


def with_special(rng, a):
    a = a.astype("f8")
    if a.size:
        a.reshape(-1)[rng.integers(a.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -0.0, 5e-324])
    return a


def other_shape(rng, a):
    kind = rng.integers(7)
    if kind == 0:
        return a.reshape(-1)
    if kind == 1:
        return a[None]
    if kind == 2:
        return a[..., :-1] if a.ndim else a
    if kind == 3:
        return a[:0] if a.ndim else a
    if kind == 4:
        return a.T
    if kind == 5:
        return a.reshape((1,) * (12 - a.ndim) + a.shape) if a.ndim < 12 else a
    return np.broadcast_to(a, (2, *a.shape))


KEPT = [  # the same numbers as they are, or as another type has them
    lambda rng, a: np.asfortranarray(a),
    spread,
    misaligned,
    readonly,
    lambda rng, a: a[::-1].copy()[::-1] if a.ndim else a,
    typed,
    lambda rng, a: a.astype(rng.choice(REAL[:7])) if a.dtype.kind == "f" else a.astype(rng.choice(REAL[7:-1])),
    lambda rng, a: a.tolist(),
    lambda rng, a: np.ascontiguousarray(a).view(np.recarray) if a.ndim == 2 else a,
]
CHANGED = [
    with_special,
    other_shape,
    lambda rng, a: np.zeros(rng.integers(0, 4, rng.integers(0, 5))),
    lambda rng, a: a.reshape(-1)[0].item() if a.size else 0.5,
    lambda rng, a: -a,
]
WRONG = [
    lambda rng, a: None,
    lambda rng, a: "array",
    lambda rng, a: a.astype(object),
    lambda rng, a: np.full(a.shape, None),
    lambda rng, a: np.full(a.shape, "1"),
    lambda rng, a: a.astype(complex),
    lambda rng, a: a.astype("M8[s]"),
    lambda rng, a: np.zeros(a.shape, [("a", "f8"), ("b", "i4")]),
    lambda rng, a: {"a": 1},
    lambda rng, a: [[1.0], [2.0, 3.0]],
    lambda rng, a: object(),
    lambda rng, a: np.ndarray,
    lambda rng, a: memoryview(b"12345678"),
    lambda rng, a: b"bytes",
]
NUMBERS = [0, 1, 2, 3, -1, 0.5, 1.5, 2.0, True, np.int8(1), np.float32(2), np.nan, np.inf, -np.inf, 1e300, 2**70,
           -2**70, 10**400, None, "1", [1], np.array([2]), np.array(1), 1j, {}, object()]


def hostile(rng, value):
    """`value`, as it is or spoilt."""
    if isinstance(value, dict):
        return hostile_dictionary(rng, value)
    chance = rng.random()
    if isinstance(value, (int, float)):
        return NUMBERS[rng.integers(len(NUMBERS))] if chance < 0.2 else value
    if chance < 0.45:
        return value
    if chance < 0.85:
        return KEPT[rng.integers(len(KEPT))](rng, value)
    with np.errstate(invalid="ignore"):
        if chance < 0.95:
            return CHANGED[rng.integers(len(CHANGED))](rng, value)
        return WRONG[rng.integers(len(WRONG))](rng, value)


def hostile_dictionary(rng, value):
    value = dict(value)
    chance = rng.random()
    if chance < 0.03:
        return [None, [1, 2], "train", 3][rng.integers(4)]
    names = list(value)
    if names and chance < 0.06:
        del value[names[rng.integers(len(names))]]
    elif names and chance < 0.2:
        value[names[rng.integers(len(names))]] = NUMBERS[rng.integers(len(NUMBERS))]
    else:
        for name, entry in value.items():
            if isinstance(entry, np.ndarray):
                value[name] = hostile(rng, entry)
    return value
