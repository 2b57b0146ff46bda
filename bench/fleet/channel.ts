// What the benchmark and its process of hosts say to each other.

export type ToHosts =
  | { readonly kind: 'serve'; readonly pki: string }
  | {
      readonly kind: 'join';
      readonly pki: string;
      readonly names: readonly string[];
      readonly nats: string;
      readonly coordinator: string;
      readonly slots: number;
      readonly meanMs: number;
      readonly cache: string;
    }
  | { readonly kind: 'measure' };

export type FromHosts =
  | { readonly kind: 'serving'; readonly evaluator: string; readonly gateway: string }
  | { readonly kind: 'joined' }
  | {
      readonly kind: 'measured';
      /** Milliseconds each. */
      readonly refills: readonly number[];
      readonly ended: number;
      /** Of those that ended: stopped by their host, because no renewal came. */
      readonly fenced: number;
      /** Attempts at work now. */
      readonly running: number;
      readonly cpuSeconds: number;
    };
