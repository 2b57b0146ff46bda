"""Dask distributed as a dispatcher: a scheduler and worker processes of Debian's python3-distributed, one thread a slot.

Reads one load a line, {"slots": n, "durationsMs": [...]}, and answers with the jobs as they were done, times on the
machine's monotonic clock. As many jobs are submitted as there are slots, and the next one when one has ended.
"""

import json
import sys
import threading
import time


def work(job, duration_ms):
    """One job on a worker: the thread that it runs on is its slot."""
    from distributed import get_worker

    start = time.monotonic()
    if duration_ms > 0:
        time.sleep(duration_ms / 1000)
    end = time.monotonic()
    slot = f"{get_worker().address}/{threading.get_ident()}"
    return {"job": job, "slot": slot, "startMs": start * 1000, "endMs": end * 1000}


def main():
    from distributed import Client, LocalCluster, as_completed

    workers, threads = int(sys.argv[1]), int(sys.argv[2])
    cluster = LocalCluster(n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=None)
    client = Client(cluster)
    client.wait_for_workers(workers)
    print("ready", flush=True)
    for line in sys.stdin:
        load = json.loads(line)
        durations = load["durationsMs"]
        given = 0
        done = []

        def give():
            nonlocal given
            future = client.submit(work, given, durations[given], pure=False)
            given += 1
            return future

        completed = as_completed([give() for _ in range(min(load["slots"], len(durations)))], with_results=True)
        for _, result in completed:
            done.append(result)
            if given < len(durations):
                completed.add(give())
        print(json.dumps(done), flush=True)
    client.close()
    cluster.close()


if __name__ == "__main__":
    main()
