// Renders the configuration of a nats-server for Doubleblind. A pure function: text in, text out.
// What it grants (everything else is refused, because a user with permissions has nothing but what they name):
// - the coordinator: the JetStream API, all heartbeats and events;
// - a gpu-agent: to publish its own host's heartbeats and events of attempts, and to listen on its own inbox for acknowledgements;
// - nobody without a certificate of ours: users are mapped by the URI in the certificate, and there are no passwords.
// Written for Debian's nats-server 2.9.10; 2.10 and later read it too.

import { inboxPrefix } from '../../shared/bus/messages.ts';
import { identityUri } from '../../shared/pki/identity.ts';

export interface NatsServerOptions {
  /** host:port for clients. */
  readonly listen: string;
  /** Paths of PEM files. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** JetStream's directory. */
  readonly storeDirectory: string;
  /** Names of the hosts whose gpu-agents may connect, as in their certificates. */
  readonly hosts: readonly string[];
  /** Name of the coordinator, as in its certificate. */
  readonly coordinator?: string;
  /** Unique name of the server. */
  readonly serverName?: string;
  /** Where the server writes its process id. */
  readonly pidFile?: string;
  /** Most bytes that JetStream may keep on disk. */
  readonly storeBytes?: number;
  /** The other servers of a cluster; three servers bear the loss of one. */
  readonly cluster?: NatsCluster;
}

export interface NatsCluster {
  /** host:port for the other servers. */
  readonly listen: string;
  /** host:port of every server of the cluster, this one included; a DNS name each, which stands in that server's certificate. */
  readonly routes: readonly string[];
}

/** Twice the stream's own bound of 1 GiB: room for its files while they are compacted. */
const defaultStoreBytes = 2 * 2 ** 30;
/** A result event is a few KiB, a heartbeat of a large host some tens of KiB. */
const longestMessageBytes = 2 ** 20;

/** The text of the configuration file. */
export function renderNatsServerConfig(options: NatsServerOptions): string {
  const coordinator = options.coordinator ?? 'local';
  return `# Written by Doubleblind (deploy/nats/server-config.ts).
listen: ${text(options.listen)}
server_name: ${text(options.serverName ?? 'doubleblind')}
${options.cluster === undefined ? '' : cluster(options.cluster, options.tls)}${options.pidFile === undefined ? '' : `pid_file: ${text(options.pidFile)}\n`}max_payload: ${longestMessageBytes}
max_connections: 8192
ping_interval: "10s"
ping_max: 2
write_deadline: "5s"

tls {
  ca_file: ${text(options.tls.ca)}
  cert_file: ${text(options.tls.certificate)}
  key_file: ${text(options.tls.key)}
  verify_and_map: true
  timeout: 5
}

jetstream {
  store_dir: ${text(options.storeDirectory)}
  max_memory_store: 0
  max_file_store: ${options.storeBytes ?? defaultStoreBytes}
}

accounts {
  DOUBLEBLIND {
    jetstream: enabled
    users: [
${coordinatorUser(coordinator)}
    ]
    exports: [${fromHosts.map((subject) => `{ service: ${text(subject)}, accounts: [HOSTS] }`).join(', ')}]
  }
  HOSTS {
    users: [
${options.hosts.map(agentUser).join('\n')}
    ]
    imports: [${fromHosts.map((subject) => `{ service: { account: DOUBLEBLIND, subject: ${text(subject)} } }`).join(', ')}]
  }
}
`;
}

/**
 * What goes from the hosts' account into the coordinator's, as requests to services: the server then answers to a subject of its own and
 * hands the answer back. In one account the acknowledgement of an event would go to whatever subject its sender named for the
 * reply, and a host could have it sent to the JetStream API, which takes its number for the place up to which to purge.
 */
const fromHosts = ['doubleblind.v1.heartbeat.*', 'doubleblind.v1.run.*.attempt.*.*'] as const;

/**
 * Servers speak to one another with all rights, so that a certificate of ours is not enough: it also has to name a host among the
 * routes, which a gpu-agent's does not unless it runs on the same machine.
 */
function cluster({ listen, routes }: NatsCluster, tls: NatsServerOptions['tls']): string {
  return `cluster {
  name: "doubleblind"
  listen: ${text(listen)}
  routes: [${routes.map((route) => text(`tls://${route}`)).join(', ')}]
  tls {
    ca_file: ${text(tls.ca)}
    cert_file: ${text(tls.certificate)}
    key_file: ${text(tls.key)}
    verify_cert_and_check_known_urls: true
    timeout: 5
  }
}
`;
}

function coordinatorUser(name: string): string {
  return user(identityUri({ role: 'coordinator', name }), {
    publish: ['$JS.API.>', '$JS.ACK.DOUBLEBLIND_EVENTS.>'],
    subscribe: [`${inboxPrefix({ role: 'coordinator', name })}.>`, 'doubleblind.v1.heartbeat.*'],
  });
}

function agentUser(host: string): string {
  return user(identityUri({ role: 'gpu-agent', name: host }), {
    publish: [`doubleblind.v1.heartbeat.${host}`, 'doubleblind.v1.run.*.attempt.*.*'],
    subscribe: [`${inboxPrefix({ role: 'gpu-agent', name: host })}.>`],
  });
}

function user(uri: string, allowed: { publish: readonly string[]; subscribe: readonly string[] }): string {
  return `      {
        user: ${text(uri)}
        permissions: {
          publish: { allow: [${allowed.publish.map(text).join(', ')}] }
          subscribe: { allow: [${allowed.subscribe.map(text).join(', ')}] }
        }
      }`;
}

/** A quoted string; what could end the string or start a variable is refused, since a path or name never needs it. */
function text(value: string): string {
  if (/["\\\n\r\0]/.test(value)) throw new RangeError(`not usable in a nats-server configuration: ${value}`);
  return `"${value}"`;
}
