/** What is wrong with what the user gave; shown without a stack. */
export class Problem extends Error {}
