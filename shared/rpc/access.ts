// Who may call what. One table for all daemons; whatever is not in it is refused.

import type { Identity, Role } from '../pki/identity.ts';

const everyRole: readonly Role[] = ['coordinator', 'gpu-agent', 'evaluator', 'llm-gateway', 'nats', 'operator'];
const operators: readonly Role[] = ['operator'];
const coordinator: readonly Role[] = ['coordinator'];
const readers: readonly Role[] = ['coordinator', 'operator'];
const agents: readonly Role[] = ['gpu-agent'];

/** Full method name → roles that may call it. */
export const access: Readonly<Record<string, readonly Role[]>> = {
  'doubleblind.coordinator.v1.SearchService/ListTasks': operators,
  'doubleblind.coordinator.v1.SearchService/CreateRun': operators,
  'doubleblind.coordinator.v1.SearchService/GetRun': operators,
  'doubleblind.coordinator.v1.SearchService/ListRuns': operators,
  'doubleblind.coordinator.v1.SearchService/WatchRun': operators,
  'doubleblind.coordinator.v1.SearchService/ListCandidates': operators,
  'doubleblind.coordinator.v1.SearchService/GetCandidate': operators,
  'doubleblind.coordinator.v1.SearchService/WatchTranscript': operators,
  'doubleblind.coordinator.v1.SearchService/PauseRun': operators,
  'doubleblind.coordinator.v1.SearchService/ResumeRun': operators,
  'doubleblind.coordinator.v1.SearchService/SteerRun': operators,
  'doubleblind.coordinator.v1.SearchService/ExtendRun': operators,
  'doubleblind.coordinator.v1.SearchService/CancelRun': operators,
  'doubleblind.coordinator.v1.SearchService/KillRun': operators,
  'doubleblind.coordinator.v1.SearchService/ForkRun': operators,
  'doubleblind.coordinator.v1.SearchService/ReleaseCandidate': operators,
  'doubleblind.coordinator.v1.SearchService/DeleteRun': operators,
  'doubleblind.coordinator.v1.SearchService/GetFinalSubmission': operators,
  'doubleblind.coordinator.v1.FleetService/ListHosts': operators,
  'doubleblind.coordinator.v1.FleetService/CordonHost': operators,
  'doubleblind.coordinator.v1.FleetService/DrainHost': operators,
  'doubleblind.coordinator.v1.FleetService/UncordonHost': operators,
  'doubleblind.coordinator.v1.AttemptService/ScoreSubmission': agents,
  'doubleblind.coordinator.v1.ArtifactService/PutArtifact': agents,
  'doubleblind.coordinator.v1.ArtifactService/PutSmallArtifacts': agents,
  'doubleblind.coordinator.v1.ArtifactService/GetArtifact': ['gpu-agent', 'operator'],
  'doubleblind.agent.v1.AgentService/DescribeHost': readers,
  'doubleblind.agent.v1.AgentService/StartAttempt': coordinator,
  'doubleblind.agent.v1.AgentService/CancelAttempt': coordinator,
  'doubleblind.agent.v1.AgentService/RenewLeases': coordinator,
  'doubleblind.agent.v1.AgentService/ConfirmEvents': coordinator,
  'doubleblind.agent.v1.AgentService/WatchTranscript': readers,
  'doubleblind.evaluator.v1.EvaluatorService/ListTasks': readers,
  'doubleblind.evaluator.v1.EvaluatorService/DescribeTask': readers,
  'doubleblind.evaluator.v1.EvaluatorService/GetBundle': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/Evaluate': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/ForkRun': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/SealRun': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/GetFinalSubmission': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/GetRefitBundle': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/SubmitRefit': coordinator,
  'doubleblind.evaluator.v1.EvaluatorService/ListLedger': readers,
  'doubleblind.gateway.v1.LlmService/OpenAttempt': coordinator,
  'doubleblind.gateway.v1.LlmService/CloseAttempt': coordinator,
  'doubleblind.gateway.v1.LlmService/Complete': agents,
  'doubleblind.gateway.v1.LlmService/GetSpend': readers,
  'doubleblind.gateway.v1.LlmService/ListModels': readers,
  'doubleblind.gateway.v1.LlmService/CheckModel': operators,
};

/** Services that describe a daemon and hold no data of runs; anybody with a certificate may call them. */
const openServices = new Set([
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  'grpc.health.v1.Health',
]);

/** What it tells are the addresses of all whom a daemon is connected with, the evaluator's among them: nothing for hosts. */
const channelz = 'grpc.channelz.v1.Channelz';

/** True where the identity may call the method, given as `package.Service/Method`. */
export function mayCall(identity: Identity, method: string): boolean {
  const service = method.slice(0, method.indexOf('/'));
  return callersOf(service, method)?.includes(identity.role) ?? false;
}

function callersOf(service: string, method: string): readonly Role[] | undefined {
  if (openServices.has(service)) return everyRole;
  if (service === channelz) return operators;
  return Object.hasOwn(access, method) ? access[method] : undefined;
}
