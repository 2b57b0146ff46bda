// The port to what agents may install: the wheels of one read-only index. Implementations: a folder of wheels and an
// allow-list in front of an index elsewhere.
//
// Contract: 1. names are normalised (PEP 503); 2. the hash in a listing is that of the
// bytes that were there then: pip compares, and refuses a wheel that has changed since;
// 3. nothing that a sandbox says becomes part of a path or an address unless it was in a listing of ours.

/** One wheel on offer. */
export interface Wheel {
  readonly fileName: string;
  readonly sha256: string;
  /** As the index tells it, such as `>=3.9`; empty where it does not. */
  readonly requiresPython: string;
}

export interface PackageIndex {
  /** Names on offer, in order. */
  projects(): Promise<readonly string[]>;
  /** The project's wheels; undefined where it is not on offer. */
  wheels(project: string): Promise<readonly Wheel[] | undefined>;
  /**
   * A file with the wheel's bytes, which stays as it is while it is read; undefined where there is none. Rejects with the
   * signal's reason where that is aborted first.
   */
  open(project: string, fileName: string, signal: AbortSignal): Promise<WheelFile | undefined>;
}

/** Bytes to be sent. */
export interface WheelFile {
  readonly sizeBytes: number;
  stream(): NodeJS.ReadableStream;
  close(): Promise<void>;
}
