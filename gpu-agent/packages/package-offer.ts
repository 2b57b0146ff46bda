// What attempts are told and given of the package index.

export interface PackageOffer {
  /** Names on offer. */
  projects(): Promise<readonly string[]>;
}
