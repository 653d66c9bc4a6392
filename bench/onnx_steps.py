"""Predictions of ONNX Runtime, for bench/bench.py: the same requests and answers as bench/steps.cc. The model takes
bytes: their conversion and the mean are its first two nodes."""
import json
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from nets import CASES


def model_of(case):
    layers, _, batch = CASES[case]
    random = np.random.RandomState(1)
    nodes, weights, last = [], [], "X"

    def constant(name, value):
        weights.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(kind, *inputs, **attributes):
        nonlocal last
        out = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, [last, *inputs], [out], **attributes))
        last = out

    node("Cast", to=TensorProto.FLOAT)
    node("Sub", constant("mean", np.full((1, 3, 32, 32), 127.5)))
    flat = False
    for i, (kind, *sizes) in enumerate(layers):
        if kind == "conv":
            channels, count, k, stride = sizes
            W = 0.01 * random.randn(count, channels, k, k)
            node("Conv", constant(f"W{i}", W), constant(f"b{i}", np.zeros(count)), kernel_shape=[k, k],
                 strides=[stride, stride], pads=[(k - 1) // 2] * 4)
        elif kind in ("spatial_batchnorm", "batchnorm"):
            d = sizes[0]
            node("BatchNormalization", *(constant(f"{name}{i}", np.full(d, value)) for name, value in
                                         (("gamma", 1), ("beta", 0), ("running_mean", 0), ("running_var", 1))))
        elif kind == "relu":
            node("Relu")
        elif kind == "max_pool":
            node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        elif kind == "affine":
            if not flat:
                node("Flatten")
                flat = True
            node("Gemm", constant(f"W{i}", 0.02 * random.randn(*sizes)), constant(f"b{i}", np.zeros(sizes[1])))
    graph = helper.make_graph(
        nodes, case, [helper.make_tensor_value_info("X", TensorProto.UINT8, [batch, 3, 32, 32])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, 10])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString(), batch


def main():
    data = np.random.RandomState(1).randint(0, 256, (10000, 3, 32, 32)).astype(np.uint8)
    sessions = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = request["case"], request["threads"]
        if key not in sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = request["threads"]
            model, batch = model_of(request["case"])
            sessions[key] = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]), batch
        session, batch = sessions[key]
        rows, seconds = np.arange(batch), []
        for _ in range(request["steps"]):
            start = time.perf_counter()
            session.run(None, {"X": data[rows]})
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "version": onnxruntime.__version__}), flush=True)


main()
