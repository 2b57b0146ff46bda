"""Scores a submission as MLE-bench's graders do: pandas reads both files, both are sorted by id and compared, then
scikit-learn gives the number. `score_mle_bench.py METRIC ANSWERS SUBMISSION` prints it once; with `--serve` the imports
stay and each line `METRIC ANSWERS SUBMISSION` of standard input is answered by `SECONDS CPU_SECONDS SCORE`."""

import sys
import time

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, mean_squared_error, roc_auc_score

METRICS = {
    "log-loss": (log_loss, True),
    "roc-auc": (roc_auc_score, True),
    "rmse": (lambda truth, guess: mean_squared_error(truth, guess, squared=False), False),
    "mae": (mean_absolute_error, False),
    "accuracy": (accuracy_score, False),
}


def grade(metric, answers_path, submission_path):
    answers = pd.read_csv(answers_path)
    submission = pd.read_csv(submission_path)
    id_column, target = answers.columns
    function, is_probability = METRICS[metric]
    if len(submission) != len(answers):
        raise ValueError("submission and answers differ in length")
    if id_column not in submission.columns or target not in submission.columns:
        raise ValueError("a column is missing")
    if not pd.api.types.is_numeric_dtype(submission[target]) or not np.isfinite(submission[target]).all():
        raise ValueError("a value is no finite number")
    if is_probability and (submission[target].min() < 0 or submission[target].max() > 1):
        raise ValueError("a probability is outside of 0 to 1")
    answers = answers.sort_values(id_column)
    submission = submission.sort_values(id_column)
    if (submission[id_column].values != answers[id_column].values).any():
        raise ValueError("the ids differ")
    return function(answers[target].to_numpy(), submission[target].to_numpy())


def main():
    if sys.argv[1:] == ["--serve"]:
        for line in sys.stdin:
            started, used = time.perf_counter(), time.process_time()
            score = grade(*line.split())
            print(time.perf_counter() - started, time.process_time() - used, repr(float(score)), flush=True)
    else:
        print(repr(float(grade(*sys.argv[1:]))))


main()
