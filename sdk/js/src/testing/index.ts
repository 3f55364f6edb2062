/** Runs an actor in an ordinary native test, without a host and without WebAssembly. */

export { TestHost, type Delivered } from './test-host.js';
export type { Sent } from './world.js';
