// What a trajectory asks for: one command, and it is a function of the state alone.
// So whoever has the state can go on, after a restart as well.

import { type Message, render } from './conversation.ts';
import type { Ranking } from './ranking.ts';
import type { ToolRequest } from './tool-catalogue.ts';
import { limitsOf, type Phase, remaining, type Trajectory } from './trajectory.ts';
import type { Concluded, Failure, StoredArtifacts } from './trajectory-event.ts';

export type Command =
  | { readonly kind: 'prepare' }
  | {
      readonly kind: 'callModel';
      readonly turn: number;
      /** How often this turn was too long already: each shorter conversation is another request. */
      readonly overflows: number;
      readonly messages: readonly Message[];
      readonly remainingSeconds: number;
      /** Set where the answer is to be an object of this kind and no tools are on offer. */
      readonly ranking?: Ranking['stage'];
    }
  | {
      readonly kind: 'runTool';
      readonly callId: string;
      readonly request: ToolRequest;
      readonly timeoutSeconds: number;
      readonly rerun: boolean;
    }
  | { readonly kind: 'refuseCall'; readonly callId: string; readonly tool: string; readonly observation: string }
  | { readonly kind: 'nudge'; readonly observation: string }
  | { readonly kind: 'takeSolution' }
  | { readonly kind: 'runCleanSlate'; readonly solutionDigest: string; readonly timeoutSeconds: number }
  | { readonly kind: 'conclude'; readonly outcome: Omit<Concluded, 'kind' | 'elapsedSeconds'> }
  | { readonly kind: 'storeArtifacts'; readonly known: StoredArtifacts }
  | { readonly kind: 'reportEnd'; readonly concluded: Concluded; readonly artifacts: StoredArtifacts };

/** The one thing that the phase waits for; null where nothing is outstanding. */
export function commandOf(state: Trajectory): Command | null {
  const { phase } = state;
  switch (phase.kind) {
    case 'new':
    case 'ended':
      return null;
    case 'preparing':
      return { kind: 'prepare' };
    case 'thinking':
      return {
        kind: 'callModel',
        turn: state.usage.turns,
        overflows: state.overflows,
        messages: render(state.head, state.exchanges, state.compaction),
        remainingSeconds: remaining(state, state.elapsedSeconds).seconds,
        ...(state.ranking === null ? {} : { ranking: state.ranking.stage }),
      };
    case 'nudging':
      return { kind: 'nudge', observation: nudge(state) };
    case 'acting':
      return act(state, phase);
    case 'taking':
      return { kind: 'takeSolution' };
    case 'executing':
      return {
        kind: 'runCleanSlate',
        solutionDigest: state.solutionDigest ?? '',
        timeoutSeconds: limitsOf(state).executionSeconds,
      };
    case 'concluding':
      return { kind: 'conclude', outcome: outcomeOf(state, phase.failure) };
    case 'storing':
      return { kind: 'storeArtifacts', known: knownArtifacts(state) };
    case 'reporting':
      return report(state);
  }
}

function act(state: Trajectory, phase: Extract<Phase, { kind: 'acting' }>): Command {
  const [call] = phase.calls;
  if (phase.verdict.kind === 'refuse') {
    return { kind: 'refuseCall', callId: call.id, tool: call.name, observation: phase.verdict.observation };
  }
  const { request } = phase.verdict;
  const asked = 'timeoutSeconds' in request ? request.timeoutSeconds : undefined;
  const limits = limitsOf(state);
  const left = Math.max(1, limits.trajectorySeconds - state.elapsedSeconds);
  const timeoutSeconds = Math.min(asked ?? limits.toolSeconds, limits.toolSeconds, left);
  return { kind: 'runTool', callId: call.id, request, timeoutSeconds, rerun: state.rerun };
}

function nudge(state: Trajectory): string {
  if (state.reply !== null) return state.reply.text;
  const left = remaining(state, state.elapsedSeconds);
  return (
    'You called no tool, so nothing happened. Continue with a tool call; when /work/solution/main.py is ready, call submit. ' +
    `[remaining: ${left.turns} turns, ${left.seconds} s]`
  );
}

function outcomeOf(state: Trajectory, failure: Failure | null): Omit<Concluded, 'kind' | 'elapsedSeconds'> {
  return {
    ...(failure === null ? {} : { failureReason: failure.reason, failureMessage: failure.message }),
    note: state.note,
    ...(state.codeDigest === null ? {} : { codeDigest: state.codeDigest }),
    runSeconds: state.executed?.wallSeconds ?? 0,
    usage: { ...state.usage, wallSeconds: state.elapsedSeconds + state.waitedSeconds },
  };
}

function knownArtifacts(state: Trajectory): StoredArtifacts {
  return {
    ...(state.solutionDigest === null ? {} : { solution: state.solutionDigest }),
    ...(state.executed === null ? {} : { log: state.executed.logDigest }),
    ...(state.executed?.submissionDigest === undefined ? {} : { submission: state.executed.submissionDigest }),
  };
}

function report(state: Trajectory): Command | null {
  if (state.concluded === null || state.artifacts === null) return null;
  return { kind: 'reportEnd', concluded: state.concluded, artifacts: state.artifacts };
}
