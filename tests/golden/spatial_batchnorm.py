"""Means and standard deviations that spatial batch normalization gives at test time with running averages.

NumPy's stream from seed 231, 50 training batches with momentum 0.9, then one batch at test time.
Run: python3 spatial_batchnorm.py > spatial_batchnorm.json
"""
import json

import numpy as np

np.random.seed(231)
N, C, H, W = 10, 4, 11, 12
running_mean, running_var = np.zeros(C), np.zeros(C)
for _ in range(50):
    x = 2.3 * np.random.randn(N, C, H, W) + 13
    running_mean = 0.9 * running_mean + 0.1 * x.mean(axis=(0, 2, 3))
    running_var = 0.9 * running_var + 0.1 * x.var(axis=(0, 2, 3))
x = 2.3 * np.random.randn(N, C, H, W) + 13
out = (x - running_mean[:, None, None]) / np.sqrt(running_var[:, None, None] + 1e-5)
print(json.dumps({"means": out.mean(axis=(0, 2, 3)).tolist(), "stds": out.std(axis=(0, 2, 3)).tolist()}, indent=1))
