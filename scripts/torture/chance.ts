import { createHash } from 'node:crypto'

/** Chance from a seed: the same seed makes the same choices, in the same order, in each branch by its name. */
export type Chance = {
  /** From 0 up to, not including, 1. */
  next(): number
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number
  /** True once in so many times. */
  oneIn(times: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** Chance of its own for a part of the work, so that parts that run at once do not disturb each other's choices. */
  branch(name: string): Chance
}

/** sfc32 (PractRand), seeded by a hash of the text. */
export const chanceOf = (seed: string): Chance => {
  const hash = createHash('sha256').update(seed).digest()
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => hash.readInt32LE(at)) as [number, number, number, number]
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    between,
    oneIn: (times) => next() < 1 / times,
    pick: (items) => items[between(0, items.length - 1)]!,
    branch: (name) => chanceOf(`${seed}/${name}`),
  }
}
