import { defineConfig } from 'vitest/config';

// Two sets. `fast` is what `npm run check` runs at every change: no Docker, no cluster. `system` starts real daemons,
// NATS and containers. `npm test` runs both; the system set runs file by file, because it shares one Docker engine. The set
// `attacks` is everything that an attacker tries, `npm run test:attacks`; `long` does what takes minutes, `npm run test:long`;
// `package` builds the Debian package and boots it, `npm run test:package`.
const elsewhere = ['node_modules/**', '.runtime/**', '.doubleblind/**'];
const systemTests = ['**/*.system.test.ts', '**/*.contract.test.ts', 'test/system/**/*.test.ts'];

// What attacks of every part come to, `npm run test:attacks`; its folders are the parts of the report.
const attackTests = ['test/attacks/**/*.test.ts'];

// Every verb, every command of README and docs as printed, every method by a foreign client; networks and real faults of a fleet in name spaces.
const longTests = [
  'cli/every-verb.test.ts',
  'test/system/documents.test.ts',
  'test/system/mle-bench-page.test.ts',
  'test/system/evaluator-segment.test.ts',
  'test/system/faults.test.ts',
  'test/system/grpcio.test.ts',
  'test/system/refit-audited.test.ts',
  'test/system/scored-looks.test.ts',
];
const packageTests = ['test/package/**/*.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', './deploy/test/unsteady-reporter.ts'],
    globalSetup: ['test/support/temporary-directory.ts'],
    projects: [
      {
        test: {
          name: 'fast',
          // A thread starts in less than half the time of a process, and there are as many as files.
          pool: 'threads',
          include: ['**/*.test.ts'],
          exclude: [...elsewhere, ...systemTests, ...attackTests, ...longTests, ...packageTests],
          testTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'system',
          include: systemTests,
          exclude: [...elsewhere, ...longTests],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'attacks',
          include: attackTests,
          exclude: elsewhere,
          testTimeout: 180_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'long',
          include: longTests,
          testTimeout: 900_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'package',
          include: packageTests,
          exclude: elsewhere,
          testTimeout: 180_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
