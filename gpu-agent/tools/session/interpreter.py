"""The interpreter of a sandbox: runs one piece of code after another in one namespace, like a REPL.

A child of toolbox.py. It reads code from descriptor 250 (length, then UTF-8) and answers with the status on 251:
0 where the code ran through, 1 after an exception, its own status after sys.exit.
"""

import ast
import linecache
import os
import sys
import traceback


def read_exactly(size):
    data = b""
    while len(data) < size:
        part = os.read(250, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


def run(code, name, namespace):
    """The status of the code. Its last expression is shown, as in a REPL."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), namespace)
        if last is not None:
            shown = ast.copy_location(ast.Interactive([last]), last)
            exec(compile(shown, name, "single"), namespace)
        return 0
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return 0 if stop.code is None else stop.code & 255 if isinstance(stop.code, int) else 1
    except BaseException as error:
        show(error, name)
        return 1


def show(error, name):
    """A traceback without the frames of this file."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    try:
        traceback.print_exception(type(error), error, frames)
    except BaseException:  # a hostile or broken __str__
        print(f"{type(error).__name__} (it cannot be shown)", file=sys.stderr)


def main():
    for descriptor in (250, 251):
        os.set_inheritable(descriptor, False)
    sys.argv[:] = [""]
    sys.path[0] = ""  # not this folder: `import files` must not find ours
    main_module = type(sys)("__main__")
    sys.modules["__main__"] = main_module
    namespace = main_module.__dict__
    count = 0
    while True:
        code = read_exactly(int.from_bytes(read_exactly(4), "big")).decode("utf-8", "surrogatepass")
        count += 1
        status = run(code, f"<python {count}>", namespace)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                pass
        if count > 50:
            linecache.cache.pop(f"<python {count - 50}>", None)
        os.write(251, b"%d\n" % status)


main()
