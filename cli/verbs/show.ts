// `show`: everything about one run or one candidate.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { endReasonWords, parentLabels } from '../core/history.ts';
import { standing } from '../core/lineage.ts';
import type { Candidate, Run } from '../core/model.ts';
import { bytes, count, dollars, duration, plural, score } from '../core/quantity.ts';
import { harmless, indent, oneLine } from '../core/text.ts';
import { causedBy, exitCodes } from '../exit-codes.ts';
import { forgivingModelsReader } from '../models.ts';
import { budgetWords } from '../planned-run.ts';
import { choiceSentence, outcomeOf, validationWords } from '../report/facts.ts';
import { isOffline, type ModelsSeen } from '../report/report-data.ts';
import { offlineText } from '../results-text.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import { filesWords } from '../run-end.ts';
import { renderFields } from '../terminal/table.ts';
import { chooseCandidate, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';
import { showPicture, type WatchFlags, withWatch } from '../watched.ts';

type Found =
  | { readonly kind: 'run'; readonly run: Run; readonly candidates: readonly Candidate[] }
  | {
      readonly kind: 'candidate';
      readonly run: Run;
      readonly candidate: Candidate;
      readonly siblings: readonly Candidate[];
    };

export function addShow(program: Command, cli: CliContext): void {
  const command = program
    .command('show')
    .description(
      "one run or candidate in full; an id's unique beginning will do, or #7 for a candidate of the newest run",
    )
    .argument('<id>', 'run or candidate');
  withWatch(withOutput(withPlace(command))).action(async (id: string, flags: PlaceFlags & OutputFlags & WatchFlags) => {
    await withCoordinator(cli, flags, (coordinator, place) => {
      const modelsOf = forgivingModelsReader(coordinator);
      return showPicture(cli, flags, async () => {
        const found = await find(coordinator, id);
        if (found.kind === 'run') {
          const seen = await modelsOf(found.run, found.candidates);
          const files = filesWords(found.run, place.stateDirectory);
          return { json: { ...found.run, models: seen.models }, text: runText({ ...found, seen, files }, cli) };
        }
        const { models } = await modelsOf(found.run, [found.candidate]);
        return {
          json: { ...found.candidate, models },
          text: candidateText(found.candidate, found.siblings, models, cli),
        };
      });
    });
  });
}

/** A run where one has that id, else a candidate. */
async function find(coordinator: Coordinator, id: string): Promise<Found> {
  if (!/^#?\d{1,5}$/.test(id)) {
    try {
      const run = await coordinator.getRun(id);
      return { kind: 'run', run, candidates: await coordinator.listCandidates(run.runId) };
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  const { candidate, run } = await chooseCandidate(coordinator, id).catch((error: unknown) => {
    if (!isNotFound(error) || id.startsWith('#')) throw error;
    throw causedBy(
      error,
      exitCodes.notFound,
      `No run and no candidate has an id that starts with ${JSON.stringify(id)}.`,
      ['doubleblind ls lists the runs, doubleblind results RUN the candidates of one.'],
    );
  });
  return { kind: 'candidate', run, candidate, siblings: await coordinator.listCandidates(run.runId) };
}

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ('code' in error && error.code === 'notFound') || ('exitCode' in error && error.exitCode === exitCodes.notFound)
  );
}

interface ShownRun {
  readonly run: Run;
  readonly candidates: readonly Candidate[];
  readonly seen: ModelsSeen;
  readonly files: string;
}

function runText({ run, candidates, seen, files }: ShownRun, cli: CliContext): string {
  const outcome = outcomeOf(run, candidates);
  const options = run.options;
  const fields: (readonly [string, string])[] = [
    ['run', run.runId],
    [
      'task',
      `${run.task} (${run.taskInfo?.metric ?? '?'}, ${run.taskInfo?.lowerIsBetter === false ? 'higher' : 'lower'} is better)`,
    ],
    ['state', run.endReason === '' ? run.state : `${run.state}: ${endReasonWords(run)}`],
    ...(run.forkedFrom === ''
      ? []
      : ([['forked from', `${run.forkedFrom}, with ${plural(run.inheritedCandidates, 'candidate')}`]] as const)),
    ['created', run.createdAt ?? '–'],
    ['sealed', run.sealedAt ?? '–'],
    ['time', duration(run.elapsedSeconds)],
    ['attempts', `${run.attemptsPlanned} planned, ${run.attemptsRunning} running, ${run.attemptsFailed} failed`],
    ...(run.owner === '' ? [] : ([['owner', ownerWords(run)]] as const)),
    ['candidates', scoredWords(run, candidates)],
    ['best search score', run.bestCandidateId === '' ? '–' : `${score(run.bestSearchScore)} (${run.bestCandidateId})`],
    ['winner', outcome === undefined ? '–' : `#${outcome.winner.number} (${outcome.winner.candidateId})`],
    ['validation score', outcome === undefined ? unknownValidation(run) : validationWords(outcome)],
    ['choice', outcome === undefined ? '–' : choiceSentence(outcome, candidates) || '–'],
    ['files', files || '–'],
    ['ledger head', run.verdict?.ledgerHead || '–'],
    ['budget', budgetWords(run)],
    ['seed', String(options?.seed ?? 0)],
    ['model', options?.model || "the gateway's default"],
    [
      'spent',
      `${count(run.usage.inputTokens)} + ${count(run.usage.outputTokens)} tokens, ${dollars(run.usage.dollars)}`,
    ],
    ['slot time', duration(run.usage.slotSeconds)],
  ];
  const { style, columns } = cli.stdout;
  const notice = offlineText(seen, style, columns);
  return [renderFields(fields, style), notice].filter((block) => block !== '').join('\n\n');
}

/** A run that is over without a winner has nothing left to be unsealed. */
function unknownValidation(run: Run): string {
  return run.state === 'sealed' || run.state === 'killed' ? '–' : 'sealed in the evaluator';
}

function ownerWords({ owner, ownerQuota, ownerAttemptsRunning }: Run): string {
  const name = oneLine(owner);
  return ownerQuota === 0
    ? name
    : `${name}, whose runs have ${ownerAttemptsRunning} of at most ${ownerQuota} attempts at once`;
}

function scoredWords(run: Run, candidates: readonly Candidate[]): string {
  const repeats = candidates.filter(({ duplicateOf }) => duplicateOf !== '').length;
  const inherited = run.inheritedCandidates === 0 ? '' : `, ${run.inheritedCandidates} of them inherited`;
  return `${run.candidatesScored} scored${inherited}${repeats === 0 ? '' : `, ${repeats} of them repeat another`}`;
}

function candidateText(
  candidate: Candidate,
  siblings: readonly Candidate[],
  models: readonly string[],
  cli: CliContext,
): string {
  const { usage, artifacts } = candidate;
  const fields: (readonly [string, string])[] = [
    ['candidate', `#${candidate.number} (${candidate.candidateId})`],
    ['run', candidate.runId],
    ['operator', candidate.operator ?? '–'],
    ['parents', parentLabels(candidate, siblings)],
    ['state', candidate.state],
    ['search score', candidate.searchScore === null ? '–' : standing(candidate)],
    ...(candidate.duplicateOf === ''
      ? []
      : ([['repeats', `${candidate.duplicateOf} (the same ${candidate.duplicateBy}); no parent`]] as const)),
    ['host and slot', `${candidate.host} ${candidate.slotId}, epoch ${candidate.epoch}`],
    ['planned', candidate.plannedAt ?? '–'],
    ['ended', candidate.endedAt ?? '–'],
    ['clean-slate run', duration(candidate.runSeconds)],
    [
      'whole attempt',
      `${duration(usage.wallSeconds)}, ${duration(usage.slotSeconds)} on the slot, ${usage.turns} turns`,
    ],
    ['answered by', isOffline({ models }) ? 'the offline policy: rules, no language model' : models.join(', ') || '–'],
    ['peak memory', usage.peakMemoryBytes > 0 ? bytes(usage.peakMemoryBytes) : '–'],
    ['tokens', `${count(usage.inputTokens)} read, ${count(usage.outputTokens)} written, ${dollars(usage.dollars)}`],
    ['solution', artifacts.solutionDigest || '–'],
    ['submission', artifacts.submissionDigest || '–'],
  ];
  const failure = candidate.failureReason ?? (candidate.state === 'quarantined' ? 'quarantined' : null);
  const parts = [renderFields(fields, cli.stdout.style)];
  if (failure !== null) {
    const head = cli.stdout.style.bad(oneLine(failure));
    parts.push(`${head}\n${indent(harmless(candidate.failureMessage), '  ')}`);
    if (candidate.state === 'quarantined') {
      const way = `doubleblind release ${candidate.candidateId} --reason TEXT lets it go on after a look at its program`;
      parts.push(cli.stdout.style.dim(way));
    }
  } else if (candidate.failureMessage !== '') {
    parts.push(indent(harmless(candidate.failureMessage), '  '));
  }
  if (candidate.note !== '') parts.push(`${cli.stdout.style.dim('note')}\n${indent(harmless(candidate.note), '  ')}`);
  parts.push(
    cli.stdout.style.dim(
      `doubleblind transcript ${candidate.candidateId} · logs ${candidate.candidateId} · diff ${candidate.candidateId}`,
    ),
  );
  return parts.join('\n\n');
}
