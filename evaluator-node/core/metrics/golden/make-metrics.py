#!/usr/bin/env python3
"""Writes metrics.json: scores by scikit-learn and scipy that the metrics of this project must meet to 1e-9.

Needs Debian's python3-sklearn (1.2.1) and python3-scipy (1.10.1):  /usr/bin/python3 make-metrics.py > metrics.json
A case is {metric, note, classes, width, truth, prediction, score}; score null means that the metric has no value.
"""
import json
import math
import warnings

import numpy as np
import scipy.stats
import sklearn.metrics as m

warnings.simplefilter("ignore")
rng = np.random.default_rng(20260424)
cases = []


def add(metric, note, truth, prediction, score, classes=0, width=1):
    score = None if score is None or not math.isfinite(score) else float(score)
    cases.append(dict(metric=metric, note=note, classes=classes, width=width,
                      truth=np.asarray(truth, float).ravel().tolist(),
                      prediction=np.asarray(prediction, float).ravel().tolist(), score=score))


def attempt(function):
    try:
        return function()
    except ValueError:
        return None


# Labels ------------------------------------------------------------------------------------------------------------
def label_inputs():
    for k in (2, 3, 5, 10):
        for n in (7, 30, 81):
            t = rng.integers(0, k, n)
            p = np.where(rng.random(n) < 0.6, t, rng.integers(0, k, n))
            yield f"{k} classes, {n} rows", k, t, p
    t = rng.integers(0, 3, 20)
    yield "all right", 3, t, t
    yield "all wrong", 3, t, (t + 1) % 3
    yield "constant prediction", 3, t, np.ones(20, int)
    yield "constant truth", 3, np.ones(20, int), t
    yield "both constant and equal", 3, np.ones(9, int), np.ones(9, int)
    yield "both constant and different", 3, np.ones(9, int), np.zeros(9, int)
    yield "one row, right", 2, np.array([1]), np.array([1])
    yield "one row, wrong", 2, np.array([1]), np.array([0])
    yield "two rows", 2, np.array([0, 1]), np.array([1, 1])
    yield "a class that never occurs", 4, np.array([0, 1, 3, 3, 0]), np.array([0, 3, 3, 1, 0])
    yield "a class only predicted", 3, np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2])
    yield "rare class", 2, np.array([0] * 60 + [1] * 2), np.array([0] * 58 + [1, 0, 1, 0])


for note, k, t, p in label_inputs():
    add("accuracy", note, t, p, m.accuracy_score(t, p), k)
    add("balanced-accuracy", note, t, p, m.balanced_accuracy_score(t, p), k)
    add("f1-macro", note, t, p, m.f1_score(t, p, average="macro", zero_division=0), k)
    add("f1-micro", note, t, p, m.f1_score(t, p, average="micro", zero_division=0), k)
    add("mcc", note, t, p, m.matthews_corrcoef(t, p), k)
    add("qwk", note, t, p, attempt(lambda: m.cohen_kappa_score(t, p, weights="quadratic")), k)


# Numbers -----------------------------------------------------------------------------------------------------------
def number_inputs():
    for n in (3, 10, 50, 120):
        for noise in (0.1, 1.0, 5.0):
            t = rng.normal(10, 2, n)
            yield f"noise {noise}, {n} rows", t, t + rng.normal(0, noise, n)
    t = rng.normal(5, 1, 25)
    yield "all right", t, t
    yield "reversed", t, -t
    yield "constant prediction", t, np.full(25, 3.5)
    yield "constant truth", np.full(25, 3.5), t
    yield "both constant and equal", np.full(6, 0.5), np.full(6, 0.5)
    yield "both constant and different", np.full(6, 0.5), np.full(6, 0.25)
    yield "one row", np.array([2.0]), np.array([2.5])
    yield "two rows", np.array([1.0, 2.0]), np.array([2.0, 3.5])
    yield "ties in the truth", rng.integers(0, 4, 40).astype(float), rng.normal(0, 1, 40)
    yield "ties in both", rng.integers(0, 4, 40).astype(float), rng.integers(0, 5, 40).astype(float)
    yield "zeros", np.array([0.0, 0, 1, 2, 0]), np.array([0.0, 1, 0, 2, 3])
    yield "large values", t * 1e9, t * 1e9 + rng.normal(0, 1e7, 25)
    yield "tiny values", t * 1e-9, t * 1e-9 + rng.normal(0, 1e-10, 25)


def finite_or_none(function, t, p):
    if len(t) < 2:
        return None
    if np.ptp(t) == 0 or np.ptp(p) == 0:
        return None
    return float(function(t, p)[0])


for note, t, p in number_inputs():
    add("rmse", note, t, p, m.mean_squared_error(t, p, squared=False))
    add("mae", note, t, p, m.mean_absolute_error(t, p))
    add("r2", note, t, p, m.r2_score(t, p) if len(t) > 1 else None)
    a, b = np.abs(t), np.abs(p)
    add("rmsle", note, a, b, math.sqrt(m.mean_squared_log_error(a, b)))
    add("pearson", note, t, p, finite_or_none(scipy.stats.pearsonr, t, p))
    add("spearman", note, t, p, finite_or_none(scipy.stats.spearmanr, t, p))
    add("kendall-tau", note, t, p, finite_or_none(scipy.stats.kendalltau, t, p))
add("rmsle", "a negative prediction", [1, 2], [1, -0.5], None)
add("rmsle", "a negative answer", [1, -2], [1, 0.5], None)


# Probability of one class ------------------------------------------------------------------------------------------
def auc_inputs():
    for n in (5, 20, 90):
        for strength in (0.0, 1.0, 4.0):
            t = np.r_[0, 1, rng.integers(0, 2, n - 2)]
            s = 1 / (1 + np.exp(-(rng.normal(0, 1, n) + strength * (t - 0.5))))
            yield f"strength {strength}, {n} rows", t, s
            yield f"strength {strength}, {n} rows, rounded to ties", t, np.round(s, 1)
    t = rng.integers(0, 2, 30)
    t[:2] = [0, 1]
    yield "constant", t, np.full(30, 0.5)
    yield "perfect", t, t.astype(float)
    yield "reversed", t, 1.0 - t
    yield "one class: ones", np.ones(8), rng.random(8)
    yield "one class: zeros", np.zeros(8), rng.random(8)
    yield "two rows", np.array([0, 1]), np.array([0.4, 0.6])
    yield "two rows tied", np.array([0, 1]), np.array([0.4, 0.4])
    yield "one positive", np.r_[1, np.zeros(40)], rng.random(41)


for note, t, s in auc_inputs():
    add("roc-auc", note, t, s, attempt(lambda: m.roc_auc_score(t, s)), 2)
    add("log-loss", "binary, one column: " + note, t, s,
        m.log_loss(t, s, labels=[0, 1], eps=1e-15), 2)


# Probabilities of many classes -------------------------------------------------------------------------------------
def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def multi(note, k, t, p):
    add("log-loss", note, t, p, m.log_loss(t, p, labels=list(range(k)), eps=1e-15), k, k)


for k in (2, 3, 10):
    for n in (1, 6, 40):
        t = rng.integers(0, k, n)
        multi(f"{k} classes, {n} rows", k, t, softmax(rng.normal(0, 2, (n, k))))
        multi(f"{k} classes, {n} rows, sums off by rounding", k, t, np.round(softmax(rng.normal(0, 2, (n, k))), 4))
        multi(f"{k} classes, {n} rows, zeros and ones, right", k, t, np.eye(k)[t])
        multi(f"{k} classes, {n} rows, zeros and ones, wrong", k, t, np.eye(k)[(t + 1) % k])
multi("only one class among the rows", 4, np.full(12, 2), softmax(rng.normal(0, 1, (12, 4))))
multi("uniform", 5, rng.integers(0, 5, 15), np.full((15, 5), 0.2))
add("log-loss", "a probability of 1.2", [0, 1], [[1.2, -0.2], [0.5, 0.5]], None, 2, 2)


# One column, added later so that the numbers above stay ------------------------------------------------------------
for note, t, p in number_inputs():
    add("medae", note, t, p, m.median_absolute_error(t, p))
    add("mape", note, t, p, None if (t == 0).any() else m.mean_absolute_percentage_error(t, p))
    size = np.abs(t) + np.abs(p)
    add("smape", note, t, p, 200 * np.mean(np.where(size == 0, 0, np.abs(p - t) / np.where(size == 0, 1, size))))
    for q in (0.1, 0.5, 0.9):
        add(f"quantile-loss-{q}", note, t, p, m.mean_pinball_loss(t, p, alpha=q))
add("smape", "all zero", np.zeros(4), np.zeros(4), 0)

for note, t, s in auc_inputs():
    add("average-precision", note, t, s, m.average_precision_score(t, s) if t.any() else None, 2)

for _ in range(2):
    for note, k, t, p in label_inputs():
        if k == 2:
            for name, beta in (("f1-binary", 1), ("f0.5", 0.5), ("f2", 2)):
                add(name, note, t, p, m.fbeta_score(t, p, beta=beta, zero_division=0), 2)
for n, rate in ((9, 0.1), (25, 0.3), (60, 0.5), (60, 0.02), (15, 0.9), (33, 0.4), (12, 0.5), (200, 0.2)):
    t, p = (rng.random(n) < rate).astype(int), (rng.random(n) < rate).astype(int)
    for name, beta in (("f1-binary", 1), ("f0.5", 0.5), ("f2", 2)):
        add(name, f"{n} rows, rate {rate}", t, p, m.fbeta_score(t, p, beta=beta, zero_division=0), 2)
for note, t, p in (("no positives at all", np.zeros(6), np.zeros(6)), ("none predicted", np.ones(6), np.zeros(6)),
                   ("none true", np.zeros(6), np.ones(6)), ("all positive", np.ones(6), np.ones(6))):
    for name, beta in (("f1-binary", 1), ("f0.5", 0.5), ("f2", 2)):
        add(name, note, t, p, m.fbeta_score(t, p, beta=beta, zero_division=0), 2)
for name in ("f1-binary", "f0.5", "f2"):
    add(name, "three classes", [0, 1, 2], [0, 1, 2], None, 3)


def class_inputs():
    for k in (3, 4, 7, 10):
        for n in (5, 12, 30):
            t = rng.integers(0, k, n)
            p = softmax(rng.normal(0, 1, (n, k)) + 1.5 * np.eye(k)[t])
            yield f"{k} classes, {n} rows", k, t, p
            tied = np.round(p * 10)
            tied[tied.sum(axis=1) == 0] = 1
            yield f"{k} classes, {n} rows, ties", k, t, tied / tied.sum(axis=1, keepdims=True)
    t = rng.integers(0, 6, 12)
    yield "uniform", 6, t, np.full((12, 6), 1 / 6)
    yield "all right", 6, t, np.eye(6)[t]
    yield "all wrong", 6, t, np.eye(6)[(t + 1) % 6]
    yield "every class once", 6, np.arange(6), softmax(rng.normal(0, 1, (6, 6)))
    yield "only one class among the rows", 6, np.full(6, 2), softmax(rng.normal(0, 1, (6, 6)))


for note, k, t, p in class_inputs():
    for top in (1, 3, 5):
        score = None if top >= k else 1 - m.top_k_accuracy_score(t, p, k=top, labels=range(k))
        add(f"top-{top}-error", note, t, p, score, k, k)
    full = len(set(t)) == k
    score = m.roc_auc_score(t, p, multi_class="ovr", average="macro", labels=range(k)) if full else None
    add("roc-auc-ovr", note, t, p, score, k, k)

print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
