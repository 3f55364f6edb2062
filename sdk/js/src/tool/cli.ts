/** The command `greenroom-js`. */

import { basename } from 'node:path';
import { parseArgs } from 'node:util';

import { build } from './build.js';
import { ENGINES, type EngineName } from './engines.js';
import { Problem } from './problem.js';
import { test } from './test.js';

const HELP = `Builds and tests Greenroom actors in TypeScript and JavaScript.

  greenroom-js build SOURCE [-o OUTPUT] [--engine quickjs|spidermonkey]
      Makes a component of the actor that SOURCE exports by default, as OUTPUT
      (by default the name of SOURCE with .wasm, here)

  greenroom-js test [FILE…]
      Runs test files with node's test runner (by default all *.test.ts and
      *.test.js below here)
`;

/** Runs the command; returns the exit code. */
export async function run(words: string[]): Promise<number> {
  try {
    const [command, ...rest] = words;
    if (command === 'build') return await runBuild(rest);
    if (command === 'test') return await test(rest);
    process.stdout.write(HELP);
    return command === undefined || command === 'help' || command === '--help' || command === '-h' ? 0 : 2;
  } catch (error) {
    const told = error instanceof Problem || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
    console.error(`greenroom-js: ${told ? (error as Error).message : ((error as Error).stack ?? String(error))}`);
    return 1;
  }
}

async function runBuild(words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { output: { type: 'string', short: 'o' }, engine: { type: 'string', default: 'quickjs' } },
  });
  const [source, ...others] = positionals;
  if (source === undefined || others.length > 0) throw new Problem('name one source file to build');
  const engine = (Object.keys(ENGINES) as EngineName[]).find((name) => name === values.engine);
  if (engine === undefined) {
    throw new Problem(`there is no engine ${values.engine}; there are ${Object.keys(ENGINES).join(', ')}`);
  }
  const output = values.output ?? `${basename(source).replace(/\.[^.]*$/, '')}.wasm`;
  const begun = performance.now();
  const { name, methods, bytes } = await build(source, output, engine);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`${output}: ${name}, ${(bytes / 1e6).toFixed(1)} MB, in ${seconds} s`);
  console.log(`can be called: ${methods.join(', ') || 'nothing'}`);
  return 0;
}
