"""What no rule of convert.py can put right: ends of lines that were cut off, lines that were run together, lost lines.

MENDS: for a cell, pairs of what the text has and what stood there, which the printed outputs tell. White space and underscores
match loosely; a pair that ends in a newline mends the end of a line. LOST: the cells that the text has not at all; they are our
own, after their neighbours and the output that is there.
"""
from printed_values import printed_text

SCORES, CONVOLVED = printed_text("two_layer_net.scores").split(), printed_text("conv_forward.correct_out").split()
RELU, POOLED = printed_text("relu_forward.correct_out").split()[6], printed_text("max_pool_forward.correct_out").split()
FULLY_CONNECTED, BATCHNORM, DROPOUT, CONV = "FullyConnectedNets", "BatchNormalization", "Dropout", "ConvolutionalNetworks"

IMPORT = [("eval_numerical_gradient_arr\n", "eval_numerical_gradient_array\n")]
QUOTES = [("learning_rate: learning_rate", "'learning_rate': learning_rate")]

MENDS = {
    (FULLY_CONNECTED, 3): IMPORT,
    (FULLY_CONNECTED, 6): [("rel_error(dw_num, db)", "rel_error(db_num, db)")],
    (FULLY_CONNECTED, 7): [("0., ], correct_out = np.array([[ 0., 0., 0., 0.,", "         correct_out = np.array([[0., 0., 0., 0.],"),
                           ("[ 0., " + RELU, "[ 0., 0., " + RELU)],
    (FULLY_CONNECTED, 9): [
        ("affine_relu_backward np.random.seed", "affine_relu_backward\n    np.random.seed"),
        ("x, d\n", "x, dout)\n"), ("w, d\n", "w, dout)\n"), ("b, d\n", "b, dout)\n")],
    # The scores of a row are evenly spaced.
    (FULLY_CONNECTED, 11): [
        (f"{SCORES[5]},\n", f"{SCORES[5]}, 16.09215096],\n"), (f"{SCORES[11]},\n", f"{SCORES[11]}, 16.18839143],\n"),
        (f"{SCORES[17]},\n", f"{SCORES[17]}, 16.2846319]])\n"), ("params['bl']", "params['b1']")],
    (FULLY_CONNECTED, 12): [
        ("' solver_reg: ' + str(solver_hidden_dim) + '\n",
         "' solver_reg: ' + str(solver_reg) + ' solver_learning_rate: ' + str(solver_learning_rate))\n")],
    (FULLY_CONNECTED, 15): QUOTES,
    (FULLY_CONNECTED, 16): QUOTES,
    (FULLY_CONNECTED, 19): [
        ("str(solver_l\n", "str(solver_learning_rate) + ' dropout is: ' + str(dropout) + ' epoch: ' + str(epochs))\n"),
        ("dropout= drop\n", "dropout= dropout, normalization='batchnorm')\n")],
    (BATCHNORM, 3): IMPORT,
    (BATCHNORM, 8): [("dbetal", "dbeta1")],
    (BATCHNORM, 10): [("normalization='bat\n", "normalization='batchnorm')\n")],
    (BATCHNORM, 11): [("bl_marker='.',\n", "bl_marker='.', bn_marker='.', labels=None):\n"), ('""utility', '"""utility')],
    (BATCHNORM, 12): [("normalization='b\n", "normalization='batchnorm')\n")],
    (BATCHNORM, 14): [("normalization=Nor\n", "normalization=None)\n"), ("normalizat\n", "normalization=normalization_mode)\n")],
    (BATCHNORM, 15): [
        ("plt.subplot(2, 1, 1) plot", "plt.subplot(2, 1, 1)\n    plot"),
        ("lplt.subplot(2, 1, 2) plot", "labels=batch_sizes)\n    plt.subplot(2, 1, 2)\n    plot"),
        ("solver_bsize, lambda", "solver_bsize, bn_solvers_bsize, lambda"),
        ("solver_bsize_lambda", "solver_bsize, bn_solvers_bsize, lambda"),
        ("lab plt.gcf", "labels=batch_sizes)\n    plt.gcf"), ("10) plt.show", "10)\n    plt.show")],
    (DROPOUT, 3): IMPORT,
    # The lines of the loop, which lost their indentation.
    (DROPOUT, 5): [("out_mean()", "out.mean()")] + [(line, "        " + line) for line in (
        "out_test, _ = ", "print('Running", "print('Mean of input", "print('Mean of train-time", "print('Mean of test-time",
        "print('Fraction of train-time", "print('Fraction of test-time", "print()")],
    (DROPOUT, 6): [("dropout_param)[0]\n", "dropout_param)[0], x, dout)\n")],
    (CONV, 2): [("eval_numerical_gradie\n", "eval_numerical_gradient\n")],
    (CONV, 4): [("[[" + CONVOLVED[12], "[[[" + CONVOLVED[12]), (CONVOLVED[-1] + "]]])", CONVOLVED[-1] + "]]]])")],
    (CONV, 5): [
        (f"lambda {a}: conv_forward_naive(x, w, b, conv_para{end}\n", f"lambda {a}: conv_forward_naive(x, w, b, conv_param)[0], {a}, dout)\n")
        for a, end in (("x", ""), ("w", ""), ("b", ")"))],
    (CONV, 6): [(POOLED[7] + "]\n", POOLED[7] + "]],\n")],
    (CONV, 7): [("lambda x: max_pool_forward_naive(x, pool_param)\n", "lambda x: max_pool_forward_naive(x, pool_param)[0], x, dout)\n")],
    # Lines of a part that is commented out.
    (CONV, 13): [(line, "# " + line) for line in (
        "input_dim=input_dim, hidden", "dtvpe", "f = 1ambda", "param_grad_num = ", "e = rel_error", "print ('%s max")],
    (CONV, 14): [("verbose=False\n", "verbose=False, h=1e-6)\n"), ("grads[pa\n", "grads[param_name])))\n")],
}

LOST = {
    (FULLY_CONNECTED, 8): """
np.random.seed(231)
x = np.random.randn(10, 10)
dout = np.random.randn(*x.shape)
dx_num = eval_numerical_gradient_array(lambda x: relu_forward(x)[0], x, dout)
_, cache = relu_forward(x)
dx = relu_backward(dout, cache)
print('Testing relu_backward function:')
print('dx error: ', rel_error(dx_num, dx))
""".lstrip(),
    (BATCHNORM, 18): """
ln_solvers, ln_baseline, batch_sizes = run_batchsize_experiments('layernorm')
plt.subplot(2, 1, 1)
plot_training_history('Training accuracy (Layer Normalization)', 'Epoch', ln_baseline, ln_solvers,
                      lambda x: x.train_acc_history, bl_marker='-^', bn_marker='-o', labels=batch_sizes)
plt.subplot(2, 1, 2)
plot_training_history('Validation accuracy (Layer Normalization)', 'Epoch', ln_baseline, ln_solvers,
                      lambda x: x.val_acc_history, bl_marker='-^', bn_marker='-o', labels=batch_sizes)
plt.show()
""".lstrip(),
}
