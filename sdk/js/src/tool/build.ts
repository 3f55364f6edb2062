/**
 * An actor's source file as a component: bundled into one module with the SDK, checked to be an
 * actor, and put into an engine together with the contract.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build as bundle, type BuildOptions } from 'esbuild';

import type { ActorType } from '../actor.js';
import { ENGINES, type EngineName } from './engines.js';
import { Problem } from './problem.js';

/** What was built. */
export interface Built {
  /** The class's name. */
  readonly name: string;
  /** Everything that can be called from outside. */
  readonly methods: readonly string[];
  /** Size of the component. */
  readonly bytes: number;
}

const INDEX = fileURLToPath(new URL('../index.js', import.meta.url));
const COMPONENT = fileURLToPath(new URL('../component.js', import.meta.url));
const CONTRACT = fileURLToPath(new URL('../../wit', import.meta.url));

/** Builds the component of the actor that `source` exports, and writes it to `output`. */
export async function build(source: string, output: string, engine: EngineName): Promise<Built> {
  const type = await actorTypeOf(source);
  const entry = [
    // First: the globals are to be in place when the actor's own code begins.
    `import { behaviorOf } from ${JSON.stringify(COMPONENT)};`,
    `import type from ${JSON.stringify(resolve(source))};`,
    'export const behavior = behaviorOf(type);',
  ];
  const code = await bundled(entry.join('\n'), { platform: 'neutral', target: 'es2022' });
  const component = await ENGINES[engine](code, CONTRACT).catch((error: unknown) => {
    if (error instanceof Problem) throw error;
    throw new Problem(`${engine} can't load ${source}: ${error instanceof Error ? error.message : String(error)}`);
  });
  await mkdir(dirname(resolve(output)), { recursive: true });
  await writeFile(output, component);
  return { name: type.name, methods: [...type.methods.keys()], bytes: component.length };
}

/** Loads the actor here, to say at once when it is none, and what can be called. */
async function actorTypeOf(source: string): Promise<ActorType> {
  const entry = `export * from ${JSON.stringify(resolve(source))}; export { default } from ${JSON.stringify(resolve(source))};`;
  const code = await bundled(entry, { platform: 'neutral', target: 'node20' });
  const module = (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)) as {
    default?: Partial<ActorType>;
  };
  if (module.default?.methods instanceof Map) return module.default as ActorType;
  throw new Problem(`${source} has to \`export default actor(…)\``);
}

async function bundled(contents: string, options: BuildOptions): Promise<string> {
  const result = await bundle({
    ...options,
    stdin: { contents, resolveDir: process.cwd(), sourcefile: 'actor.js' },
    bundle: true,
    write: false,
    format: 'esm',
    // Class names are part of messages, also when two classes are called alike.
    keepNames: true,
    charset: 'utf8',
    legalComments: 'none',
    mainFields: ['module', 'main'],
    conditions: ['import', 'module'],
    external: ['greenroom:*'],
    // One copy of the SDK, whichever one the actor's project finds.
    plugins: [
      {
        name: 'one-sdk',
        setup: ({ onResolve }) => onResolve({ filter: /^@greenroom\/sdk$/ }, () => ({ path: INDEX })),
      },
    ],
    logLevel: 'silent',
  }).catch((error: { errors?: readonly BundleError[] }) => {
    throw new Problem((error.errors ?? []).map(shown).join('\n') || String(error));
  });
  return result.outputFiles?.[0]?.text ?? '';
}

interface BundleError {
  readonly text: string;
  readonly location: { readonly file: string; readonly line: number; readonly column: number } | null;
}

function shown({ text, location }: BundleError): string {
  return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`;
}
