// Puts the gateway together: state directory, book, upstreams, server.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { observeDisk } from '../shared/daemon/disk-metrics.ts';
import type { Logger } from '../shared/log.ts';
import { startMetricsServer } from '../shared/metrics.ts';
import { observeCertificates } from '../shared/rpc/certificate-metrics.ts';
import { startRpcServer } from '../shared/rpc/server.ts';
import { openBook } from './book.ts';
import type { GatewayConfig } from './config.ts';
import { createGateway } from './gateway.ts';
import { createTurnMeter } from './metrics.ts';
import { openOutgoingRules } from './outgoing-rules.ts';
import { llmService } from './rpc/llm-service.ts';
import { createCassetteUpstream, recording } from './upstream/cassette.ts';
import { guarded } from './upstream/guarded-upstream.ts';
import { createOfflinePolicyUpstream } from './upstream/offline-policy/offline-policy-upstream.ts';
import { createOpenAiUpstream } from './upstream/openai-upstream.ts';
import type { Upstream } from './upstream/upstream.ts';

/** A gateway that serves. */
export interface RunningGateway {
  /** host:port in use. */
  readonly address: string;
  stop(): Promise<void>;
}

/** How long a turn that is under way may still take when the daemon stops; the agent repeats it by its id. */
const stopGraceMs = 5000;

/** Starts the gateway; resolves when it serves, and closes what it opened where it cannot. */
export async function startGateway(
  config: GatewayConfig,
  { log, clock, random = Math.random }: { readonly log: Logger; readonly clock: Clock; readonly random?: () => number },
): Promise<RunningGateway> {
  mkdirSync(config.stateDirectory, { recursive: true, mode: 0o700 });
  const tokenSecret = readOrMakeSecret(join(config.stateDirectory, 'token.secret'));
  const { meter, page } = createTurnMeter(config.upstreams.map(({ name }) => name));
  const stack = new AsyncDisposableStack();
  const rules = stack.adopt(openOutgoingRules(config), (it) => it.stop());
  const behindGuard = (upstream: Upstream): Upstream =>
    guarded(upstream, rules.now, (leaks) => {
      meter.leaked(upstream.name, leaks);
      log.warn({ upstream: upstream.name, leaks }, 'a prompt held what must not go out; it was removed');
    });
  try {
    const upstreams = openUpstreams(config, clock, behindGuard).map(behindGuard);
    const book = openBook(join(config.stateDirectory, 'gateway.sqlite'));
    stack.defer(() => book.stop());
    const { retry, breaker, budgets } = config;
    const gateway = createGateway({ book, upstreams, retry, breaker, budgets, tokenSecret, clock, log, random, meter });
    stack.defer(() => gateway.stop());
    if (config.metricsPort > 0) {
      observeDisk(page, config.stateDirectory);
      stack.adopt(observeCertificates(page, config.tls), (it) => it.stop());
      stack.adopt(await startMetricsServer({ port: config.metricsPort, metrics: page }), (it) => it.stop());
    }
    const services = [llmService(gateway)];
    const server = await startRpcServer({ listen: config.listen, tls: config.tls, services, log });
    stack.defer(() => server.stop(stopGraceMs));
    log.info({ address: server.address, models: gateway.offers().map((offer) => offer.model) }, 'the gateway serves');
    return { address: server.address, stop: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/**
 * The configured upstreams, then the offline policy: it is the default only where nothing else is configured. What is recorded has
 * passed a guard before, or a key that an endpoint echoes would stand in the file. All of them still want a guard in front: a cassette is
 * searched for the prompt as it was cleaned when it was recorded.
 */
function openUpstreams(
  { upstreams }: GatewayConfig,
  clock: Clock,
  behindGuard: (upstream: Upstream) => Upstream,
): Upstream[] {
  const configured = upstreams.map((upstream) => {
    if (upstream.kind === 'cassette') return createCassetteUpstream(upstream);
    const endpoint = createOpenAiUpstream({ ...upstream, clock });
    return upstream.record === undefined ? endpoint : recording(behindGuard(endpoint), upstream.record);
  });
  return [...configured, createOfflinePolicyUpstream()];
}

/** The secret that tokens are derived from; made once, written whole or not at all. */
function readOrMakeSecret(path: string): Buffer {
  if (!existsSync(path)) {
    const partial = `${path}.partial`;
    writeFileSync(partial, randomBytes(32), { mode: 0o600, flush: true });
    renameSync(partial, path);
  }
  const secret = readFileSync(path);
  if (secret.length < 32)
    throw new Error(
      `${path} should hold 32 bytes and holds ${secret.length}: remove it, and open attempts must be opened anew`,
    );
  return secret;
}
