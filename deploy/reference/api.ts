// docs/api.md: every service, method, message and enum, from the comments of the .proto files and the table of who may call what.

import type { ProtoEnum, ProtoFile, ProtoMessage, ProtoService } from './proto-file.ts';

const preamble = `# The API

<!-- Made by \`npm run generate\` from the .proto files. Do not edit. -->

What the daemons answer over gRPC with mutual TLS. [Twenty calls for operators](grpc.md) shows how to call them. Each daemon also
answers \`grpc.health.v1.Health\`, \`grpc.reflection.v1\` and \`v1alpha\` for everybody with a certificate, and \`grpc.channelz.v1\` for operators.
"Called by" is the role in the caller's certificate (\`shared/rpc/access.ts\`); all others get PERMISSION_DENIED. A field that is not
\`optional\` is zero or empty where it was not sent. Within a major version fields and methods are only added; \`buf breaking\` checks that
against \`proto/baseline/\`.
`;

/** The page, from the files of the API and the roles that may call each full method name. */
export function renderApi(files: readonly ProtoFile[], access: Readonly<Record<string, readonly string[]>>): string {
  const ours = files.filter((file) => file.package.startsWith('doubleblind.'));
  const parts = ours.map((file) =>
    [
      `## ${file.package}`,
      ...file.services.map((service) => renderService(file.package, service, access)),
      ...file.messages.map((message) => renderMessage(file.package, message)),
      ...file.enums.map(renderEnum),
    ].join('\n\n'),
  );
  return `${[preamble.trimEnd(), ...parts].join('\n\n')}\n`;
}

function renderService(
  inPackage: string,
  service: ProtoService,
  access: Readonly<Record<string, readonly string[]>>,
): string {
  const rows = service.methods.map((method) => {
    const callers = access[`${inPackage}.${service.name}/${method.name}`] ?? [];
    const types = `${stream(method.clientStreaming)}${typeName(method.request, inPackage)} → ${stream(method.serverStreaming)}${typeName(method.response, inPackage)}`;
    return `| \`${method.name}\` | ${types} | ${callers.join(', ')} | ${cell(method.comment)} |`;
  });
  return `### service ${service.name}\n\n${service.comment}\n\n| method | request → answer | called by | what it does |\n|---|---|---|---|\n${rows.join('\n')}`;
}

function stream(streaming: boolean): string {
  return streaming ? 'stream of ' : '';
}

function renderMessage(inPackage: string, message: ProtoMessage): string {
  const head = `### ${message.name}\n\n${message.comment}`;
  if (message.fields.length === 0) return `${head} It has no fields.`;
  const rows = message.fields.map(
    (field) => `| ${field.number} | \`${field.name}\` | ${fieldType(field.type, inPackage)} | ${cell(field.comment)} |`,
  );
  return `${head}\n\n| no. | field | type | what it is |\n|---|---|---|---|\n${rows.join('\n')}`;
}

function renderEnum(one: ProtoEnum): string {
  const rows = one.values.map((value) => `| ${value.number} | \`${value.name}\` | ${cell(value.comment)} |`);
  return `### enum ${one.name}\n\n${one.comment}\n\n| no. | value | what it means |\n|---|---|---|\n${rows.join('\n')}`;
}

/** Words such as `repeated` stay as they are. */
function fieldType(type: string, inPackage: string): string {
  const words = type.split(' ');
  const name = words.pop() ?? '';
  return [...words, typeName(name, inPackage)].join(' ');
}

/** Without the package where it is that of the section. */
function typeName(fullName: string, inPackage: string): string {
  const shown = fullName.startsWith(`${inPackage}.`) ? fullName.slice(inPackage.length + 1) : fullName;
  return `\`${shown}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
