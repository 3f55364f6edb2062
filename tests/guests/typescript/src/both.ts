/** Typed methods, and a `behavior` for every other message, in one component. */

export { behavior } from './behavior.js';
export { conformance } from './typed.js';
