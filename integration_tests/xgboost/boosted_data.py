"""Small data for trainings of boosted trees."""

from __future__ import annotations

import numpy as np

_random = np.random.RandomState(0)
X = _random.rand(300, 5)
Y = (X[:, 0] + X[:, 1] + 0.3 * _random.rand(300) > 1.1).astype(int)
CLASSES = np.digitize(X[:, 0] + X[:, 1], [0.7, 1.3])
TARGET = X @ np.arange(5.0) + _random.rand(300)
TRAIN, VALID = slice(0, 200), slice(200, 300)
