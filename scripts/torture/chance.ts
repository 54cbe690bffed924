import { createHash } from 'node:crypto'

/** Seeded randomness: the same seed makes the same choices, in the same order, in each named branch. */
export type Chance = {
  /** At least 0 and less than 1. */
  next(): number
  /** An integer from `from` to `to`, both inclusive. */
  between(from: number, to: number): number
  /** True once in this many times, on average. */
  oneIn(times: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** Independent randomness for one part, so that concurrent parts do not affect each other's choices. */
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
