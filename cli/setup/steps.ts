// The steps of set-up, in order. The launcher has brought Node and the libraries already.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureSandboxImage, SandboxImageError } from '../../deploy/docker/sandbox-image.ts';
import { createLocalPki, describeCertificate, missingOfLocalPki } from '../../shared/pki/authority.ts';
import { localHostName } from '../cluster/layout.ts';
import type { CliContext, Place } from '../context.ts';
import { causedBy, exitCodes } from '../exit-codes.ts';
import { aptInstall, inspectMachine, missingPackage } from './apt.ts';
import { findProgram, runLogged } from './command.ts';
import {
  dockerEngineStep,
  dockerSocket,
  imageIdOf,
  sandboxImageName,
  setupLogs,
  shortImageId,
} from './docker-engine.ts';
import { type Finding, inspectSteps, type SetupStep } from './step.ts';

/** An authority with less left is told of in time; nobody makes a new one by the way, because every host would have to get it. */
const authorityDays = 30;

/** What `up` needs to know of what set-up made. */
export interface SetupResult {
  /** `sha256:…` of the sandbox image; empty until the step ran. */
  sandboxImage: string;
}

export function setupSteps(cli: CliContext, place: Place, result: SetupResult): SetupStep[] {
  const logs = setupLogs(place.stateDirectory);
  const machine = inspectMachine(cli.env);
  const options = { logFile: logs.setup, signal: cli.signal };
  return [
    {
      name: 'nats-server',
      isDone: async () => {
        const program = findProgram('nats-server', cli.env);
        if (program === undefined) return undefined;
        const { lastLines } = await runLogged([program, '--version'], { ...options, logFile: undefined });
        return /v?(\d+\.\d+\.\d+)/.exec(lastLines.join(' '))?.[1];
      },
      whatIsMissing: () => Promise.resolve(missingPackage(machine, 'nats-server', 'nats-server')),
      run: (report) => aptInstall(['nats-server'], options, report),
    },
    dockerEngineStep({ ...options, machine, environment: cli.env, engineLog: logs.engine }),
    sandboxImageStep(cli, result),
    certificatesStep(place),
  ];
}

/** What is there, without making anything: the image is the newest that was made, because only building tells whether it still is the right one. */
export async function inspectSetup(cli: CliContext, place: Place): Promise<readonly Finding[]> {
  const findings = await inspectSteps(setupSteps(cli, place, { sandboxImage: '' }));
  const image = await imageIdOf(dockerSocket(cli.env), sandboxImageName);
  return findings.map((finding) =>
    finding.name === imageStepName && image !== undefined ? { ...finding, found: shortImageId(image) } : finding,
  );
}

const imageStepName = 'Sandbox image';

function sandboxImageStep(cli: CliContext, result: SetupResult): SetupStep {
  const socket = dockerSocket(cli.env);
  return {
    name: imageStepName,
    isDone: () => Promise.resolve(result.sandboxImage === '' ? undefined : shortImageId(result.sandboxImage)),
    whatIsMissing: () => Promise.resolve(undefined),
    run: async (report) => {
      try {
        const image = await ensureSandboxImage({ log: report, dockerSocket: socket, signal: cli.signal });
        result.sandboxImage = image.imageId;
      } catch (error) {
        if (error instanceof SandboxImageError) {
          throw causedBy(error, exitCodes.precondition, error.message);
        }
        throw error;
      }
    },
  };
}

export function certificatesStep(place: Pick<Place, 'pkiDirectory'>): SetupStep {
  const directory = place.pkiDirectory;
  return {
    name: 'Certificates',
    isDone: async () => {
      if (missingOfLocalPki(directory, localHostName).length > 0) return undefined;
      const authority = describeCertificate(await readFile(join(directory, 'ca.crt')));
      const isGood = authority.notAfter.getTime() > Date.now() + authorityDays * 86_400_000;
      return isGood ? `authority ${authority.fingerprint.slice(0, 11)}…` : undefined;
    },
    whatIsMissing: () => Promise.resolve(undefined),
    run: () => createLocalPki(directory, localHostName),
  };
}
