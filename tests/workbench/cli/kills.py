"""The campaign of ./run kills: COUNT kills at random moments, of trainings that use what a checkpoint must hold, and of a
search. Arguments: the command lamina, COUNT, and a seed, which is drawn and printed where there is none."""

import os
import random
import sys

from command_testing import Directory
from kill_test import FLAGS, MEMORY, kill_runs
from search_test import kills, whole_search

DATA = ["--batch-size", "16", "--num-train", "100", "--epochs", "12", "--shuffle"]
CONFIGURATIONS = {
    **FLAGS,
    "dense": [*DATA, "--model", "fc", "--hidden", "6,5", "--normalization", "batchnorm", "--dropout", "0.7",
              "--update-rule", "adam", "--schedule", "cosine", "--warmup-epochs", "1", "--average-weights", "0.9",
              "--weight-decay", "0.01", "--mirror", "--shift", "2", "--diagnose", "5", "--slots", "3"],
    "bf16": [*DATA, "--net", "conv 4 3x3 stride 4 | batchnorm | relu | residual ( conv 4 3x3 | groupnorm 2 ) | dropout 0.8 | "
             "affine 10", "--precision", "bf16", "--update-rule", "adam", "--schedule", "one-cycle", "--average-weights",
             "0.9", "--mirror", "--shift", "3", "--mirror-averaging"],
    "double": [*DATA, "--model", "fc", "--hidden", "4", "--normalization", "layernorm", "--dtype", "float64", "--patience",
               "5", "--update-rule", "sgd_momentum", "--nesterov", "--clip-norm", "1", "--schedule", "step",
               "--step-epochs", "3", "--label-smoothing", "0.1"],
}


def main():
    count = int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(2**31)
    print("seed", seed, flush=True)
    of_search = count // 4
    kill_runs(CONFIGURATIONS, count - of_search, seed, keep=True)
    if of_search > 0:
        with Directory(MEMORY, keep=True) as base:
            kills(base, whole_search(base), of_search, seed)


if __name__ == "__main__":
    sys.exit(main())
