"""Devices, precision, and distribution over this machine's or several machines' devices.

Data parallelism: every device has the whole network and a part of each batch. A distributed run
equals a run on one device with the same batches, except for rounding; `Mirrored` and `Sharded`
correct the differences of their backends.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version

import keras
import numpy as np

from ..errors import UserError
from .arguments import Arguments
from .hosts import joined


def list_devices() -> list[str]:
    """Names of the accelerators, or of the CPUs if there are none: "gpu:0", "gpu:1", ..."""
    devices = keras.distribution.list_devices()
    return [device for device in devices if not device.startswith("cpu")] or devices


def has_accelerator() -> bool:
    return not list_devices()[0].startswith("cpu")


def use_xla() -> bool:
    """Whether XLA compiles the steps: on CPUs TensorFlow's oneDNN kernels are faster."""
    return keras.backend.backend() != "tensorflow" or has_accelerator()


def backend_version() -> str:
    """The backend and its version: "tensorflow 2.21.0"."""
    name = keras.backend.backend()
    return f"{name} {version(name)}"


@contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Layers built within the block compute in bfloat16, if `mixed`; weights stay float32.

    Micikevicius et al., "Mixed precision training", ICLR 2018, https://arxiv.org/abs/1710.03740;
    bfloat16 has float32's range, so that the loss needs no scaling.
    """
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _create_variables(model: keras.Model) -> None:
    """Create the variables of optimizer and losses: TensorFlow traces a step that does so twice."""
    model.optimizer.build(model.trainable_variables)
    outputs = {
        name: np.zeros((1, *output.shape[1:]), np.float32)
        for name, output in zip(model.output_names, model.outputs, strict=True)
    }
    model.compute_loss(y=outputs, y_pred=list(outputs.values()))
    model.reset_metrics()


class SingleDevice:
    """Training on one device."""

    def __init__(self):
        self.devices = list_devices()[:1]  # their names

    def share(self, rows: int) -> np.ndarray:
        """Rows, int64, in order, that this process loads of a batch of `rows` rows."""
        return np.arange(rows)

    def compile(self, model: keras.Model, **options) -> None:
        """`model.compile`, adapted to this kind of distribution."""
        model.compile(**options)
        if keras.backend.backend() == "tensorflow":
            _create_variables(model)


class Mirrored(SingleDevice):
    """TensorFlow: each device has a replica of the network and a part of the batch.

    In the last batch a replica may have fewer rows than the other replicas, so losses and gradients
    are sums over all replicas, not means of their means.
    """

    def __init__(self, strategy):
        self.devices = list_devices()
        self._strategy = strategy

    def share(self, rows: int) -> np.ndarray:
        """See `SingleDevice.share`. Rows are repeated if a replica would otherwise be empty, which
        some of TensorFlow's convolutions reject; no mean changes."""
        times, replicas = 1, len(self.devices)
        while -(-rows * times // -(-rows * times // replicas)) < replicas:
            times += 1
        return np.tile(np.arange(rows), times)

    def compile(self, model: keras.Model, **options) -> None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True  # means and variances of the whole batch
        options["jit_compile"] = False  # XLA has no sums over replicas
        options["loss"] = {name: self._shared(loss) for name, loss in options["loss"].items()}
        model.compile(**options)
        if model.optimizer.global_clipnorm:
            self._clip_the_sum(model.optimizer)

    def _shared(self, loss: Callable) -> Callable:
        """The mean of `loss`, (N,), over the rows of all replicas.

        The value, which Keras reports, is the same on all replicas. The gradient is of the
        replica's own rows, and the strategy sums the gradients.
        """
        import tensorflow as tf

        def shared(targets, predictions):
            if tf.distribute.in_cross_replica_context():  # Keras infers shapes
                return loss(targets, predictions)
            everywhere = tf.distribute.get_replica_context().all_reduce
            rows = everywhere("SUM", tf.cast(tf.shape(predictions)[0], "float32"))
            own = tf.reduce_sum(loss(targets, predictions)) / rows
            mean = everywhere("MEAN", own)  # Keras sums over replicas
            return own + tf.stop_gradient(mean - own)

        return shared

    def _clip_the_sum(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Sum gradients before clipping: Keras clips them per replica."""
        import tensorflow as tf

        apply, replicas = optimizer.apply_gradients, self._strategy.num_replicas_in_sync
        optimizer.global_clipnorm /= replicas  # per replica, of the sum

        def apply_gradients(grads_and_vars):
            gradients, variables = zip(*grads_and_vars, strict=True)
            summed = tf.distribute.get_replica_context().all_reduce("SUM", list(gradients))
            apply(zip([gradient / replicas for gradient in summed], variables, strict=True))

        optimizer.apply_gradients = apply_gradients


class Sharded(SingleDevice):
    """JAX: one program with arrays sharded over all devices, an equal number of rows on each.

    Other batches are padded, and the compiled step drops the padding. Steps are compiled per shape,
    so each padded length stands for one number of rows.
    """

    def __init__(self, batch_size: int):
        import jax

        self.devices = list_devices()
        hosts = [device.process_index for device in jax.devices()]
        self._first, self._own = hosts.index(jax.process_index()), jax.local_device_count()
        self._rows = {batch_size: batch_size}  # by length

    def share(self, rows: int) -> np.ndarray:
        """See `SingleDevice.share`; padding repeats the last row."""
        devices = len(self.devices)
        length = -(-rows // devices) * devices
        while self._rows.setdefault(length, rows) != rows:
            length += devices
        each = length // devices
        start = self._first * each
        return np.minimum(np.arange(start, start + self._own * each), rows - 1)

    def compile(self, model: keras.Model, **options) -> None:
        model.compile(**options)
        model.train_step = self._without_padding(model.train_step)
        model.test_step = self._without_padding(model.test_step)

    def _without_padding(self, step: Callable) -> Callable:
        def unpadded(state, data):
            rows = self._rows[len(data[0])]
            return step(state, keras.tree.map_structure(lambda part: part[:rows], data))

        return unpadded


@contextmanager
def distributed(arguments: Arguments) -> Iterator[SingleDevice]:
    """Within the block, models are built and trained on the devices that `arguments` select.

    Raises `UserError` if the devices cannot share a batch evenly, or another host is lost.
    """
    engine = keras.backend.backend()
    if arguments.hosts and engine != "jax":
        raise UserError(
            f"--hosts: expected Keras on JAX, found {engine}, which does not support several "
            "machines in Keras 3's fit; set KERAS_BACKEND=jax"
        )
    if not (arguments.hosts or arguments.distribute):
        yield SingleDevice()
        return
    with ExitStack() as stack:
        if arguments.hosts:
            stack.enter_context(joined(arguments.hosts, arguments.num_hosts, arguments.host_id))
        _check_batch_size(arguments.batch_size)
        if engine == "jax":
            parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
            stack.enter_context(parallel.scope())
            yield Sharded(arguments.batch_size)
        else:
            import tensorflow as tf

            strategy = tf.distribute.MirroredStrategy(list_devices())
            stack.enter_context(strategy.scope())
            yield Mirrored(strategy)


def _check_batch_size(batch_size: int) -> None:
    devices = len(list_devices())
    if batch_size % devices:
        raise UserError(
            f"--batch_size: expected a multiple of the {devices} devices, which share each batch, "
            f"received {batch_size}; pass {-(-batch_size // devices) * devices}"
        )
