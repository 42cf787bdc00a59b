"""One run on several devices: all of this machine's (--distribute), or of several (--hosts).

Every device has the whole network and a part of each batch. What the run does is what one device
would do with the whole batch, but for the rounding of sums; `Mirrored` and `Sharded` see to what
their engines do otherwise when left alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np

from src.errors import UserError
from src.training.arguments import Arguments
from src.training.devices import list_devices
from src.training.hosts import joined


class Whole:
    """One device takes whole batches."""

    def __init__(self):
        self.devices = list_devices()[:1]  # their names

    def share(self, rows: int) -> np.ndarray:
        """Which of a batch's `rows` rows this process makes, int64, in their order."""
        return np.arange(rows)

    def compile(self, model: keras.Model, **said) -> None:
        """`model.compile`, with what this kind of distribution asks for beside."""
        model.compile(**said)


class Mirrored(Whole):
    """TensorFlow: each device has a replica of the network, which takes its part of the batch.

    The last batch may leave a replica fewer rows than the others, which the mean of the replicas'
    means does not know; sums over all of them do.
    """

    def __init__(self, strategy):
        self.devices = list_devices()
        self._strategy = strategy

    def share(self, rows: int) -> np.ndarray:
        """As `Whole.share`; so few rows that a replica would have none of them are repeated, which
        changes no mean: TensorFlow's convolutions do not all take empty batches."""
        times, replicas = 1, len(self.devices)
        while -(-rows * times // -(-rows * times // replicas)) < replicas:
            times += 1
        return np.tile(np.arange(rows), times)

    def compile(self, model: keras.Model, **said) -> None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True  # means and variances of the whole batch
        said["jit_compile"] = False  # XLA knows no sums over replicas
        said["loss"] = {name: self._shared(loss) for name, loss in said["loss"].items()}
        model.compile(**said)
        if model.optimizer.global_clipnorm:
            self._clip_the_sum(model.optimizer)

    def _shared(self, loss: Callable) -> Callable:
        """The mean of `loss`, (N,), over the rows of all replicas.

        Its value, which Keras reports, is the same on each; its gradient is of the replica's own
        rows, for the strategy to add up.
        """
        import tensorflow as tf

        def shared(targets, predictions):
            if tf.distribute.in_cross_replica_context():  # Keras only asks for shapes
                return loss(targets, predictions)
            everywhere = tf.distribute.get_replica_context().all_reduce
            rows = everywhere("SUM", tf.cast(tf.shape(predictions)[0], "float32"))
            own = tf.reduce_sum(loss(targets, predictions)) / rows
            mean = everywhere("MEAN", own)  # Keras adds up what the replicas return
            return own + tf.stop_gradient(mean - own)

        return shared

    def _clip_the_sum(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Keras cuts each replica's gradients, before they are added up: add them up before."""
        import tensorflow as tf

        apply, replicas = optimizer.apply_gradients, self._strategy.num_replicas_in_sync
        optimizer.global_clipnorm /= replicas  # each replica has its part of the sum

        def apply_gradients(grads_and_vars):
            gradients, variables = zip(*grads_and_vars, strict=True)
            summed = tf.distribute.get_replica_context().all_reduce("SUM", list(gradients))
            apply(zip([gradient / replicas for gradient in summed], variables, strict=True))

        optimizer.apply_gradients = apply_gradients


class Sharded(Whole):
    """JAX: one program, whose arrays lie on all devices, each with equally many rows of a batch.

    A batch that does not divide is padded to a length that does, and the step drops the padding.
    Each length stands for one number of rows, which is how a step knows what to drop: the shapes
    are all that it is compiled for.
    """

    def __init__(self, batch_size: int):
        import jax

        self.devices = list_devices()
        hosts = [device.process_index for device in jax.devices()]
        self._first, self._own = hosts.index(jax.process_index()), jax.local_device_count()
        self._rows = {batch_size: batch_size}  # by length

    def share(self, rows: int) -> np.ndarray:
        """As `Whole.share`; padding repeats the last row."""
        devices = len(self.devices)
        length = -(-rows // devices) * devices
        while self._rows.setdefault(length, rows) != rows:
            length += devices
        each = length // devices
        start = self._first * each
        return np.minimum(np.arange(start, start + self._own * each), rows - 1)

    def compile(self, model: keras.Model, **said) -> None:
        model.compile(**said)
        model.train_step = self._without_padding(model.train_step)
        model.test_step = self._without_padding(model.test_step)

    def _without_padding(self, step: Callable) -> Callable:
        def unpadded(state, data):
            rows = self._rows[len(data[0])]
            return step(state, keras.tree.map_structure(lambda part: part[:rows], data))

        return unpadded


@contextmanager
def distributed(arguments: Arguments) -> Iterator[Whole]:
    """Within the block, models are made and trained on the devices that `arguments` ask for.

    Raises `UserError` where they cannot share a batch evenly, or other hosts are lost.
    """
    engine = keras.backend.backend()
    if arguments.hosts:
        if engine != "jax":
            raise UserError(
                f"--hosts: expected Keras on JAX, found {engine}, whose strategy for several "
                "machines fails in Keras 3's fit; set KERAS_BACKEND=jax"
            )
        with joined(arguments.hosts, arguments.num_hosts, arguments.host_id):
            with _sharded(arguments.batch_size) as sharded:
                yield sharded
    elif not arguments.distribute:
        yield Whole()
    elif engine == "jax":
        with _sharded(arguments.batch_size) as sharded:
            yield sharded
    else:
        with _mirrored(arguments.batch_size) as mirrored:
            yield mirrored


@contextmanager
def _sharded(batch_size: int) -> Iterator[Sharded]:
    _check_batch_size(batch_size)
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        yield Sharded(batch_size)


@contextmanager
def _mirrored(batch_size: int) -> Iterator[Mirrored]:
    import tensorflow as tf

    _check_batch_size(batch_size)
    strategy = tf.distribute.MirroredStrategy(list_devices())
    with strategy.scope():
        yield Mirrored(strategy)


def _check_batch_size(batch_size: int) -> None:
    devices = len(list_devices())
    if batch_size % devices:
        raise UserError(
            f"--batch_size: expected a multiple of the {devices} devices, which share each batch, "
            f"received {batch_size}; {-(-batch_size // devices) * devices} is the next"
        )
