#!/usr/bin/env python3
"""Makes the task letters from the LetterRecognition data of Debian's r-cran-mlbench: all 20,000 rows.

Source: D. J. Slate, Letter Recognition, UCI Machine Learning Repository, CC BY 4.0.
Run:    Rscript -e 'library(mlbench); data(LetterRecognition); write.csv(LetterRecognition, "letters.csv", row.names = FALSE)'
        /usr/bin/python3 letters.py letters.csv letters

Exact duplicates are dropped: they would straddle the splits.
"""
import sys

import pandas as pd

from common import write_task

source = pd.read_csv(sys.argv[1]).rename(columns={"lettr": "letter"})
features = [column for column in source.columns if column != "letter"]
frame = source.drop_duplicates(subset=features)[[*features, "letter"]]
write_task(sys.argv[2], frame, "letter", {letter: 1 / 26 for letter in sorted(frame["letter"].unique())}, 0.15, seed=4)
