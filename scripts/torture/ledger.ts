import fs from 'node:fs'

/** Lines of JSON on disk, for what must be known whatever happens. */
export type Ledger = {
  /** Returns when the line is durable. */
  note(entry: object): void
  close(): void
}

export const openLedger = (file: string): Ledger => {
  const handle = fs.openSync(file, 'a')
  return {
    note: (entry) => {
      fs.writeSync(handle, `${JSON.stringify(entry)}\n`)
      fs.fdatasyncSync(handle)
    },
    close: () => fs.closeSync(handle),
  }
}
