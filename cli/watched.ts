// `--watch`: what a verb shows, shown again as it changes. A terminal gets one picture that is redrawn, a pipe the whole again
// after each change, and JSON one line a change.
// Invariant: Ctrl-C ends the watching with exit code 130 and nothing else.

import type { Command } from 'commander';
import { type CliContext, printJson } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { startLiveView } from './terminal/live-view.ts';
import type { OutputFlags } from './verb.ts';

export interface WatchFlags {
  readonly watch?: boolean;
}

/** What there is to show at one moment. */
export interface Picture {
  readonly json: unknown;
  /** Without a final line feed; empty where there is nothing yet. */
  readonly text: string;
  /** Said on standard error where `text` is empty. */
  readonly nothing?: string;
}

/** Soon enough for a person, seldom enough for a coordinator that many watch. */
const everyMs = 2000;

export function withWatch(command: Command): Command {
  return command.option('-w, --watch', 'show it again as it changes, until Ctrl-C');
}

/** Shows the picture once, or again and again where the flags say so. */
export async function showPicture(
  cli: CliContext,
  flags: OutputFlags & WatchFlags,
  look: () => Promise<Picture>,
): Promise<void> {
  if (flags.watch !== true) {
    const picture = await look();
    if (flags.output === 'json') printJson(cli.stdout, picture.json);
    else if (picture.text === '') cli.stderr.write(`${picture.nothing ?? 'Nothing to show.'}\n`);
    else cli.stdout.write(`${picture.text}\n`);
    return;
  }
  // The first look fails like any other verb; later ones are told of in the picture.
  let picture = await look();
  const show = flags.output === 'json' || !cli.stdout.canRedraw ? printing(cli, flags) : drawing(cli, () => picture);
  show.next(picture);
  while (await waited(cli.signal)) {
    picture = await look().catch((error: unknown) => stale(picture, error));
    show.next(picture);
  }
  show.end();
  cli.exitCode = exitCodes.detached;
}

interface Shown {
  next(picture: Picture): void;
  end(): void;
}

function printing(cli: CliContext, flags: OutputFlags): Shown {
  let last = '';
  return {
    next(picture) {
      const text = flags.output === 'json' ? JSON.stringify(picture.json) : picture.text;
      if (text === last) return;
      const gap = last === '' || flags.output === 'json' ? '' : '\n';
      last = text;
      cli.stdout.write(`${gap}${text}\n`);
    },
    end: () => undefined,
  };
}

function drawing(cli: CliContext, picture: () => Picture): Shown {
  const view = startLiveView(cli.stdout, () => (picture().text || (picture().nothing ?? '')).split('\n'));
  return {
    next: () => view.redraw(),
    end: () => {
      view.stop();
      // What was seen last stays on the screen.
      cli.stdout.write(`${picture().text}\n`);
    },
  };
}

/** The last picture with a line that says why there is no newer one. */
function stale(last: Picture, error: unknown): Picture {
  const why = error instanceof Error ? error.message : String(error);
  const text = last.text.split('\n(no answer: ')[0] ?? '';
  return { ...last, text: `${text}\n(no answer: ${why})` };
}

/** False once the user has enough. */
function waited(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false);
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve(true);
    }, everyMs);
    signal.addEventListener('abort', end, { once: true });
  });
}
