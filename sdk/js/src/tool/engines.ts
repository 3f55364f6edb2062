/**
 * The engines that an actor can run in. A component brings its own, as a snapshot taken after the
 * actor's code has been loaded, without WASI: everything it does goes through the contract.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Problem } from './problem.js';

/** Makes a component of one bundled module and the contract in the folder `wit`. */
type Engine = (code: string, wit: string) => Promise<Uint8Array>;

export type EngineName = 'quickjs' | 'spidermonkey';

export const ENGINES: Readonly<Record<EngineName, Engine>> = { quickjs, spidermonkey };

/** Small: compiled in a second, and little memory for each active actor. */
async function quickjs(code: string, wit: string): Promise<Uint8Array> {
  const { componentize } = await import('componentize-qjs');
  const { component } = await componentize({ witPath: wit, jsSource: code, world: 'actor', sync: true, stubWasi: true });
  return component;
}

const SPIDERMONKEY = '@bytecodealliance/componentize-js';

interface Componentize {
  componentize(options: {
    sourcePath: string;
    witPath: string;
    worldName: string;
    disableFeatures: string[];
  }): Promise<{ component: Uint8Array }>;
}

/** Large: the engine of a browser, with more of a browser's globals. Installed only where it is used. */
async function spidermonkey(code: string, wit: string): Promise<Uint8Array> {
  const { componentize } = await optional();
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-'));
  try {
    const sourcePath = join(folder, 'actor.js');
    await writeFile(sourcePath, code);
    const disableFeatures = ['stdio', 'random', 'clocks', 'http', 'fetch-event'];
    return (await componentize({ sourcePath, witPath: wit, worldName: 'actor', disableFeatures })).component;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The user's project has it, which need not be above this file when the SDK is a link. */
async function optional(): Promise<Componentize> {
  for (const folder of createRequire(join(process.cwd(), 'package.json')).resolve.paths(SPIDERMONKEY) ?? []) {
    const found = await import(pathToFileURL(join(folder, SPIDERMONKEY, 'src/componentize.js')).href).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      },
    );
    if (found !== undefined) return found as Componentize;
  }
  throw new Problem(`this engine is a package of its own: npm install --save-dev --save-exact ${SPIDERMONKEY}@0.23.0`);
}
