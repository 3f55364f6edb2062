/** Puts the contract into the package, so that an actor's project needs nothing else of Greenroom. */

import { cp, mkdir, rm } from 'node:fs/promises';

const own = new URL('../wit/', import.meta.url);
await rm(own, { recursive: true, force: true });
await mkdir(own);
await cp(new URL('../../../wit/actor.wit', import.meta.url), new URL('actor.wit', own));
