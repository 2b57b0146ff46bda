// Which attempt was on which slot when: gaps are idle slots.

import { secondsInto } from '../core/history.ts';
import { standing } from '../core/lineage.ts';
import type { Candidate, Run } from '../core/model.ts';
import { duration } from '../core/quantity.ts';
import { html, type Markup, when } from './markup.ts';
import { clock, place, type Scale, timeTicks } from './scale.ts';

const width = 920;
const laneHeight = 20;
const box = { left: 150, right: 20, top: 6, bottom: 26 };
const mostSlots = 64;
/** An attempt leaves its slot before the evaluator has scored it, so the next one may begin a little before its end. */
const overlapSeconds = 3;

interface Span {
  readonly candidate: Candidate;
  readonly from: number;
  readonly to: number;
  readonly lane: number;
}

interface SlotLanes {
  readonly name: string;
  readonly spans: readonly Span[];
  readonly lanes: number;
}

/** Attempts by slot; those that share a slot at a time get a lane each. */
export function slotLanes(run: Run, candidates: readonly Candidate[]): SlotLanes[] {
  const slots = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    if (candidate.startedAt === null || candidate.slotId === '') continue;
    const name = `${candidate.host} ${candidate.slotId}`;
    slots.set(name, [...(slots.get(name) ?? []), candidate]);
  }
  return [...slots]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, members]) => lanesOf(run, name, members));
}

function lanesOf(run: Run, name: string, members: readonly Candidate[]): SlotLanes {
  const start = (candidate: Candidate): number => secondsInto(run, candidate.startedAt) ?? 0;
  const busyUntil: number[] = [];
  const spans: Span[] = [];
  for (const candidate of [...members].sort((left, right) => start(left) - start(right))) {
    const from = start(candidate);
    const to = Math.max(from, secondsInto(run, candidate.endedAt) ?? run.elapsedSeconds);
    const free = busyUntil.findIndex((until) => until <= from + overlapSeconds);
    const lane = free === -1 ? busyUntil.length : free;
    busyUntil[lane] = to;
    spans.push({ candidate, from, to, lane });
  }
  return { name, spans, lanes: busyUntil.length };
}

export function slotChart(run: Run, candidates: readonly Candidate[]): Markup {
  const all = slotLanes(run, candidates);
  const slots = all.slice(0, mostSlots);
  const lanes = slots.reduce((sum, slot) => sum + slot.lanes, 0);
  const height = box.top + lanes * laneHeight + box.bottom;
  const last = Math.max(run.elapsedSeconds, 1, ...slots.flatMap((slot) => slot.spans.map((span) => span.to)));
  const x: Scale = { low: 0, high: last, from: box.left, to: width - box.right };
  let lane = 0;
  const rows = slots.map((slot) => {
    const top = box.top + lane * laneHeight;
    lane += slot.lanes;
    return html`<text class="tick end" x="${box.left - 10}" y="${top + 14}">${slot.name.slice(0, 22)}</text>
      ${slot.spans.map((span) => bar(span, x, top + span.lane * laneHeight))}`;
  });
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Slots over time">
    ${timeTicks(last, 8).map(
      (
        time,
      ) => html`<line class="grid" x1="${place(x, time)}" x2="${place(x, time)}" y1="${box.top}" y2="${height - box.bottom}"/>
        <text class="tick middle" x="${place(x, time)}" y="${height - 8}">${clock(time)}</text>`,
    )}
    ${rows}
  </svg>${when(all.length > slots.length, () => html`<p class="note">${slots.length} of ${all.length} slots.</p>`)}`;
}

function bar({ candidate, from, to }: Span, x: Scale, top: number): Markup {
  const left = place(x, from);
  const wide = Math.max(1.5, place(x, to) - left - 1);
  const words = `#${candidate.number} ${candidate.operator ?? ''}: ${standing(candidate)}, ${duration(to - from)} on the slot`;
  const look = candidate.state === 'failed' ? 'failed' : (candidate.operator ?? '');
  return html`<g class="bar ${look}"><title>${words}</title>
    <rect x="${left}" y="${top + 2}" width="${wide}" height="${laneHeight - 4}" rx="3"/>
    ${when(wide > 26, () => html`<text x="${left + 4}" y="${top + 14}">#${candidate.number}</text>`)}</g>`;
}
