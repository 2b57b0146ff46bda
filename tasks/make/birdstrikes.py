#!/usr/bin/env python3
"""Makes tasks/birdstrikes from birdstrikes.csv of the npm package vega-datasets 3.2.1.

Source: FAA Wildlife Strike Database; "U.S. Government Dataset" by the package's datapackage.json (public domain).
Run:    npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz
        /usr/bin/python3 birdstrikes.py package/data/birdstrikes.csv ../birdstrikes

9,000 random rows, duplicates dropped. Left out: the three cost columns, because they are known after the damage is, and
the state, which the airport tells. "None" is no damage; every other level is.
"""
import sys

import pandas as pd

from common import write_task

source = pd.read_csv(sys.argv[1], keep_default_na=False, na_values=[""])
frame = pd.DataFrame(
    {
        "airport": source["Airport Name"],
        "flight_date": source["Flight Date"],
        "time_of_day": source["Time of day"],
        "aircraft_model": source["Aircraft Make Model"],
        "operator": source["Aircraft Airline Operator"],
        "phase_of_flight": source["Phase of flight"],
        "speed_knots": source["Speed IAS in knots"].astype("Int64"),
        "wildlife_size": source["Wildlife Size"],
        "wildlife_species": source["Wildlife Species"],
        "damage": (source["Effect Amount of damage"] != "None").astype(int),
    }
)
frame = frame.drop_duplicates(subset=[column for column in frame.columns if column != "damage"]).sample(n=9000, random_state=2)
write_task(sys.argv[2], frame, "damage", {"damage": 0.5}, 0.15, seed=2)
