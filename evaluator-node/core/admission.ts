// Whether a submission may be evaluated, given what the vault holds of its run and candidate.

import { err, ok, type Result } from '../../shared/core/result.ts';

/** What is known of the run and the candidate so far. */
export interface AdmissionFacts {
  readonly runSealed: boolean;
  /** The task version that the run is bound to, where an earlier call bound it. */
  readonly boundVersion?: string;
  /** Largest epoch seen for the candidate. */
  readonly newestEpoch?: number;
  /** Digest that was evaluated in that epoch as the candidate's own; exploratory ones are not. */
  readonly newestDigest?: string;
}

export interface AdmissionRequest {
  readonly version: string;
  readonly epoch: number;
  readonly digest: string;
}

/** Why an evaluation is not admitted; `reason` is for programs. */
export interface AdmissionFailure {
  readonly reason: 'runSealed' | 'otherTask' | 'staleEpoch' | 'candidateConflict';
  readonly message: string;
}

/**
 * `replay`: the same file of the same candidate was answered before, in this or an earlier epoch.
 * `fresh`: it is to be read and scored.
 */
export type Admission = 'replay' | 'fresh';

/** Decides; `known` says whether an answer for this run, candidate and digest is recorded. */
export function admit(
  request: AdmissionRequest,
  facts: AdmissionFacts,
  known: boolean,
): Result<Admission, AdmissionFailure> {
  if (facts.boundVersion !== undefined && facts.boundVersion !== request.version) {
    return refuse('otherTask', 'the run was evaluated on another task or another version of it');
  }
  if (facts.newestEpoch !== undefined && request.epoch < facts.newestEpoch) {
    return refuse(
      'staleEpoch',
      `epoch ${request.epoch} is older than ${facts.newestEpoch}, which was seen for this candidate`,
    );
  }
  if (facts.runSealed) return refuse('runSealed', 'the run is sealed; nothing more is evaluated for it');
  if (known) return ok('replay');
  if (
    facts.newestEpoch === request.epoch &&
    facts.newestDigest !== undefined &&
    facts.newestDigest !== request.digest
  ) {
    return refuse('candidateConflict', 'another submission was evaluated for this candidate in the same epoch');
  }
  return ok('fresh');
}

function refuse(reason: AdmissionFailure['reason'], message: string): Result<Admission, AdmissionFailure> {
  return err({ reason, message });
}
