// Names the tests that passed only when they were tried again. CI tries a failed test once more; what is named here
// is a defect all the same.

import type { Reporter, TestCase } from 'vitest/node';

export default class UnsteadyReporter implements Reporter {
  private readonly unsteady: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const diagnostic = test.diagnostic();
    if (diagnostic?.flaky === true) this.unsteady.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    if (this.unsteady.length === 0) return;
    process.stdout.write('\nunsteady, passed when tried again (a defect to mend):\n');
    for (const line of this.unsteady) process.stdout.write(`  ${line}\n`);
  }
}
