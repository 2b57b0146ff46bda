// The tables of the evaluator's book. One file for labels, results and ledger, so that a result and its ledger record
// are one transaction.

/** Migrations, oldest first; never change one that was released. */
export const vaultMigrations: readonly string[] = [
  `
  CREATE TABLE task_versions (
    version TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    content_digest TEXT NOT NULL,
    description TEXT NOT NULL,
    secret BLOB NOT NULL,
    bundle_digest TEXT NOT NULL,
    bundle_bytes INTEGER NOT NULL,
    UNIQUE (name, content_digest)
  ) STRICT;
  -- The version that new runs get.
  CREATE TABLE tasks (
    name TEXT PRIMARY KEY,
    version TEXT NOT NULL REFERENCES task_versions
  ) STRICT;
  -- One row a version: all hidden rows as columns, in the order of the public test.csv.
  CREATE TABLE hidden_rows (
    version TEXT PRIMARY KEY REFERENCES task_versions,
    ids TEXT NOT NULL,
    splits BLOB NOT NULL,
    truth BLOB NOT NULL,
    official TEXT NOT NULL,
    baseline_name TEXT NOT NULL,
    baseline_row BLOB NOT NULL
  ) STRICT;
  CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    version TEXT NOT NULL REFERENCES task_versions,
    verdict TEXT
  ) STRICT;
  CREATE TABLE candidates (
    run_id TEXT NOT NULL REFERENCES runs,
    candidate_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (run_id, candidate_id)
  ) STRICT;
  CREATE TABLE predictions (
    version TEXT NOT NULL REFERENCES task_versions,
    digest TEXT NOT NULL,
    data BLOB NOT NULL,
    scores TEXT NOT NULL,
    PRIMARY KEY (version, digest)
  ) STRICT;
  CREATE TABLE evaluations (
    run_id TEXT NOT NULL,
    candidate_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    prediction_digest TEXT,
    ledger_sequence INTEGER NOT NULL,
    PRIMARY KEY (run_id, candidate_id, digest),
    FOREIGN KEY (run_id, candidate_id) REFERENCES candidates
  ) STRICT;
  CREATE TABLE ledger (
    sequence INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    signature TEXT NOT NULL
  ) STRICT;
  CREATE INDEX ledger_by_run ON ledger (run_id, sequence);
  `,
  `
  -- Scores that the run has learned, and the best one that its agents were shown, as JSON.
  ALTER TABLE runs ADD COLUMN queries INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE runs ADD COLUMN shown TEXT;
  -- 1 where the answer told the run a score that it had not learned before.
  ALTER TABLE evaluations ADD COLUMN is_query INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX evaluations_by_prediction ON evaluations (run_id, prediction_digest);
  CREATE TABLE parents (
    run_id TEXT NOT NULL,
    candidate_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    PRIMARY KEY (run_id, candidate_id, parent_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Where a task takes texts: the list, as JSON, that truth and predictions are codes of.
  ALTER TABLE hidden_rows ADD COLUMN texts TEXT;
  ALTER TABLE predictions ADD COLUMN texts TEXT;
  `,
  `
  -- The text of grade.py, where the task has its own grader.
  ALTER TABLE task_versions ADD COLUMN grader TEXT;
  `,
  `
  -- What the last execution of a sealed run predicts for the official test rows, in their order.
  CREATE TABLE refits (
    run_id TEXT PRIMARY KEY REFERENCES runs,
    digest TEXT NOT NULL,
    data BLOB NOT NULL,
    texts TEXT
  ) STRICT;
  `,
  `
  -- Of a fork: the run that it goes on from, and the first run of all, with which queries and the best score shown are kept.
  ALTER TABLE runs ADD COLUMN forked_from TEXT;
  ALTER TABLE runs ADD COLUMN family TEXT;
  CREATE TABLE inherited (
    run_id TEXT NOT NULL,
    candidate_id TEXT NOT NULL,
    from_run_id TEXT NOT NULL,
    from_candidate_id TEXT NOT NULL,
    PRIMARY KEY (run_id, candidate_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- An ensemble is refitted member by member.
  CREATE TABLE member_refits (
    run_id TEXT NOT NULL REFERENCES runs,
    candidate_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    data BLOB NOT NULL,
    texts TEXT,
    PRIMARY KEY (run_id, candidate_id)
  ) STRICT;
  INSERT INTO member_refits
    SELECT run_id, json_extract(verdict, '$.winnerId'), digest, data, texts FROM refits JOIN runs USING (run_id);
  DROP TABLE refits;
  `,
  `
  -- Labels, locked: as doubles, and the list as JSON that they are codes of where the task takes texts. hidden_rows.truth is empty
  -- from now on, and hidden_rows.texts are those of the baseline alone.
  CREATE TABLE hidden_labels (
    version TEXT NOT NULL REFERENCES task_versions,
    split TEXT NOT NULL,
    truth BLOB NOT NULL,
    texts BLOB,
    PRIMARY KEY (version, split)
  ) STRICT;
  CREATE TABLE label_keys (
    name TEXT PRIMARY KEY,
    public_key BLOB NOT NULL
  ) STRICT;
  `,
];
