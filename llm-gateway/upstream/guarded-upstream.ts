// An upstream whose prompts are looked through before they leave (core/outgoing.ts), and its answers for our own keys. What must not go out is replaced, and the turn
// goes on: an agent that happened to print a key should lose the key and not its work. It is told to the operator by kind.

import { createHash } from 'node:crypto';
import { type Leak, type OutgoingRules, redactOutgoing, redactSecrets } from '../core/outgoing.ts';
import type { ChatMessage, TurnRequest, Upstream } from './upstream.ts';

export type Rules = Pick<OutgoingRules, 'secrets' | 'digests'>;

/** The upstream behind a guard; the rules are asked for at every turn, because keys are renewed. */
export function guarded(upstream: Upstream, rulesNow: () => Rules, onLeak: (leaks: readonly Leak[]) => void): Upstream {
  return {
    ...upstream,
    async complete(request, signal) {
      const rules = rulesNow();
      const whole = { ...rules, sha256 };
      const leaks: Leak[] = [];
      const clean = cleaned(request, (text) => {
        const redacted = redactOutgoing(whole, text);
        leaks.push(...redacted.leaks);
        return redacted.text;
      });
      if (leaks.length > 0) onLeak(leaks);
      const turn = await upstream.complete(leaks.length > 0 ? clean : request, signal);
      const echoed: Leak[] = [];
      const clear = (text: string): string => {
        const redacted = redactSecrets(rules.secrets, text);
        echoed.push(...redacted.leaks);
        return redacted.text;
      };
      const message = cleanMessage(turn.message, clear);
      const model = clear(turn.model);
      if (echoed.length === 0) return turn;
      onLeak(echoed);
      return { ...turn, model, message };
    },
  };
}

/** Every text of a request: a host that is somebody else's writes a key wherever nobody looks. */
function cleaned(request: TurnRequest, clean: (text: string) => string): TurnRequest {
  const { answerSchemaJson } = request;
  return {
    ...request,
    model: clean(request.model),
    messages: request.messages.map((each) => ({
      ...cleanMessage(each, clean),
      toolCallId: clean(each.toolCallId),
    })),
    tools: request.tools.map(({ name, description, parametersJson }) => ({
      ...{ name: clean(name), description: clean(description) },
      parametersJson: cleanSchema(parametersJson, clean),
    })),
    ...(answerSchemaJson === undefined ? {} : { answerSchemaJson: cleanSchema(answerSchemaJson, clean) }),
  };
}

/** JSON as before; of one that a cut has broken, because it began in one text and ended in another, nothing is left. */
function cleanSchema(schemaJson: string, clean: (text: string) => string): string {
  const left = clean(schemaJson);
  return left === schemaJson || isJson(left) ? left : '{}';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function cleanMessage(message: ChatMessage, clean: (text: string) => string): ChatMessage {
  const toolCalls = message.toolCalls.map(({ id, name, argumentsJson }) => ({
    ...{ id: clean(id), name: clean(name) },
    argumentsJson: clean(argumentsJson),
  }));
  return { ...message, content: clean(message.content), toolCalls };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
