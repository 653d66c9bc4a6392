"""What the notebooks' cells print.

TEXT: for a cell, what must be in its output, in this order, to the last digit; white space counts as one blank.
SUMS: (label, value) in the order of the output: equal but for two units in the last place of a double, 16 digits.
NEAR: (label, values, tolerance): the numbers that follow the label at its next place in the output.
BOUNDS: for a cell, how many errors and differences it prints and what they may be at most, by the end of their label.
LOSSES: the first losses of trainings, which need the real CIFAR-10. PICTURES: the cells that draw.
"""
from printed_values import printed_text, printed_value


FC, BN, DO, CN = "FullyConnectedNets", "BatchNormalization", "Dropout", "ConvolutionalNetworks"

SHAPES = ["X_train: {} (49000, 3, 32, 32)", "y_train: {} (49000,)", "X_val: {} (1000, 3, 32, 32)", "y_val: {} (1000,)",
          "X_test: {} (1000, 3, 32, 32)", "y_test: {} (1000,)"]


def shapes(between):
    return [" ".join(line.format(between).split()) for line in SHAPES]


def array(label, name):
    """NumPy's print of an array, of which the values may end in a blank."""
    return f"{label}: [{printed_text(name)}"


TEXT = {
    (FC, 4): shapes("',"),
    (FC, 12): [" ".join(f"solver_{name}: {printed_text(f'two_layer_solver.{name}')}" for name in ("hidden_dim", "reg", "learning_rate"))],
    (FC, 19): [" ".join(f"{label}: {printed_text(f'best_net.{name}')}" for label, name in (
        ("solver_reg", "reg"), ("solver_learning_rate", "learning_rate"), ("dropout is", "dropout"), ("epoch", "epoch")))],
    (BN, 4): shapes(""),
    (BN, 5): [array("means", "batchnorm_forward.means"), array("stds", "batchnorm_forward.stds"),
              array("stds", "batchnorm_forward.normalized_stds"), array("means", "batchnorm_forward.scaled_means"),
              array("stds", "batchnorm_forward.scaled_stds")],
    # (BN, 6) and (CN, 9) are not what the notebooks print: see docs/differences.md.
    (BN, 6): [array("means", "batchnorm_test_time.means"), array("stds", "batchnorm_test_time.stds")],
    (BN, 14): ["No normalization: batch size = 5", *(f"Normalization: batch size = {n}" for n in (5, 10, 50))],
    (BN, 16): [array("means", "layernorm_forward.means"),
               array("stds", "layernorm_forward.stds"), array("stds", "layernorm_forward.normalized_stds"),
               array("means", "layernorm_forward.scaled_means"), array("stds", "layernorm_forward.scaled_stds")],
    (BN, 18): ["No normalization: batch size = 5", *(f"Normalization: batch size = {n}" for n in (5, 10, 50))],
    (DO, 4): shapes(""),
    (DO, 5): [text for p, mean, zeros in zip((0.25, 0.4, 0.7), printed_text("dropout_forward.means").split(),
                                              printed_text("dropout_forward.zeros").split())
              for text in (f"p = {p}", "Mean of input: " + printed_text("dropout_forward.input_mean"),
                           f"Mean of train-time output: {mean}",
                           "Mean of test-time output: " + printed_text("dropout_forward.input_mean"),
                           f"Fraction of train-time output set to zero: {zeros}",
                           "Fraction of test-time output set to zero: 0.0")],
    (CN, 3): shapes(""),
    (CN, 8): [array("Means", "spatial_batchnorm_forward.means"), array("Stds", "spatial_batchnorm_forward.stds"), "Shape: (2, 3, 4, 5)",
              array("Stds", "spatial_batchnorm_forward.normalized_stds"), array("Means", "spatial_batchnorm_forward.scaled_means"),
              array("Stds", "spatial_batchnorm_forward.scaled_stds")],
    (CN, 9): [array("means", "spatial_batchnorm_test_time.means"), array("stds", "spatial_batchnorm_test_time.stds")],
    (CN, 11): [array("Means", "spatial_groupnorm_forward.means"), array("Stds", "spatial_groupnorm_forward.stds"),
               "Shape: (2, 6, 4, 5)", array("Stds", "spatial_groupnorm_forward.normalized_stds")],
}

# Sums of many terms, in NumPy's order or in lamina's.
SUMS = {
    (FC, 10): [("loss: ", "svm_loss.loss"), ("loss: ", "softmax_loss.loss")],
    (FC, 14): [("Initial loss: ", "fully_connected_net.loss"), ("Initial loss: ", "fully_connected_net.loss_reg_3.14")],
    (BN, 9): [("Initial loss: ", "batchnorm_net.loss"), ("Initial loss: ", "batchnorm_net.loss_reg_3.14")],
    (DO, 7): [("Initial loss: ", name) for name in ("fully_connected_net.loss", "dropout_net.loss_0.75", "dropout_net.loss_0.5")],
    (CN, 13): [("(no regularization): ", "conv_net.loss"), ("log(10): ", "conv_net.log_10"),
               ("(with regularization): ", "conv_net.loss_reg_0.5")],
}
SUMS = {cell: [(label, printed_value(name)) for label, name in sums] for cell, sums in SUMS.items()}

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
    (CN, 14): (10, {"": 1e-4, "W_1": 1.000001 * printed_value("conv_net.W_1_error")}),  # W_1: a step over a corner; see docs/differences.md
}

LOSSES = {
    (FC, 12): ["two_layer_solver.first_loss"], (FC, 15): ["three_layers.first_loss"], (FC, 16): ["five_layers.first_loss"],
    (FC, 18): ["six_layers.sgd_first_loss", "six_layers.sgd_momentum_first_loss"], (FC, 19): ["best_net.first_loss"],
    (BN, 10): ["deep_nets.batchnorm_first_loss", "deep_nets.first_loss"],
    (DO, 8): ["dropout_experiment.first_loss", "dropout_experiment.first_loss_0.25"],
    (CN, 15): ["small_conv_net.first_loss"], (CN, 17): ["good_conv_net.first_loss"],
}
LOSSES = {cell: [printed_text(name) for name in names] for cell, names in LOSSES.items()}

# Relative, where copies of CIFAR-10 whose pixels are a few grey levels off differ by more than 1e-3: batch norm over 32
# images makes the first loss of the deepest net depend on each of them.
LOSS_TOLERANCES = {(CN, 17): 0.015}

# Trainings that the quick runs give fewer images, so that their first batch is another one.
ON_FEWER_IMAGES = {(CN, 17)}

PICTURES = [(FC, 13), (FC, 15), (FC, 16), (FC, 18), (FC, 20), (BN, 11), (BN, 13), (BN, 15), (BN, 18), (DO, 9), (CN, 16),
            (CN, 18), (CN, 19)]
