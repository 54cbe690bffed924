const bytesOf = (part: unknown): Uint8Array => {
  if (part instanceof Uint8Array) return part
  if (part instanceof ArrayBuffer) return new Uint8Array(part)
  return Buffer.from(String(part))
}

/**
 * As much of Blob as the parser uses: parts in, joined bytes out. Node's own goes through a store of blobs and back,
 * line by line, which takes longer than all the rest of the parsing.
 */
export class JoinedParts {
  readonly #parts: Uint8Array[]

  constructor(parts: readonly unknown[]) {
    this.#parts = parts.map(bytesOf)
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    const joined = new Uint8Array(this.#parts.reduce((length, part) => length + part.length, 0))
    let at = 0
    for (const part of this.#parts) {
      joined.set(part, at)
      at += part.length
    }
    return Promise.resolve(joined.buffer)
  }
}
