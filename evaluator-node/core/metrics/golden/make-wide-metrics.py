#!/usr/bin/env python3
"""Writes wide-metrics.json: scores of metrics over several columns or over texts, to be met to 1e-9.

By scikit-learn and scipy where they have the metric; by a plain reference of another shape than ours where they do not.
Needs Debian's python3-sklearn (1.2.1) and python3-scipy (1.10.1):  /usr/bin/python3 make-wide-metrics.py > wide-metrics.json
A case is {metric, note, truthWidth, width, truth, prediction, score, weights}; truth and prediction are numbers row by
row, or texts; score null means that the metric has no value.
"""
import json
import math
import warnings
from functools import lru_cache

import numpy as np
import scipy.stats
import sklearn.metrics as m
from sklearn.preprocessing import MultiLabelBinarizer

warnings.simplefilter("ignore")
rng = np.random.default_rng(20260425)
cases = []


def add(metric, note, truth, prediction, score, weights=None):
    score = None if score is None or not math.isfinite(score) else float(score)
    truth, prediction = np.asarray(truth, float), np.asarray(prediction, float)
    truth, prediction = truth.reshape(len(truth), -1), prediction.reshape(len(prediction), -1)
    case = dict(metric=metric, note=note, truthWidth=truth.shape[1], width=prediction.shape[1],
                truth=truth.ravel().tolist(), prediction=prediction.ravel().tolist(), score=score)
    cases.append(case if weights is None else dict(case, weights=list(map(float, weights))))


def add_texts(metric, note, truth, prediction, score):
    score = None if score is None or not math.isfinite(score) else float(score)
    cases.append(dict(metric=metric, note=note, truthWidth=1, width=1, truth=list(truth), prediction=list(prediction),
                      score=score))


# Numbers, column by column -------------------------------------------------------------------------------------------
def column_inputs():
    for k in (1, 2, 5):
        for n in (4, 17, 60):
            for noise in (0.3, 3.0):
                t = rng.normal(3, 2, (n, k))
                yield f"{k} columns, {n} rows, noise {noise}", t, t + rng.normal(0, noise, (n, k))
    t = rng.integers(0, 4, (30, 3)).astype(float)
    yield "ties", t, rng.integers(0, 4, (30, 3)).astype(float)
    yield "all right", t, t
    yield "one constant prediction", t, np.c_[t[:, :2], np.ones(30)]
    yield "one constant answer", np.c_[t[:, :2], np.ones(30)], t
    yield "one row", t[:1], t[1:2]


def spearman(t, p):
    if len(t) < 2 or (np.ptp(t, axis=0) == 0).any() or (np.ptp(p, axis=0) == 0).any():
        return None
    return np.mean([scipy.stats.spearmanr(t[:, c], p[:, c])[0] for c in range(t.shape[1])])


for note, t, p in column_inputs():
    add("mcrmse", note, t, p, m.mean_squared_error(t, p, squared=False, multioutput="uniform_average"))
    a, b = np.abs(t), np.abs(p)
    add("mcrmsle", note, a, b, m.mean_squared_log_error(a, b, squared=False, multioutput="uniform_average"))
    add("spearman-column-mean", note, t, p, spearman(t, p))
add("mcrmsle", "a negative prediction", [[1, 2]], [[1, -0.5]], None)


# Yes-or-no labels ----------------------------------------------------------------------------------------------------
def label_inputs():
    for k in (2, 3, 8):
        for n in (5, 15, 40):
            t = (rng.random((n, k)) < 0.4).astype(int)
            p = 1 / (1 + np.exp(-rng.normal(0, 1, (n, k)) - 2 * (t - 0.5)))
            yield f"{k} labels, {n} rows", t, p
            yield f"{k} labels, {n} rows, ties", t, np.round(p, 1)
    t = (rng.random((25, 4)) < 0.5).astype(int)
    yield "all right", t, t.astype(float)
    yield "all wrong", t, 1.0 - t
    yield "constant", t, np.full((25, 4), 0.5)
    t = t.copy()
    t[:, 1] = 0
    yield "a label that never occurs", t, rng.random((25, 4))
    yield "rows without labels", np.r_[np.zeros((5, 3)), np.eye(3)], rng.random((8, 3))
    yield "no label at all", np.zeros((4, 3)), rng.random((4, 3))
    yield "every label", np.ones((4, 3)), rng.random((4, 3))


def label_weighted(t, p):
    rows = t.sum(axis=1)
    if rows.sum() == 0:
        return None
    keep = rows > 0
    return m.label_ranking_average_precision_score(t[keep], p[keep], sample_weight=rows[keep])


def multi_label_loss(t, p, weights):
    losses = [m.log_loss(t[:, c], p[:, c], labels=[0, 1], eps=1e-15) for c in range(t.shape[1])]
    return np.average(losses, weights=weights)


for note, t, p in label_inputs():
    both = ((t.min(axis=0) == 0) & (t.max(axis=0) == 1)).all()
    add("roc-auc-column-mean", note, t, p, m.roc_auc_score(t, p, average="macro") if both else None)
    add("lwlrap", note, t, p, label_weighted(t, p))
    add("log-loss-multi-label", note, t, p, multi_label_loss(t, p, None))
    weights = rng.integers(1, 6, t.shape[1])
    add("log-loss-multi-label", note + ", weighted", t, p, multi_label_loss(t, p, weights), weights)
for metric in ("roc-auc-column-mean", "lwlrap", "log-loss-multi-label"):
    add(metric, "an answer of 2", [[0, 2], [1, 0]], [[0.5, 0.5], [0.5, 0.5]], None)


# Relevances ----------------------------------------------------------------------------------------------------------
def relevance_inputs():
    for items in (2, 6, 15):
        for n in (1, 8, 30):
            t = rng.integers(0, 4, (n, items))
            yield f"{items} items, {n} rows", t, rng.normal(0, 1, (n, items))
            yield f"{items} items, {n} rows, ties", t, rng.integers(0, 3, (n, items))
    t = rng.integers(0, 3, (10, 5))
    yield "all tied", t, np.ones((10, 5))
    yield "all right", t, t
    yield "reversed", t, -t
    yield "nothing relevant", np.zeros((3, 4)), rng.random((3, 4))
    yield "all equally relevant", np.ones((3, 4)), rng.random((3, 4))


for note, t, p in relevance_inputs():
    for k in (5, 10):
        add(f"ndcg-at-{k}", note, t, p, m.ndcg_score(t, p, k=k))
for k in (5, 10):
    add(f"ndcg-at-{k}", "a negative relevance", [[1, -1]], [[1, 2]], None)


# Shares, places, directions, likelihood ------------------------------------------------------------------------------
def shares(n, k, sharp=1.0):
    return rng.dirichlet(np.full(k, sharp), n)


for k in (2, 6):
    for n in (1, 9, 40):
        for sharp in (0.2, 1.0, 5.0):
            t, p = shares(n, k, sharp), shares(n, k, 1.0)
            add("kl-divergence", f"{k} shares, {n} rows, {sharp}", t, p,
                np.mean([scipy.stats.entropy(a, b) for a, b in zip(t, p)]))
t = np.eye(4)[rng.integers(0, 4, 10)]
add("kl-divergence", "one-hot answers", t, shares(10, 4), np.nan)
cases[-1]["score"] = float(np.mean([-math.log(p[a]) for a, p in
                                    zip(t.argmax(axis=1), np.reshape(cases[-1]["prediction"], (10, 4)))]))
add("kl-divergence", "predictions of nothing", shares(5, 3), [[0.0] * 3] * 5, None)
add("kl-divergence", "a zero where there is a share", [[0.5, 0.5]], [[1.0, 0.0]],
    0.5 * math.log(0.5 / (1 - 1e-15)) + 0.5 * math.log(0.5 / 1e-15))
add("kl-divergence", "equal", [[0.25, 0.75], [1, 0]], [[0.25, 0.75], [1, 0]], 0.0)
add("kl-divergence", "shares that do not sum to 1", [[0.5, 0.5]], [[0.5, 0.1]], None)


def places(n):
    return np.c_[np.degrees(np.arcsin(rng.uniform(-1, 1, n))), rng.uniform(-180, 180, n)]


def place_inputs():
    for n in (1, 2, 10, 50):
        for near in (1e-6, 1e-2, 1.0, None):
            t = places(n)
            p = places(n) if near is None else np.clip(t + rng.normal(0, near, (n, 2)), [-90, -180], [90, 180])
            yield f"{n} rows, {near or 'anywhere'}", t, p
    yield "equal", t, t
    yield "pole to pole", [[90, 0]], [[-90, 0]]
    yield "across the date line", [[10, 179.9]], [[10, -179.9]]
    yield "opposite", [[20, 30]], [[-20, -150]]
    yield "one pole by two longitudes", [[90, 10]], [[90, 170]]


for note, t, p in place_inputs():
    t, p = np.asarray(t, float), np.asarray(p, float)
    d = [m.pairwise.haversine_distances([a], [b])[0, 0] for a, b in zip(np.radians(t), np.radians(p))]
    add("haversine", note, t, p, 6_371_000 * np.mean(d))
add("haversine", "latitude 91", [[10, 10]], [[91, 10]], None)


def directions(n):
    return np.c_[rng.uniform(0, 2 * np.pi, n), np.arccos(rng.uniform(-1, 1, n))]


def angle(a, b):
    """By the chord, in extended precision; near pi by the chord to the opposite point."""
    def unit(d):
        azimuth, zenith = np.longdouble(d[0]), np.longdouble(d[1])
        return np.array([np.cos(azimuth) * np.sin(zenith), np.sin(azimuth) * np.sin(zenith), np.cos(zenith)])
    u, v = unit(a), unit(b)
    near, far = np.sqrt(((u - v) ** 2).sum()), np.sqrt(((u + v) ** 2).sum())
    one, two = np.longdouble(1), np.longdouble(2)
    half = two * np.arcsin(min(one, near / 2)) if near < far else np.arccos(-one) - two * np.arcsin(min(one, far / 2))
    return float(half)


def direction_inputs():
    for n in (1, 3, 12, 50):
        for near in (1e-9, 1e-4, 0.3, None):
            t = directions(n)
            p = directions(n) if near is None else np.clip(t + rng.normal(0, near, (n, 2)), 0, [2 * np.pi, np.pi])
            yield f"{n} rows, {near or 'anywhere'}", t, p
    yield "equal", t, t
    yield "opposite", [[0, 0]], [[0, 3.141592653589793]]
    yield "right angle", [[0, 1.5707963267948966]], [[1.5707963267948966, 1.5707963267948966]]
    yield "a whole turn", [[0, 1]], [[6.283185307179586, 1]]


for note, t, p in direction_inputs():
    add("angular-error", note, t, p, np.mean([angle(a, b) for a, b in zip(np.asarray(t), np.asarray(p))]))
add("angular-error", "zenith 4", [[0, 1]], [[0, 4]], None)

for n in (1, 2, 7, 40):
    for noise in (10, 200, 3000):
        for sigma in (50, 250):
            t = rng.normal(2500, 500, n)
            p = np.c_[t + rng.normal(0, noise, n), np.abs(rng.normal(sigma, sigma / 3, n))]
            density = scipy.stats.laplace(loc=0, scale=np.maximum(p[:, 1], 70) / math.sqrt(2))
            error = np.minimum(np.abs(t - p[:, 0]), 1000)
            # Laplace's density has 1 / (2b); OSIC's metric has 1 / (sqrt(2) sigma) = 1 / (2b) with b = sigma / sqrt(2).
            add("laplace-log-likelihood", f"{n} rows, noise {noise}, sigma {sigma}", t, p, np.mean(density.logpdf(error)))


# Texts ---------------------------------------------------------------------------------------------------------------
def average_precision(actual, predicted, k):
    """ml_metrics.apk."""
    predicted = predicted[:k]
    score = hits = 0.0
    for i, p in enumerate(predicted):
        if p in actual and p not in predicted[:i]:
            hits += 1.0
            score += hits / (i + 1.0)
    return score / min(len(actual), k) if actual else 0.0


def item_inputs():
    vocabulary = [f"i{n}" for n in range(20)]
    for most in (1, 4, 15):
        for n in (1, 6, 25):
            def draw(least):
                return [list(rng.choice(vocabulary, rng.integers(least, most + 1), replace=False)) for _ in range(n)]
            yield f"up to {most} items, {n} rows", draw(1), draw(0)
            yield f"up to {most} items, {n} rows, ordered", (t := draw(1)), [a + vocabulary[:2] for a in t]
    yield "all right", [["a", "b"], ["c"]], [["a", "b"], ["c"]]
    yield "nothing predicted", [["a"], ["b", "c"]], [[], []]
    yield "nothing to find", [[], []], [["a"], []]
    yield "an item twice", [["a", "b"]], [["a", "a", "b"]]
    yield "other case", [["A"]], [["a"]]
    yield "beyond ASCII", [["ä", "日本"]], [["日本", "a"]]


for note, t, p in item_inputs():
    texts = [" ".join(a) for a in t], [" ".join(a) for a in p]
    for k in (3, 5, 12):
        add_texts(f"map-at-{k}", note, *texts, np.mean([average_precision(a, b, k) for a, b in zip(t, p)]))
    indicator = MultiLabelBinarizer().fit([*t, *p, ["~", "~~"]])
    a, b = indicator.transform(t), indicator.transform(p)
    add_texts("f1-samples", note, *texts, m.f1_score(a, b, average="samples", zero_division=0))
    micro = m.f1_score(a, b, average="micro", zero_division=0) if a.sum() + b.sum() else None
    add_texts("f1-sets-micro", note, *texts, micro)


def edits(a, b):
    """By recursion from the end."""
    @lru_cache(None)
    def step(i, j):
        if i == 0 or j == 0:
            return i + j
        if a[i - 1] == b[j - 1]:
            return step(i - 1, j - 1)
        return 1 + min(step(i - 1, j), step(i, j - 1), step(i - 1, j - 1))
    return step(len(a), len(b))


def text_inputs():
    letters = list("aab cdEF é日𝒳")
    for most in (3, 12, 40):
        for n in (1, 5, 12):
            t = ["".join(rng.choice(letters, rng.integers(0, most + 1))).strip(" ") for _ in range(n)]
            t[0] = t[0] or "a b"
            p = ["".join(c for c in text if rng.random() < 0.8) + ("x" if rng.random() < 0.5 else "") for text in t]
            yield f"up to {most} letters, {n} rows", t, p
            yield f"up to {most} letters, {n} rows, unrelated", t, p[::-1]
    yield "all right", ["a b", "c"], ["a b", "c"]
    yield "nothing predicted", ["a b", "c"], ["", ""]
    yield "both empty", ["", "a"], ["", "a"]
    yield "other case", ["Hello World"], ["hello world again"]
    yield "outside the first plane", ["𝒳𝒴"], ["𝒳"]


def jaccard(a, b):
    a, b = set(a.lower().split()), set(b.lower().split())
    return len(a & b) / len(a | b) if a | b else 1.0


for note, t, p in text_inputs():
    pairs = list(zip(t, p))
    add_texts("levenshtein", note, t, p, np.mean([edits(a, b) for a, b in pairs]))
    add_texts("levenshtein-normalised", note, t, p,
              np.mean([edits(a, b) / max(len(a), len(b)) if a or b else 0 for a, b in pairs]))
    items = sum(len(a.split()) for a in t)
    wrong = sum(edits(tuple(a.split()), tuple(b.split())) for a, b in pairs)
    add_texts("token-error-rate", note, t, p, wrong / items if items else None)
    add_texts("word-jaccard", note, t, p, np.mean([jaccard(a, b) for a, b in pairs]))


# Masks ---------------------------------------------------------------------------------------------------------------
def encode(mask):
    padded = np.r_[0, mask, 0]
    edges = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    return " ".join(f"{a} {b - a}" for a, b in zip(edges[::2], edges[1::2]))


def mask_inputs():
    for size in (6, 40, 150):
        for n in (1, 4, 12):
            for rate in (0.1, 0.6):
                t = rng.random((n, size)) < rate
                yield f"{size} pixels, {n} rows, {rate}", t, np.where(rng.random((n, size)) < 0.8, t, ~t)
    t = rng.random((3, 50)) < 0.5
    yield "all right", t, t
    yield "all wrong", t, ~t
    yield "nothing predicted", t, np.zeros_like(t)
    yield "both empty", np.zeros_like(t), np.zeros_like(t)


for note, t, p in mask_inputs():
    texts = [encode(a) for a in t], [encode(b) or "-" for b in p]
    both = [a.any() or b.any() for a, b in zip(t, p)]
    add_texts("dice", note, *texts, np.mean([m.f1_score(a, b) if f else 1 for a, b, f in zip(t, p, both)]))
    add_texts("mean-iou", note, *texts, np.mean([m.jaccard_score(a, b) if f else 1 for a, b, f in zip(t, p, both)]))
    add_texts("dice-global", note, *texts, m.f1_score(t.ravel(), p.ravel()) if any(both) else None)
for metric in ("dice", "mean-iou", "dice-global"):
    for bad in ("1", "0 3", "1 0", "1 2 2 2", "1 2 x 1", "1.5 2", "-1 3", "1 99999999999999"):
        add_texts(metric, "no mask: " + bad, ["1 3"], [bad], None)
    add_texts(metric, "runs out of order", ["1 3 10 2"], ["10 2 1 3"], 1.0)

print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]")
