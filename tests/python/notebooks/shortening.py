"""Edits that keep the tests short: (notebook, cell, what stands there, what runs instead)."""
FC, BN, CN = "FullyConnectedNets", "BatchNormalization", "ConvolutionalNetworks"

# The searches stop at an accuracy, which other images may never give.
LIMITS = [
    (FC, 12, "while best_acc <= 0.52:", "for _ in (n for n in range(5) if best_acc <= 0.52):"),
    (FC, 19, "while best_acc <= 0.51:", "for _ in (n for n in range(5) if best_acc <= 0.51):"),
]

# What a run of a minute leaves out. The draws of (FC, 12) and (BN, 12) do not matter later; cell 14 and 14 seed anew.
QUICK = [
    (FC, 12, "range(5)", "range(1)"), (FC, 12, "num_epochs=10", "num_epochs=1"),
    (FC, 19, "range(5)", "range(1)"), (FC, 19, "num_epochs=epochs", "num_epochs=1"),
    (BN, 12, "num_epochs=10", "num_epochs=1"), (BN, 14, "n_epochs=10", "n_epochs=1"),
    (CN, 15, "num_epochs=50", "num_epochs=5"),
    (CN, 17, "model, data,", "model, {key: value[:1000] for key, value in data.items()},"),
]
