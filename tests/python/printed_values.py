"""The values that the course's notebooks print, by name, from notebooks/printed_values.txt; a name that is not there is a KeyError."""
import pathlib


def read(path):
    """{name: what stands after it, digit for digit, one blank between two values}"""
    texts = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            name, _, line = line.partition(":")
            if name in texts:
                raise ValueError(f"{path}: expected each name once, got {name} twice")
            texts[name] = ""
        texts[name] = " ".join([texts[name], *line.split()]).strip()
    return texts


FILE = pathlib.Path(__file__).resolve().parents[2] / "notebooks" / "printed_values.txt"
TEXTS = read(FILE)


def printed_text(name):
    """The values as the notebook prints them."""
    return TEXTS[name]


def printed_values(name):
    return [float(word) for word in TEXTS[name].split()]


def printed_value(name):
    """The value of a name that has one."""
    value, = printed_values(name)
    return value
