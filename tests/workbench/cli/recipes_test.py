"""The recipes: each file is a call of `lamina train` that works and does what its lines say, within the bounds that
docs/accuracy.md states for it."""

import glob
import json
import os

from command_testing import Directory, check, history, run, succeeded, write_cifar10

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")
# What a key is called in the configuration that history.json has of a run.
CONFIG = {"pool": "pools", "conv-stride": "conv_strides", "epochs": "num_epochs"}


def settings(path):
    """The keys of a recipe as they stand there: every line is a comment or `key = value`."""
    with open(path) as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return {key.strip(): json.loads(value) for key, value in (line.split("=", 1) for line in lines)}


def main():
    files = sorted(glob.glob(os.path.join(ROOT, "recipes", "*.toml")))
    names = [os.path.splitext(os.path.basename(path))[0] for path in files]
    check(names == ["convnet", "fully-connected", "quickest"], "expected three recipes, found", names)
    recipes = dict(zip(names, map(settings, files)))
    with open(os.path.join(ROOT, "docs", "accuracy.md")) as file:
        page = file.read()
    with Directory() as base:
        data = write_cifar10(os.path.join(base, "data"), per_file=400, test=50)
        for path, name in zip(files, names):
            recipe = recipes[name]
            check("recipes/%s.toml" % name in page, "docs/accuracy.md says nothing of", name)
            # The same with fewer units and passes.
            size = "hidden" if recipe["model"] == "fc" else "num-filters"
            fewer = {size: [4 for _ in recipe[size]], "epochs": 2, "data": data}
            out = os.path.join(base, name)
            succeeded(run("train", "--config", path, "--out", out, "--quiet", *(
                word for key, value in fewer.items()
                for word in ("--" + key, ",".join(map(str, value)) if isinstance(value, list) else value))))
            config = history(out)["config"]
            for key, value in {**recipe, **fewer}.items():
                found = config.get(CONFIG.get(key, key.replace("-", "_")))
                check(found in (value, [value]), name, "has", key, "=", value, "and its run", found, "in", config)

    # What the bars are about.
    best = recipes["convnet"]
    check(best["epochs"] == 3 and best["update-rule"] == "sgd_momentum", best)
    check(len(best["filter-sizes"]) <= 4 and best["filter-sizes"][0] >= 5, best)
    check(recipes["fully-connected"]["model"] == "fc", recipes["fully-connected"])
    print("recipes:", ", ".join(names))


if __name__ == "__main__":
    main()
