// Every peer in turn in every round, so that a busy moment of the machine meets them all, and none is always the first.

/** What one contestant measured, round by round. */
export type Rounds<Name extends string, Value> = Readonly<Record<Name, Value[]>>;

/** Runs every contestant once a round, each round beginning with the next of them. */
export async function inTurn<Name extends string, Value>(
  rounds: number,
  contestants: Readonly<Record<Name, () => Promise<Value>>>,
): Promise<Rounds<Name, Value>> {
  const names = Object.keys(contestants) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as Value[]])) as Record<Name, Value[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (let place = 0; place < names.length; place += 1) {
      const name = names[(round + place) % names.length] as Name;
      measured[name].push(await contestants[name]());
    }
  }
  return measured;
}
