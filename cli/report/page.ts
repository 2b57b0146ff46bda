// The report as one HTML page: opens from disk, loads nothing, runs no script.

import { endReasonWords, winnerOf } from '../core/history.ts';
import type { Run } from '../core/model.ts';
import { bytes, count, dollars, duration } from '../core/quantity.ts';
import { hiddenEvaluationParagraphs, modelWords } from './facts.ts';
import { html, type Markup, nothing } from './markup.ts';
import { highlightPython } from './python-highlight.ts';
import type { ReportData, SourceFile } from './report-data.ts';
import { searchSections } from './search-sections.ts';
import { stylesheet } from './stylesheet.ts';
import { headSections } from './verdict-section.ts';

/** The whole page. The policy in its head forbids scripts and requests, should an escaping bug ever let markup through. */
export function reportPage(data: ReportData): string {
  const { run } = data;
  const body = html`<main>
    ${headSections(data)}
    ${searchSections(data)}
    ${codeSection(data)}
    ${costSection(data)}
    ${hiddenSection(data)}
    <footer>Written by doubleblind ${data.version} at ${data.generatedAt}. This file needs nothing else.</footer>
  </main>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html`${run.taskInfo?.title || run.task} – ${run.runId}`.markup}</title>
<style>${stylesheet}</style>
</head>
<body>
${body.markup}
</body>
</html>
`;
}

function codeSection(data: ReportData): Markup {
  const winner = winnerOf(data.run.verdict, data.candidates);
  const [main, ...others] = data.winnerFiles;
  if (winner === undefined || main === undefined) return nothing;
  return html`<section><h2>The winner's program</h2>
    <h3>#${winner.number} · ${main.path}</h3><pre>${source(main)}</pre>
    ${others.map((file) => html`<details><summary>${file.path}</summary><pre>${source(file)}</pre></details>`)}
  </section>`;
}

function source(file: SourceFile): Markup {
  return file.path.endsWith('.py') ? html`${highlightPython(file.text)}` : html`${file.text}`;
}

function endWords(run: Run): string {
  if (run.state === 'sealed') return endReasonWords(run);
  return run.state === 'killed' ? 'it was killed, without a verdict' : `it has not ended (${run.state})`;
}

function costSection(data: ReportData): Markup {
  const { run, candidates } = data;
  const { usage, options } = run;
  const rows: (readonly [string, string])[] = [
    ['Ended because', endWords(run)],
    ['Attempts', `${run.attemptsPlanned} planned, ${run.candidatesScored} scored, ${run.attemptsFailed} failed`],
    ['Time', duration(run.elapsedSeconds)],
    ['Slot time', duration(usage.slotSeconds)],
    ['Processor time', usage.cpuSeconds > 0 ? duration(usage.cpuSeconds) : '–'],
    ['Highest memory of an attempt', bytes(Math.max(0, ...candidates.map((one) => one.usage.peakMemoryBytes)))],
    ['Models', modelWords(data)],
    ['Model calls', count(usage.turns)],
    ['Tokens read and written', `${count(usage.inputTokens)} and ${count(usage.outputTokens)}`],
    ['Money', dollars(usage.dollars)],
    ['Seed', String(options?.seed ?? 0)],
  ];
  return html`<section><h2>What it took</h2><table>${rows.map(([name, value]) => html`<tr><td class="w">${name}</td><td>${value}</td></tr>`)}</table></section>`;
}

function hiddenSection(data: ReportData): Markup {
  const { run } = data;
  const task = run.taskInfo;
  const rows: (readonly [string, string])[] = [
    ['Task version', task?.version ?? '–'],
    ['Public bundle', task?.bundleDigest ?? '–'],
    ["Ledger's head", run.verdict?.ledgerHead || 'not sealed yet'],
    ['Data', task?.source || '–'],
    ['Licence of the data', task?.licence || '–'],
  ];
  return html`<section><h2>How the evaluation was kept hidden</h2>
    ${hiddenEvaluationParagraphs(data).map((paragraph) => html`<p>${paragraph}</p>`)}
    <table>${rows.map(([name, value]) => html`<tr><td class="w">${name}</td><td><code>${value}</code></td></tr>`)}</table></section>`;
}
