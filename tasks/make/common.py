"""Writes a task folder: train.csv, test.csv, sample_submission.csv and private/test_labels.csv, always the same bytes."""
import os

import numpy as np
import pandas as pd


def write_task(directory, frame, target, sample, test_share, seed):
    """`frame` holds features and the target; `sample` maps prediction columns to a constant. Ids follow a random order."""
    rng = np.random.default_rng(seed)
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    frame.insert(0, "id", np.arange(1, len(frame) + 1))
    hold = max(1, round(len(frame) * test_share))
    test, train = frame.iloc[:hold], frame.iloc[hold:]
    features = [column for column in frame.columns if column not in ("id", target)]
    os.makedirs(os.path.join(directory, "private"), exist_ok=True)

    def write(table, *path):
        table.to_csv(os.path.join(directory, *path), index=False, lineterminator="\n")

    write(train[["id", *features, target]], "train.csv")
    write(test[["id", *features]], "test.csv")
    write(test[["id", target]], "private", "test_labels.csv")
    write(pd.DataFrame({"id": test["id"], **sample}), "sample_submission.csv")
    print(f"{directory}: {len(train)} training and {len(test)} test rows")
