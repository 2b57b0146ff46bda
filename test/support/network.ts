// Machines on a network, made of network namespaces: each has an address of its own behind a router of its own, so that links
// can be cut and rules can be loaded without the machine that runs the test noticing. Needs root, `ip` and `nft`.
//
//     machine ── veth ── router ── veth ── machine          (198.18.N.0/24, a range that is never routed on the Internet)
//
// The machine that runs the test is joined on request, as a machine like the others.

import { type ChildProcess, type ExecFileOptions, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly address6: string;
  /** The namespace; empty for the machine that runs the test. */
  readonly namespace: string;
}

/** Packets that a router drops: from one machine to another, of one port where it is named. */
export interface Cut {
  readonly from: Machine;
  readonly to: Machine;
  /** The port that the connection was opened to, whichever end it is. */
  readonly port?: number;
}

export interface Network {
  readonly router: Machine;
  add(name: string): Machine;
  /** Joins the machine that runs the test. */
  join(): Machine;
  /** Drops these packets from now on, and only these. */
  cut(cuts: readonly Cut[]): void;
  heal(): void;
  /** Loads rules into a machine's own firewall, or empties it. */
  load(machine: Machine, rules: string): void;
  unload(machine: Machine): void;
  remove(): void;
}

/** Why there can be no such network here; undefined where there can. */
export function networkMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = ['ip', 'nft', 'sysctl'].filter((name) => findTool(name) === undefined);
  if (missing.length > 0) return `not installed: ${missing.join(', ')} (apt-get install iproute2 nftables procps)`;
  try {
    const name = `dbtry${process.pid}`;
    tool('ip', 'netns', 'add', name);
    tool('ip', 'netns', 'exec', name, 'nft', 'list', 'ruleset');
    tool('ip', 'netns', 'del', name);
    return undefined;
  } catch (error) {
    return `this kernel has no network namespaces with nftables: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function findTool(name: string): string | undefined {
  return ['/usr/sbin', '/sbin', '/usr/bin', '/bin'].map((path) => `${path}/${name}`).find((path) => existsSync(path));
}

function tool(name: string, ...words: string[]): string {
  return execFileSync(findTool(name) ?? name, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The command that runs a program on a machine. `ip` executes it in its own process, so that its pid is the program's. */
export function on(machine: Machine, command: readonly string[]): readonly string[] {
  return machine.namespace === '' ? command : [findTool('ip') ?? 'ip', 'netns', 'exec', machine.namespace, ...command];
}

export function spawnOn(
  machine: Machine,
  command: readonly string[],
  options: Parameters<typeof spawn>[2] = {},
): ChildProcess {
  const [program = '', ...words] = on(machine, command);
  return spawn(program, words, options);
}

/** Runs a program on a machine; resolves with what it printed, rejects where it failed. */
export function runOn(machine: Machine, command: readonly string[], options: ExecFileOptions = {}): Promise<string> {
  const [program = '', ...words] = on(machine, command);
  return new Promise((resolve, reject) => {
    execFile(program, words, { ...options, encoding: 'utf8' }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}

/** A range that no route of this machine has yet. */
function freeRange(): number {
  for (let tries = 0; tries < 100; tries += 1) {
    const range = Math.floor(Math.random() * 256);
    if (tool('ip', 'route', 'show', 'root', `198.18.${range}.0/24`).trim() === '') return range;
  }
  throw new Error('every range below 198.18.0.0/16 has a route here');
}

/** Makes the router; machines are added to it. */
export function makeNetwork(): Network {
  const range = freeRange();
  const prefix = `db${process.pid}-${range}`;
  const made: string[] = [];
  const namespace = (name: string): string => {
    const full = `${prefix}-${name}`;
    tool('ip', 'netns', 'add', full);
    made.push(full);
    tool('ip', '-n', full, 'link', 'set', 'lo', 'up');
    return full;
  };
  const routerAt = namespace('router');
  for (const key of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) {
    tool('ip', 'netns', 'exec', routerAt, 'sysctl', '-q', '-w', `${key}=1`);
  }
  const router: Machine = { name: 'router', address: '', address6: '', namespace: routerAt };
  let count = 0;
  const connect = (name: string, at: string): Machine => {
    const index = count;
    count += 1;
    const machine = {
      name,
      address: `198.18.${range}.${4 * index + 2}`,
      address6: `fd98:${range}:${index}::2`,
      namespace: at,
    };
    link(machine, router, { index, range });
    return machine;
  };
  const load = (machine: Machine, rules: string): void => {
    const [program = '', ...words] = on(machine, ['nft', '-f', '-']);
    execFileSync(program, words, { input: rules, stdio: ['pipe', 'pipe', 'pipe'] });
  };
  let joined = false;
  return {
    router,
    add: (name) => connect(name, namespace(name)),
    join() {
      joined = true;
      return connect('here', '');
    },
    cut: (cuts) => load(router, cutRules(cuts)),
    heal: () => load(router, cutRules([])),
    load,
    unload: (machine) => load(machine, 'flush ruleset'),
    remove() {
      if (joined) tool('ip', 'link', 'del', linkHere(range));
      for (const name of made.reverse()) tool('ip', 'netns', 'del', name);
    },
  };
}

function link(
  machine: Machine,
  router: Machine,
  { index, range }: { readonly index: number; readonly range: number },
): void {
  const isHere = machine.namespace === '';
  const [near, far] = [isHere ? linkHere(range) : 'eth0', `m${index}`];
  const inside = isHere ? [] : ['-n', machine.namespace];
  const gateway = { v4: `198.18.${range}.${4 * index + 1}`, v6: `fd98:${range}:${index}::1` };
  const atRouter = (...words: string[]): string => tool('ip', '-n', router.namespace, ...words);
  const place = isHere ? String(process.pid) : machine.namespace;
  atRouter('link', 'add', far, 'type', 'veth', 'peer', 'name', near, 'netns', place);
  atRouter('addr', 'add', `${gateway.v4}/30`, 'dev', far);
  atRouter('addr', 'add', `${gateway.v6}/64`, 'dev', far, 'nodad');
  atRouter('link', 'set', far, 'up');
  tool('ip', ...inside, 'addr', 'add', `${machine.address}/30`, 'dev', near);
  tool('ip', ...inside, 'addr', 'add', `${machine.address6}/64`, 'dev', near, 'nodad');
  tool('ip', ...inside, 'link', 'set', near, 'up');
  tool('ip', ...inside, 'route', 'add', isHere ? `198.18.${range}.0/24` : 'default', 'via', gateway.v4);
  tool('ip', ...inside, '-6', 'route', 'add', isHere ? `fd98:${range}::/32` : 'default', 'via', gateway.v6);
}

function linkHere(range: number): string {
  return `dbv${range}`;
}

function cutRules(cuts: readonly Cut[]): string {
  const rules = cuts.flatMap(({ from, to, port }) => {
    const pair = `ip saddr ${from.address} ip daddr ${to.address}`;
    return port === undefined ? [`${pair} drop`] : [`${pair} tcp dport ${port} drop`, `${pair} tcp sport ${port} drop`];
  });
  return `table inet cuts
delete table inet cuts
table inet cuts {
  chain forward {
    type filter hook forward priority filter - 20; policy accept;
${rules.map((rule) => `    ${rule}`).join('\n')}
  }
}
`;
}
