"""Runs a task's grader once, and a few times more over rows drawn with replacement; writes one line of JSON.

Reads /grader/call.json, /grader/grade.py, /answers/answers.csv and /submission/submission.csv. What the grader prints goes
nowhere: the answer has a descriptor of its own. An answer is {"value", "replicates"} or {"failure"}; nothing else, but for
{"words"} of what was raised, where the call is a rehearsal by the task's author.
"""
import importlib.util
import json
import math
import numbers
import os
import signal
import sys
import time
import traceback
import types

answer = os.fdopen(os.dup(1), "w")
silence = os.open(os.devnull, os.O_WRONLY)
os.dup2(silence, 1)
os.dup2(silence, 2)


def end(**fields):
    answer.write(json.dumps(fields) + "\n")
    answer.flush()
    os._exit(0)


def raised(call):
    """What the grader raised, from its own file on; nothing where the call is no rehearsal."""
    if not call.get("explain"):
        return {}
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_code.co_filename != "/grader/grade.py":
        trace = trace.tb_next
    return {"words": "".join(traceback.format_exception(kind, error, trace))[-4000:]}


def stand_in_for_mlebench():
    """The three names of MLE-bench's own modules that its graders import."""
    class InvalidSubmissionError(Exception):
        pass

    class Silent:
        def __getattr__(self, _):
            return lambda *_, **__: None

    package = types.ModuleType("mlebench")
    package.__path__ = []
    helpers = types.ModuleType("mlebench.grade_helpers")
    helpers.InvalidSubmissionError = InvalidSubmissionError
    utils = types.ModuleType("mlebench.utils")
    utils.get_logger = lambda *_: Silent()
    sys.modules.update({package.__name__: package, helpers.__name__: helpers, utils.__name__: utils})


def load(name):
    stand_in_for_mlebench()
    spec = importlib.util.spec_from_file_location("grade", "/grader/grade.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["grade"] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def score(grade, submission, answers):
    """A finite number, or None."""
    value = grade(submission, answers)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def replicates(grade, submission, answers, call):
    """Scores over rows drawn with replacement, under new ids; none where ids are no key or the grader refuses them."""
    import numpy

    key = answers.columns[0]
    if key not in submission.columns or len(answers) < 2:
        return []
    if not (answers[key].is_unique and submission[key].is_unique and len(submission) == len(answers)):
        return []
    rows = submission.set_index(key).index.get_indexer(answers[key])
    if (rows < 0).any():
        return []
    random = numpy.random.RandomState(call["seed"])
    is_number = answers[key].dtype.kind in "iuf"
    ids = numpy.arange(len(answers)) if is_number else numpy.array([f"b{row}" for row in range(len(answers))])
    until = time.monotonic() + call["bootstrapSeconds"]
    values = []
    for _ in range(call["replicates"]):
        drawn = random.randint(0, len(answers), len(answers))
        if time.monotonic() > until:
            return []
        left = submission.iloc[rows[drawn]].reset_index(drop=True)
        right = answers.iloc[drawn].reset_index(drop=True)
        left[key] = ids
        right[key] = ids
        try:
            value = score(grade, left, right)
        except Exception:
            value = None
        values.append(value)  # None keeps its place, so that the replicates of two submissions are paired
    return values


def main():
    with open("/grader/call.json") as file:
        call = json.load(file)
    # Ends the process also where the daemon that waits for it is gone; the first process of a container needs a handler for that.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(math.ceil(call["seconds"]) + 5)
    import pandas

    try:
        grade = load(call["functionName"])
    except BaseException:
        end(failure="unreadable", **raised(call))
    answers = pandas.read_csv("/answers/answers.csv")
    try:
        submission = pandas.read_csv("/submission/submission.csv")
        value = score(grade, submission.copy(), answers.copy())
    except MemoryError:
        end(failure="outOfMemory")
    except BaseException:
        end(failure="invalidSubmission", **raised(call))
    if value is None:
        end(failure="noNumber")
    end(value=value, replicates=replicates(grade, submission, answers, call))


main()
