/**
 * What people choose from when they connect a mailbox, in the order in which it is shown. `title` is what a list of
 * accounts calls one that was connected by it.
 */
export const tiles = [
  { id: 'gmail', name: 'Gmail / Google Workspace', title: 'Gmail' },
  { id: 'outlook', name: 'Outlook / Office 365', title: 'Outlook' },
  { id: 'smtp', name: 'Custom SMTP', title: 'SMTP' },
  { id: 'yahoo', name: 'Yahoo Mail', title: 'Yahoo Mail' },
  { id: 'icloud', name: 'Apple iCloud', title: 'iCloud' },
  { id: 'imap', name: 'Other IMAP', title: 'IMAP' },
] as const

export type TileId = (typeof tiles)[number]['id']

/** @throws Error for one that there is not */
export const tileOf = (id: TileId): (typeof tiles)[number] => {
  const found = tiles.find((tile) => tile.id === id)
  if (found === undefined) throw new Error(`There is no tile ${id}`)
  return found
}
