// The report's looks. Plain CSS, dark and light by the reader's system, printable.

export const stylesheet = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2330; --soft: #5d6678; --faint: #8a93a5; --line: #e4e2dc;
  --accent: #2f5bd0; --good: #1a7f4e; --bad: #c2412d; --warn: #9a6700; --notice: #fff6df; --notice-line: #e8cf8f;
  --draft: #7a6ff0; --mutate: #2f7fd0; --crossover: #d0842f; --repair: #2f9d86;
  --shade0: #e9edf5; --shade1: #d3e4dd; --shade2: #b4dcc6; --shade3: #86cfa6; --shade4: #4fbb82; --on-shade: #14241c;
  --code: #f4f3ef; --kw: #8a3ab8; --str: #2c7a3f; --num: #b0561a; --com: #8a8f98;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12151c; --card: #1a1f29; --ink: #e6e9f0; --soft: #a4adbd; --faint: #7a8496; --line: #2b3240;
    --accent: #86a8ff; --good: #5ccf93; --bad: #ff8a75; --warn: #e5b95c; --notice: #2a2517; --notice-line: #5b4d22;
    --draft: #a79cff; --mutate: #6cb4ff; --crossover: #f0b26a; --repair: #5fd3ba;
    --shade0: #2a3140; --shade1: #26423a; --shade2: #25583f; --shade3: #237447; --shade4: #1f9955; --on-shade: #eafaf1;
    --code: #151a23; --kw: #d59bff; --str: #8fd6a0; --num: #f0b26a; --com: #77808f;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 1.15rem; margin: 0 0 14px; }
h3 { font-size: 0.95rem; margin: 20px 0 6px; }
p { margin: 0 0 12px; }
.sub { color: var(--soft); margin-bottom: 26px; }
.sub span + span::before { content: "·"; margin: 0 8px; color: var(--faint); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin: 0 0 18px; }
section.notice { background: var(--notice); border-color: var(--notice-line); padding: 14px 20px; }
section.notice p { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 18px 26px; margin: 4px 0 16px; }
.figure .name { color: var(--soft); font-size: 0.82rem; }
.figure .value { font-size: 1.7rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.figure .value.small { font-size: 1.15rem; padding-top: 6px; }
.figure .more { color: var(--soft); font-size: 0.82rem; }
.figure.win .value { color: var(--good); }
.note { color: var(--soft); font-size: 0.88rem; margin: 8px 0 0; }
.scroll { overflow-x: auto; }
.chart { display: block; width: 100%; height: auto; overflow: visible; }
.chart text, .lineage text { font: 11.5px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .end { text-anchor: end; } .chart .middle { text-anchor: middle; }
.grid { stroke: var(--line); stroke-width: 1; } .axis { stroke: var(--faint); stroke-width: 1; }
.baseline { stroke: var(--warn); stroke-width: 1.5; stroke-dasharray: 5 4; }
.best { fill: none; stroke: var(--accent); stroke-width: 2.25; stroke-linejoin: round; }
.dot { fill: var(--faint); stroke: var(--card); stroke-width: 1.5; }
.dot.draft, .bar.draft rect { fill: var(--draft); } .dot.mutate, .bar.mutate rect { fill: var(--mutate); }
.dot.crossover, .bar.crossover rect { fill: var(--crossover); } .dot.repair, .bar.repair rect { fill: var(--repair); }
.bar rect { fill: var(--faint); } .bar.failed rect { fill: var(--bad); opacity: 0.65; }
.chart .bar text { fill: #fff; font-size: 10.5px; font-weight: 600; }
@media (prefers-color-scheme: dark) { .chart .bar text { fill: #10141b; } }
.cross { stroke: var(--bad); stroke-width: 2; fill: none; }
.finalist line { stroke: var(--faint); stroke-width: 2; } .finalist circle { fill: var(--faint); stroke: var(--card); stroke-width: 1.5; }
.finalist.wins line { stroke: var(--good); stroke-width: 3; } .finalist.wins circle { fill: var(--good); }
.finalist.wins text { fill: var(--ink); font-weight: 650; }
.edge { fill: none; stroke: var(--faint); stroke-width: 1.4; opacity: 0.75; } .edge.second { stroke-dasharray: 4 3; }
.node rect { fill: var(--shade0); stroke: transparent; stroke-width: 2; }
.node.shade1 rect { fill: var(--shade1); } .node.shade2 rect { fill: var(--shade2); } .node.shade3 rect { fill: var(--shade3); }
.node.shade4 rect { fill: var(--shade4); } .node.failed rect, .node.quarantined rect { fill: transparent; stroke: var(--bad); stroke-width: 1; stroke-dasharray: 3 2; }
.node.wins rect { stroke: var(--accent); }
.lineage .node text { fill: var(--ink); } .lineage .node.shade3 text, .lineage .node.shade4 text { fill: var(--on-shade); } .lineage .node.failed text { fill: var(--bad); }
.number { font-weight: 650; }
.keys { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 12px 0 0; padding: 0; list-style: none; color: var(--soft); font-size: 0.85rem; }
.keys i { display: inline-block; width: 11px; height: 11px; border-radius: 6px; margin-right: 6px; vertical-align: -1px; background: var(--faint); }
.keys i.line { height: 3px; border-radius: 2px; width: 16px; vertical-align: 3px; background: var(--accent); }
.keys i.draft { background: var(--draft); } .keys i.mutate { background: var(--mutate); } .keys i.crossover { background: var(--crossover); }
.keys i.repair { background: var(--repair); } .keys i.failed { background: var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); padding: 4px 12px 6px 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); padding: 6px 12px 6px 0; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; } td.w { white-space: nowrap; }
tr.wins td { font-weight: 600; } tr.wins td:first-child::after { content: " ★"; color: var(--good); }
td .bad { color: var(--bad); } td .soft { color: var(--soft); font-weight: 400; }
pre { margin: 0; padding: 14px 16px; background: var(--code); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; tab-size: 4; }
pre .k { color: var(--kw); } pre .s { color: var(--str); } pre .n { color: var(--num); } pre .c { color: var(--com); font-style: italic; }
code { font: 0.88em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
details { margin: 0 0 8px; } summary { cursor: pointer; color: var(--accent); font-size: 0.92rem; }
details[open] > summary { margin-bottom: 8px; }
.idea { border-left: 3px solid var(--line); padding: 2px 0 2px 14px; margin: 0 0 14px; }
.idea.better { border-color: var(--good); } .idea.failed { border-color: var(--bad); }
.idea .head { font-size: 0.88rem; color: var(--soft); } .idea .head b { color: var(--ink); }
.idea .text { white-space: pre-line; overflow-wrap: anywhere; font-size: 0.92rem; }
footer { color: var(--faint); font-size: 0.82rem; margin-top: 24px; }
@media print { body { background: #fff; } section { break-inside: avoid; } details > * { display: block; } }
@media (max-width: 640px) { main { padding: 20px 12px 40px; } section { padding: 16px 14px; } }
`;
