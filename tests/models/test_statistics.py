"""src/models/statistics.py against NumPy."""

import keras
import numpy as np
from keras import layers

from src.models.statistics import estimate_statistics


def test_statistics_are_those_of_the_faces():
    """Of both normalizations: the second one sees the output of the first, without dropout."""
    inputs = keras.Input((4, 4, 3))
    first, second, frozen = (layers.BatchNormalization(epsilon=1e-6) for _ in range(3))
    frozen.trainable = False
    net = layers.Dropout(0.5)(layers.ReLU()(first(inputs)))
    model = keras.Model(inputs, frozen(second(net)))
    rng = np.random.default_rng(0)
    first.set_weights([np.array([2.0, 1, 1]), np.zeros(3), np.full(3, 9.0), np.full(3, 9.0)])
    faces = rng.normal(100, 20, (4, 64, 4, 4, 3)).astype(np.float32)
    estimate_statistics(model, faces)
    axes = (1, 2, 3)
    means, variances = faces.mean(axes), faces.var(axes)
    np.testing.assert_allclose(first.moving_mean, means.mean(0), rtol=1e-4)
    np.testing.assert_allclose(first.moving_variance, variances.mean(0), rtol=1e-3)
    shape = (4, 1, 1, 1, 3)
    normed = (faces - means.reshape(shape)) / np.sqrt(variances.reshape(shape))
    output = np.maximum(normed * [2, 1, 1], 0)
    np.testing.assert_allclose(second.moving_mean, output.mean(axes).mean(0), rtol=1e-3)
    np.testing.assert_allclose(second.moving_variance, output.var(axes).mean(0), rtol=1e-2)
    np.testing.assert_array_equal(frozen.moving_mean, 0)
    assert (first.momentum, model.layers[3].rate) == (0.99, 0.5)  # as before
