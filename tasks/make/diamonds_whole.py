#!/usr/bin/env python3
"""Makes the task diamonds-whole: all of the diamonds data that Debian's r-cran-ggplot2 ships.

Source: the diamonds data of the R package ggplot2 (MIT licence), collected from diamondse.info.
Run:    Rscript -e 'write.csv(ggplot2::diamonds, "diamonds.csv", row.names = FALSE)'
        /usr/bin/python3 diamonds_whole.py diamonds.csv diamonds-whole

Left out: rows with a dimension of 0 and exact duplicates (price ignored), which would straddle the splits.
"""
import sys

import pandas as pd

from common import write_task

source = pd.read_csv(sys.argv[1])
source = source[(source[["x", "y", "z"]] > 0).all(axis=1)]
features = [column for column in source.columns if column != "price"]
frame = source.drop_duplicates(subset=features)[[*features, "price"]]
write_task(sys.argv[2], frame, "price", {"price": 0}, 0.12, seed=5)
