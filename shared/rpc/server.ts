// A daemon's gRPC server: TLS 1.3 with client certificates, the access table, reflection, health and channelz.
// Invariants:
// 1. No method of any service runs for a caller whose certificate does not name an identity that the access table allows.
// 2. Reflection hands out the descriptors as buf made them: re-encoded by the loader they break clients (Timestamp imports, maps).
// 3. A handler that sees the end of a client's stream has seen all of it.
// 4. `stop` ends within its grace: tryShutdown alone waits for ever on an open stream.
// 5. An open connection is worth no more than its certificate: calls are refused once that has ended, and where an authority is
//    trusted no more, which is how a stolen key is locked out, connections from before end and have to prove themselves anew.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  addAdminServicesToServer,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerOptions,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from '../log.ts';
import { identityOfAlternativeNames } from '../pki/identity.ts';
import { certificatesIn } from '../pki/pem.ts';
import { mayCall } from './access.ts';
import { descriptorSet, messageLimitBytes, type ServiceName } from './definitions.ts';
import { readDescriptorSet } from './descriptor-set.ts';
import { faultToStatus, RpcFault } from './fault.ts';
import type { RpcServiceDefinition } from './handlers.ts';
import { openTlsFiles, type TlsMaterial, type TlsPaths } from './tls-files.ts';

export interface RpcServerOptions {
  /** host:port; port 0 for any free one. */
  readonly listen: string;
  readonly tls: TlsPaths;
  readonly services: readonly RpcServiceDefinition[];
  readonly log: Logger;
  /** Most milliseconds of a call with one answer; the ceiling of handlers.ts unless stated, which only tests do. */
  readonly longestCallMs?: number;
  /** How often the certificate files are looked at; ten seconds unless stated, which only tests do. */
  readonly rereadMs?: number;
  /** How long running calls go on after an authority was replaced; `replacedGraceMs` unless stated, which only tests do. */
  readonly replacedGraceMs?: number;
}

/** Time for calls to come to their end. Whoever has a certificate of the new authority repeats what is cut. */
const replacedGraceMs = 30_000;

export interface RpcServer {
  /** host:port with the port in use. */
  readonly address: string;
  readonly port: number;
  /** What health answers for one service; all services serve from the start. */
  setServing(service: ServiceName, serving: boolean): void;
  /** Takes no new calls, waits for running ones, and ends those that are left after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const serverOptions: ServerOptions = {
  'grpc.max_receive_message_length': messageLimitBytes,
  'grpc.max_send_message_length': messageLimitBytes,
  // One peer needs a few dozen streams; the bound keeps a broken one from taking all memory.
  'grpc.max_concurrent_streams': 1000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
};

const adminServices = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  'grpc.channelz.v1.Channelz',
];

/** Starts a server; resolves when it listens. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const server = new Server({ ...serverOptions, interceptors: [accessInterceptor(options.log)] });
  const health = new HealthImplementation();
  for (const service of options.services) {
    server.addService(service.definition, service.bind(options.log, options.longestCallMs));
    health.setStatus(service.name, 'SERVING');
  }
  health.setStatus('', 'SERVING');
  health.addToServer(server);
  addReflection(server, options.services);
  addAdminServicesToServer(server);

  const credentials = new MutualTlsCredentials();
  const { certificate, key } = options.tls;
  let trusted: Buffer | undefined;
  let address: string | undefined;
  const tlsFiles = openTlsFiles(
    options.tls,
    {
      changed(material) {
        credentials.replace(material);
        options.log.info({ certificate }, 'new certificate in use');
        const isReplaced = trusted !== undefined && !trustsAll(material.ca, trusted);
        trusted = material.ca;
        if (!isReplaced || address === undefined) return;
        options.log.warn({ ca: options.tls.ca }, 'an authority is trusted no more; connections from before end');
        server.drain(address, options.replacedGraceMs ?? replacedGraceMs);
      },
      refused(problem) {
        if (problem === undefined)
          options.log.info({ certificate, key }, 'the certificate and key on the disk can be used again');
        else options.log.warn({ certificate, key, problem }, 'new certificate refused; the one before stays in use');
      },
    },
    options.rereadMs,
  );
  trusted = tlsFiles.current().ca;
  credentials.replace(tlsFiles.current());
  const port = await bind(server, options.listen, credentials).catch((error: unknown) => {
    tlsFiles.stop();
    server.forceShutdown();
    throw error;
  });
  address = `${options.listen.slice(0, options.listen.lastIndexOf(':'))}:${port}`;
  return {
    address,
    port,
    setServing: (service, serving) => health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING'),
    stop(graceMs) {
      tlsFiles.stop();
      for (const name of ['', ...options.services.map((service) => service.name)]) {
        health.setStatus(name, 'NOT_SERVING');
      }
      return stopServer(server, graceMs);
    },
  };
}

/** True where every certificate among the old authorities is among the new ones as well. */
function trustsAll(authorities: Buffer, old: Buffer): boolean {
  const blocks = (pem: Buffer): string[] => certificatesIn(pem).map((block) => block.replaceAll(/\s/g, ''));
  const known = new Set(blocks(authorities));
  return blocks(old).every((block) => known.has(block));
}

/** grpc-js's own credentials leave TLS 1.2 open; these ask for 1.3 and can be replaced under a running server. */
class MutualTlsCredentials extends ServerCredentials {
  constructor() {
    super({ requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' });
  }

  replace(material: TlsMaterial): void {
    this.updateSecureContextOptions({ ...material, minVersion: 'TLSv1.3' });
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function accessInterceptor(log: Logger): ServerInterceptor {
  return (method, call) => {
    const name = method.path.slice(1);
    const caller = callerOf(call);
    const identity = identityOfAlternativeNames(caller.context.sslPeerCertificate?.subjectaltname);
    const hasEnded = Date.now() > caller.endsMs;
    if (identity !== undefined && !hasEnded && mayCall(identity, name)) return new AdmittedCall(call, caller.context);
    const who = identity === undefined ? 'a caller without a Doubleblind identity' : `the role ${identity.role}`;
    log.warn({ method: name, peer: call.getPeer(), identity, hasEnded }, 'a call was refused');
    const refusal = hasEnded
      ? new RpcFault('unauthenticated', "the caller's certificate has ended", { reason: 'certificateEnded' })
      : new RpcFault('permissionDenied', `${who} may not call ${name}`, { reason: 'accessDenied' });
    return new ServerInterceptingCall(call, {
      start: (next) => {
        // Nothing is passed on: a handler of a client's stream begins with the metadata, before the refusal would be seen.
        const swallow = (): void => undefined;
        next({ onReceiveMetadata: swallow, onReceiveMessage: swallow, onReceiveHalfClose: swallow });
        call.sendStatus(faultToStatus(refusal));
      },
    });
  };
}

type Context = ReturnType<ServerInterceptingCallInterface['getAuthContext']>;

interface Caller {
  readonly context: Context;
  /** When the certificate ends, by the wall clock as in the handshake; NaN where there is none. */
  readonly endsMs: number;
}

/** A connection keeps its certificate for life, and to have it decoded costs as much as many a call. */
const callers = new WeakMap<object, Caller>();

function callerOf(call: ServerInterceptingCallInterface): Caller {
  const { session } = streamOf(call);
  const known = session === undefined ? undefined : callers.get(session);
  if (known !== undefined) return known;
  const context = call.getAuthContext();
  const caller = { context, endsMs: Date.parse(context.sslPeerCertificate?.valid_to ?? '') };
  if (session !== undefined) callers.set(session, caller);
  return caller;
}

function streamOf(call: ServerInterceptingCallInterface): { readonly rstCode: number; readonly session?: object } {
  return (call as unknown as { readonly stream: { readonly rstCode: number; readonly session?: object } }).stream;
}

/**
 * A call of somebody who may make it. Node ends the readable side of a reset HTTP/2 stream as if the peer had finished, and grpc-js
 * passes that on. A cut upload must not pass for a whole one: the end of a reset stream is held back, and the cancellation that
 * follows ends the call.
 */
class AdmittedCall extends ServerInterceptingCall {
  readonly #caller: Context;

  constructor(call: ServerInterceptingCallInterface, caller: Context) {
    const stream = streamOf(call);
    super(call, {
      start: (next) => {
        next({
          onReceiveHalfClose: (forward) => {
            if (stream.rstCode === 0) forward();
          },
        });
      },
    });
    this.#caller = caller;
  }

  override getAuthContext(): Context {
    return this.#caller;
  }
}

/** By the names that it lists: each takes 5 MB and some tens of milliseconds, and a process may have a thousand servers. */
const reflections = new Map<string, ReflectionService>();

function addReflection(server: Server, services: readonly RpcServiceDefinition[]): void {
  const names = [...services.map((service) => service.name), ...adminServices];
  const key = names.join();
  const known = reflections.get(key) ?? makeReflection(names);
  reflections.set(key, known);
  known.addToServer(server);
}

function makeReflection(names: string[]): ReflectionService {
  const admin = readDescriptorSet(readFileSync(join(import.meta.dirname, '../../proto/generated/admin.binpb')));
  const fileDescriptorProtos = [...descriptorSet().originals, ...admin.originals];
  const files = { api: { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos } };
  // Of each definition the service reads nothing but the serialized files.
  type Definitions = ConstructorParameters<typeof ReflectionService>[0];
  return new ReflectionService(files as unknown as Definitions, { services: names });
}

async function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${listen}; is another process using the port?`, { cause: error }));
    });
  });
}

async function stopServer(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
