/** What an object itself has under a name; `constructor` and its like, which every object inherits, are not there. */
export const ownMember = <T>(of: { readonly [name: string]: T }, name: string): T | undefined =>
  Object.hasOwn(of, name) ? of[name] : undefined
