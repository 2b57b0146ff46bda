// What both sides of a lease have to agree on.

/** Share of the term without a renewal after which a host stops its own work; the coordinator gives it to others after the whole term. */
export const fenceShare = 0.8;
