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
      // These too are the endpoint's words.
      const toolCalls = message.toolCalls.map((call) => ({ ...call, id: clear(call.id), name: clear(call.name) }));
      const model = clear(turn.model);
      if (echoed.length === 0) return turn;
      onLeak(echoed);
      return { ...turn, model, message: { ...message, toolCalls } };
    },
  };
}

function cleaned(request: TurnRequest, clean: (text: string) => string): TurnRequest {
  return { ...request, messages: request.messages.map((each) => cleanMessage(each, clean)) };
}

function cleanMessage(message: ChatMessage, clean: (text: string) => string): ChatMessage {
  const toolCalls = message.toolCalls.map((call) => ({ ...call, argumentsJson: clean(call.argumentsJson) }));
  return { ...message, content: clean(message.content), toolCalls };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
