// AttemptService: what the attempts of hosts ask for while they run. A host is who its certificate says.

import { z } from 'zod';
import { attemptId, digest, hostName, isDigest, isId, runId } from '../../shared/core/ids.ts';
import { implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import { readRequest } from '../../shared/rpc/read-request.ts';
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
      const what = 'the request for a score cannot be read';
      const { attempt, submissionDigest: submission } = readRequest(requestSchema, request, what);
      const { answer, left } = await ask({ ...attempt, submission, host: hostName(identity.name) });
      return { feedback: '', refusal: '', ...answer, remaining: left };
    },
  });
}
