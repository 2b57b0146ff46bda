// A machine's open ports: takes TCP connections, and sends UDP packets back, on the ports named by the arguments, at every
// address. Says `listening` when all of them are open.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const ports = process.argv.slice(2).map(Number);
const opened = ports.flatMap((port) => {
  const tcp = createServer((socket) => socket.on('error', () => undefined).end('here\n')).listen(port, '::');
  const udp = createSocket('udp6');
  udp.on('message', (_, { address, port: from }) => udp.send('here\n', from, address));
  udp.bind(port);
  return [tcp, udp].map((socket) => new Promise((resolve) => socket.once('listening', resolve)));
});
await Promise.all(opened);
process.stdout.write('listening\n');
