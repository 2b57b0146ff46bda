// Known ways out of a container by version of the runtime. Pure: versions in, advisories out.
//
// Only escapes that code in one of our sandboxes could try are listed; a version says nothing of what nobody has found yet. A
// distribution mends old versions without a new number of upstream's: where its fix is known it is listed, and where it is not,
// the advisory says that there may be one.

export interface RuntimeComponent {
  /** As the engine names it: Engine, containerd, runc. */
  readonly name: string;
  /** Such as `1.1.12`, or a distribution's `1.1.5+ds1-1+deb12u1`. */
  readonly version: string;
}

export interface Advisory {
  readonly cve: string;
  readonly component: string;
  readonly version: string;
  readonly text: string;
}

interface Known {
  readonly cve: string;
  readonly component: string;
  readonly what: string;
  /** The first mended version of each line that has one, oldest first; later lines are mended. */
  readonly fixedIn: readonly string[];
  /** Packages that carry the fix: the text before the revision, and the first revision that has it. */
  readonly packages?: readonly { readonly before: string; readonly revision: number }[];
}

const known: readonly Known[] = [
  {
    ...{ cve: 'CVE-2019-5736', component: 'runc', fixedIn: ['1.0.0-rc7'] },
    what: "a program in a container can overwrite the host's runc",
  },
  {
    ...{ cve: 'CVE-2021-30465', component: 'runc', fixedIn: ['1.0.0-rc95'] },
    what: 'a race of symbolic links mounts the root of the host into a container',
  },
  {
    ...{ cve: 'CVE-2022-23648', component: 'containerd', fixedIn: ['1.4.13', '1.5.10', '1.6.1'] },
    what: 'an image can read files of the host',
  },
  {
    ...{ cve: 'CVE-2024-21626', component: 'runc', fixedIn: ['1.1.12'] },
    what: 'a leaked descriptor leads out of a container',
    packages: [{ before: '1.1.5+ds1-1+deb12u', revision: 1 }],
  },
  ...['CVE-2025-31133', 'CVE-2025-52565', 'CVE-2025-52881'].map((cve) => ({
    ...{ cve, component: 'runc', fixedIn: ['1.2.8', '1.3.3', '1.4.0-rc3'] },
    what: 'races while a container is set up let it write to files of /proc on the host',
  })),
];

/** The components in an engine's answer to `GET /version`; none where it is no such answer. */
export function componentsOf(answer: unknown): RuntimeComponent[] {
  const components = fieldOf(answer, 'Components');
  return (Array.isArray(components) ? components : []).map((component) => {
    const version = String(fieldOf(component, 'Version') ?? '');
    // Debian tells its package's version there, which says which fixes it has.
    const packaged = String(fieldOf(fieldOf(component, 'Details'), 'GitCommit') ?? '');
    return {
      name: String(fieldOf(component, 'Name') ?? ''),
      version: /^\d+\.\d+.*-/.test(packaged) ? packaged : version,
    };
  });
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** What is known against these components. */
export function runtimeAdvisories(components: readonly RuntimeComponent[]): Advisory[] {
  return known.flatMap(({ cve, component, what, fixedIn, packages = [] }) =>
    components
      .filter(({ name, version }) => name === component && isAffected(version, fixedIn) && !isMended(version, packages))
      .map(({ version }) => {
        const maybe = /[+~-]/.test(version) ? '; see whether your distribution has mended its package' : '';
        const text = `${component} ${version} has ${cve}: ${what}. It is mended in ${fixedIn.join(', ')}${maybe}`;
        return { cve, component, version, text };
      }),
  );
}

/** A version that cannot be read is not said to be affected: that would cry wolf at every build of one's own. */
function isAffected(version: string, fixedIn: readonly string[]): boolean {
  const own = parse(version);
  if (own === undefined) return false;
  const fixes = fixedIn.map(parse).filter((fix) => fix !== undefined);
  const sameLine = fixes.find(([major, minor]) => major === own[0] && minor === own[1]);
  if (sameLine !== undefined) return compare(own, sameLine) < 0;
  return fixes.some((fix) => compare(own, fix) < 0);
}

function isMended(version: string, packages: NonNullable<Known['packages']>): boolean {
  return packages.some(
    ({ before, revision }) =>
      version.startsWith(before) && Number.parseInt(version.slice(before.length), 10) >= revision,
  );
}

/** Major, minor, patch and release candidate; a release comes after all of its candidates. */
function parse(version: string): [number, number, number, number] | undefined {
  const [, major, minor, patch, candidate] = /^v?(\d+)\.(\d+)\.(\d+)(?:[-~]rc\.?(\d+))?/.exec(version) ?? [];
  if (major === undefined) return undefined;
  return [
    Number(major),
    Number(minor),
    Number(patch),
    candidate === undefined ? Number.POSITIVE_INFINITY : Number(candidate),
  ];
}

function compare(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((part, index) => part !== right[index]);
  return at < 0 ? 0 : (left[at] ?? 0) < (right[at] ?? 0) ? -1 : 1;
}
