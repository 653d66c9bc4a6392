"""Tables that scikit-learn brings along, on ten splits each: lamina's command beside scikit-learn's MLP of the same size,
batches and epochs. Both choose the epoch of their parameters on rows that they hold out. lamina is not worse by more than
one standard error of the differences, and trains at least three times as fast."""

import csv
import json
import math
import os
import statistics
import sys
import time
import warnings

from command_testing import Directory, check, history, run, succeeded

try:
    import numpy as np
    from sklearn import datasets
    from sklearn.metrics import r2_score
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: lamina beside scikit-learn, as Python has none ({missing})")
    sys.exit(77)

SPLITS, BATCH, HIDDEN = 10, 32, 100
TABLES = {"wine": (datasets.load_wine, 100), "breast cancer": (datasets.load_breast_cancer, 100),
          "digits": (datasets.load_digits, 100), "diabetes": (datasets.load_diabetes, 50)}


def parts_of(n, seed):
    """What each row is for: seven tenths training, and half of the rest each validation and testing."""
    parts = np.array(["train"] * n, dtype=object)
    order, held_out = np.random.RandomState(seed).permutation(n), n * 3 // 20
    parts[order[:held_out]] = "val"
    parts[order[held_out:2 * held_out]] = "test"
    return parts


def by_lamina(directory, X, y, parts, seed, epochs, numbers):
    """The score on the test rows, and the seconds of the training steps."""
    table, out = os.path.join(directory, "table.csv"), os.path.join(directory, "run")
    with open(table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"x{i}" for i in range(X.shape[1])] + ["target", "part"])
        writer.writerows([*map(repr, map(float, row)), repr(target.item()), part] for row, target, part in zip(X, y, parts))
    loss = ["--loss", "squared"] if numbers else []
    succeeded(run("train", "--data", table, "--target", "target", "--split-column", "part", "--epochs", epochs, "--seed", seed,
                  "--shuffle", *loss, "--out", out, "--overwrite", "--quiet"))
    found = json.loads(succeeded(run("eval", out, "--split", "test", "--json")).stdout)
    return found["mean_r2"] if numbers else found["accuracy"], history(out)["seconds"]


def by_sklearn(X, y, parts, seed, epochs, numbers):
    """The same of scikit-learn's MLP, which draws the rows that it holds out itself."""
    seen, test = parts != "test", parts == "test"
    scaler = StandardScaler().fit(X[seen])
    model = (MLPRegressor if numbers else MLPClassifier)(
        hidden_layer_sizes=(HIDDEN,), batch_size=BATCH, max_iter=epochs, n_iter_no_change=epochs, alpha=0, random_state=seed,
        early_stopping=True, validation_fraction=float((parts == "val").sum() / seen.sum()))
    mean, deviation = (y[seen].mean(), y[seen].std()) if numbers else (0, 1)
    inputs, targets = scaler.transform(X[seen]), (y[seen] - mean) / deviation if numbers else y[seen]
    start = time.perf_counter()
    model.fit(inputs, targets)
    seconds = time.perf_counter() - start
    predicted = model.predict(scaler.transform(X[test]))
    return r2_score(y[test], predicted * deviation + mean) if numbers else (predicted == y[test]).mean(), seconds


def main():
    warnings.simplefilter("ignore")
    timed = not os.environ.get("LAMINA_TEST_SANITIZED")
    if not timed:
        print("not checked under a sanitizer: how fast lamina trains")
    with Directory() as base:
        for name, (load, epochs) in TABLES.items():
            data, numbers = load(), name == "diabetes"
            ours, theirs = [], []
            for seed in range(SPLITS):
                parts = parts_of(len(data.data), seed)
                ours.append(by_lamina(base, data.data, data.target, parts, seed, epochs, numbers))
                theirs.append(by_sklearn(data.data, data.target, parts, seed, epochs, numbers))
            differences = [a[0] - b[0] for a, b in zip(ours, theirs)]
            error = statistics.stdev(differences) / math.sqrt(SPLITS)
            faster = statistics.median(b[1] / a[1] for a, b in zip(ours, theirs))
            mean = [statistics.mean(score for score, _ in each) for each in (ours, theirs)]
            line = (f"{name}: lamina {mean[0]:.4f}, scikit-learn {mean[1]:.4f}, difference {statistics.mean(differences):+.4f} "
                    f"+- {error:.4f}; {faster:.1f} times as fast")
            print(line, flush=True)
            check(statistics.mean(differences) >= -error and (faster >= 3 or not timed), line)


if __name__ == "__main__":
    main()
