"""What the notebooks' cells print.

TEXT: for a cell, what must be in its output, in this order, to the last digit; white space counts as one blank.
SUMS: (label, value) in the order of the output: equal but for two units in the last place of a double, 16 digits.
NEAR: (label, values, tolerance): the numbers that follow the label at its next place in the output.
BOUNDS: for a cell, how many errors and differences it prints and what they may be at most, by the end of their label.
LOSSES: the first losses of trainings, which need the real CIFAR-10. PICTURES: the cells that draw.
"""
FC, BN, DO, CN = "FullyConnectedNets", "BatchNormalization", "Dropout", "ConvolutionalNetworks"

SHAPES = ["X_train: {} (49000, 3, 32, 32)", "y_train: {} (49000,)", "X_val: {} (1000, 3, 32, 32)", "y_val: {} (1000,)",
          "X_test: {} (1000, 3, 32, 32)", "y_test: {} (1000,)"]


def shapes(between):
    return [" ".join(line.format(between).split()) for line in SHAPES]


TEXT = {
    (FC, 4): shapes("',"),
    (FC, 12): ["solver_hidden_dim: 188 solver_reg: 0.5845246460134131 solver_learning_rate: 0.0005899695658298456"],
    (FC, 19): ["solver_reg: 0.01831920225912328 solver_learning_rate: 0.0007944894378317135 dropout is: 0.7374521923170966 epoch: 15"],
    (BN, 4): shapes(""),
    (BN, 5): ["means: [-2.3814598 -13.18038246 1.91780462]", "stds: [27.18502186 34.21455511 37.68611762]",
              "stds: [0.99999999 1. 1. ]", "means: [11. 12. 13.]", "stds: [0.99999999 1.99999999 2.99999999]"],
    # (BN, 6) and (CN, 9) are not what the notebooks print: see docs/differences.md.
    (BN, 6): ["means: [-0.03927354 -0.04349152 -0.10452688]", "stds: [1.01531428 1.01238373 0.97819988]"],
    (BN, 14): ["No normalization: batch size = 5", *(f"Normalization: batch size = {n}" for n in (5, 10, 50))],
    (BN, 16): ["means: [-59.06673243 -47.60782686 -43.31137368 -26.40991744]",
               "stds: [10.07429373 28.39478981 35.28360729 4.01831507]", "stds: [0.99999995 0.99999999 1. 0.99999969]",
               "means: [5. 5. 5. 5.]", "stds: [2.99999985 2.99999998 2.99999999 2.99999907]"],
    (BN, 18): ["No normalization: batch size = 5", *(f"Normalization: batch size = {n}" for n in (5, 10, 50))],
    (DO, 4): shapes(""),
    (DO, 5): [text for p, mean, zeros in ((0.25, "10.014059116977283", "0.749784"), (0.4, "9.977917658761159", "0.600796"),
                                          (0.7, "9.987811912159426", "0.30074"))
              for text in (f"p = {p}", "Mean of input: 10.000207878477502", f"Mean of train-time output: {mean}",
                           "Mean of test-time output: 10.000207878477502",
                           f"Fraction of train-time output set to zero: {zeros}",
                           "Fraction of test-time output set to zero: 0.0")],
    (CN, 3): shapes(""),
    (CN, 8): ["Means: [9.33463814 8.90909116 9.11056338]", "Stds: [3.61447857 3.19347686 3.5168142 ]", "Shape: (2, 3, 4, 5)",
              "Stds: [0.99999962 0.99999951 0.9999996 ]", "Means: [6. 7. 8.]", "Stds: [2.99999885 3.99999804 4.99999798]"],
    (CN, 9): ["means: [-0.08034406 0.07562881 0.05716371 0.04378383]", "stds: [0.96718744 1.0299714 1.02887624 1.00585577]"],
    (CN, 11): ["Means: [9.72505327 8.51114185 8.9147544 9.43448077]", "Stds: [3.67070958 3.09892597 4.27043622 3.97521327]",
               "Shape: (2, 6, 4, 5)", "Stds: [0.99999963 0.99999948 0.99999973 0.99999968]"],
}

# Sums of many terms, in NumPy's order or in lamina's.
SUMS = {
    (FC, 10): [ ("loss: ", 8.999602749096233), ("loss: ", 2.302545844500738)],
    (FC, 14): [("Initial loss: ", 2.3004790897684924), ("Initial loss: ", 7.052114776533016)],
    (BN, 9): [("Initial loss: ", 2.2611955101340957), ("Initial loss: ", 6.996533220108303)],
    (DO, 7): [("Initial loss: ", 2.3004790897684924), ("Initial loss: ", 2.302371489704412), ("Initial loss: ", 2.3042759220785896)],
    (CN, 13): [("(no regularization): ", 2.3116596580092312), ("log(10): ", 2.302585092994046),
               ("(with regularization): ", 2.3356916237697454)],
}

# Means that are 0 but for rounding.
NEAR = {
    (BN, 5): [("means:", None, 0), ("means:", (0, 0, 0), 1e-14)],
    (BN, 16): [("means:", None, 0), ("means:", (0, 0, 0, 0), 1e-14)],
    (CN, 8): [("Means:", None, 0), ("Means:", (0, 0, 0), 1e-14)],
    (CN, 11): [("Means:", None, 0), ("Means:", (0, 0, 0, 0), 1e-14)],
}

# As the cells' own words have them; where the printed error is larger than those, its order of magnitude.
BOUNDS = {
    (FC, 5): (1, {"": 2e-9}), (FC, 6): (3, {"": 1e-9}), (FC, 7): (1, {"": 6e-8}), (FC, 8): (1, {"": 1e-11}),
    (FC, 9): (3, {"": 1e-9}), (FC, 10): (2, {"": 2e-8}), (FC, 11): (8, {"": 5e-7}), (FC, 14): (12, {"": 1e-6, "W2": 5e-5}),
    (FC, 17): (2, {"": 1e-8}),
    (BN, 7): (3, {"": 1e-8}), (BN, 8): (3, {"": 1e-10}),
    (BN, 9): (20, {"W1": 1e-3, "W2": 1e-4, "W3": 1e-7, "b1": 1e-2, "b2": 1e-5, "b3": 1e-8, "": 1e-7}), (BN, 17): (3, {"": 1e-8}),
    (DO, 6): (1, {"": 1e-9}), (DO, 7): (18, {"": 1e-6, "W2": 5e-5}),
    (CN, 4): (1, {"": 3e-8}), (CN, 5): (3, {"": 5e-8}), (CN, 6): (1, {"": 5e-8}), (CN, 7): (1, {"": 1e-11}),
    (CN, 10): (3, {"": 1e-6}), (CN, 12): (3, {"": 1e-6}),
    (CN, 14): (10, {"": 1e-4, "W_1": 0.4684025}),  # W_1: a step over a corner; see docs/differences.md
}

LOSSES = {
    (FC, 12): ["2.472555"], (FC, 15): ["4.349048"], (FC, 16): ["6.601968"], (FC, 18): ["2.559978", "3.153777"],
    (FC, 19): ["2.617299"], (BN, 10): ["2.340974", "2.302332"], (DO, 8): ["7.856644", "17.318480"], (CN, 15): ["2.735618"],
    (CN, 17): ["2.813290"],
}

# Relative, where copies of CIFAR-10 whose pixels are a few grey levels off differ by more than 1e-3: batch norm over 32
# images makes the first loss of the deepest net depend on each of them.
LOSS_TOLERANCES = {(CN, 17): 0.015}

# Trainings that the quick runs give fewer images, so that their first batch is another one.
ON_FEWER_IMAGES = {(CN, 17)}

PICTURES = [(FC, 13), (FC, 15), (FC, 16), (FC, 18), (FC, 20), (BN, 11), (BN, 13), (BN, 15), (BN, 18), (DO, 9), (CN, 16),
            (CN, 18), (CN, 19)]
