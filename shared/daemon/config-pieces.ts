// Pieces that the configuration of several daemons shares.

import { z } from 'zod';
import { isHostPort } from '../core/host-port.ts';

/** A path in the file system. */
export const pathSchema = z.string().min(1, { error: 'is an empty path' }).meta({ title: 'path' });

/** host:port; an IPv6 address stands in brackets. */
export const hostPortSchema = z
  .string()
  .refine(isHostPort, { error: 'is not host:port, for example 127.0.0.1:7441' })
  .meta({ title: 'host:port' });

/** A TCP port; 0 where the caller says what that means. */
const portSchema = z.number().int().min(0).max(65_535);

export const logLevelSchema = z.enum(['debug', 'info', 'warn', 'error', 'silent']);

/** A time in milliseconds. */
export const millisecondsSchema = z.number().int().positive();

/** The bus: one or more nats-servers of one cluster, host:port each. */
export const natsSchema = z.strictObject({
  servers: z
    .array(hostPortSchema)
    .min(1, { error: 'needs at least one host:port' })
    .describe('The nats-servers of one cluster; the first that answers is used.'),
});

/** Another daemon. */
export function peerSchema(daemon: string) {
  return z.strictObject({ address: hostPortSchema.describe(`Where the ${daemon} is.`) });
}

const tracesEndpointSchema = z.union([
  z.url({ protocol: /^https?$/, error: 'is not an http or https URL' }).meta({ title: 'URL' }),
  z.literal(''),
]);

/** The keys that every daemon has, with the defaults of an installed one. */
export function daemonShape(role: string, port: number) {
  const certificates = '/etc/doubleblind/pki';
  return {
    listen: hostPortSchema.default(`127.0.0.1:${port}`).describe('Where it serves gRPC.'),
    stateDirectory: pathSchema.default(`/var/lib/doubleblind/${role}`).describe('Everything that it keeps.'),
    metricsPort: portSchema.default(0).describe('Port of the Prometheus metrics, on loopback; 0 for none.'),
    logLevel: logLevelSchema.default('info').describe('The least urgent lines that are logged.'),
    tracesEndpoint: tracesEndpointSchema
      .default('')
      .describe('Base URL of an OpenTelemetry collector that takes spans (OTLP over HTTP, port 4318); empty for none.'),
    tls: z.strictObject({
      ca: pathSchema.default(`${certificates}/ca.crt`).describe('Certificates of the authority that others must have.'),
      certificate: pathSchema.default(`${certificates}/${role}.crt`).describe('Its own certificate.'),
      key: pathSchema.default(`${certificates}/${role}.key`).describe('The key of that certificate.'),
    }),
  };
}
