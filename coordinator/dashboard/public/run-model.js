// A run as its page knows it: read once, then kept up by events. Whoever shows it is called at most once a frame, and less
// often where there is a lot to draw.

import { follow, get, getAll } from './client.js';
import { pointerIsUp } from './dom.js';
import { idea, time, word } from './format.js';

/**
 * @typedef {object} Candidate
 * @property {string} id
 * @property {number} number
 * @property {string} operator
 * @property {readonly string[]} parents
 * @property {string} state
 * @property {number | undefined} searchScore
 * @property {number} standardError
 * @property {string} failure
 * @property {string} message
 * @property {string} slot
 * @property {number | undefined} planned
 * @property {number | undefined} started
 * @property {number | undefined} ended
 * @property {number | undefined} stopped when its slot was free again
 * @property {string} idea
 * @property {boolean} wasBest
 * @property {string} duplicateOf
 * @property {any} usage
 * @property {number} runSeconds
 */

/** @param {any} wire @returns {Candidate} */
function candidateOf(wire) {
  const started = time(wire.startedAt);
  const ended = time(wire.endedAt);
  const wall = (wire.usage?.wallSeconds ?? 0) * 1000;
  return {
    id: wire.candidateId,
    number: wire.number,
    operator: word(wire.operator),
    parents: wire.parentIds ?? [],
    state: word(wire.state),
    searchScore: wire.searchScore,
    standardError: wire.standardError ?? 0,
    failure: wire.failureReason === 'FAILURE_REASON_UNSPECIFIED' ? '' : word(wire.failureReason),
    message: wire.failureMessage ?? '',
    slot: wire.host ? `${wire.host} ${wire.slotId}` : '',
    planned: time(wire.plannedAt),
    started,
    ended,
    stopped: started !== undefined && wall > 0 ? Math.min(started + wall, ended ?? Infinity) : ended,
    idea: idea(wire.note),
    wasBest: wire.wasBest === true,
    duplicateOf: String(wire.duplicateOf ?? ''),
    usage: wire.usage ?? {},
    runSeconds: wire.runSeconds ?? 0,
  };
}

export class RunModel {
  constructor() {
    /** @type {any} */
    this.newest = undefined;
    this.readAt = 0;
    /** In order of planning. @type {Candidate[]} */
    this.candidates = [];
    /** @type {Map<string, Candidate>} */
    this.byId = new Map();
    this.loading = true;
    /** Why no more events come, where that is not the run's end. */
    this.fault = '';
    /** @type {string | undefined} */
    this.selected = undefined;
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.asked = false;
    this.drawnAt = 0;
    this.drawMs = 0;
  }

  /** As the coordinator told it last. @returns {any} */
  get run() {
    return this.newest;
  }

  set run(run) {
    this.newest = run;
    this.readAt = performance.now();
  }

  /** Its working time, which goes on between events. */
  get elapsedSeconds() {
    const since = this.run.state === 'RUN_STATE_RUNNING' ? (performance.now() - this.readAt) / 1000 : 0;
    return (this.run.elapsedSeconds ?? 0) + since;
  }

  get lowerIsBetter() {
    return this.run?.taskInfo?.lowerIsBetter === true;
  }

  get createdAt() {
    return time(this.run?.createdAt) ?? 0;
  }

  /** Until when there is something to show: its end, or now. */
  get until() {
    return time(this.run?.sealedAt) ?? time(this.run?.endedAt) ?? Date.now();
  }

  get isOver() {
    return this.run?.state === 'RUN_STATE_SEALED' || this.run?.state === 'RUN_STATE_KILLED';
  }

  /** True where the left score is the better one. @param {number} left @param {number} right */
  isBetter(left, right) {
    return this.lowerIsBetter ? left < right : left > right;
  }

  /** Those that have ended, in order of their ends. */
  ended() {
    return this.candidates
      .filter(({ ended }) => ended !== undefined)
      .sort((left, right) => Number(left.ended) - Number(right.ended) || left.number - right.number);
  }

  /** @param {any} wire */
  put(wire) {
    const candidate = candidateOf(wire);
    const known = this.byId.get(candidate.id);
    if (known !== undefined) {
      Object.assign(known, candidate);
      return;
    }
    this.byId.set(candidate.id, candidate);
    this.candidates.push(candidate);
  }

  /** @param {any} event of WatchRun */
  apply({ candidate, run }) {
    if (candidate) this.put(candidate);
    // Events leave the task's description out, which never changes.
    if (run) this.run = { ...run, taskInfo: { ...run.taskInfo, description: this.run?.taskInfo?.description ?? '' } };
    this.changed();
  }

  /** @param {() => void} listener */
  onChange(listener) {
    this.listeners.push(listener);
  }

  /** Tells the listeners soon, and leaves three quarters of the time to the reader. */
  changed() {
    if (this.asked) return;
    this.asked = true;
    const wait = Math.max(0, this.drawnAt + 4 * this.drawMs - performance.now());
    setTimeout(() => requestAnimationFrame(() => void pointerIsUp().then(() => this.tell())), wait);
  }

  tell() {
    const began = performance.now();
    this.asked = false;
    for (const listener of this.listeners) listener();
    this.drawnAt = performance.now();
    this.drawMs = this.drawnAt - began;
  }

  /** @param {string | undefined} id */
  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.changed();
  }
}

/**
 * Reads a run and keeps it up to date until `signal` aborts. Resolves once the run is there; candidates follow.
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function openRun(id, signal) {
  const model = new RunModel();
  model.run = (await get(`/runs/${encodeURIComponent(id)}`, signal)).run;
  void readCandidates(model, signal);
  return model;
}

/** @param {RunModel} model @param {AbortSignal} signal */
async function readCandidates(model, signal) {
  const path = `/runs/${encodeURIComponent(model.run.runId)}`;
  // Events are followed from where the run was read, so nothing between the pages is missed.
  const after = model.run.lastSequence;
  try {
    await getAll(`${path}/candidates?view=list`, 'candidates', signal, (items) => {
      for (const item of items) model.put(item);
      model.changed();
    });
  } catch {
    if (signal.aborted) return;
    setTimeout(() => void readCandidates(model, signal), 3000);
    return;
  }
  model.loading = false;
  model.changed();
  const refresh = async () => {
    model.run = (await get(path, signal)).run;
    model.changed();
  };
  if (model.isOver) return;
  follow(`${path}/events`, after, signal, {
    event: (event) => model.apply(event),
    end: () => void refresh(),
    fault(message) {
      model.fault = message;
      model.changed();
    },
  });
}
