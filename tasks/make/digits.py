#!/usr/bin/env python3
"""Makes tasks/digits from the digits data that Debian's python3-sklearn ships (sklearn.datasets.load_digits).

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0.
Run:    /usr/bin/python3 digits.py ../digits
"""
import sys

import pandas as pd
from sklearn.datasets import load_digits

from common import write_task

data = load_digits()
frame = pd.DataFrame(data.data.astype(int), columns=[f"pixel_{row}_{column}" for row in range(8) for column in range(8)])
frame["digit"] = data.target
write_task(sys.argv[1], frame, "digit", {str(digit): 0.1 for digit in range(10)}, 0.15, seed=1)
