"""scikit-learn's own searches over the families that the offline policy has: what one would use without agents.

`model_search.py HOW TASK_FOLDER SECONDS SEED SUBMISSION`: HOW is `randomised` or `halving`. Rounds of the search are run, each with a seed of its
own, until SECONDS have passed; what did best in cross-validation on all rows is fitted on all of them and predicts the test rows. Prints
a line of JSON: what was chosen, its cross-validated score, how many settings were tried."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
import yaml
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import HalvingRandomSearchCV, KFold, RandomizedSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR

SCORERS = {"log-loss": "neg_log_loss", "roc-auc": "roc_auc", "rmse": "neg_root_mean_squared_error"}
JOBS = 2
# A kernel's time grows with the square of the rows.
MOST_KERNEL_ROWS = 6000


def read(folder):
    with open(f"{folder}/task.yaml", encoding="utf-8") as file:
        task = yaml.safe_load(file)
    train, test = pd.read_csv(f"{folder}/train.csv"), pd.read_csv(f"{folder}/test.csv")
    y = train.pop(task["target"])
    for table in (train, test):
        table.drop(columns=[task["id"]], inplace=True)
        for column in table.columns:
            if table[column].dtype == object and column.endswith("date"):
                days = pd.to_datetime(table[column], errors="coerce")
                table[column] = days.map(lambda day: day.toordinal() if pd.notna(day) else np.nan)
                table[f"{column} month"] = days.dt.month
    return task, train, y, test


def columns(x, scaled):
    """Numbers and categories as a model takes them: scaled and one-hot, or as they are and by number."""
    numbers = [name for name in x.columns if x[name].dtype != object]
    words = [name for name in x.columns if x[name].dtype == object]
    number_steps = [SimpleImputer(strategy="median"), *([StandardScaler()] if scaled else [])]
    if scaled:
        encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    else:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    word_steps = [SimpleImputer(strategy="constant", fill_value="missing"), encoder]
    return ColumnTransformer([("n", make_pipeline(*number_steps), numbers), ("w", make_pipeline(*word_steps), words)], sparse_threshold=0)


def spaces(x, regression, seed):
    """One dictionary a family: the model within its pipeline, and the settings that the policy tries, too."""
    trees = {"min_samples_leaf": [1, 2, 4, 8, 16], "max_features": ["sqrt", 0.3, 0.5, 0.8, 1.0], "n_estimators": [80, 150, 250, 400]}
    boost = {
        "learning_rate": [0.03, 0.06, 0.1, 0.15, 0.2],
        "max_iter": [25, 60, 100, 160, 250, 400],
        "max_leaf_nodes": [4, 8, 12, 16, 31],
        "l2_regularization": [0, 1, 5, 20],
        "min_samples_leaf": [5, 10, 20, 40],
    }
    near = {"n_neighbors": [1, 3, 5, 8, 12, 20, 35], "p": [2, 1], "weights": ["uniform", "distance"]}
    network = {"alpha": [0.0001, 0.001, 0.01, 0.1, 1], "hidden_layer_sizes": [24, 48, 96, 160], "max_iter": [40, 80, 150]}
    kernel = {"C": [0.3, 1, 3, 10, 30, 100], "gamma": ["scale", 0.003, 0.01, 0.03, 0.1]}
    if regression:
        families = [
            (Ridge(random_state=seed), {"alpha": [0.1, 1, 10, 30, 100, 300]}, True),
            (KNeighborsRegressor(), near, True),
            (RandomForestRegressor(random_state=seed), trees, False),
            (ExtraTreesRegressor(random_state=seed), trees, False),
            (HistGradientBoostingRegressor(random_state=seed), boost, False),
            (MLPRegressor(random_state=seed), network, True),
            (SVR(), kernel, True),
        ]
    else:
        families = [
            (LogisticRegression(max_iter=300), {"C": [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]}, True),
            (KNeighborsClassifier(), near, True),
            (RandomForestClassifier(random_state=seed), trees, False),
            (ExtraTreesClassifier(random_state=seed), trees, False),
            (HistGradientBoostingClassifier(random_state=seed), boost, False),
            (MLPClassifier(random_state=seed), network, True),
            (SVC(probability=True, random_state=seed), kernel, True),
        ]
    found = []
    for model, settings, scaled in families:
        if isinstance(model, (SVC, SVR)) and len(x) > MOST_KERNEL_ROWS:
            continue
        name = type(model).__name__.lower()
        pipeline = make_pipeline(columns(x, scaled), model)
        if not regression:
            found.append((pipeline, {f"{name}__{key}": values for key, values in settings.items()}))
            continue
        wrapped = TransformedTargetRegressor(pipeline, check_inverse=False)
        plain = {f"regressor__{name}__{key}": values for key, values in settings.items()}
        found.append((wrapped, plain))
    return found



def main(how, folder, seconds, seed, path):
    begun = time.monotonic()
    task, x, y, x_new = read(folder)
    metric = task["metric"]
    regression = metric == "rmse"
    folds = (KFold if regression else StratifiedKFold)(3, shuffle=True, random_state=seed)
    rng = np.random.default_rng(seed)
    families = spaces(x, regression, seed)
    common = {"scoring": SCORERS[metric], "cv": folds, "n_jobs": JOBS, "refit": False, "error_score": -np.inf}
    best, tried, rounds = None, 0, 0
    # The longest round of each family that had one.
    took = {}

    def fits(family):
        # The last fit is of one setting on all rows, a round of two or more on two thirds of them, three times over.
        last = 0.5 * took[best[3]] if best is not None else 0
        return time.monotonic() - begun + took.get(family, 0) + last < seconds

    while rounds == 0 or any(fits(family) for family in range(len(families))):
        # Each has its turn, and then by lot those of which another round still fits.
        open_families = [family for family in range(len(families)) if fits(family)] or [0]
        new = [family for family in open_families if family not in took]
        family = new[0] if new else int(rng.choice(open_families))
        model, settings = families[family]
        if regression:
            # To the target or to its logarithm, as the policy does.
            log = bool(rng.integers(2))
            model = clone(model).set_params(func=np.log1p if log else None, inverse_func=np.expm1 if log else None)
        state = int(rng.integers(2**31 - 1))
        started = time.monotonic()
        if how == "halving":
            # Fewer rows, and a fold may lack a class.
            least = max(300, len(x) // 9)
            bracket = {"n_candidates": 9, "factor": 3, "min_resources": least}
            search = HalvingRandomSearchCV(model, settings, random_state=state, **bracket, **common)
        else:
            search = RandomizedSearchCV(model, settings, n_iter=2, random_state=state, **common)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(x, y)
        results = search.cv_results_
        last = results["iter"] == max(results["iter"]) if how == "halving" else np.full(len(results["params"]), True)
        index = int(np.argmax(np.where(last, results["mean_test_score"], -np.inf)))
        tried, rounds = tried + len(results["params"]), rounds + 1
        took[family] = max(took.get(family, 0), time.monotonic() - started)
        if best is None or results["mean_test_score"][index] > best[0]:
            best = (float(results["mean_test_score"][index]), model, results["params"][index], family)
    score, model, settings, _ = best
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(**settings).fit(x, y)
    sample = pd.read_csv(f"{folder}/sample_submission.csv")
    if regression:
        sample[sample.columns[1]] = model.predict(x_new)
    elif metric == "roc-auc":
        sample[sample.columns[1]] = model.predict_proba(x_new)[:, 1]
    else:
        sample[[str(name) for name in model.classes_]] = model.predict_proba(x_new)
    sample.to_csv(path, index=False)
    family = type((model.regressor if hasattr(model, "regressor") else model)[-1]).__name__
    print(json.dumps({"family": family, "cv": abs(score), "tried": tried, "rounds": rounds, "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
