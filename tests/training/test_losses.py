"""src/training/losses.py against arithmetic by hand and scipy."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from src.models.heads import twin_heads
from src.training.arguments import Arguments
from src.training.losses import class_weights, get_losses

AGES = np.arange(101)
LOSSES, AGE_LOSSES = ("ce", "focal"), ("ce", "dldl", "mean_variance", "corn")


def gender_loss(loss: str = "ce", smoothing: float = 0.0):
    return get_losses(Arguments([], loss=loss, label_smoothing=smoothing))[0]


def age_loss(name: str = "ce", loss: str = "ce", smoothing: float = 0.0):
    return get_losses(Arguments([], age_loss=name, loss=loss, label_smoothing=smoothing))[1]


ALL = {f"{name} {loss}": age_loss(name, loss, 0.1) for name in AGE_LOSSES for loss in LOSSES}
every_loss = pytest.mark.parametrize("loss", ALL.values(), ids=ALL)


def age(*years: int) -> np.ndarray:
    """A uniform distribution (101) over some years."""
    return np.isin(AGES, years).astype(np.float32) / len(years)


def value(loss, target, prediction) -> float:
    """The loss of one row."""
    rows = np.array([target], np.float32), np.array([prediction], np.float32)
    [result] = ops.convert_to_numpy(loss(*rows))
    return float(result)


@pytest.mark.parametrize("share, expected", [(0.9, 0.01 * 0.105361), (0.5, 0.25 * 0.693147)])
def test_focal_loss_by_hand(share, expected):
    assert value(gender_loss("focal"), [1, 0], [share, 1 - share]) == pytest.approx(expected, 1e-4)
    guess = share * age(30) + (1 - share) * age(80)
    assert value(age_loss("ce", "focal"), age(30), guess) == pytest.approx(expected, 1e-4)


def test_focal_loss_is_each_rows_own():
    """The PyTorch toolkit used the mean cross-entropy of a batch for every row."""
    targets, easy, hard = np.array([[1, 0], [1, 0]]), [0.9, 0.1], [0.1, 0.9]
    both = gender_loss("focal")(targets, np.array([easy, hard]))
    np.testing.assert_allclose(both, [0.01 * -np.log(0.9), 0.81 * -np.log(0.1)], rtol=1e-5)


def test_label_smoothing_by_hand():
    entropy = -0.95 * np.log(0.8) - 0.05 * np.log(0.2)
    assert value(gender_loss("ce", 0.1), [1, 0], [0.8, 0.2]) == pytest.approx(entropy, 1e-5)
    focal = (1 - 0.8**0.95 * 0.2**0.05) ** 2 * entropy
    assert value(gender_loss("focal", 0.1), [1, 0], [0.8, 0.2]) == pytest.approx(focal, 1e-5)


@pytest.mark.parametrize("years", [[40], [0], [99], [20, 21, 22]])
def test_label_distribution_loss_equals_scipys(years):
    guess = np.random.default_rng(0).dirichlet(np.ones(101))
    blurred = sum(stats.norm(year, 2).pdf(AGES) / stats.norm(year, 2).pdf(AGES).sum() / len(years)
                  for year in years)  # fmt: skip
    expected = stats.entropy(blurred, guess) + abs(guess @ AGES - np.mean(years))
    assert value(age_loss("dldl"), age(*years), guess) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("years, distance", [([25], 5), ([25, 35], 0), ([25, 35, 36], 2)])
def test_mean_variance_loss_by_hand(years, distance):
    """Of 25 and 35, all but equally likely: the expectation is 30, the variance 25."""
    guess = 0.999 * age(25, 35) + 0.001 * age(36)
    expected = stats.entropy(age(*years)) + stats.entropy(age(*years), guess)
    expected += 0.2 * distance**2 / 2 + 0.05 * 25
    assert value(age_loss("mean_variance"), age(*years), guess) == pytest.approx(expected, 0.01)


def test_corn_is_the_papers_loss():
    """The paper's tasks one by one, as in its reference implementation, for 3 faces."""
    rng = np.random.default_rng(0)
    scores = rng.normal(1, 1, (3, 100))
    years = [0, 37, 100]
    total = 0.0
    for task in range(100):
        for row, year in enumerate(years):
            if year > task - 1:  # the faces that passed the task before
                p = 1 / (1 + np.exp(-scores[row, task]))
                total -= np.log(p) if year > task else np.log(1 - p)
    features = keras.Input((4,))
    model = keras.Model(features, twin_heads(features, use_bias=True, age_head="conditional"))
    layer = model.get_layer("conditional_pred_age")
    offset = np.log(np.arange(100, 0, -1))
    found = 0.0
    for row, year in enumerate(years):
        layer.set_weights([np.zeros((4, 100)), scores[row] - offset])
        _, predicted = model(np.zeros((1, 4)))
        found += value(age_loss("corn"), age(year), ops.convert_to_numpy(predicted)[0])
    assert found == pytest.approx(total, rel=1e-4)


def test_conditional_head_is_a_distribution():
    features = keras.Input((4,))
    model = keras.Model(features, twin_heads(features, age_head="conditional"))
    _, even = model(np.zeros((1, 4)))
    np.testing.assert_allclose(even, 1 / 101, rtol=1e-4)
    _, age = model(np.random.default_rng(0).normal(size=(5, 4)) * 10)
    assert model.output_names == ["pred_gender", "pred_age"]
    np.testing.assert_allclose(ops.sum(age, -1), 1, rtol=1e-5)


@every_loss
def test_losses_fall_near_the_label(loss):
    near, far = (0.5 * age(40) + 0.5 * stats.norm(m, 4).pdf(AGES) for m in (42, 60))
    assert 0 < value(loss, age(40), near) < value(loss, age(40), far)


def gradients(loss, target: np.ndarray, logits: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean loss of rows of logits, (N, 101), and its gradient, as `fit` computes them."""
    count = len(logits)
    model = keras.Sequential(
        [keras.Input((count,)), keras.layers.Dense(101, use_bias=False, activation="softmax")]
    )
    start = logits.astype(np.float32)
    model.set_weights([start])
    model.compile(keras.optimizers.SGD(1.0), loss=loss)
    result = model.train_on_batch(np.eye(count, dtype=np.float32), np.stack([target] * count))
    return float(result), start - model.get_weights()[0]


def tiny_logits(*exponents: int) -> np.ndarray:
    """Logits per exponent: the age is 60, and 30 with a probability of 10^-exponent."""
    logits = np.full((len(exponents), 101), -60.0)
    logits[:, 60], logits[:, 30] = 0, -np.log(10) * np.array(exponents)
    return logits


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_gradient_down_to_tiny_probabilities(smoothing):
    """The softmax minus the label, also if the label's probability is 1e-30."""
    logits = tiny_logits(0, 7, 9, 20, 30)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (1 - smoothing) * age(30) + smoothing / 101
    result, found = gradients(age_loss("ce", "ce", smoothing), age(30), logits)
    assert result == pytest.approx(np.mean(-np.log(probabilities) @ label), 1e-5)
    np.testing.assert_allclose(found * len(logits), probabilities - label, atol=1e-4)


@every_loss
def test_confident_mistakes_have_gradients(loss):
    _, [found] = gradients(loss, age(30), tiny_logits(30))
    assert found[26:35].sum() < -0.5 and np.isfinite(found).all()


def weights(balance: str, low, high=None, gender=()) -> dict[str, np.ndarray]:
    low = np.array(low, float)
    gender = np.resize(np.array([*gender] or [np.nan], float), len(low))
    high = low if high is None else np.array(high, float)
    return class_weights(Arguments([], balance=balance, max_weight=1e9), low, high, gender)


@pytest.mark.parametrize(
    "balance, common, rare", [("none", 1, 1), ("sqrt", 5 / 6, 5 / 3), ("inverse", 5 / 8, 5 / 2)]
)
def test_weights_by_hand(balance, common, rare):
    expected = [common] * 8 + [rare] * 2
    found = weights(balance, [20] * 8 + [60] * 2, gender=[1] * 8 + [0] * 2)
    np.testing.assert_allclose(found["pred_age"], expected, rtol=1e-6)


def test_gender_is_conditional_on_the_age():
    """1 of 2 at 5, 4 of 8 at 40: half each, however rare the age."""
    found = weights("inverse", [5] * 2 + [40] * 8, gender=[0, 1] * 5)["pred_gender"]
    np.testing.assert_allclose(found, 1, rtol=1e-6)


def test_rare_ages_do_not_dominate_the_gender_loss():
    """2 men of 95 among 1,002 weighed 90: now (2 + 1) / (2 + 2) and (250 + 1) / (1000 + 2)."""
    gender = [0] * 750 + [1] * 250 + [1] * 2
    found = weights("inverse", [30] * 1000 + [95] * 2, gender=gender)["pred_gender"]
    expected = np.array([1002 / 751] * 750 + [1002 / 251] * 250 + [4 / 3] * 2)
    np.testing.assert_allclose(found, expected / expected.mean(), rtol=1e-6)


def test_maximum_weight():
    low, gender = np.array([30.0] * 1000 + [95] * 2), np.full(1002, np.nan)
    free = weights("inverse", low)["pred_age"]
    capped = class_weights(Arguments([], balance="inverse"), low, low, gender)["pred_age"]
    assert free.max() == pytest.approx(250.5)
    np.testing.assert_allclose(capped, np.minimum(free, 10))


def test_gender_without_known_ages():
    gender = np.array([1] * 8 + [0] * 2, float)  # 10 / 101 faces per year, 50 in a window
    found = weights("sqrt", [np.nan] * 10, gender=gender)["pred_gender"]
    assert found[-1] / found[0] == pytest.approx(
        ((8 * 5 / 101 + 1) / (2 * 5 / 101 + 1)) ** 0.5, 1e-2
    )


def test_ranges_count_by_year():
    found = weights("inverse", [10, 10, 50], [10, 19, 50])["pred_age"]
    counts = np.zeros(101)
    counts[[10, 50]] = 1
    counts[10:20] += 0.1
    smooth = np.array([counts[max(0, year - 2) : year + 3].mean() for year in AGES])
    expected = 1 / np.array([smooth[10], smooth[10:20].mean(), smooth[50]])
    np.testing.assert_allclose(found, expected / expected.mean(), rtol=1e-6)


def test_unknown_labels_weigh_one():
    found = weights("inverse", [20] * 8 + [np.nan] * 4 + [60] * 2)
    np.testing.assert_allclose(found["pred_age"], [0.625] * 8 + [1] * 4 + [2.5] * 2)
    np.testing.assert_array_equal(found["pred_gender"], 1)
