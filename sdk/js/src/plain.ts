/**
 * Finds what JSON would silently drop or change. A `Map` in the state would be stored as `{}`, and
 * nobody would know until the actor comes back without it.
 */

/** What is not plain JSON in `value`, which is at `path`; `undefined` when all of it is. */
export function notJson(value: unknown, path: string): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case 'object':
      return value === null ? undefined : notJsonObject(value, path);
    default:
      return `${path} is a ${typeof value}`;
  }
}

function notJsonObject(value: object, path: string): string | undefined {
  if (Array.isArray(value)) {
    for (let position = 0; position < value.length; position++) {
      const place = `${path}[${position}]`;
      const complaint = value[position] === undefined ? `${place} is undefined` : notJson(value[position], place);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value) as { constructor?: Function } | null;
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${path} is a ${prototype.constructor?.name ?? 'class'}`;
  }
  for (const [name, member] of Object.entries(value)) {
    const complaint = notJson(member, `${path}.${name}`);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}
