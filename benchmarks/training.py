#!/usr/bin/env python3
"""Faces per second of train.py, and of the original toolkit's training or of data in memory.

python benchmarks/training.py --input data/wiki_db.mat
KERAS_BACKEND=jax python benchmarks/training.py --input data/wiki_db.mat --mixed_precision
python benchmarks/training.py --input data/faces_db.mat --arch face_resnet --against memory

The original: float32, Keras's defaults, and a generator that transforms one image after the
other. Memory: one batch of random faces again and again, which shows what preparing batches costs.
Both sides train the same network in one process, in turns. The floating-point operations of a step
(forward once, backward twice) are compared with the device's peak in products of large matrices.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.augmentation import per_picture
from benchmarks.turns import in_turns, ratio
from src import cli, flags
from src.extras import import_keras
from src.flags import flag


@dataclass(frozen=True, kw_only=True)
class Arguments:
    input: Path = flag(short="-i", help="database")
    arch: str = flag("wide_resnet", help="network, see train.py --arch")
    depth: int = flag(16, help="depth of network")
    width: int = flag(8, limits="[1, inf)", help="width of network")
    batch_size: int = flag(32, limits="[1, inf)", help="batch size")
    against: str = flag("original", choices=("original", "memory"), help="other side")
    aug: str = flag("plain", choices=("plain", "strong"), help="augmentation")
    mixed_precision: bool = flag(False, help="bfloat16 for this toolkit")
    steps: int = flag(20, limits="[1, inf)", help="steps per repetition")
    turns: int = flag(5, limits="[1, inf)", help="number of repetitions, in alternation")


def fitted(model, batches, batch_size: int, steps: int, processor: list[float]) -> float:
    """Faces per second of `steps` steps of `model.fit`, after a first one that does not count.

    processor: receives the faces per second of processor time, which other load changes less.
    """
    import keras

    ends, used = [], []

    def note(batch, logs):
        ends.append(time.perf_counter())
        used.append(time.process_time())

    timer = keras.callbacks.LambdaCallback(on_train_batch_end=note)
    model.fit(batches, steps_per_epoch=steps + 1, shuffle=False, verbose=0, callbacks=[timer])
    faces = batch_size * steps
    processor.append(faces / (time.process_time() - used[0]))
    return faces / (time.perf_counter() - ends[0])  # `fit` waits for the last step


def ours(args, database) -> tuple:
    """This toolkit's network and batches."""
    from src.training.arguments import Arguments
    from src.training.batches import FaceBatches
    from src.training.distribution import Devices, list_devices
    from src.training.network import compile_network, get_network
    from src.training.optimizers import get_schedule

    arguments = Arguments(
        [args.input],
        arch=args.arch,
        depth=args.depth,
        width=args.width,
        batch_size=args.batch_size,
        mixed_precision=args.mixed_precision,
        aug=args.aug,
        lr=0.01,
        nb_epochs=1,
    )
    model, _ = get_network(arguments, database.crop.size)
    devices = Devices(list_devices()[:1])
    compile_network(devices, model, arguments, get_schedule(arguments, 1000))
    rows = np.resize(np.arange(len(database)), (args.steps + 1) * args.batch_size)
    return model, FaceBatches(database, rows, arguments, is_training=True)


def memory(args, database) -> tuple:
    """The same network, on one batch of random faces with labels, again and again."""
    model, batches = ours(args, database)
    faces, labels, weights = batches[0]
    random = np.random.default_rng(0).integers(0, 256, faces.shape, np.uint8)
    return model, (batch for batch in repeat((random, labels, weights)))  # Keras takes generators


def original(args, database) -> tuple:
    """The same network as the original toolkit trains it."""
    import keras

    from src.labels import age_targets, gender_targets
    from src.models import build_model
    from src.training.arguments import Arguments

    arguments = Arguments([args.input], arch=args.arch, depth=args.depth, width=args.width)
    model = build_model(arguments.architecture, database.crop.size)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        loss=["categorical_crossentropy"] * 2,
        metrics=[["accuracy"]] * 2,
    )
    # The original holds all faces in memory; some will do here.
    faces = database.image[np.arange(min(len(database), 4096))]
    targets = [
        gender_targets(database.gender)[: len(faces)],
        age_targets(database.age_low, database.age_high)[: len(faces)],
    ]
    return model, as_tuples(per_picture(faces, targets, args.batch_size))


def as_tuples(batches: Iterator) -> Iterator:
    """Keras takes targets as a tuple."""
    for faces, targets in batches:
        yield faces, tuple(targets)


def step_operations(model, batch_size: int) -> float:
    """Floating-point operations of the convolutions and dense layers in a training step.

    Two per multiplication; the backward pass takes twice as many as the forward pass.
    """
    import keras

    multiplications = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            multiplications += np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            multiplications += np.prod(layer.kernel.shape)
    return 3 * 2 * float(multiplications) * batch_size


def matrix_peak(dtype: str, size: int) -> float:
    """Floating-point operations per second of products of `size` x `size` matrices."""
    import keras
    from keras import ops

    one = ops.cast(keras.random.normal((size, size)), dtype)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        product = one
        for _ in range(10):
            product = ops.matmul(one, product) / size
        float(ops.sum(product[0, 0]))  # waits until it is there
        best = max(best, 10 * 2 * size**3 / (time.perf_counter() - start))
    return best


def main(argv=()):
    args = flags.parse(Arguments, argv, __doc__)
    import_keras()
    from src.data.database import open_database
    from src.training.distribution import backend_version, has_accelerator, list_devices

    database = open_database(args.input)
    our_model, batches = ours(args, database)
    others = {"original": ("the original's way", original), "memory": ("data in memory", memory)}
    name, other = others[args.against]
    sides = {name: other(args, database), "train.py": (our_model, batches)}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    measures: dict[str, Callable[[], float]] = {
        name: partial(fitted, model, data, args.batch_size, args.steps, processor[name])
        for name, (model, data) in sides.items()
    }
    for measure in measures.values():
        measure()  # compiles
    batches.waited = 0.0
    rates = in_turns(measures, args.turns)
    kind = "bfloat16" if args.mixed_precision else "float32"
    print(f"{list_devices()[0]}, {backend_version()}; {our_model.name}, {kind}, {args.aug}")
    operations = step_operations(our_model, args.batch_size) / args.batch_size
    size = 8192 if has_accelerator() else 1024
    dtypes = ("float32" if args.against == "original" else kind), kind
    for name, dtype in zip(rates, dtypes, strict=True):
        faces = statistics.median(rates[name])
        share = faces * operations / matrix_peak(dtype, size)
        print(f"{name}: {faces:,.0f} faces per second, {share:.1%} of the {dtype} matrix peak")
    print("ratio:", ratio(*rates.values(), digits=2))
    own = [values[1:] for values in processor.values()]  # the first compiles
    print("ratio per processor time:", ratio(*own, digits=2))
    spent = sum(args.steps * args.batch_size / rate for rate in rates["train.py"])
    print(f"waiting for data: {batches.waited / spent:.1%} of a step")


if __name__ == "__main__":
    cli.run(main)
