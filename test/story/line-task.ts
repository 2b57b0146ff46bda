// A task for stories about trajectories: y = 3x + 1 with noise, with hidden labels that no sandbox ever holds. The models in
// these stories are scripts ("replayed"): each turn is what a model said, and checks that it was told what it reacts to.

import type { Rig } from '../../gpu-agent/testing/agent-rig.ts';
import { type ScriptedTurn, scriptedCall } from '../../gpu-agent/testing/scripted-model.ts';
import { nextFloat, seedRng } from '../../shared/core/rng.ts';
import { packFiles } from '../../shared/store/tree.ts';

const rng = seedRng('line');
const point = (id: number) => {
  const x = nextFloat(rng) * 2;
  return { id, x, y: 3 * x + 1 + (nextFloat(rng) - 0.5) * 0.1 };
};
const train = Array.from({ length: 60 }, (_, index) => point(index));
const hidden = Array.from({ length: 40 }, (_, index) => point(1000 + index));

const csv = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** Stores the public files; `note` becomes a text column of the training data. */
export async function lineBundle(rig: Rig, note = 'plain') {
  const text = (path: string, content: string) => ({ path, bytes: Buffer.from(content), executable: false });
  const bundle = await packFiles([
    text('train.csv', csv(['id,x,note,y', ...train.map(({ id, x, y }) => `${id},${x},${note},${y}`)])),
    text('test.csv', csv(['id,x,note', ...hidden.map(({ id, x }) => `${id},${x},${note}`)])),
    text('sample_submission.csv', csv(['id,y', ...hidden.map(({ id }) => `${id},0`)])),
  ]);
  return rig.artifacts.add(bundle);
}

/** Root mean squared error on the hidden labels of a submission in the artifact store. */
export function hiddenRmse(rig: Rig, digest: string | undefined): number {
  const text = Buffer.from(rig.artifacts.files.get(digest as never) ?? '').toString('utf8');
  const said = new Map(
    text
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(',').map(Number) as [number, number]),
  );
  return Math.sqrt(hidden.reduce((sum, { id, y }) => sum + ((said.get(id) ?? Number.NaN) - y) ** 2, 0) / hidden.length);
}

/** Gradient descent in plain Python; `epochs` decides how far it gets. */
export function lineProgram(epochs: number): string {
  return `import csv
epochs = ${epochs}
rows = list(csv.DictReader(open("/data/train.csv")))
points = [(float(row["x"]), float(row["y"])) for row in rows]
w = b = 0.0
for epoch in range(epochs):
    dw = sum((w * x + b - y) * x for x, y in points) / len(points)
    db = sum((w * x + b - y) for x, y in points) / len(points)
    w, b = w - 0.2 * dw, b - 0.2 * db
    if epoch in (0, epochs // 2, epochs - 1):
        loss = sum((w * x + b - y) ** 2 for x, y in points) / len(points)
        print(f"epoch {epoch} loss {loss:.4f}")
with open("/out/submission.csv", "w") as out:
    writer = csv.writer(out)
    writer.writerow(["id", "y"])
    for row in csv.DictReader(open("/data/test.csv")):
        writer.writerow([row["id"], w * float(row["x"]) + b])
`;
}

export const write = (content: string): ScriptedTurn =>
  scriptedCall('write_file', { path: '/work/solution/main.py', content });
export const tryIt = scriptedCall('bash', { command: 'cd /work/solution && python3 main.py' });
export const submit = (expectation: string): ScriptedTurn =>
  scriptedCall('submit', { idea: 'a line', changes: 'see main.py', expectation });
