/** Runs test files with node's own test runner, TypeScript included: each is bundled first. */

import { spawn } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { build as bundle } from 'esbuild';

import { Problem } from './problem.js';

/** Inside node_modules, so that the bundles find what they leave outside, and nobody commits them. */
const FOLDER = 'node_modules/.cache/greenroom-test';

/** Runs `files`, by default all `*.test.ts` and `*.test.js` below here; returns the exit code. */
export async function test(files: readonly string[]): Promise<number> {
  const entries = files.length > 0 ? [...files] : await testFiles('.');
  if (entries.length === 0) throw new Problem('there are no files *.test.ts or *.test.js');
  await rm(FOLDER, { recursive: true, force: true });
  const { metafile } = await bundle({
    entryPoints: entries,
    outdir: FOLDER,
    outbase: '.',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    sourcemap: 'inline',
    keepNames: true,
    metafile: true,
    logLevel: 'warning',
  }).catch(() => {
    throw new Problem('the tests could not be bundled');
  });
  const runner = spawn(process.execPath, ['--enable-source-maps', '--test', ...Object.keys(metafile.outputs)], { stdio: 'inherit' });
  return new Promise((done, failed) => {
    runner.on('error', failed);
    runner.on('exit', (code) => done(code ?? 1));
  });
}

async function testFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries.map((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : testFiles(path);
    return /\.test\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
  return (await Promise.all(found)).flat().sort();
}
