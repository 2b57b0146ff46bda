// The gpu-agent's configuration: /etc/doubleblind/gpu-agent.yaml, DOUBLEBLIND_* and flags.

import { z } from 'zod';
import { isId } from '../shared/core/ids.ts';
import {
  daemonShape,
  hostPortSchema,
  millisecondsSchema,
  natsSchema,
  pathSchema,
  peerSchema,
} from '../shared/daemon/config-pieces.ts';
import { isPackageName } from './core/wheel.ts';

const count = z.number().int().positive();

const slotsSchema = z.strictObject({
  cpu: z
    .union([z.number().int().nonnegative(), z.literal('auto')], { error: 'is neither a number of slots nor auto' })
    .default('auto')
    .describe('How many CPU slots a host without GPUs offers; `auto` is one per processor.'),
  trajectoriesPerSlot: count
    .max(64)
    .default(2)
    .describe('Attempts that share a slot: while one thinks, the other may use the GPU.'),
});

const sandboxSchema = z.strictObject({
  proxySocket: pathSchema
    .default('/run/doubleblind-sandbox-proxy/sandbox.sock')
    .describe("Where the sandbox proxy listens, which has the Docker engine's socket, the image and the limits."),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .describe('Extra environment of everything in a sandbox, such as OPENBLAS_CORETYPE. Never a secret.'),
});

const packageName = z.string().refine(isPackageName, { error: 'is not the name of a Python package' });

const packagesSchema = z
  .strictObject({
    mode: z
      .enum(['none', 'mirror'])
      .default('none')
      .describe('What agents may add to a sandbox: nothing, or wheels of one read-only index (docs/packages.md).'),
    wheels: z
      .union([pathSchema, z.literal('')])
      .default('')
      .describe('A folder of wheels, with mode: mirror.'),
    index: z
      .union([z.url({ protocol: /^https?$/ }), z.literal('')])
      .default('')
      .describe('Or the root of a simple index, such as https://HOST/simple. The daemon asks it, no sandbox does.'),
    credentialsFile: z
      .union([pathSchema, z.literal('')])
      .default('')
      .describe(
        'File with NAME:PASSWORD for an index that asks for them; read for each request, never shown to a sandbox.',
      ),
    allow: z
      .array(packageName)
      .default([])
      .describe('Names that may be asked of the index; what they require must be listed as well.'),
    cacheBytes: count.default(8 * 2 ** 30).describe('Wheels of the index that are kept on this host.'),
  })
  .superRefine(({ mode, wheels, index, allow, credentialsFile }, context) => {
    const problem = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message });
    };
    if (mode === 'none' && (wheels !== '' || index !== ''))
      problem('mode', 'is none: set it to mirror to use the index');
    if (mode === 'mirror' && (wheels === '') === (index === '')) problem('mode', 'mirror needs either wheels or index');
    if (credentialsFile !== '' && index === '') problem('credentialsFile', 'is for an index, and none is named');
    if (index !== '' && allow.length === 0) problem('allow', 'is empty: list what may be asked of the index');
    if (index !== '' && URL.canParse(index) && new URL(index).username + new URL(index).password !== '')
      problem('index', 'holds credentials, which belong in a file: set credentialsFile');
  });

export const configSchema = z.strictObject({
  ...daemonShape('gpu-agent', 7442),
  host: z
    .union([z.string().refine(isId, { error: 'is not a host name (letters, digits, - and _)' }), z.literal('')])
    .default('')
    .describe("The host's name; the name in its certificate where left out, and never another one."),
  advertise: z
    .union([hostPortSchema, z.literal('')])
    .default('')
    .describe('Where the coordinator reaches this agent; `listen` where left out.'),
  nats: natsSchema,
  coordinator: peerSchema('coordinator'),
  gateway: peerSchema('llm-gateway'),
  slots: slotsSchema.prefault({}),
  sandbox: sandboxSchema.prefault({}),
  strict: z
    .boolean()
    .default(false)
    .describe(
      'Refuses to start where the container runtime has a known way out (docs/operations.md), which is else a warning.',
    ),
  packages: packagesSchema.prefault({}),
  model: z
    .strictObject({
      patienceMs: millisecondsSchema
        .default(300_000)
        .describe('How long an attempt waits for a gateway that does not answer.'),
      contextCharacters: count
        .min(20_000)
        .default(240_000)
        .describe('Longest conversation that is sent; about four characters are a token.'),
    })
    .prefault({}),
  prompts: z
    .strictObject({
      directory: z
        .union([pathSchema, z.literal('')])
        .default('')
        .describe('Prompts of your own (system.md, draft.md, mutate.md …); what it does not hold is the packaged one.'),
    })
    .prefault({}),
  cache: z
    .strictObject({
      maxBytes: count.default(4 * 2 ** 30).describe('Artifacts kept on this host, least recently used first to go.'),
      maxBundleBytes: count
        .default(16 * 2 ** 30)
        .describe('Unpacked bundles kept on this host, but for those in use; least recently used first to go.'),
    })
    .prefault({}),
  stopPatienceMs: millisecondsSchema
    .default(5000)
    .describe(
      'How long a stopping agent waits for what runs to end and be confirmed; then it leaves the rest to the next daemon.',
    ),
  heartbeatMs: millisecondsSchema.default(1000).describe('Time between two heartbeats.'),
});

export type GpuAgentConfig = z.output<typeof configSchema>;
