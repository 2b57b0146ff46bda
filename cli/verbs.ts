// Every verb, in the order of the help text.

import type { AddVerb } from './verb.ts';
import { addAudit } from './verbs/audit.ts';
import { addCompletion } from './verbs/completion.ts';
import { addConfig } from './verbs/config.ts';
import { addCost } from './verbs/cost.ts';
import { addDiff } from './verbs/diff.ts';
import { addDoctor } from './verbs/doctor.ts';
import { addDown } from './verbs/down.ts';
import { addExport } from './verbs/export.ts';
import { addFork } from './verbs/fork.ts';
import { addLogs } from './verbs/logs.ts';
import { addLs } from './verbs/ls.ts';
import { addNode } from './verbs/node.ts';
import { addPki } from './verbs/pki.ts';
import { addQuickstart } from './verbs/quickstart.ts';
import { addRelease } from './verbs/release.ts';
import { addReplay } from './verbs/replay.ts';
import { addReport } from './verbs/report.ts';
import { addResults } from './verbs/results.ts';
import { addRm } from './verbs/rm.ts';
import { addRun } from './verbs/run.ts';
import { addScore } from './verbs/score.ts';
import { addSetup } from './verbs/setup.ts';
import { addShow } from './verbs/show.ts';
import { addSteering } from './verbs/steering.ts';
import { addTask } from './verbs/task.ts';
import { addTop } from './verbs/top.ts';
import { addTranscript } from './verbs/transcript.ts';
import { addTree } from './verbs/tree.ts';
import { addUp } from './verbs/up.ts';
import { addVersion } from './verbs/version.ts';
import { addWatch } from './verbs/watch.ts';

export const verbs: readonly AddVerb[] = [
  addQuickstart,
  addSetup,
  addUp,
  addDown,
  addRun,
  addWatch,
  addLs,
  addShow,
  addResults,
  addTree,
  addDiff,
  addLogs,
  addTranscript,
  addCost,
  addReport,
  addExport,
  addAudit,
  addReplay,
  addSteering,
  addRelease,
  addFork,
  addRm,
  addTask,
  addNode,
  addTop,
  addScore,
  addDoctor,
  addPki,
  addConfig,
  addCompletion,
  addVersion,
];
