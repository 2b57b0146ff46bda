// AttemptService: what the attempts of hosts ask for while they run. A host is who its certificate says.

import { z } from 'zod';
import { attemptId, digest, hostName, isDigest, isId, runId } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import type { ScoreDesk } from '../runs/score-desk.ts';

const id = z.string().refine(isId, { error: 'is not an id' });

const requestSchema = z.object({
  attempt: z.object({
    runId: id.transform(runId),
    attemptId: id.transform(attemptId),
    epoch: z.number().int().positive(),
  }),
  submissionDigest: z
    .string()
    .refine(isDigest, { error: 'is not a SHA-256 digest in lower-case hex' })
    .transform(digest),
});

export function attemptService({ ask }: ScoreDesk): RpcServiceDefinition {
  return implement('doubleblind.coordinator.v1.AttemptService', {
    async scoreSubmission(request, { identity }) {
      const parsed = requestSchema.safeParse(request);
      if (!parsed.success) throw refusal(parsed.error);
      const { attempt, submissionDigest: submission } = parsed.data;
      const { answer, left } = await ask({ ...attempt, submission, host: hostName(identity.name) });
      return { feedback: '', refusal: '', ...answer, remaining: left };
    },
  });
}

function refusal(error: z.ZodError): RpcFault {
  const violations = error.issues.map(({ path, message }) => ({ field: path.join('.'), description: message }));
  return new RpcFault('invalidArgument', 'the request for a score cannot be read', { violations, cause: error });
}
