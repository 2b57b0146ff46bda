// `task init | validate | import | ls`, run on the evaluator's machine: labels have no way in through the network.

import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import { messageChain } from '../shared/log.ts';
import { commandRehearsal } from './grader/command-rehearsal.ts';
import { runTaskCommand } from './import/command.ts';

endQuietlyWithoutReader();

try {
  const { exitCode, stdout, stderr } = await runTaskCommand(process.argv.slice(2), process.env, (config) =>
    commandRehearsal(config, process.env, (id) =>
      process.stderr.write(`a container could not be removed; remove it by hand: docker rm -f ${id}\n`),
    ),
  );
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = exitCode;
} catch (error) {
  const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
  process.stderr.write(
    full
      ? "The disk of the evaluator's state directory is full; nothing was imported. Free some space and repeat the command.\n"
      : `the task could not be handled: ${messageChain(error)}\n`,
  );
  process.exitCode = full ? 6 : 1;
}
