// Renders the nftables rules that make the evaluator's segment (blueprint: only the coordinator may dial it, it dials nobody).
// A pure function: addresses in, text for `nft -f` out. Three machines may carry rules, each of which alone is enough against
// a host and its sandboxes; together they hold where one machine was taken over:
// - the evaluator itself: takes connections of the coordinator to its gRPC port, answers them, and opens none;
// - the router of its segment: passes exactly that;
// - a GPU host: nothing of it, and nothing that it forwards for a container, goes to the evaluator.
// Invariants: 1. loading the text again replaces what was loaded, in one transaction, and touches no other table; 2. the rules
// look at packets and not at connections where they can, so that a connection from before they were loaded ends with it.

import { isIP } from 'node:net';

export const networkPlaces = ['evaluator', 'router', 'host'] as const;
export type NetworkPlace = (typeof networkPlaces)[number];

export interface EvaluatorSegment {
  /** IP addresses of the evaluator's machine. */
  readonly evaluators: readonly string[];
  /** Its gRPC port. */
  readonly port: number;
  /** IP addresses of the coordinator's machine. */
  readonly coordinators: readonly string[];
  /** IP addresses that may open SSH to the evaluator's machine; none where it has a console. */
  readonly administrators: readonly string[];
}

const neighbours = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept';
/** Before the usual filters, so that what another table accepts is dropped here all the same. */
const early = 'priority filter - 5';

/** The text of a file for `nft -f`. */
export function renderNetworkRules(place: NetworkPlace, segment: EvaluatorSegment): string {
  for (const address of [...segment.evaluators, ...segment.coordinators, ...segment.administrators]) {
    if (isIP(address) === 0) throw new RangeError(`${address} is not an IP address`);
  }
  const chains = { evaluator: evaluatorChains, router: routerChains, host: hostChains }[place](segment);
  return `#!/usr/sbin/nft -f
# Written by Doubleblind (deploy/network/rules.ts) for: ${place}.
table inet doubleblind
delete table inet doubleblind
table inet doubleblind {
${chains.join('\n')}
}
`;
}

function evaluatorChains({ coordinators, administrators, port }: EvaluatorSegment): string[] {
  const from = [
    ...match('saddr', coordinators, `tcp dport ${port}`),
    ...match('saddr', administrators, 'tcp dport 22'),
  ];
  return [
    chain('input', 'drop', [
      'iif "lo" accept',
      ...from.map((rule) => `${rule} accept`),
      neighbours,
      'ct state related accept',
      'counter',
    ]),
    chain('forward', 'drop', ['counter']),
    chain('output', 'drop', [
      'oif "lo" accept',
      'ct state established,related ct direction reply accept',
      neighbours,
      'limit rate 6/minute log prefix "doubleblind: the evaluator dials out: "',
      'counter reject',
    ]),
  ];
}

function routerChains({ evaluators, coordinators, port }: EvaluatorSegment): string[] {
  const between = (family: Family): string[] => {
    const evaluator = group(family, evaluators);
    const coordinator = group(family, coordinators);
    if (evaluator === '' || coordinator === '') return [];
    return [
      `${family} saddr ${coordinator} ${family} daddr ${evaluator} tcp dport ${port} accept`,
      `${family} saddr ${evaluator} ${family} daddr ${coordinator} tcp sport ${port} ct state established ct direction reply accept`,
    ];
  };
  const either = [...match('daddr', evaluators), ...match('saddr', evaluators)];
  return [
    chain('forward', 'accept', [
      ...families.flatMap(between),
      ...either.map((rule) => `${rule} ct state related accept`),
      ...either.map((rule) => `${rule} counter drop`),
    ]),
  ];
}

function hostChains({ evaluators }: EvaluatorSegment): string[] {
  const to = match('daddr', evaluators);
  return [
    chain(
      'output',
      'accept',
      to.map((rule) => `${rule} counter reject`),
    ),
    chain(
      'forward',
      'accept',
      [...to, ...match('saddr', evaluators)].map((rule) => `${rule} counter drop`),
    ),
  ];
}

function chain(hook: 'input' | 'forward' | 'output', policy: 'accept' | 'drop', rules: readonly string[]): string {
  const head = `    type filter hook ${hook} ${early}; policy ${policy};`;
  return [`  chain ${hook} {`, head, ...rules.map((rule) => `    ${rule}`), '  }'].join('\n');
}

const families = ['ip', 'ip6'] as const;
type Family = (typeof families)[number];

/** One rule a family of the addresses. */
function match(side: 'saddr' | 'daddr', addresses: readonly string[], rest = ''): string[] {
  return families
    .filter((family) => group(family, addresses) !== '')
    .map((family) => `${family} ${side} ${group(family, addresses)}${rest === '' ? '' : ` ${rest}`}`);
}

/** The addresses of a family as a set; empty where there is none. */
function group(family: Family, addresses: readonly string[]): string {
  const own = addresses.filter((address) => isIP(address) === (family === 'ip' ? 4 : 6));
  return own.length === 0 ? '' : `{ ${own.join(', ')} }`;
}
