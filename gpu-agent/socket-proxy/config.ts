// The sandbox proxy's configuration: /etc/doubleblind/sandbox-proxy.yaml, DOUBLEBLIND_* and flags. All of it has defaults.

import { z } from 'zod';
import { logLevelSchema, pathSchema } from '../../shared/daemon/config-pieces.ts';
import { imageIdSchema } from '../sandbox/sandbox-kind.ts';

const count = z.number().int().positive();
/** A number, or all that the host has. */
const share = z.union([z.number().positive(), z.literal('host')], { error: 'is neither a number nor host' });

/** Threads and processes: what a large training run with many loaders uses, and far below the kernel's own limit. */
const mostProcesses = 65_536;
/** More than any host has slots for. */
const mostContainers = 256;

const limitsSchema = z.strictObject({
  memoryBytes: share.default('host').describe('Most memory of one sandbox in bytes, or host for all that there is.'),
  cpus: share.default('host').describe('Most processors of one sandbox, or host for all that there are.'),
  diskBytes: share
    .default('host')
    .describe('Most bytes of files in one sandbox; they lie in memory, so host means all memory.'),
  pids: count.default(mostProcesses).describe('Most processes and threads of one sandbox.'),
  containers: count.default(mostContainers).describe('Most sandboxes at a time.'),
});

export const proxyConfigSchema = z.strictObject({
  listen: pathSchema
    .default('/run/doubleblind-sandbox-proxy/sandbox.sock')
    .describe("Where the gpu-agent asks; the socket's directory and group decide who may."),
  docker: z
    .strictObject({ socket: pathSchema.default('/var/run/docker.sock').describe('Socket of the Docker engine.') })
    .prefault({}),
  image: z
    .string()
    .min(1)
    .default('doubleblind/sandbox-cpu')
    .describe('The image of sandboxes whose task names none, by digest or tag; made by deploy/docker.'),
  images: z
    .array(imageIdSchema)
    .default([])
    .describe('Other images that tasks may ask for, by digest (docs/tasks.md).'),
  runtime: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/, { error: 'is not the name of a runtime' })
    .default('')
    .describe("The engine's runtime that runs sandboxes, such as runsc (gVisor); empty for its default one."),
  agentStateDirectory: pathSchema
    .default('/var/lib/doubleblind/gpu-agent')
    .describe('State of the gpu-agent that is served: its bundles may be mounted, its sandboxes touched.'),
  limits: limitsSchema.prefault({}),
  mountProof: z
    .boolean()
    .default(true)
    .describe('Asks the kernel what a sandbox has mounted; off only where its processes cannot be seen from here.'),
  logLevel: logLevelSchema.default('info').describe('The least urgent lines that are logged.'),
});
