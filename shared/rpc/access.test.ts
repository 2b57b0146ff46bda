import { expect, test } from 'vitest';
import { roles } from '../pki/identity.ts';
import { access, mayCall } from './access.ts';
import { descriptorSet } from './definitions.ts';
import { methodNames } from './descriptor-set.ts';

test('the table names every method of every service, and nothing else', () => {
  expect(new Set(Object.keys(access))).toEqual(new Set(methodNames(descriptorSet())));
});

test('nobody but the coordinator may reach the evaluator beyond reading tasks and the ledger', () => {
  const evaluator = Object.keys(access).filter((method) => method.includes('EvaluatorService'));
  for (const role of roles) {
    const allowed = evaluator
      .filter((method) => mayCall({ role, name: 'x' }, method))
      .map((method) => method.split('/')[1]);
    if (role === 'coordinator') expect(allowed).toHaveLength(evaluator.length);
    else if (role === 'operator') expect(allowed).toEqual(['ListTasks', 'DescribeTask', 'ListLedger']);
    else expect(allowed).toEqual([]);
  }
});

test('an agent may ask for a score, complete, put and get, and nothing else', () => {
  const allowed = Object.keys(access).filter((method) => mayCall({ role: 'gpu-agent', name: 'x' }, method));
  expect(allowed.map((method) => method.split('/')[1])).toEqual([
    'ScoreSubmission',
    'PutArtifact',
    'PutSmallArtifacts',
    'GetArtifact',
    'Complete',
  ]);
});

test('only operators may read channelz, which has the addresses of all peers of a daemon', () => {
  for (const method of ['GetTopChannels', 'GetServers', 'GetSubchannel', 'GetSocket', 'GetServerSockets']) {
    const callers = roles.filter((role) => mayCall({ role, name: 'x' }, `grpc.channelz.v1.Channelz/${method}`));
    expect(callers, method).toEqual(['operator']);
  }
});

test('unknown methods are refused, open services are not', () => {
  const operator = { role: 'operator' as const, name: 'ada' };
  for (const method of ['constructor', '', 'a.b/C', 'doubleblind.coordinator.v1.SearchService/Nope']) {
    expect(mayCall(operator, method)).toBe(false);
  }
  expect(mayCall({ role: 'gpu-agent', name: 'x' }, 'grpc.health.v1.Health/Check')).toBe(true);
});
